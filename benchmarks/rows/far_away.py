"""Four hosts at the other end of a far line: seconds, and bytes over the operator's line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.far_line import FarLine, far, of_trips
from benchmarks.fleets import Operator, plain
from benchmarks.measure import Cost, cost
from benchmarks.results import Figure, Row, cpu, seconds
from benchmarks.rows.building import SAMPLE
from demo.fleet import Role

UNCHANGED, CHANGED, ROLLBACK, STATUS = (
    *("far-unchanged", "far-changed", "far-rollback", "far-status"),
)
UNCHANGED_BYTES, CHANGED_BYTES, ROLLBACK_BYTES, PER_HOST = (
    *("far-unchanged-bytes", "far-changed-bytes", "far-rollback-bytes", "far-bytes-per-host"),
)
UNCHANGED_TRIPS, CHANGED_TRIPS, ROLLBACK_TRIPS, STATUS_TRIPS = (
    *("far-unchanged-trips", "far-changed-trips", "far-rollback-trips", "far-status-trips"),
)
ROWS = (
    *(UNCHANGED, CHANGED, ROLLBACK, STATUS),
    *(UNCHANGED_BYTES, CHANGED_BYTES, ROLLBACK_BYTES, PER_HOST),
    *(UNCHANGED_TRIPS, CHANGED_TRIPS, ROLLBACK_TRIPS, STATUS_TRIPS),
)
OF_FOUR: dict[str, list[Role]] = {
    "build1": ["build"],
    "edge1": ["static"],
    "edge2": ["static"],
    "web1": ["web"],
}
SECONDS = {
    UNCHANGED: ("`deploy`, nothing changed", 3.0),
    CHANGED: ("`deploy`, one small file changed", 4.5),
    ROLLBACK: ("`rollback`", 2.2),
    STATUS: ("`status`", 1.0),
}
KILOBYTES = {
    UNCHANGED_BYTES: (UNCHANGED, "`deploy`, nothing changed", 250),
    CHANGED_BYTES: (CHANGED, "`deploy`, one small file changed", 300),
    ROLLBACK_BYTES: (ROLLBACK, "`rollback`", None),
}
SMALL = "shop/static/shop/small.txt"  # that no page names
TRIPS = {
    UNCHANGED_TRIPS: UNCHANGED,
    CHANGED_TRIPS: CHANGED,
    ROLLBACK_TRIPS: ROLLBACK,
    STATUS_TRIPS: STATUS,
}
WORDS = {UNCHANGED: "deploy", CHANGED: "deploy", ROLLBACK: "rollback", STATUS: "status"}
TRIP_SECONDS = 1.0  # so long that what the hosts work does not hide it
LINE = "60 ms, 20 Mbit/s up, 100 down, 4 hosts"


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows: the sample project, and one line for all hosts. The probe asks beside the line."""
    del small
    shop = SAMPLE.write(folder / "project")
    with plain(
        folder / "hosts", OF_FOUR, project=shop, settings=SAMPLE.settings, app="shop"
    ) as fleet:
        operator = Operator(fleet, folder / "operator")
        operator.describe(web={"reload": ""}, keep_releases=3)
        _change(operator, "first\n")
        operator.fab("deploy")
        with far(operator) as line:
            costs, carried = _rounds(operator, line, times, tell)
        yield from _trips(operator, min(times, 2), tell)
    for name, (what, limit) in SECONDS.items():
        yield Row(
            name,
            f"far line ({LINE}): {what}",
            seconds(costs[name]),
            limit,
            cpu=(cpu(costs[name]), None),
        )
    for name, (of, what, most) in KILOBYTES.items():
        figure = Figure.of([(up + down) / 1e3 for up, down in carried[of]], "KB")
        sent = Figure.of([up / 1e3 for up, _ in carried[of]], "KB")
        yield Row(name, f"the same, bytes: {what}", figure, most, note=f"Of it sent: {sent}.")
    sent = Figure.of([up / 4e3 for up, _ in carried[UNCHANGED]], "KB")
    yield Row(PER_HOST, "the same, sent to one host of four: `deploy`, nothing changed", sent, 60)


def _rounds(
    operator: Operator, line: FarLine, times: int, tell: Callable[[str], None]
) -> tuple[dict[str, list[Cost]], dict[str, list[tuple[int, int]]]]:
    """Do everything in turn; return what each cost, and the bytes that went up and down."""
    costs: dict[str, list[Cost]] = {name: [] for name in SECONDS}
    carried: dict[str, list[tuple[int, int]]] = {name: [] for name in SECONDS}
    operator.fab("deploy")  # what hosts keep from now on, they have
    for number in range(times):
        for name, word in WORDS.items():
            if name == CHANGED:
                _change(operator, f"round {number}\n" * 100)
            before = line.up.carried, line.down.carried
            costs[name].append(cost(lambda word=word: operator.fab(word)))  # type: ignore[misc]
            up, down = line.up.carried - before[0], line.down.carried - before[1]
            carried[name].append((up, down))
            tell(f"{number + 1}/{times} {name}: {costs[name][-1]}, up {up:,}, down {down:,}")
        operator.fab("deploy")  # the changed one is live again
    return costs, carried


def _change(operator: Operator, text: str) -> None:
    """Write the small file into every checkout."""
    for host in operator.fleet.hosts.values():
        (host.code / SMALL).write_text(text)


def _trips(operator: Operator, times: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Yield how many round trips follow one another: what a line of one second a trip costs more than one of none."""
    took: dict[tuple[str, float], float] = {}
    for late in (0.0, TRIP_SECONDS):
        with far(operator, line=of_trips(late)):
            for number in range(times):
                for name, word in ((name, WORDS[of]) for name, of in TRIPS.items()):
                    if name == CHANGED_TRIPS:
                        _change(operator, f"{late} s a trip, round {number}\n" * 100)
                    one = cost(lambda word=word: operator.fab(word)).seconds  # type: ignore[misc]
                    tell(f"{name}, {late} s a trip: {one:.1f} s")
                    took[name, late] = min(one, took.get((name, late), one))
                operator.fab("deploy")
    for name, of in TRIPS.items():
        trips = (took[name, TRIP_SECONDS] - took[name, 0.0]) / TRIP_SECONDS
        note = f"Each takes {TRIP_SECONDS:g} s, and bytes none: what is longer than with none is trips. "
        note += "To connect takes 8: TCP, key exchange, login, channel, command."
        yield Row(
            name,
            f"round trips, one after the other: {SECONDS[of][0]}",
            Figure.of([trips], "trips"),
            None,
            note=note,
        )
