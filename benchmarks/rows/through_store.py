"""The far line, with a store beside the hosts: what passes the operator's line does not grow with the release.

The operator reaches the store through the same line as the hosts; the hosts reach it directly. The store is its own
HTTP proxy: so one URL leads the operator over the line, and the hosts past it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from benchmarks.far_line import FarLine, far
from benchmarks.fleets import Operator, bare
from benchmarks.measure import Cost, cost
from benchmarks.project import noise, script
from benchmarks.results import Figure, Row, cpu, seconds
from demo.fleet import Role
from fab_static.host.agent.programs import FOLDER as PROGRAMS
from tests.strict_s3 import REGION, StrictS3

SECONDS, RELEASE, HOSTS, RELAYED = (
    *("store-seconds", "store-bytes-of-release", "store-bytes-of-hosts", "store-bytes-over-ssh"),
)
ROWS = (SECONDS, RELEASE, HOSTS, RELAYED)
FEW, MANY = 2, 6  # static hosts, beside the one that builds
COUNT = 400  # files
SMALL, LARGE = 1_000_000, 8_000_000  # bytes of a release
LINE = "60 ms, 20 Mbit/s up, 100 down"
VIA = ("s3", "ssh")


@dataclass
class Measured:
    """What each cold distribute cost, and carried over the operator's line, up and down."""

    costs: dict[tuple[str, int, int], list[Cost]] = field(default_factory=dict)
    carried: dict[tuple[str, int, int], list[float]] = field(default_factory=dict)

    def kilobytes(self, *of: Any) -> Figure:
        """Return what was carried for a way, a number of hosts, and a size of release."""
        return Figure.of(self.carried[of], "KB")


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    del small
    measured = Measured()
    for hosts in (FEW, MANY):
        _measure_hosts(folder / str(hosts), hosts, times, tell, measured)
    what = f"{COUNT} files, cold, {MANY} hosts and the one that builds"
    mine, other = (measured.costs[via, MANY, LARGE] for via in VIA)
    yield Row(
        SECONDS,
        f"far line ({LINE}), a store beside the hosts: `distribute: {{via: s3}}`, {LARGE / 1e6:.0f} MB in {what}",
        seconds(mine),
        1.0,
        seconds(other),
        "`via: ssh`",
        (cpu(mine), cpu(other)),
    )
    yield Row(
        RELEASE,
        f"the same, bytes over the operator's line: a release of {LARGE / 1e6:.0f} MB against one of "
        f"{SMALL / 1e6:.0f} MB in as many files",
        measured.kilobytes("s3", MANY, LARGE),
        1.1,
        measured.kilobytes("s3", MANY, SMALL),
        f"of {SMALL / 1e6:.0f} MB",
        note="What is left is the bucket's manifest, once the seal, and for each object two signatures of URLs and an "
        "ETag. Images that changed come on top, for the report: 1 MB at the most, once.",
    )
    few, many = (measured.kilobytes("s3", hosts, LARGE) for hosts in (FEW, MANY))
    yield Row(
        HOSTS,
        f"the same, in all: {MANY} hosts against {FEW}",
        many,
        1.1,
        few,
        f"with {FEW}",
        note=f"{LARGE / 1e6:.0f} MB. Each host adds {(many.median - few.median) / (MANY - FEW):.0f} KB: its SSH "
        "session, and what it is asked. The seal, and the list of URLs, go into the store once.",
    )
    yield Row(
        RELAYED,
        f"the same, bytes over the operator's line, {LARGE / 1e6:.0f} MB, {MANY} hosts: `via: s3` against `via: ssh`",
        measured.kilobytes("s3", MANY, LARGE),
        0.1,
        measured.kilobytes("ssh", MANY, LARGE),
        "`via: ssh`",
    )


def _measure_hosts(
    folder: Path, count: int, times: int, tell: Callable[[str], None], measured: Measured
) -> None:
    hosts: dict[str, list[Role]] = {"build1": ["build", "web"]}
    hosts |= {f"edge{number}": ["static"] for number in range(count)}
    with StrictS3("hub") as store, bare(folder, hosts) as operator:
        for size in (SMALL, LARGE):
            assets = operator.fleet.hosts["build1"].code / "assets"
            for number in range(COUNT):
                kind, make = (("js", script), ("bin", noise))[number % 2]
                (assets / f"{number}.{kind}").write_bytes(make(f"{number} {size}", size // COUNT))
            operator.fab("prepare")
            with far(operator) as line:
                operator.variables = _over(line, store)
                for number in range(times):
                    for via in VIA:
                        _one(operator, line, store, (via, count, size), measured)
                        at = measured.carried[via, count, size][-1]
                        took = measured.costs[via, count, size][-1]
                        tell(
                            f"{number + 1}/{times} {via}, {count} hosts, {size:,} bytes: {took}, {at:,.0f} KB"
                        )


def _one(
    operator: Operator,
    line: FarLine,
    store: StrictS3,
    of: tuple[str, int, int],
    measured: Measured,
) -> None:
    """Distribute once, to hosts that have the agent alone, as after any command, and a bucket that has nothing."""
    for name, host in operator.fleet.hosts.items():
        if name != "build1":
            for each in host.static.iterdir():
                if each.name != PROGRAMS:
                    is_folder = each.is_dir() and not each.is_symlink()
                    shutil.rmtree(each) if is_folder else each.unlink()
    store.objects.clear()
    hub = {"bucket": "hub", "region": REGION, "endpoint_url": store.url}
    _distribute_by(operator, {"via": of[0], **(hub if of[0] == "s3" else {})})
    before = line.carried
    measured.costs.setdefault(of, []).append(cost(lambda: operator.fab("distribute")))
    measured.carried.setdefault(of, []).append((line.carried - before) / 1e3)


def _distribute_by(operator: Operator, way: Mapping[str, str]) -> None:
    inventory = yaml.safe_load(operator.inventory.read_text("utf-8"))
    inventory["distribute"] = dict(way)
    operator.inventory.write_text(yaml.safe_dump(inventory, sort_keys=False), "utf-8")


def _over(line: FarLine, store: StrictS3) -> dict[str, str]:
    """Return the variables by which the operator signs in at the store, and reaches it over the line alone."""
    address = urlsplit(store.url)
    port = line.to(str(address.hostname), int(address.port or 80))
    return {**store.credentials, "http_proxy": f"http://{address.hostname}:{port}"}
