"""A door that says "not now" is tried again; any other refusal is one at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fab_static.remote.ssh import doors
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.doors import AT_ONCE, LEAST_TRIES, Doors
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings
from fab_static.workers import Workers
from tests.processes import becomes

HOP = Hop(Asked("web1"), Settings("web1", "10.0.0.1", 22, "anna", connect_timeout=0.01))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long was waited, for which nobody waits here."""
    waited: list[float] = []
    monkeypatch.setattr(doors, "sleep", waited.append)
    return waited


class Door:
    """Turns so many away before it lets one in."""

    def __init__(self, turned_away: int, *, is_busy: bool = True) -> None:
        self.tries = 0
        self._turned_away = turned_away
        self._is_busy = is_busy

    def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self._turned_away:
            raise HopError("closed", "see its log", is_busy=self._is_busy)
        return "in"


def test_a_door_that_says_not_now_is_tried_again(pauses: list[float]) -> None:
    door = Door(3)
    assert Doors().entered(HOP, door) == "in"
    assert door.tries == 4
    assert len(pauses) == 3


def test_each_pause_is_about_twice_the_one_before_it_up_to_a_bound() -> None:
    found: Iterator[float] = doors._pauses()
    for expected in (0.2, 0.4, 0.8, 1.6, 2.0, 2.0):
        assert 0.5 * expected <= next(found) <= 1.5 * expected


def test_a_door_that_lets_nobody_in_is_given_up_after_its_time() -> None:
    door = Door(10_000)
    with pytest.raises(HopError, match="closed"):
        Doors().entered(HOP, door)
    assert LEAST_TRIES <= door.tries < 10_000


def test_a_refused_key_is_shown_once() -> None:
    """A second try would count as one more guess: some servers lock such accounts."""
    door = Door(1, is_busy=False)
    with pytest.raises(HopError):
        Doors().entered(HOP, door)
    assert door.tries == 1


def test_a_refusal_at_a_further_try_is_one_at_once() -> None:
    def enter() -> str:
        tries.append(1)
        raise HopError("closed", "see its log", is_busy=len(tries) == 1)

    tries: list[int] = []
    with pytest.raises(HopError):
        Doors().entered(HOP, enter)
    assert len(tries) == 2


def test_that_it_was_needed_is_told_once() -> None:
    """41 hosts may be one server: 41 lines would say the same."""
    told: list[str] = []
    both = Doors(told.append)
    for name in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        settings = replace(HOP.settings, hostname=name)
        both.entered(replace(HOP, settings=settings), Door(2))
    assert len(told) == 1
    assert told[0].startswith("the SSH server at 10.0.0.1:22 takes no more logins")
    assert "MaxStartups" in told[0]


@pytest.mark.parametrize("refusals", [0, 1])
def test_nothing_is_told_of_a_door_that_opens(refusals: int) -> None:
    """One refusal is chance: an sshd on a busy machine still counts logins that have ended."""
    told: list[str] = []
    Doors(told.append).entered(HOP, Door(refusals))
    assert not told


def test_few_are_at_one_door_at_once() -> None:
    """By default an sshd begins to hang up where ten logins are under way."""
    inside, most, goes_on = [0], [0], threading.Event()
    looking = threading.Lock()

    def enter() -> None:
        with looking:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        assert goes_on.wait(120)
        with looking:
            inside[0] -= 1

    both = Doors()
    with Workers(3 * AT_ONCE, "test") as workers:
        futures = [workers.submit(both.entered, HOP, enter) for _ in range(3 * AT_ONCE)]
        assert becomes(lambda: inside[0] == AT_ONCE)
        goes_on.set()
        for future in futures:
            future.result(120)
    assert most[0] == AT_ONCE
