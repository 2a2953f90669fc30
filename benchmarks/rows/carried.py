"""The cache that travels: a machine on which nothing was built takes what another one has built."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import commcare, project
from benchmarks.measure import Cost, in_turn, median
from benchmarks.results import Row, cpu
from benchmarks.rows.building import SAMPLE, Builder, Project, generated
from tests.strict_s3 import REGION, StrictS3

ROWS = ("carried-sample", "carried-generated", "carried-commcare")
LIMIT = 0.15


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows, in CPU seconds: neither side waits for a bucket that is far."""
    size = commcare.SMALL if small else commcare.SIZE
    of_commcare = Project(
        f"CommCare's shape, {commcare.FILES}",
        lambda path: commcare.write(path, size),
        commcare.SETTINGS,
        {},
    )
    projects = (SAMPLE, generated(project.SMALL if small else project.Size()), of_commcare)
    for name, named in zip(ROWS, projects, strict=True):
        place = folder / name
        place.mkdir()
        yield _measured(name, named, place, times, tell)


def _measured(
    name: str, named: Project, folder: Path, times: int, tell: Callable[[str], None]
) -> Row:
    """Return a row: in each round one machine builds cold, and another takes that, in a folder of its own."""
    with StrictS3("shop") as store:
        os.environ.update(store.credentials)
        cache = {"s3": {"bucket": "shop", "region": REGION}, "endpoint_url": store.url}
        (folder / "one").mkdir()
        (folder / "another").mkdir()
        cold, carried = (Builder(named, folder / name, cache=cache) for name in ("one", "another"))

        def forgotten(_: int) -> None:
            store.objects.clear()
            cold.forget()
            carried.forget()

        of_store: list[float] = []  # and of measuring itself

        def taken() -> Cost:
            before = time.process_time()
            cost = carried.build()
            of_store.append(time.process_time() - before)
            return cost

        ways: dict[str, Callable[[], Cost]] = {"cold": cold.build, "carried": taken}
        costs = in_turn(ways, times, tell, forgotten)
        tell(f"cold {cold.phases}")
        tell(f"carried {carried.phases}")
        one, another = (
            {path.name for path in builder.folder.glob("deployed/releases/*")}
            for builder in (cold, carried)
        )
        digests = [{name.rpartition("-")[2] for name in names} for names in (one, another)]
        assert digests[0] == digests[1], "the releases differ"
    return Row(
        name,
        f"a fresh checkout takes what another machine built: {named.name}",
        cpu(costs["carried"]),
        LIMIT,
        cpu(costs["cold"]),
        "our cold build, with what it leaves in the cache",
        note="CPU of both includes the double of S3, which answers in the measuring process: "
        f"{median(of_store):.2f} of the second. The releases are equal.",
    )
