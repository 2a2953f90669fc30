"""A build host that is given the record of a bucket: all of it, and nothing that names what is not here."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH208

import json
import os

import pytest

from fab_static.host.agent.adopting import keep_other_history
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import A, B, build, record

LINE = {"event": "activate", "release": A, "at": 1700000000.0}


def adopt(agent, *, current=None, previous=None, log=(), journal=None):
    body = json.dumps({"log": list(log), "journal": journal}).encode()
    return agent.do("adopt", body, current=current, previous=previous)


def test_the_log_the_journal_and_the_links_are_those_of_the_record(agent, root):
    for name in (A, B):
        build(agent, name, roles=["build"])
    adopt(agent, current=A, previous=B, log=[LINE], journal={"format": 1, "release": A})
    state = agent.do("state")
    assert (state["current"], state["previous"]) == (A, B)
    assert record(agent) == [LINE]
    assert state["journal"] == {"format": 1, "release": A}
    adopt(agent, log=[LINE])
    state = agent.do("state")
    assert (state["current"], state["previous"]) == (None, None)


def test_a_release_that_is_not_here_is_not_made_live(agent, root):
    with pytest.raises(RefusedError, match=f"there is no release {A}"):
        adopt(agent, current=A)
    with pytest.raises(RefusedError):
        adopt(agent, current="../../etc")
    assert agent.do("state")["current"] is None


def test_a_flip_that_died_here_is_over(agent, root):
    build(agent, A, roles=["build"])
    note = {"format": 1, "release": A, "current": None, "previous": None, "back": False}
    (root / "provisional.json").write_text(json.dumps(note))
    (root / "current").symlink_to(f"releases/{A}")
    assert agent.do("state")["provisional"]
    adopt(agent)
    assert agent.do("state")["provisional"] is None


def test_a_log_of_another_history_is_kept_beside(agent, root):
    agent.do("note", entry={"event": "activate", "release": B})
    adopt(agent, log=[LINE])
    assert record(agent) == [LINE]
    beside = [name for name in os.listdir(root) if name.startswith("log.jsonl") and name != "log.jsonl"]  # fmt: skip
    assert len(beside) == 1
    agent.do("note", entry={"event": "steal"})  # not in the bucket: the runner died before
    adopt(agent, log=[LINE])
    assert record(agent) == [LINE]
    keep_other_history(agent.host, [LINE])
    assert record(agent) == [LINE]
