"""A host that was away takes over what was live elsewhere, with the flip that makes it serve again."""

import os

from tests.unit.host.agent.agents import A, B, C, build, everything_below, flip, record


def joins(*releases):
    return [
        {"event": "activate", "release": release, "at": 1000.0 + at, "joined": True}
        for at, release in enumerate(releases)
    ]


def join(agent, *releases):
    return flip(agent, releases[-1], joins=joins(*releases))


def recorded(agent):
    return [one["release"] for one in record(agent) if one["event"] == "activate"]


def test_a_new_host_knows_what_was_live_before_and_keeps_its_names(agent, root):
    """Pages of each of them may be open, and a prune goes by the record."""
    for release, name in ((A, "a.txt"), (B, "b.txt"), (C, "c.txt")):
        build(agent, release, {name: name.encode()})
    join(agent, A, B, C)
    assert os.readlink(root / "current") == f"releases/{C}"
    assert os.readlink(root / "previous") == f"releases/{B}"
    assert recorded(agent) == [A, B, C]
    assert {*everything_below(root / "pool" / "gone")} >= {"a.txt", "b.txt"}
    agent.do("prune", releases=[], roles=["static"])
    assert {*everything_below(root / "pool" / "gone")} >= {"a.txt", "b.txt"}


def test_a_restored_host_is_taught_only_what_it_missed_and_joining_again_teaches_nothing(
    agent, root
):
    for release in (A, B, C):
        build(agent, release)
    flip(agent, A)
    join(agent, A, B, C)
    assert recorded(agent) == [A, B, C]
    assert os.readlink(root / "previous") == f"releases/{B}"
    join(agent, A, B, C)
    assert recorded(agent) == [A, B, C]


def test_what_was_live_last_elsewhere_is_last_here_whatever_was_live_here_since(agent, root):
    for release in (A, B, C):
        build(agent, release)
    flip(agent, A)
    flip(agent, C)
    join(agent, C, A, B)
    assert recorded(agent)[-3:] == [C, A, B]
    assert os.readlink(root / "previous") == f"releases/{A}"


def test_a_join_that_nobody_confirms_goes_back_to_where_the_host_was(agent, root):
    for release in (A, B, C):
        build(agent, release)
    flip(agent, A)
    flip(agent, C, joins=joins(A, B, C), provisional=True)
    agent.do(
        "flip_back",
        current=A,
        previous=None,
        links={},
        entry={},
        manifest=None,
        reload=None,
        confirm_timeout=5,
    )
    assert os.readlink(root / "current") == f"releases/{A}"
    assert not os.path.lexists(root / "previous")
