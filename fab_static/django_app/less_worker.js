/*
 * Compiles LESS, sheet after sheet, in one process: a request a line on standard input, an answer a line on
 * standard output, both JSON. The folder of the project's own `less` is the argument. The first line says
 * that it is ready; the process ends with its input, whatever it is doing.
 *
 *   ready    {version} or {error: {type: "Load", message}}
 *   request  {content, filename, options, cwd}
 *   answer   {css, files: {path: state}, unkept: null | why, last} or {error: {type, message, filename, line, column,
 *            extract}, last} or {stale: true, last: true}
 *
 * `files` is all that the result came from, the compiler's own files too: each that was read, with the SHA-256
 * of its bytes; each that was looked for and is "absent" or a "folder". `unkept` says why the result may depend on
 * more than that. `last`: this process must not be asked again, a sheet has run JavaScript in it.
 */
"use strict";
const fs = require("fs");
const path = require("path");
const threads = require("worker_threads");
const { watch } = require("./node_reads.js");

if (threads.isMainThread) main();
else readRequests();

// A thread of its own, so that the end of input is seen while a sheet loops for ever.
function readRequests() {
  const piece = Buffer.alloc(1 << 16);
  let rest = Buffer.alloc(0);
  for (;;) {
    const size = fs.readSync(0, piece);
    if (!size) end();
    rest = Buffer.concat([rest, piece.subarray(0, size)]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      threads.parentPort.postMessage(rest.toString("utf8", 0, end));
      rest = rest.subarray(end + 1);
    }
  }
}

function end() {
  process.kill(process.pid, "SIGKILL");
}

function main() {
  // an ordinary exit would wait for the reader, which waits for input
  process.on("exit", end);
  process.on("uncaughtException", (error) => {
    fs.writeSync(2, `${error.stack}\n`);
    end();
  });
  const write = process.stdout.write.bind(process.stdout);
  const say = (answer) => write(`${JSON.stringify(answer)}\n`);
  process.stdout.write = process.stderr.write.bind(process.stderr); // plugins talk; standard output is the answers'
  const seen = watch();
  let less;
  try {
    less = require(process.argv[2]);
  } catch (error) {
    say({ error: { type: "Load", message: error.message } });
    process.exit(1);
  }
  watchLess(seen, less);
  seen.take();
  say({ version: less.version.join(".") });

  let last = Promise.resolve();
  new threads.Worker(__filename).on("message", (line) => {
    last = last.then(() => compile(less, seen, JSON.parse(line))).then(say);
  });
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
  let answer;
  try {
    process.chdir(request.cwd);
    const result = await less.render(request.content.replace(/^\uFEFF/, ""), options);
    // as django-compressor reads what lessc wrote
    answer = { css: result.css.replace(/\r\n?/g, "\n") };
    seen.mustHaveRead(result.imports);
  } catch (error) {
    const { type, message, filename, line, column, extract } = error;
    answer = { error: { type, message: message || String(error), filename, line, column, extract } };
  }
  const { files, unkept, stale, last } = seen.take();
  if (stale) return { stale: true, last: true };
  return { ...answer, files: Object.fromEntries(files), unkept, last };
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
