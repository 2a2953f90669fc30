"""How long a command of `fab` imports modules, and how much of that is ours: in CPU time, so that load tells little.

Run as a program it is `fab` with its imports measured: the first word is where it writes them. Ours are our modules
and what they import first; below Fabric and what Fabric stands on, all is theirs.
"""

from __future__ import annotations

import atexit
import json
import sys
import time
from collections.abc import Iterable
from importlib import _bootstrap  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, NamedTuple

OURS = "fab_static"
THEIRS = ("fabric", "invoke", "paramiko", "yaml")


class Import(NamedTuple):
    """A module that was imported, and in how many CPU seconds without those that it imported."""

    name: str
    within: list[str]  # the modules that were being imported, the outermost first
    seconds: float


def shares(imports: Iterable[Import]) -> dict[str, float]:
    """Return the CPU seconds of ours and of theirs: by the nearest of either that a module was imported by."""
    found = {"ours": 0.0, "theirs": 0.0}
    for one in imports:
        owners = filter(None, map(_whose, (one.name, *reversed(one.within))))
        owner = next(owners, None)
        if owner is not None:
            found[owner] += one.seconds
    return found


def _whose(name: str) -> str | None:
    top = name.partition(".")[0]
    return "ours" if top == OURS else "theirs" if top in THEIRS else None


def _measure(kept: list[Import]) -> None:
    """Note each import from now on."""
    load, running = _bootstrap._find_and_load_unlocked, []

    def measured(name: str, import_: Any) -> Any:
        within = [of for of, _ in running]
        running.append((name, [0]))
        began = time.process_time_ns()
        try:
            return load(name, import_)
        finally:
            whole = time.process_time_ns() - began
            _, (inside,) = running.pop()
            kept.append(Import(name, within, (whole - inside) / 1e9))
            for _, above in running[-1:]:
                above[0] += whole

    _bootstrap._find_and_load_unlocked = measured


if __name__ == "__main__":
    kept: list[Import] = []
    file = Path(sys.argv.pop(1))
    atexit.register(lambda: file.write_text(json.dumps(kept), "utf-8"))
    _measure(kept)
    from fabric.main import program

    # else Invoke has Python compile what it imports anew at each start
    program.run(["fab", "--write-pyc", *sys.argv[1:]])
