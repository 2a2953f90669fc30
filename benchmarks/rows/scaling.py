"""Eight hosts and sixty-four: round trips for each, and what each costs the operator."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import FAB, Operator, bare
from benchmarks.project import noise
from benchmarks.results import Figure, Row
from demo.fleet import Role
from fab_static import api

TRIPS, CPU = "scale-round-trips", "scale-cpu"
ROWS = (TRIPS, CPU)
COUNTS = (8, 64)
FILES = 100


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    del small
    trips, used = {}, {}
    for count in COUNTS:
        hosts: dict[str, list[Role]] = {
            "build1": ["build", "web"],
            **{f"edge{number}": ["static"] for number in range(1, count)},
        }
        with bare(folder / str(count), hosts, ssh={"parallel": 64}) as operator:
            releases = _two_releases(operator)
            used[count] = []
            for number in range(times):
                used[count].append(_rollback(operator, releases[number % 2]) * 1000)
                tell(f"{count} hosts: {used[count][-1]:.0f} ms of the operator's CPU")
            with api.session("bench", inventories=operator.folder / "inventories") as session:
                session.rollback(next(each for each in releases if each != operator.live()))
                assert session._fleet is not None
                asked = [
                    each.requests for each in session._fleet.hosts if each.roles == ("static",)
                ]
            trips[count] = max(asked)
            tell(f"{count} hosts: {min(asked)} to {max(asked)} round trips each")
    few, many = COUNTS
    yield Row(
        TRIPS,
        f"`rollback`, round trips for each host, {many} hosts against {few}",
        Figure.of([trips[many]], "round trips"),
        1.0,
        Figure.of([trips[few]], "round trips"),
        f"with {few} hosts",
    )
    each = [
        (more - less) / (many - few)
        for more, less in zip(sorted(used[many]), sorted(used[few]), strict=True)
    ]
    yield Row(
        CPU,
        f"`rollback`, operator's CPU for each host, {few} to {many} hosts",
        Figure.of(each, "ms"),
        25.0,
        note=f"Whole: {Figure.of(used[few], 'ms')} for {few} hosts, {Figure.of(used[many], 'ms')} for {many}.",
    )


def _two_releases(operator: Operator) -> list[str]:
    assets = operator.fleet.hosts["build1"].code / "assets"
    releases = []
    for mark in "ab":
        for number in range(FILES):
            (assets / f"{number}.png").write_bytes(noise(f"{mark}{number}", 5_000))
        operator.fab("deploy")
        releases.append(operator.live())
    return releases


def _rollback(operator: Operator, to: str) -> float:
    """Roll back; return the CPU seconds of the operator's own process."""
    process = subprocess.Popen(
        [FAB, "bench", "rollback", "--to", to],
        cwd=operator.folder,
        env=operator.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, "the rollback failed"
    return used.ru_utime + used.ru_stime
