/* Compiles LESS, sheet after sheet, in one process: see node_worker.js. */
"use strict";
const path = require("path");
const { serve } = require("./node_worker.js");

serve({ load, told });

function load(folder, seen) {
  const less = require(folder);
  watchLess(seen, less);
  return { version: less.version.join("."), compile: (request) => compile(less, seen, request) };
}

async function compile(less, seen, request) {
  const options = { ...request.options };
  // less 2 runs JavaScript unless told not to
  if (options.javascriptEnabled === undefined ? less.version[0] < 3 : options.javascriptEnabled) seen.ranScript();
  if (request.filename) {
    options.filename = request.filename;
    options.paths = [path.dirname(request.filename)].concat(options.paths || []); // as lessc does
  }
  // less 3 remembers files from sheet to sheet, by their times alone
  for (const manager of less.environment.fileManagers) if (manager.contents) manager.contents = {};
  const result = await less.render(request.content.replace(/^\uFEFF/, ""), options);
  seen.mustHaveRead(result.imports);
  return result.css;
}

function told(error) {
  const { type, message, filename, line, column, extract } = error;
  return { type, message: message || String(error), filename, line, column, extract };
}

// What of less reads without the functions of fs, or runs what does.
function watchLess(seen, less) {
  const { evalPlugin } = less.PluginLoader.prototype;
  less.PluginLoader.prototype.evalPlugin = function (...rest) {
    seen.ranScript();
    return evalPlugin.apply(this, rest);
  };
  const load = less.UrlFileManager.prototype.loadFile;
  less.UrlFileManager.prototype.loadFile = function (...rest) {
    seen.isUnkept(`it came over the network: ${rest[0]}`);
    return load.apply(this, rest);
  };
}
