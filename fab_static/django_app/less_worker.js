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
const crypto = require("crypto");
const fs = require("fs");
const Module = require("module");
const path = require("path");
const threads = require("worker_threads");

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
  seen.watchLess(less);
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

// Records what the process reads and looks for, from now on.
function watch() {
  const { readFile, readFileSync } = fs;
  const packages = new Map(); // package.json -> its state when first seen: Node never reads one again
  const program = new Map(); // what Node remembers from sheet to sheet: modules, and where it looked for them
  let files, unkept, stale, last;
  const reset = () => ([files, unkept, stale, last] = [new Map(), null, false, false]);
  reset();

  function note(file, state) {
    const name = path.resolve(String(file));
    if (files.has(name) && files.get(name) !== state) unkept = `${name} changed while it was read`;
    files.set(name, state);
    return state;
  }
  const noteData = (file, data) => note(file, crypto.createHash("sha256").update(data).digest("hex"));
  function noteError(file, error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return note(file, "absent");
    if (error.code === "EISDIR") return note(file, "folder");
    unkept = `${file} cannot be read: ${error.code}`;
    return null;
  }
  function observe(file) {
    try {
      return noteData(file, readFileSync(file));
    } catch (error) {
      return noteError(file, error);
    }
  }
  const encodingOf = (options) => (typeof options === "string" ? options : options && options.encoding);
  const decoded = (data, options) => (encodingOf(options) ? data.toString(encodingOf(options)) : data);

  fs.readFileSync = function (file, options) {
    if (typeof file === "number") return readFileSync(file, options);
    let data;
    try {
      data = readFileSync(file);
    } catch (error) {
      noteError(file, error);
      throw error;
    }
    noteData(file, data);
    return decoded(data, options);
  };
  fs.readFile = function (file, ...rest) {
    const done = rest.pop();
    readFile(file, (error, data) => {
      if (error) noteError(file, error);
      else noteData(file, data);
      if (error) done(error);
      else done(null, decoded(data, rest[0]));
    });
  };

  // Node looks for a package without fs: write down all that it looks at.
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, parent, ...rest) {
    for (const key of Object.keys(Module._pathCache)) delete Module._pathCache[key];
    let found = null;
    try {
      found = resolve.call(this, request, parent, ...rest);
      return found;
    } finally {
      if (!/^\.{0,2}\//.test(request) && !Module.isBuiltin(request)) noteLookup(request, parent, found);
    }
  };
  function noteLookup(request, parent, found) {
    for (const folder of Module._resolveLookupPaths(request, parent) || []) {
      const there = observe(folder);
      program.set(folder, there);
      if (there !== "folder") continue;
      const base = path.join(folder, request);
      const own = path.join(folder, ...request.split("/").slice(0, request[0] === "@" ? 2 : 1), "package.json");
      const state = observe(own);
      if (!packages.has(own)) packages.set(own, state);
      else if (packages.get(own) !== state) stale = true;
      const ends = [".js", ".json", ".node"];
      const inside = ["package.json", "index.js", "index.json", "index.node"].map((name) => path.join(base, name));
      const looked = [own, base, ...ends.map((end) => base + end), ...inside];
      looked.forEach((file) => program.set(file, observe(file)));
      if (found && found.startsWith(folder + path.sep)) return;
    }
    // the package is a link, and its other files are read behind it: where it leads to is not a state
    if (found) unkept = `${request} was found through a link, at ${found}`;
  }

  return {
    ranScript() {
      unkept = "JavaScript ran in it, which may have read anything";
      last = true;
    },
    mustHaveRead(imports) {
      const unseen = imports.find((file) => !files.has(path.resolve(file)));
      if (unseen) unkept = `${unseen} was not read but remembered`;
    },
    watchLess(less) {
      const { evalPlugin } = less.PluginLoader.prototype;
      const { ranScript } = this;
      less.PluginLoader.prototype.evalPlugin = function (...rest) {
        ranScript();
        return evalPlugin.apply(this, rest);
      };
      const load = less.UrlFileManager.prototype.loadFile;
      less.UrlFileManager.prototype.loadFile = function (...rest) {
        unkept = `it came over the network: ${rest[0]}`;
        return load.apply(this, rest);
      };
    },
    take() {
      for (const file of Object.keys(require.cache)) {
        if (file !== __filename && !program.has(file)) program.set(file, files.has(file) ? files.get(file) : observe(file));
      }
      const taken = { files: new Map([...program, ...files]), unkept, stale, last };
      reset();
      return taken;
    },
  };
}
