"""The lock: one holder at a time, whatever happens to its owner."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH118

import os
import threading
import time

import pytest

from fab_static.host.agent import plain
from fab_static.host.agent.lock import LOCK_DEAD_SECONDS, abandon_lock
from tests.unit.host.agent.agents import FakeAgent, full
from tests.unit.host.agent.rooms import replace


def take(agent, owner="anna@desk", **options):
    return agent.do("lock", owner=owner, phase="deploy", **options)


def grow_old(root, seconds):
    at = time.time() - seconds
    os.utime(root / "lock" / "heartbeat", (at, at))


def test_one_of_two_takers_gets_the_lock_and_the_other_learns_who_has_it(root):
    first, second = FakeAgent(root), FakeAgent(root)
    assert take(first)["taken"]
    head = take(second, "ben@desk")
    assert not head["taken"]
    holder = head["holder"]
    assert (holder["owner"], holder["phase"], holder["dead"]) == ("anna@desk", "deploy", False)
    assert "token" not in holder, "by it the owner proves himself"
    assert "token" not in second.do("look_at_lock")["holder"]


def test_of_many_takers_at_once_exactly_one_gets_the_lock(root):
    agents = [FakeAgent(root) for _ in range(12)]
    answers = []
    start = threading.Barrier(len(agents))

    def run(agent):
        start.wait()
        answers.append(take(agent)["taken"])

    threads = [threading.Thread(target=run, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 11 + [True]


def test_a_free_lock_has_no_holder(agent):
    assert agent.do("look_at_lock")["holder"] is None


def test_only_its_owner_releases_the_lock(root):
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    assert second.do("unlock") == {"ours": False}
    assert second.do("look_at_lock")["holder"]["owner"] == "anna@desk"
    assert first.do("unlock") == {"ours": True}
    assert first.do("unlock") == {"ours": False}
    assert take(second)["taken"]


def test_a_beating_owner_keeps_the_lock_and_says_its_phase(root):
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    grow_old(root, LOCK_DEAD_SECONDS + 5)
    assert first.do("beat", phase="compress")["ours"]
    holder = take(second)["holder"]
    assert holder["phase"] == "compress"
    assert holder["silent_seconds"] < 5


def test_a_silent_owner_is_dead_after_a_minute_and_not_before(root):
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    grow_old(root, LOCK_DEAD_SECONDS - 10)
    assert not take(second)["taken"]
    grow_old(root, LOCK_DEAD_SECONDS + 1)
    head = take(second, "ben@desk")
    assert head["taken"]
    assert head["took_over"]["owner"] == "anna@desk"
    assert first.do("beat", phase="deploy")["ours"] is False
    assert first.do("unlock") == {"ours": False}
    assert second.do("look_at_lock")["holder"]["owner"] == "ben@desk"


def test_an_owner_who_beats_keeps_the_lock_when_the_hosts_clock_jumps_ahead(root, monkeypatch):
    """A machine that slept, or set its clock, would give the lock of a living owner away."""
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    grow_old(root, 7200)
    monkeypatch.setattr(time, "sleep", lambda _: first.do("beat", phase="compress"))
    assert not take(second, "ben@desk")["taken"]
    monkeypatch.undo()
    assert first.do("beat", phase="compress")["ours"]


def test_a_dead_owners_lock_is_free_although_the_hosts_clock_went_back(root):
    """His last beat lies in the future, for hours."""
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    grow_old(root, -7200)
    assert take(second, "ben@desk")["took_over"]["owner"] == "anna@desk"


def test_of_many_takers_of_a_dead_lock_exactly_one_gets_it(root):
    take(FakeAgent(root))
    grow_old(root, LOCK_DEAD_SECONDS + 1)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(take(FakeAgent(root))["taken"]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]


def test_a_lock_whose_owners_connection_ended_is_free_at_once(root):
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    abandon_lock(first.host)
    head = take(second)
    assert head["taken"]
    assert head["took_over"]["abandoned"] is True
    abandon_lock(first.host)
    assert second.do("look_at_lock")["holder"]["abandoned"] is False, "not its own any more"


def test_an_owner_whose_agent_ended_holds_the_lock_through_another(root):
    """Its channel was closed as idle: the lock is a record, which its token proves."""
    first, second = FakeAgent(root), FakeAgent(root)
    token = take(first)["token"]
    abandon_lock(first.host)
    assert second.do("beat", phase="compress", token=token)["ours"]
    present = second.do("look_at_lock")["holder"]
    assert (present["abandoned"], present["dead"]) == (False, False)
    assert not take(FakeAgent(root))["taken"]
    assert second.do("unlock")["ours"]


def test_an_agent_that_ends_late_leaves_the_lock_to_the_one_that_came_after_it(root):
    first, second = FakeAgent(root), FakeAgent(root)
    token = take(first)["token"]
    os.utime(root / "lock" / "heartbeat", ns=(1, first.host.beat - 5_000_000))
    first.host.beat -= 5_000_000  # its last beat is a moment ago
    assert second.do("beat", phase="compress", token=token)["ours"]
    abandon_lock(first.host)
    assert second.do("look_at_lock")["holder"]["abandoned"] is False


def test_an_owner_who_was_away_does_not_get_back_what_another_took(root):
    first, thief = FakeAgent(root), FakeAgent(root)
    token = take(first)["token"]
    abandon_lock(first.host)
    assert take(thief, "ben@desk")["taken"]
    again = FakeAgent(root)
    assert again.do("beat", phase="compress", token=token)["ours"] is False
    assert again.do("unlock", token=token)["ours"] is False
    abandon_lock(again.host)
    assert thief.do("beat", phase="deploy")["ours"]


def test_a_lock_that_was_released_is_nobodys_whatever_the_token(root):
    first = FakeAgent(root)
    token = take(first)["token"]
    first.do("unlock")
    assert FakeAgent(root).do("beat", phase="compress", token=token)["ours"] is False
    assert not (root / "lock").exists()


def test_a_lock_is_released_by_its_token_alone(root):
    token = take(FakeAgent(root))["token"]
    assert FakeAgent(root).do("unlock", token="another")["ours"] is False
    assert FakeAgent(root).do("unlock", token=token)["ours"]


def test_a_stolen_lock_is_the_thiefs(root):
    first, second = FakeAgent(root), FakeAgent(root)
    take(first)
    head = take(second, "ben@desk", steal=True)
    assert head["taken"]
    assert head["took_over"]["owner"] == "anna@desk"
    beat = first.do("beat", phase="deploy")
    assert beat["ours"] is False
    assert beat["holder"]["owner"] == "ben@desk"


def test_a_lock_that_was_taken_by_halves_is_held_until_it_is_dead(agent, root):
    """Its owner died between making the folder and writing its name."""
    (root / "lock").mkdir(parents=True)
    assert take(agent)["holder"]["owner"] == "unknown"
    old = time.time() - LOCK_DEAD_SECONDS - 1
    os.utime(root / "lock", (old, old))
    assert take(agent)["taken"]


def test_a_lock_beats_on_a_full_disk(agent, monkeypatch):
    """Its owner was told that somebody had taken it, for want of an inode (fleet C11)."""
    agent.do("lock", owner="anna", phase="deploy")
    beat = os.path.join(agent.host.root, "lock", "heartbeat")
    os.utime(beat, (0, 0))
    replace(monkeypatch, "write_file", full)
    answer = agent.do("beat", phase="distribute")
    assert answer["ours"]
    assert answer["holder"]["phase"] == "deploy"  # of which no note could be made
    assert not answer["holder"]["dead"]


def test_word_of_an_abandoned_lock_is_left_on_a_full_disk_too(agent, monkeypatch):
    agent.do("lock", owner="anna", phase="deploy")
    replace(monkeypatch, "write_file", full)
    abandon_lock(agent.host)
    assert agent.do("look_at_lock")["holder"]["abandoned"]


def test_a_lock_that_cannot_be_written_keeps_nobody_out(agent, monkeypatch):
    """A folder without an owner looked like an unknown one, for a minute."""
    with monkeypatch.context() as patch:
        replace(patch, "write_file", full)
        with pytest.raises(OSError, match="No space"):
            agent.do("lock", owner="anna", phase="deploy")
    assert agent.do("look_at_lock")["holder"] is None
    assert agent.do("lock", owner="ben", phase="deploy")["taken"]


@pytest.mark.parametrize("look", ["look_at_lock", "beat"])
def test_nobody_looks_at_a_lock_that_is_half_released(agent, root, monkeypatch, look):
    """145 of 112,957 looks failed: it was released between two of their steps (fleet C27)."""
    other = FakeAgent(root)
    other.do("lock", owner="ben", phase="deploy")
    real, threads = plain.read_json, []

    def released_meanwhile(path):
        if path.endswith("owner.json") and not threads:
            threads.append(threading.Thread(target=other.do, args=("unlock",)))
            threads[0].start()
            threads[0].join(0.3)  # it waits for us, and must
        return real(path)

    replace(monkeypatch, "read_json", released_meanwhile)
    assert agent.do(look, phase="deploy")["holder"]["owner"] == "ben"
    threads[0].join()
    assert agent.do("look_at_lock")["holder"] is None


def test_who_looks_at_a_lock_makes_no_folder(agent, root):
    assert agent.do("look_at_lock")["holder"] is None
    assert not root.exists()
