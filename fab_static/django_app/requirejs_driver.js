/*
 * Builds RequireJS bundles: requests on standard input, answers on standard output, a line of JSON each, after a
 * first that says it is ready. It ends with its standard input.
 * It writes no file. r.js and the minifier are the project's own, found from `resolveFrom`.
 *
 *   trace    {do, resolveFrom: [folder], baseUrl, mainConfigFile, rawText: {module: source}, options: {},
 *             bundles: [{name, module, include: [], exclude: []}]}
 *   answer   {bundles: [{name, code, sources: [{module, source}]}], paths: {alias: path}, …}
 *   minify   {do, resolveFrom, minify: "oxc", bundles: [{name, code, sources}]}
 *   answer   {bundles: [{name, code, map, …}]}
 *
 * `…` is what each came from: files: {path: state}, unkept: null | why; see node_reads.js. Either may be answered by
 * {error: {module, message}}.
 */
"use strict";
const fs = require("fs");
const os = require("os");
const path = require("path");
const readline = require("readline");
const vm = require("vm");
const threads = require("worker_threads");
const { watch } = require("./node_reads.js");

const seen = watch();

class Failure extends Error {
  constructor(module, error) {
    super(String((error && (error.message || error.originalError)) || error));
    this.module = module;
  }
}

function load(name, resolveFrom) {
  seen.lookedUp(name, resolveFrom);
  try {
    return require(require.resolve(name, { paths: resolveFrom }));
  } catch (error) {
    throw new Failure(name, error.code === "MODULE_NOT_FOUND" ? `not installed: npm install ${name}` : error);
  }
}

// Each takes (tool, file name, source) and gives {code, map}. Bundles are scripts, not ES modules:
// as a module, a global that a shimmed library declares would be renamed.
const MINIFIERS = {
  "uglify-js": {
    tool: "uglify-js",
    minify(tool, name, source) {
      const done = tool.minify({ [name]: source }, { sourceMap: { includeSources: true } });
      if (done.error) throw new Error(`${done.error.message} (line ${done.error.line})`);
      return done;
    },
  },
  terser: {
    tool: "terser",
    minify: (tool, name, source) => tool.minify({ [name]: source }, { sourceMap: { includeSources: true } }),
  },
  swc: {
    tool: "@swc/core",
    minify: (tool, name, source) =>
      tool.minify(source, { compress: true, mangle: true, toplevel: false, module: false, sourceMap: true }),
  },
  oxc: {
    tool: "oxc-minify",
    minify(tool, name, source) {
      const options = { module: false, mangle: { toplevel: false }, sourcemap: true };
      const done = tool.minifySync(name, source, options);
      if (done.errors.length) throw new Error(done.errors[0].codeframe || done.errors[0].message);
      return done;
    },
  },
  esbuild: {
    tool: "esbuild",
    program: `@esbuild/${process.platform}-${process.arch}/bin/esbuild`,
    minify: (tool, name, source) =>
      tool.transformSync(source, { minify: true, sourcemap: "external", sourcefile: name, logLevel: "silent" }),
  },
};

