/*
 * Compiles SCSS and Sass with Dart Sass, the package `sass`, sheet after sheet, in one process: see node_worker.js.
 *
 * Its loadedUrls name what it has read. What it looked for and did not find (_a.scss, a.sass, a/_index.scss, in each
 * load path) is seen in the functions of fs that it asks, so no rule of its own is repeated here.
 */
"use strict";
const { fileURLToPath, pathToFileURL } = require("url");
const { serve } = require("./node_worker.js");

serve({ load, told });

function load(folder, seen) {
  const sass = require(folder);
  watchChance(seen);
  return { version: sass.info.split(/\s/)[1], compile: (request) => compile(sass, seen, request) };
}

function compile(sass, seen, { content, filename, syntax, options, cwd }) {
  const given = { ...options, syntax, logger: sass.Logger.silent };
  if (filename) given.url = pathToFileURL(filename);
  else given.loadPaths = [cwd].concat(options.loadPaths || []); // as `sass --stdin` does
  const result = sass.compileString(content, given);
  const read = result.loadedUrls.filter((url) => url.protocol === "file:").map(fileURLToPath);
  seen.mustHaveRead(read.filter((file) => file !== filename)); // its own text was handed over
  return result.css && `${result.css}\n`; // as its command writes it
}

function told(error) {
  const { sassMessage, span, message } = error;
  if (!span) return { message: sassMessage || message || String(error) };
  const isFile = span.url && span.url.protocol === "file:";
  return {
    message: sassMessage,
    filename: isFile ? fileURLToPath(span.url) : null,
    line: span.start.line + 1,
    column: span.start.column,
    extract: [null, span.context.split("\n")[0], null],
  };
}

// random() and unique-id() give something else each time. Dart asks for chance where it numbers objects, too.
function watchChance(seen) {
  const { random } = Math;
  Math.random = function () {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 1;
    const asked = {};
    Error.captureStackTrace(asked, Math.random);
    Error.stackTraceLimit = stackTraceLimit;
    if (!/objectHashCode/.test(asked.stack)) seen.isUnkept("it asks for chance: random() or unique-id()");
    return random();
  };
}
