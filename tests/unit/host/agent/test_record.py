"""What is written down outlives crashes, and what is damaged is told."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH123, PTH208

import errno
import os
import time

import pytest

from tests.unit.host.agent.agents import A, record


def test_notes_are_kept_in_order_with_their_time(agent):
    agent.do("note", entry={"event": "steal"})
    agent.do("note", entry={"event": "activate", "release": A})
    entries = record(agent)
    assert [one["event"] for one in entries] == ["steal", "activate"]
    assert entries[0]["at"] <= entries[1]["at"] <= time.time()


@pytest.mark.parametrize("cut", ['{"event": "acti', "{", '"', "\udcff", "[1]\n", "null"])
def test_a_last_line_that_a_crash_cut_off_is_passed_over_and_closed(agent, root, cut):
    agent.do("note", entry={"event": "one"})
    with open(root / "log.jsonl", "ab") as file:
        file.write(cut.encode("utf-8", "surrogateescape"))
    assert [one["event"] for one in record(agent)] == ["one"]
    agent.do("note", entry={"event": "two"})
    assert [one["event"] for one in record(agent)] == ["one", "two"]


def test_the_journal_is_written_whole_and_read_back(agent):
    assert agent.do("state")["journal"] is None
    agent.do("write_journal", b'{"format": 1}')
    assert agent.do("state")["journal"] == {"format": 1}


def test_a_damaged_journal_is_passed_over_and_told(agent):
    agent.do("write_journal", b"{")
    state = agent.do("state")
    assert state["journal"] is None
    (told,) = state["odd"]
    assert told.startswith("journal.json is not JSON: ")
    assert told.endswith("; it is passed over")


def test_a_small_file_that_cannot_be_written_leaves_the_old_one(agent, root, monkeypatch):
    agent.do("write_journal", b'{"format": 1}')

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        agent.do("write_journal", b'{"format": 1, "more": 1}')
    monkeypatch.undo()
    assert agent.do("state")["journal"] == {"format": 1}
    assert [name for name in os.listdir(root) if name.endswith("~") or "journal" in name] == [
        "journal.json"
    ]
