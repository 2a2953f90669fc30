"""Measures the rows of RESULTS.md: `python -m benchmarks.run [--only NAME …] [--times N] [--small]`.

NAME is a module of benchmarks/rows, or the beginning of a row's name. What was measured is kept in
results.json, row by row, and RESULTS.md is written anew of all that is known.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from benchmarks import results
from benchmarks.fleets import end_with_us
from benchmarks.rows import MODULES

LEAST_TIMES = 5  # for a median worth the name
# in memory where that can be: what else writes to this machine's disk is no property of any program measured
FOLDER = os.environ.get("TMPDIR") or ("/dev/shm" if Path("/dev/shm").is_dir() else None)


def main() -> int:
    """Measure; return how many modules failed."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--only", nargs="*", default=[], metavar="NAME")
    words.add_argument("--times", type=int, default=LEAST_TIMES, help="rounds; 5 for a result")
    words.add_argument("--small", action="store_true", help="try it out: sizes that say nothing")
    words.add_argument("--keep", type=Path, default=results.KEPT, help="the file of results")
    chosen = words.parse_args()
    end_with_us()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles a program anew at each start
    failed = 0
    for name, module in MODULES.items():
        if chosen.only and not any(
            name == wanted or row.startswith(wanted)
            for wanted in chosen.only
            for row in module.ROWS
        ):
            continue
        started = time.monotonic()

        def tell(text: str, name: str = name, started: float = started) -> None:
            print(f"{time.monotonic() - started:6.0f} s  {name}: {text}", flush=True)

        tell("begins")
        try:
            with tempfile.TemporaryDirectory(prefix="fab-static-bench-", dir=FOLDER) as folder:
                for row in module.measure(Path(folder), chosen.times, tell, chosen.small):
                    tell(" | ".join(row.cells()))
                    if not chosen.small:
                        results.keep([row], chosen.keep)
        except Exception:  # one that fails keeps the others from nothing
            traceback.print_exc()
            failed += 1
    if not chosen.small:
        order = [row for module in MODULES.values() for row in module.ROWS]
        notes = results.NOTES.read_text("utf-8") if results.NOTES.exists() else ""
        text = results.table(results.read(chosen.keep), order, notes)
        results.TABLE.write_text(text, "utf-8")
        print(f"written: {results.TABLE}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
