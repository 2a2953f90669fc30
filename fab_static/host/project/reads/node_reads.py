"""Which files Node opens, as a module tells that Node loads first: for hosts where nothing can be traced.

It sees what JavaScript opens, lists and writes by `fs`, and what `require` loads, in all that Node starts as Node, threads
included. These escape it: modules that `import` loads, native modules (swc, lightningcss), and other programs (esbuild,
sass-embedded, a shell). So it adds to what globs name, and never stands for them.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from typing import Mapping

from fab_static.host.project.traces import temporary
from fab_static.host.project.traces.seen import Seen

TELLS = "FAB_STATIC_NODE_READS"  # where the module writes: a line of JSON for each new look
MODULE = """
'use strict';
const fs = require('fs');
const path = require('path');
const {fileURLToPath} = require('url');
const out = process.env.FAB_STATIC_NODE_READS;
const append = fs.appendFileSync;
const told = new Set();
let telling = false;

function tell(what, place) {
  if (telling || !out || typeof place === 'number') return;
  telling = true;
  try {
    if (place instanceof URL) place = fileURLToPath(place);
    const line = JSON.stringify([what, path.resolve(String(place))]) + '\\n';
    if (!told.has(line)) {
      told.add(line);
      append(out, line);
    }
  } catch { // the program must not fail of it
  } finally {
    telling = false;
  }
}

function writes(flags) {
  if (typeof flags === 'number') return flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR);
  return typeof flags === 'string' && /[wa+]/.test(flags);
}

const looks = {
  readFile: () => 'bytes', createReadStream: () => 'bytes', copyFile: () => 'bytes',
  readdir: () => 'names', opendir: () => 'names',
  stat: () => 'kind', lstat: () => 'kind', access: () => 'kind', exists: () => 'kind',
  writeFile: () => 'wrote', appendFile: () => 'wrote', createWriteStream: () => 'wrote',
  unlink: () => 'wrote', rename: () => 'wrote', rm: () => 'wrote', mkdir: () => 'wrote',
  open: flags => writes(flags) ? 'wrote' : 'bytes',
};
for (const [name, what] of Object.entries(looks)) {
  for (const [owner, key] of [[fs, name], [fs, name + 'Sync'], [fs.promises, name]]) {
    const before = owner[key];
    if (typeof before !== 'function') continue;
    owner[key] = Object.assign(function (place, ...others) {
      tell(what(others[0]), place);
      if (name === 'rename' || name === 'copyFile') tell('wrote', others[0]);
      return before.call(this, place, ...others);
    }, before);
  }
}
"""


class NodeReads:
    """A command that runs while Node tells what it opens."""

    def __init__(self) -> None:
        self._place = temporary.folder()
        self._told = os.path.join(self._place, "told")
        self._module = os.path.join(self._place, "reads.cjs")
        with open(self._module, "w", encoding="utf-8") as file:
            file.write(MODULE)

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the command."""
        options = environment.get("NODE_OPTIONS", os.environ.get("NODE_OPTIONS", ""))
        option = f"--require {shlex.quote(self._module)}"
        return {**environment, TELLS: self._told, "NODE_OPTIONS": f"{options} {option}".strip()}

    def end(self, seen: Seen) -> None:
        """Tell what Node opened, and forget it."""
        try:
            with open(self._told, encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    self._tell(seen, *json.loads(line))
        except FileNotFoundError:  # no Node ran
            pass
        finally:
            shutil.rmtree(self._place, ignore_errors=True)

    def _tell(self, seen: Seen, what: str, path: str) -> None:
        if what == "wrote":
            seen.wrote(path)
        elif what == "names":
            seen.list(path, None)
        else:
            seen.look(what, path, None if os.path.lexists(path) else "absent")
