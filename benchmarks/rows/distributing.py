"""Distribute: 4,000 files, 64 MB, to four hosts, against rsync to the same hosts at once."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import OF_FIVE, Operator, at_once, bare, metered, ssh
from benchmarks.measure import in_turn
from benchmarks.project import noise, script
from benchmarks.results import Figure, Row, cpu, seconds

COLD, BYTES, UNCHANGED, ONE_PERCENT = (
    "distribute-cold",
    "distribute-bytes",
    "distribute-unchanged",
    "distribute-one-percent",
)
ROWS = (COLD, BYTES, UNCHANGED, ONE_PERCENT)
EDGES = tuple(name for name in OF_FIVE if name != "build1")
AGAIN = ("-a", "--checksum", "--link-dest={before}")


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows."""
    count, size = (400, 6_400_000) if small else (4_000, 64_000_000)
    with bare(folder, OF_FIVE) as operator:
        assets = operator.fleet.hosts["build1"].code / "assets"
        for number in range(count):
            _write(assets, number, size // count)
        operator.fab("prepare")
        yield from _cold(operator, times, tell, f"{count:,} files, {size / 1e6:.0f} MB")
        operator.fab("activate")
        yield _unchanged(operator, times, tell)
        yield _one_percent(operator, times, tell, count)


def _write(assets: Path, number: int, mean: int, mark: str = "") -> None:
    """Write one file: half of them are scripts, half images; most small, few large."""
    kind, make = (("js", script), ("png", noise))[number % 2]
    name = f"{kind}/{number % 40}/{number}.{kind}"
    size = max(64, int(mean * random.Random(name).lognormvariate(-0.32, 0.8)))
    (assets / name).parent.mkdir(parents=True, exist_ok=True)
    (assets / name).write_bytes(make(name + mark, size))


def _cold(operator: Operator, times: int, tell: Callable[[str], None], what: str) -> Iterator[Row]:
    def forget(number: int) -> None:
        del number
        for name in EDGES:
            shutil.rmtree(operator.fleet.hosts[name].static)
            operator.fleet.hosts[name].static.mkdir()
            shutil.rmtree(_copies(operator, name), ignore_errors=True)

    phase: list[float] = []

    def ours() -> None:
        operator.fab("distribute")
        phase.append(operator.phase_seconds("distribute"))

    def theirs() -> None:
        _rsync(operator, "first", "-az")

    costs = in_turn({"fab distribute": ours, "rsync -az": theirs}, times, tell, forget)
    mine, other = costs.values()
    yield Row(
        COLD,
        f"distribute, cold, 4 hosts, {what}",
        seconds(mine),
        1.0,
        seconds(other),
        "`rsync -az` to the four at once",
        (cpu(mine), cpu(other)),
        "Ours also starts, takes the lock, asks what is there, checks SHA-256 and links the release and the pool; "
        f"the phase by itself, as in a deploy: {Figure.of(phase)}.",
    )
    forget(0)
    with metered(operator, EDGES) as meters:
        ours()
        sent = sum(meter.received for meter in meters.values())
        theirs_from = sent
        _rsync(operator, "first", "-az", ports={name: one.port for name, one in meters.items()})
        rsync_sent = sum(meter.received for meter in meters.values()) - theirs_from
    yield Row(
        BYTES,
        "the same, bytes sent over the wire",
        Figure.of([sent / 1e6], "MB"),
        1.02,
        Figure.of([rsync_sent / 1e6], "MB"),
        "`rsync -az`",
        note="Counted before the SSH servers, everything included, in a run of its own: it does not vary.",
    )


def _unchanged(operator: Operator, times: int, tell: Callable[[str], None]) -> Row:
    _rsync(operator, "before", "-a")
    release = operator.live()

    def forget(number: int) -> None:
        """Take the release's folder away; objects and pool stay, as a new one of the same files finds them."""
        del number
        for name in EDGES:
            shutil.rmtree(operator.fleet.hosts[name].static / "releases" / release)
            shutil.rmtree(_copies(operator, name) / "again", ignore_errors=True)

    phase: list[float] = []

    def ours() -> None:
        operator.fab("distribute")
        phase.append(operator.phase_seconds("distribute"))

    ways = {
        "fab distribute": ours,
        "rsync --checksum": lambda: _rsync(operator, "again", *AGAIN, before="before"),
    }
    mine, other = in_turn(ways, times, tell, forget).values()
    return Row(
        UNCHANGED,
        "distribute, nothing changed, new release folder",
        seconds(mine),
        0.5,
        seconds(other),
        "`rsync -a --checksum --link-dest`",
        (cpu(mine), cpu(other)),
        f"The phase by itself, as in a deploy: {Figure.of(phase)}.",
    )


def _one_percent(operator: Operator, times: int, tell: Callable[[str], None], count: int) -> Row:
    before = ["before"]

    def change(number: int) -> None:
        assets = operator.fleet.hosts["build1"].code / "assets"
        size = sum(each.stat().st_size for each in assets.rglob("*.*")) // count
        for each in random.Random(number).sample(range(count), count // 100):
            _write(assets, each, size, f"round {number}")
        words = ("collectstatic", "resource-static", "compress", "seal")
        operator.fab(*words)

    def theirs() -> None:
        name = f"after{len(before)}"
        _rsync(operator, name, *AGAIN, before=before[-1])
        before.append(name)

    phase: list[float] = []

    def ours() -> None:
        operator.fab("distribute")
        phase.append(operator.phase_seconds("distribute"))

    ways = {"fab distribute": ours, "rsync --checksum": theirs}
    mine, other = in_turn(ways, times, tell, change).values()
    return Row(
        ONE_PERCENT,
        "distribute, 1 % of the files changed",
        seconds(mine),
        0.6,
        seconds(other),
        "`rsync -a --checksum --link-dest`",
        (cpu(mine), cpu(other)),
        f"The phase by itself, as in a deploy: {Figure.of(phase)}.",
    )


def _copies(operator: Operator, name: str) -> Path:
    return operator.fleet.hosts[name].folder / "copies"


def _rsync(
    operator: Operator,
    to: str,
    *options: str,
    before: str = "",
    ports: dict[str, int] | None = None,
) -> None:
    """Copy what was collected to a folder of every edge host, at once."""
    fleet = operator.fleet
    commands = {}
    for name in EDGES:
        host = fleet.hosts[name]
        copies = _copies(operator, name)
        copies.mkdir(exist_ok=True)
        words = [option.format(before=copies / before) for option in options]
        shell = ssh(fleet, host).replace(
            f"-p {host.port} ", f"-p {(ports or {}).get(name, host.port)} "
        )
        target = f"{fleet.user}@{host.address}:{copies / to}/"
        source = f"{fleet.hosts['build1'].code}/staticfiles/"
        commands[name] = ["rsync", *words, "-e", shell, source, target]
    at_once(commands)
