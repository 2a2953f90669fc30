"""The schedules of `make chaos`: every fault occurs, and a failing seed can be replayed. See docs/chaos.md."""

from __future__ import annotations

from chaos.__main__ import seeds
from chaos.schedule import KINDS, draw

SHORT = "1-25"  # what `make chaos-short` runs
REQUESTS = {
    task: [("state", "build1", 1), ("flip", "edge1", 1), ("flip", "web1", 1)]
    for task in ("deploy", "rollback", "prepare", "activate")
}


def test_the_short_run_holds_every_kind_of_fault() -> None:
    schedules = [draw(seed, REQUESTS) for seed in seeds(SHORT)]
    assert {fault.kind for one in schedules for fault in one.faults} == set(KINDS)
    assert {one.action for one in schedules} >= {"deploy", "rollback", "two at once"}


def test_what_a_machine_cannot_have_is_drawn_by_no_seed() -> None:
    impossible = frozenset({"lose power", "fill the disk"})
    drawn = {f.kind for seed in range(200) for f in draw(seed, REQUESTS, impossible).faults}
    assert drawn == set(KINDS) - impossible


def test_a_seed_is_drawn_alike_each_time_and_a_new_request_moves_few_moments() -> None:
    """A failing seed that cannot be replayed helps nobody."""
    more = {task: [*requests, ("new", "web2", 1)] for task, requests in REQUESTS.items()}
    same = 0
    for seed in range(100):
        assert draw(seed, REQUESTS) == draw(seed, REQUESTS)
        assert str(draw(seed, REQUESTS))
        same += draw(seed, REQUESTS) == draw(seed, more)
    assert same > 60
