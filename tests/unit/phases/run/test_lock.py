"""One deploy at a time: the lock of the build host, as its owner and others see it (G6)."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from fab_static.errors import DeployLockedError, RemoteError
from fab_static.host.agent.lock import abandon_lock
from fab_static.phases.run import lock as module
from fab_static.phases.run.lock import Lock
from fab_static.plan.wire import verbs
from tests.unit.site import Site, taken


@pytest.fixture(autouse=True)
def heart_that_beats_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 3600.0)


def lock_of(site: Site, phase: str = "deploy") -> Lock:
    return Lock(site.hosts["build1"], "anna@desk", phase)


def holder(site: Site) -> Any:
    return site.hosts["build1"].ask(verbs.LOOK_AT_LOCK)[0]["holder"]


def test_who_takes_it_stands_there_until_it_is_released(site: Site) -> None:
    lock = lock_of(site)
    lock.take()
    assert (holder(site)["owner"], holder(site)["phase"]) == ("anna@desk", "deploy")
    lock.check()
    lock.release()
    assert holder(site) is None


def test_of_two_at_once_the_second_is_told_who_is_first_and_does_not_release_it(
    site: Site,
) -> None:
    taken(site, "compress")
    second = lock_of(site)
    with pytest.raises(DeployLockedError) as caught:
        second.take()
    told = re.sub(r"since \S+ \S+ UTC|\d+ seconds", "SOME TIME", str(caught.value))
    assert told == (
        "ben@laptop (process 4711) deploys shop to staging SOME TIME, now at compress, last heard of SOME TIME ago\n"
        f"  where: {site.folder}/build1/lock on build1\n"
        "  mend:  wait for it: --wait 10m. A dead owner's lock expires within a minute. To take it: "
        'fab staging unlock --steal --because "…"'
    )
    second.release()
    assert holder(site)["owner"] == "ben@laptop"


def test_who_waits_takes_it_as_soon_as_it_is_free(site: Site) -> None:
    first, build1 = taken(site), site.hosts["build1"]

    def busy_then_free() -> Any:
        build1.before.clear()
        present = holder(site)
        first.ask(verbs.UNLOCK)
        return {"taken": False, "holder": present}, b""

    build1.before["lock"] = busy_then_free
    lock = lock_of(site)
    lock.take(wait_seconds=120)
    assert holder(site)["owner"] == "anna@desk"
    lock.release()


def test_who_waits_says_for_whom_at_once(site: Site) -> None:
    """CI ends a job that says nothing, and a blank terminal looks dead."""
    first = taken(site, "compress")
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        first.ask(verbs.UNLOCK)  # who waits would be told again after half a minute

    lock = lock_of(site)
    lock.take(wait_seconds=1000, tell=tell)
    (line,) = told
    assert re.fullmatch(
        r"waits for ben@laptop: compress, since \d\d:\d\d; up to (1000|9\d\d) s more", line
    )
    lock.release()


def test_a_dead_owners_lock_is_taken_over_and_the_dead_one_is_named(site: Site) -> None:
    abandon_lock(taken(site, "activate").agent.host)
    lock = lock_of(site)
    lock.take()
    assert lock.took_over is not None
    assert (lock.took_over["owner"], lock.took_over["phase"]) == ("ben@laptop", "activate")
    lock.release()


def test_who_was_robbed_changes_nothing_more_and_leaves_the_thief_his_lock(site: Site) -> None:
    lock = lock_of(site)
    lock.take()
    thief = Lock(site.hosts["build1"], "ben@laptop", "unlock")
    thief.take(steal=True)
    with pytest.raises(DeployLockedError) as caught:
        lock.prove()
    assert str(caught.value) == (
        "this deploy does not hold the lock any more: ben@laptop took it\n"
        f"  where: {site.folder}/build1/lock on build1\n"
        "  mend:  see who deploys now: fab staging status"
    )
    lock.release()
    assert holder(site)["owner"] == "ben@laptop"
    thief.release()


def test_a_connection_that_is_cut_is_a_lock_that_is_lost(site: Site) -> None:
    """Another may have it before the owner knows: the agent there marks it abandoned."""
    lock = lock_of(site)
    lock.take()
    build1 = site.hosts["build1"]
    build1.before["beat"] = build1.cut
    with pytest.raises(DeployLockedError, match="does not hold the lock any more: the connection"):
        lock.prove()
    build1.before.clear()
    with pytest.raises(DeployLockedError):  # for good: who was away does not know what happened
        lock.check()
    lock.release()


def test_a_connection_that_is_cut_once_costs_no_lock(site: Site) -> None:
    """The agent there marks the lock abandoned; the owner comes back with another, and its token."""
    lock = lock_of(site)
    lock.take()
    build1 = site.hosts["build1"]

    def cut_once() -> None:
        build1.before.clear()
        abandon_lock(lock._host.agent.host)
        lock._host.agent.host.token = None  # another agent's
        build1.cut()

    build1.before["beat"] = cut_once
    lock.prove()
    assert not build1.before
    assert not holder(site)["abandoned"]
    lock.release()
    assert holder(site) is None


def test_a_host_that_cannot_renew_it_says_why_until_it_can(site: Site) -> None:
    lock = lock_of(site)
    lock.take()
    build1 = site.hosts["build1"]
    build1.before["beat"] = lambda: build1.refuse(PermissionError(13, "Permission denied", "x"))
    with pytest.raises(RemoteError, match=r"permission|Permission"):
        lock.prove()
    build1.before.clear()
    lock.prove()
    lock.release()


def test_it_beats_while_its_owner_waits_for_a_build(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an agent of its own: the one that builds answers nothing meanwhile."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    beats = threading.Semaphore(0)
    site.hosts["build1"].after["beat"] = lambda: beats.release()
    lock = lock_of(site)
    lock.take()
    assert all(beats.acquire(timeout=120) for _ in range(3))
    lock.release()
    assert not lock._heart.is_alive()


def test_a_lock_whose_answer_is_lost_at_ctrl_c_is_released(site: Site) -> None:
    """Nobody knows whether it was taken: the next one would wait a minute for it."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    site.hosts["build1"].after["lock"] = interrupted
    lock = lock_of(site)
    with pytest.raises(KeyboardInterrupt):
        lock.take()
    assert holder(site) is not None
    lock.release()
    assert holder(site) is None