async function minify({ kind, resolveFrom, name, source, modules }) {
  const minifier = MINIFIERS[kind];
  const tool = load(minifier.tool, resolveFrom);
  if (minifier.program) seen.runs(minifier.program, minifier.tool, resolveFrom);
  try {
    // Named apart from the bundle: a debugger shows both, and they differ.
    const sourceName = path.basename(name).replace(/\.js$/, ".source.js");
    const done = await minifier.minify(tool, sourceName, source);
    const map = typeof done.map === "string" ? JSON.parse(done.map) : done.map;
    return {
      code: done.code.replace(/\n*\/\/# sourceMappingURL=.*\s*$/, "").replace(/\n*$/, "\n"),
      map: JSON.stringify({
        version: 3,
        file: path.basename(name),
        sources: [sourceName],
        sourcesContent: [source],
        names: map.names,
        mappings: map.mappings,
      }),
      ...kept(),
    };
  } catch (error) {
    throw (await culprit(minifier, tool, modules)) || new Failure(name, error);
  }
}

function kept() {
  const { files, unkept } = seen.take();
  return { files: Object.fromEntries(files), unkept };
}

// Which of a bundle's modules the minifier refuses, with what it says of that one alone; null: none on its own.
async function culprit(minifier, tool, modules) {
  for (const { module, source } of modules) {
    try {
      await minifier.minify(tool, `${module}.js`, source);
    } catch (error) {
      return new Failure(`${module}.js`, error);
    }
  }
  return null;
}

function minifyInWorker(request, bundle) {
  return new Promise((resolve, reject) => {
    const { name, code, sources } = bundle;
    const workerData = { kind: request.minify, resolveFrom: request.resolveFrom, name, source: code, modules: sources };
    const worker = new threads.Worker(__filename, { workerData });
    worker.on("message", (done) => {
      if (done.error) reject(new Failure(done.error.module, done.error.message));
      else resolve({ name, ...done });
    });
    worker.on("error", (error) => reject(new Failure(bundle.name, error)));
  });
}

async function minifyAll(request, bundles) {
  const done = new Array(bundles.length);
  let next = 0;
  async function work() {
    while (next < bundles.length) {
      const at = next++;
      done[at] = await minifyInWorker(request, bundles[at]);
    }
  }
  await Promise.all(Array.from({ length: Math.min(os.cpus().length, bundles.length) }, work));
  return done;
}

function trace(requirejs, request, bundle) {
  return new Promise((resolve, reject) => {
    const sources = [];
    const config = {
      ...request.options,
      baseUrl: request.baseUrl,
      include: bundle.include,
      exclude: bundle.exclude,
      rawText: request.rawText,
      optimize: "none",
      generateSourceMaps: false,
      logLevel: 4,
      onBuildWrite(module, file, contents) {
        sources.push({ module, source: contents });
        return contents;
      },
      out(code) {
        resolve({ name: bundle.name, code, sources });
      },
    };
    if (request.mainConfigFile) config.mainConfigFile = request.mainConfigFile;
    if (bundle.module) config.name = bundle.module;
    requirejs.optimize(config, () => {}, (error) => reject(new Failure(bundle.name, error)));
  });
}

// The aliases that the browser's configuration gives to modules.
function aliases(mainConfigFile, options) {
  const paths = {};
  const config = (given) => Object.assign(paths, given && given.paths);
  if (mainConfigFile) {
    const loader = Object.assign(() => {}, { config });
    const sandbox = { requirejs: loader, require: loader, define: () => {}, console: { log() {} } };
    sandbox.window = sandbox.self = sandbox;
    try {
      vm.runInNewContext(fs.readFileSync(mainConfigFile, "utf8"), sandbox, { timeout: 5000 });
    } catch (error) {
      // it needs a browser; r.js reads what it can without running it
    }
  }
  config(options);
  return paths;
}

async function answered(request) {
  if (request.do === "minify") {
    load(MINIFIERS[request.minify].tool, request.resolveFrom);
    return { bundles: await minifyAll(request, request.bundles) };
  }
  const requirejs = load("requirejs", request.resolveFrom);
  const bundles = [];
  // One after the other: r.js keeps its state in globals.
  for (const bundle of request.bundles) bundles.push(await trace(requirejs, request, bundle));
  return { bundles, paths: aliases(request.mainConfigFile, request.options), ...kept() };
}

async function main() {
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  console.log = console.error; // r.js talks; standard output is the answers'
  say({});
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      say(await answered(JSON.parse(line)));
    } catch (error) {
      say({ error: { module: error.module || null, message: error.module ? error.message : error.stack } });
    }
  }
}

if (threads.isMainThread) {
  main();
} else {
  minify(threads.workerData)
    .catch((error) => ({ error: { module: error.module || threads.workerData.name, message: error.message } }))
    .then((done) => threads.parentPort.postMessage(done));
}
