"""The operator's peak memory, for releases of 200 MB and of 1 GB."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import FAB, OF_FIVE, bare
from benchmarks.measure import peak_megabytes
from benchmarks.project import noise
from benchmarks.results import Figure, Row

SMALLER, LARGER, GROWTH = "memory-200MB", "memory-1GB", "memory-growth"
ROWS = (SMALLER, LARGER, GROWTH)
SIZES = {SMALLER: 200_000_000, LARGER: 1_000_000_000}
FILE_BYTES = 50_000
HOSTS = {name: OF_FIVE[name] for name in ("build1", "edge1", "edge2")}
GROWN = 1.2


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    figures = {}
    for name, size in SIZES.items():
        with bare(folder / name, HOSTS) as operator:
            edges = [operator.fleet.hosts[name] for name in ("edge1", "edge2")]
            assets = operator.fleet.hosts["build1"].code / "assets"
            count = size // FILE_BYTES // (100 if small else 1)
            for number in range(count):
                (assets / f"{number % 100}").mkdir(exist_ok=True)
                data = noise(str(number), FILE_BYTES)
                (assets / f"{number % 100}" / f"{number}.png").write_bytes(data)
            operator.fab("prepare")
            peaks = []
            for _ in range(times):
                for host in edges:
                    shutil.rmtree(host.static)
                    host.static.mkdir()
                peaks.append(
                    peak_megabytes(
                        [FAB, "bench", "distribute"],
                        cwd=operator.folder,
                        env=operator.environment,
                    )
                )
                tell(f"{size / 1e6:.0f} MB, {count:,} files: {peaks[-1]:.0f} MB")
            figures[name] = Figure.of(peaks, "MB")
            yield Row(
                name,
                f"operator's peak memory, release of {size / 1e6:,.0f} MB, {count:,} files",
                figures[name],
                120.0,
                note="`fab distribute` to two hosts that have nothing yet.",
            )
        shutil.rmtree(folder / name, ignore_errors=True)
    yield Row(
        GROWTH,
        "operator's peak memory, 1 GB against 200 MB",
        figures[LARGER],
        GROWN,
        figures[SMALLER],
        "for 200 MB",
    )
