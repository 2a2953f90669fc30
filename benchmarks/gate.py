"""What the coverage gate costs: every compress block of the sample shop, against one `manage.py check`.

python benchmarks/gate.py [RUNS]

Prints a row of a markdown table: medians of RUNS (at least 5, default 7) runs each, taken in turn, so
that a busy machine slows all alike. Goal: the gate, Django's start included, within 1.5 times one check.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fab_static.host.loader import program
from fab_static.phases.run.project_code import PROBE, project_archive

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "tests" / "sample_project"
BUILD = (
    "collectstatic --noinput",
    "fix_less_imports_collectstatic",
    "compilejsi18n",
    "resource_static",
    "build_requirejs",
    "compress --force",
)
LEAST_RUNS = 5
GOAL = 1.5


def run(
    folder: Path, *words: str, stdin: bytes = b"", question: dict[str, Any] | None = None
) -> bytes:
    """Run Python in the project; return what it prints."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "FAB_STATIC_PROBE": json.dumps(question),
    }
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, input=stdin, capture_output=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


def ask(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Ask the probe, as a deploy does."""
    printed = run(folder, "-", stdin=program(project_archive(), PROBE), question=question).decode()
    answer: dict[str, Any] = json.loads(printed.partition("FAB_STATIC_PROBE ")[2])
    if not answer["ok"]:
        sys.exit(f"the probe: {answer['error']}")
    return answer


def main() -> None:
    """Build the shop once, then time check, start and gate in turn."""
    runs = max(LEAST_RUNS, int(sys.argv[1]) if len(sys.argv) > 1 else 7)
    sys.path.insert(0, str(SAMPLE))
    import checkout  # the sample project's own, which has no package

    coverage = {"ask": "coverage", "manifest": None}
    work = {
        "check": lambda folder: run(folder, "manage.py", "check"),
        "start": lambda folder: ask(folder, {"ask": "settings"}),
        "gate": lambda folder: ask(folder, coverage),
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    with tempfile.TemporaryDirectory() as temporary:
        shop = checkout.copy_to(Path(temporary) / "shop")
        for command in BUILD:
            run(shop, "manage.py", *command.split())
        found = ask(shop, coverage)  # which also warms the caches of files
        if found["missing"] or found["failed"]:
            sys.exit(f"the build is not whole: {found['missing']}{found['failed']}")
        for _ in range(runs):
            for name, once in work.items():
                started = time.perf_counter()
                once(shop)
                seconds[name].append(time.perf_counter() - started)
    check, start, gate = (statistics.median(seconds[name]) for name in work)
    print(
        "| blocks | templates | `manage.py check` | Django's start, by the probe | coverage gate, with start "
        "| on top of the start | gate ÷ check | on top ÷ check | goal |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {found['blocks']} | {found['templates']} | {check:.2f} s | {start:.2f} s | {gate:.2f} s "
        f"| {gate - start:.2f} s | {gate / check:.2f} | {(gate - start) / check:.2f} | ≤ {GOAL} |"
    )


if __name__ == "__main__":
    main()
