"""What deltas for returning visitors cost the seal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import OF_FIVE, Operator, bare
from benchmarks.project import script
from benchmarks.results import Figure, Row
from chaos import project as tiny

ROWS = ("seal-deltas",)
HOSTS = {name: OF_FIVE[name] for name in ("build1", "edge1")}
SCRIPTS, BYTES, RELEASES = 40, 100_000, 3
BUILD = ("collectstatic", "resource-static", "compress")


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the row."""
    count = 3 if small else SCRIPTS
    with bare(folder, HOSTS) as operator:
        assets = operator.fleet.hosts["build1"].code / "assets"
        changes = iter(range(1000))
        for _ in range(RELEASES):
            _change(assets, count, next(changes))
            operator.fab("deploy")
        took: dict[int, list[float]] = {0: [], RELEASES: []}
        for _ in range(times):
            for deltas, found in took.items():
                _describe(operator, deltas)
                _change(assets, count, next(changes))
                operator.fab(*BUILD)
                operator.fab("seal")
                found.append(operator.phase_seconds("seal"))
            tell(f"{took[RELEASES][-1]:.2f} s with deltas, {took[0][-1]:.2f} s without")
    yield Row(
        ROWS[0],
        f"seal, {count} scripts of {BYTES // 1000} KB changed in a line, `deltas: {RELEASES}`",
        Figure.of(took[RELEASES], "s"),
        None,
        Figure.of(took[0], "s"),
        "`deltas: 0`",
        note=f"{count * RELEASES} deltas, each read back. They may take 60 s.",
    )


def _describe(operator: Operator, deltas: int) -> None:
    build = {**tiny.BUILD, "precompress": [], "deltas": deltas}
    operator.describe(build=build, probe=None)


def _change(assets: Path, count: int, change: int) -> None:
    """Change a line in the middle of each script."""
    for number in range(count):
        text = script(str(number), BYTES)
        middle = text.index(b"\n", len(text) // 2)
        line = f"\nvar changed = {change}{number}".encode()
        (assets / f"bundle{number}.js").write_bytes(text[:middle] + line + text[middle:])
