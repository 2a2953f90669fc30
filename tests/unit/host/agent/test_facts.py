"""Who only looks at a host changes nothing there."""

import pytest

from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import FakeAgent, record_of


def test_facts_are_told_of_a_folder_that_is_not_there_yet(agent, root):
    head = agent.do("facts")
    assert head["exists"] is False
    assert head["writable"] is True
    assert head["free_bytes"] > 0
    assert not root.exists(), "looking makes nothing"


def test_looking_writes_nothing(agent, root):
    agent.do("state")
    agent.do("summaries")
    agent.ask("missing", record_of(b"x"))
    agent.do("facts")
    assert not root.exists()


def test_a_host_is_there(agent):
    assert agent.ask("ping") == ({}, b"")


def test_hosts_that_share_a_folder_see_each_others_marks(root):
    mark, another = "0123456789abcdef", "f" * 16
    here, there = FakeAgent(root), FakeAgent(root)
    here.do("mark", mark=mark)
    assert there.do("is_marked", marks=[mark, another])["marked"] == [mark]
    here.do("mark", mark=mark, remove=True)
    assert there.do("is_marked", marks=[mark, another])["marked"] == []


@pytest.mark.parametrize("mark", ["", "../../evil", "0123456789ABCDEF", "0" * 15, None])
def test_only_a_mark_of_ours_is_set(agent, mark):
    with pytest.raises(RefusedError):
        agent.do("mark", mark=mark)
