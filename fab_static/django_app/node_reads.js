/*
 * Records what a Node process reads and looks for through fs and require: for results that are kept while none of
 * it has changed (fab_static.django_app.cache), and for host/project/reads.
 */
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const Module = require("module");
const path = require("path");

// Records what the process reads and looks for, from now on.
function watch() {
  const { readFile, readFileSync, realpathSync } = fs;
  const packages = new Map(); // package.json -> its state when first seen: Node never reads one again
  const program = new Map(); // what Node remembers from sheet to sheet: modules, and where it looked for them
  let files, unkept, stale, last;
  let own = false; // what Node's own functions and ours ask in turn
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
    const before = own;
    own = true;
    try {
      return noteData(file, readFileSync(file));
    } catch (error) {
      return noteError(file, error);
    } finally {
      own = before;
    }
  }
  const encodingOf = (options) => (typeof options === "string" ? options : options && options.encoding);
  const decoded = (data, options) => (encodingOf(options) ? data.toString(encodingOf(options)) : data);

  fs.readFileSync = function (file, options) {
    if (typeof file === "number") return readFileSync(file, options);
    let data;
    const before = own;
    own = true;
    try {
      data = readFileSync(file);
    } catch (error) {
      noteError(file, error);
      throw error;
    } finally {
      own = before;
    }
    noteData(file, data);
    return decoded(data, options);
  };
  // whether it is there, and what it is
  for (const name of ["existsSync", "statSync", "lstatSync", "accessSync", "realpathSync"]) {
    const look = fs[name];
    fs[name] = Object.assign(function (file, ...rest) {
      if (!own && typeof file !== "number") observe(file);
      return look.call(this, file, ...rest);
    }, look);
  }
  for (const name of ["readdirSync", "readdir", "opendirSync", "opendir", "createReadStream", "openSync", "open"]) {
    const read = fs[name];
    fs[name] = function (file, ...rest) {
      if (!own) unkept = `${name} of ${file} was not seen through`;
      return read.call(this, file, ...rest);
    };
  }
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
      const isNamed = !/^\.{0,2}\//.test(request) && !Module.isBuiltin(request);
      if (isNamed && !(rest[1] && rest[1].paths)) noteLookup(request, parent, found); // else see lookedUp
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
    // require.resolve(name, {paths}) asks Node for its own folders first
    lookedUp(name, folders) {
      for (const folder of folders.flatMap((each) => Module._nodeModulePaths(each))) {
        const file = path.join(folder, name, "package.json");
        const state = observe(file);
        program.set(file, state);
        if (state === "absent") continue;
        const there = realpathSync(path.dirname(file)) === path.join(realpathSync(folder), name);
        if (!there) unkept = `${name} was found through a link, at ${file}`; // where it leads to is not a state
        return;
      }
    },
    // a program of a package, which answers for what it reads
    runs(program, parent, folders) {
      try {
        observe(require.resolve(program, { paths: [path.dirname(require.resolve(parent, { paths: folders }))] }));
      } catch (error) {
        unkept = `${program} was not found`;
      }
    },
    isUnkept(why) {
      unkept = why;
    },
    take() {
      for (const file of Object.keys(require.cache)) {
        if (!program.has(file)) program.set(file, files.has(file) ? files.get(file) : observe(file));
      }
      const all = [...program, ...files].filter(([file]) => !file.startsWith(__dirname + path.sep));
      const taken = { files: new Map(all), unkept, stale, last };
      reset();
      return taken;
    },
  };
}

module.exports = { watch };
