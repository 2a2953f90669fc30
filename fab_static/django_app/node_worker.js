/*
 * A compiler of style sheets in one process that stays: a request a line on standard input, an answer a line on
 * standard output, both JSON. The folder of the project's own package is the argument. The first line says that it is
 * ready; the process ends with its input, whatever it is doing.
 *
 *   ready    {version} or {error: {type: "Load", message}}
 *   request  {content, filename, options, cwd}, and what else the language asks for
 *   answer   {css, files: {path: state}, unkept: null | why, last} or {error: {type, message, filename, line, column,
 *            extract}, last} or {stale: true, last: true}
 *
 * `files` is all that the result came from, the compiler's own files too: each that was read, with the SHA-256
 * of its bytes; each that was looked for and is "absent" or a "folder". `unkept` says why the result may depend on
 * more than that. `last`: this process must not be asked again, a sheet has run JavaScript in it.
 */
"use strict";
const fs = require("fs");
const threads = require("worker_threads");
const { watch } = require("./node_reads.js");

if (!threads.isMainThread) readRequests();

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

// Answers requests. `load` gets the package's folder and what is recorded; it returns {version, compile}, and
// compile(request) returns {css}, or throws; `told` makes an answer's error of that.
function serve({ load, told }) {
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
  let compiler;
  try {
    compiler = load(process.argv[2], seen);
  } catch (error) {
    say({ error: { type: "Load", message: error.message } });
    process.exit(1);
  }
  seen.take();
  say({ version: compiler.version });

  async function answer(request) {
    let made;
    try {
      process.chdir(request.cwd);
      // as django-compressor reads what a command wrote
      made = { css: (await compiler.compile(request)).replace(/\r\n?/g, "\n") };
    } catch (error) {
      made = { error: told(error) };
    }
    const { files, unkept, stale, last } = seen.take();
    if (stale) return { stale: true, last: true };
    return { ...made, files: Object.fromEntries(files), unkept, last };
  }

  let last = Promise.resolve();
  new threads.Worker(__filename).on("message", (line) => {
    last = last.then(() => answer(JSON.parse(line))).then(say);
  });
}

module.exports = { serve };
