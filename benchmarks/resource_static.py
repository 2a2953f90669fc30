"""How fast `manage.py resource_static` is, against sha1sum over the same files: python -m benchmarks.resource_static.

10,000 files, 200 MB, the same bytes on every machine, in a Django project made for it and collected. All runs
with a warm page cache; medians of `--runs`. The whole command is measured, and the work inside it, without the start
of Python and Django. "Cold" has no cache of versions yet, "unchanged" finds the last run's. Goals, for the work inside:
cold at most 1.5 times sha1sum, unchanged at most 0.15. CPU time is told too: on a busy machine it alone can be compared.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Seconds = tuple[float, float]  # by the clock, and of CPU
FILES = 10_000
BYTES = 200_000_000
FOLDERS = 400
MANAGE = """\
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles", "fab_static.django_app"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "assets"]
FAB_STATIC_CACHE = BASE_DIR / "cache"
"""
INSIDE = """\
import django, sys, time
django.setup()
from fab_static.django_app import resource_versions
started, worked = time.perf_counter(), time.process_time()
resource_versions.write(resource_versions.of_served_files())
print(time.perf_counter() - started, time.process_time() - worked)
"""


def main() -> None:
    """Make the project in a temporary folder, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="fab-static-benchmark-") as folder:
        project = Path(folder)
        make_files(project / "assets")
        (project / "manage.py").write_text(MANAGE)
        (project / "settings.py").write_text(SETTINGS)
        run(project, "manage.py", "collectstatic", "--noinput", "-v0")
        measure(project, runs)


def make_files(folder: Path) -> None:
    """Write the files: sizes spread as in real projects, many small and few large; the same on each machine."""
    source = random.Random(20261122)  # bytes to measure with
    weights = [source.lognormvariate(0, 1.5) for _ in range(FILES)]
    sizes = [max(1, int(weight * BYTES / sum(weights))) for weight in weights]
    sizes[-1] += max(0, BYTES - sum(sizes))
    for number, size in enumerate(sizes):
        path = folder / f"app{number % FOLDERS}" / "js" / f"file{number}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(size))


def measure(project: Path, runs: int) -> None:
    """Print the rows."""
    cache = project / "cache"

    def forget() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    def command() -> Seconds:
        return timed(lambda: run(project, "manage.py", "resource_static"))

    def inside() -> Seconds:
        wall, cpu = run(project, "-c", INSIDE).split()
        return float(wall), float(cpu)

    limit = median(runs, lambda: timed(lambda: sha1sum(project / "staticfiles")))
    start = median(runs, lambda: timed(lambda: run(project, "-c", "import django; django.setup()")))
    time.sleep(0.1)  # what was written in this instant is not remembered: stat_cache.py
    command()
    rows = [
        ("sha1sum", limit),
        ("starting Python and Django", start),
        ("resource_static, cold", median(runs, command, before=forget)),
        ("resource_static, unchanged", median(runs, command)),
        ("the work inside, cold", median(runs, inside, before=forget)),
        ("the work inside, unchanged", median(runs, inside)),
    ]
    out = [
        f"{FILES:,} files, {BYTES / 1e6:.0f} MB, warm page cache, medians of {runs}",
        "",
        "| what | seconds | ratio to sha1sum | seconds of CPU | ratio to sha1sum |",
        "|---|---|---|---|---|",
        *(
            f"| {what} | {wall:.3f} | {wall / limit[0]:.2f} | {cpu:.3f} | {cpu / limit[1]:.2f} |"
            for what, (wall, cpu) in rows
        ),
    ]
    sys.stdout.write("\n".join(out) + "\n")


def median(
    runs: int, once: Callable[[], Seconds], before: Callable[[], None] | None = None
) -> Seconds:
    """Return the medians of so many runs."""
    seconds = []
    for _ in range(runs):
        if before:
            before()
        seconds.append(once())
    walls, cpus = zip(*seconds, strict=True)
    return statistics.median(walls), statistics.median(cpus)


def timed(work: Callable[[], object]) -> Seconds:
    """Return how many seconds a process took that this one started."""
    started, worked = time.perf_counter(), cpu_of_children()
    work()
    return time.perf_counter() - started, cpu_of_children() - worked


def cpu_of_children() -> float:
    """Return the CPU time, in seconds, of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sha1sum(folder: Path) -> None:
    """Hash all files with coreutils, as a shell script would."""
    command = "find . -type f -print0 | xargs -0 sha1sum > /dev/null"
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True)


def run(project: Path, *words: str) -> str:
    """Run Python in the project."""
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "DJANGO_SETTINGS_MODULE": "settings"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
