"""Status of sixteen hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import bare
from benchmarks.measure import in_turn
from benchmarks.project import noise
from benchmarks.results import Row, cpu, seconds
from demo.fleet import Role

STATUS = "status"
ROWS = (STATUS,)
HOSTS: dict[str, list[Role]] = {
    "build1": ["build", "web"],
    **{f"edge{number}": ["static"] for number in range(15)},
}
FILES, BYTES = 1_000, 10_000_000


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the row."""
    del small
    with bare(folder, HOSTS) as operator:
        assets = operator.fleet.hosts["build1"].code / "assets"
        for number in range(FILES):
            (assets / f"{number}.png").write_bytes(noise(str(number), BYTES // FILES))
        operator.fab("deploy")
        mine = in_turn({"fab status": lambda: operator.fab("status")}, times, tell)["fab status"]
    yield Row(
        STATUS,
        "`status` on 16 hosts",
        seconds(mine),
        1.0,
        cpu=(cpu(mine), None),
        note=f"{FILES:,} files on each host compared with the seal, by stat. The sixteen hosts' work is this "
        "machine's too.",
    )
