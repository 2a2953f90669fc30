"""What compiling LESS costs: lessc a sheet, our filter cold, our filter warm. `python benchmarks/less.py [RUNS]`.

Builds a copy of the sample project and runs its `manage.py compress --force`; prints rows in Markdown. CPU
seconds are of the process and all that it started: they say more than the clock does on a busy machine.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "tests" / "sample_project"
PHASES = ("collectstatic", "fix_less_imports_collectstatic", "compilejsi18n")
BEFORE = (*PHASES, "resource_static", "build_requirejs")


def main(runs: int) -> None:
    """Measure, and print a row for each way."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder, "shop")
        subprocess.run([sys.executable, SAMPLE / "checkout.py", shop], check=True)
        for phase in BEFORE:
            manage(shop, phase, *(["--noinput"] if phase == "collectstatic" else []))

        def compress(**environment: str) -> Callable[[], None]:
            return lambda: manage(shop, "compress", "--force", **environment)

        def forget() -> None:
            shutil.rmtree(shop / ".cache", ignore_errors=True)

        print("| compress of the sample shop | CPU seconds | seconds |\n|---|---|---|")
        print(row("lessc, one process a sheet", compress(SHOP_LESS="lessc"), runs))
        print(row("our filter, nothing kept", compress(), runs, before=forget))
        compress()()
        print(row("our filter, all kept", compress(), runs))
        print(row("(Django's start: manage.py check)", lambda: manage(shop, "check"), runs))


def row(
    name: str, work: Callable[[], None], runs: int, before: Callable[[], None] = lambda: None
) -> str:
    """Return a row of medians."""
    times = []
    for _ in range(runs):
        before()
        began, used = time.perf_counter(), _cpu()
        work()
        times.append((_cpu() - used, time.perf_counter() - began))
    cpu, clock = (statistics.median(each) for each in zip(*times, strict=True))
    return f"| {name} | {cpu:.2f} | {clock:.2f} |"


def manage(shop: Path, *words: str, **environment: str) -> None:
    """Run manage.py; its settings are the shop's."""
    values = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings", **environment}
    command = [sys.executable, "manage.py", *words]
    subprocess.run(command, cwd=shop, env=values, check=True, stdout=subprocess.DEVNULL)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
