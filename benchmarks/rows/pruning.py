"""Prune with nothing to remove: ten releases of 3,800 files are kept, and are not walked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import bare
from benchmarks.measure import cost
from benchmarks.project import noise
from benchmarks.results import Figure, Row, cpu
from demo.fleet import Role

NOTHING = "prune-nothing"
ROWS = (NOTHING,)
RELEASES, COUNT = 10, 3_800
HOSTS: dict[str, list[Role]] = {"build1": ["build", "web"], "edge1": ["static"]}


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the row."""
    count = 100 if small else COUNT
    with bare(folder, HOSTS, keep_releases=2 * RELEASES) as operator:
        assets = operator.fleet.hosts["build1"].code / "assets"
        for number in range(count):
            (assets / f"{number % 40}").mkdir(exist_ok=True)
            (assets / f"{number % 40}" / f"{number}.png").write_bytes(noise(str(number), 2_000))
        for number in range(RELEASES):
            (assets / "changed.png").write_bytes(noise(f"release {number}", 2_000))
            operator.fab("deploy")
            tell(f"release {number + 1} of {RELEASES}")
        costs, phase = [], []
        for _ in range(times):
            costs.append(cost(lambda: operator.fab("prune")))
            phase.append(operator.phase_seconds("prune"))
            tell(f"{costs[-1]}, the phase {phase[-1]:.2f} s")
    yield Row(
        NOTHING,
        f"prune, nothing to remove, {RELEASES} releases of {count:,} files on 2 hosts: the phase",
        Figure.of(phase),
        0.3,
        cpu=(cpu(costs), None),
        note="As in a deploy, without what comes before it in a task of its own: starting, connecting, the lock. "
        f"That task takes {Figure.of([each.seconds for each in costs])} in all; its are the CPU seconds.",
    )
