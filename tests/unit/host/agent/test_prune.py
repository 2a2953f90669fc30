"""Prune takes what no kept release needs, and nothing else."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH102, PTH108, PTH208

import json
import os

import pytest

from fab_static.host.agent.prune import as_it_is, recorded
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import (
    ALL,
    FILES,
    A,
    B,
    C,
    build,
    flip,
    prune,
    record_of,
    sha1_of,
    write_tree,
)
from tests.unit.host.agent.rooms import replace


def test_prune_takes_a_release_with_its_pool_and_objects(agent, root):
    build(agent, A)
    build(agent, B, {**FILES, "js/a.js": b"two"}, versions=b"a.js: y\n")
    build(agent, C, {**FILES, "js/a.js": b"three"}, versions=b"a.js: z\n")
    flip(agent, B)
    flip(agent, C)
    head = prune(agent, A)
    assert head == {"removed": [A], "freed": len(b"one") + len(b"a.js: x\n")}
    assert not (root / "pool" / sha1_of(b"one")).exists()
    for release in (B, C):
        answer = agent.do("verify", release=release, roles=ALL, bytes=True)
        assert (answer["missing"], answer["changed"]) == (0, 0)


def test_prune_never_takes_the_live_release_nor_the_one_before(agent):
    for release in (A, B, C):
        build(agent, release)
    flip(agent, B)
    flip(agent, A)
    assert prune(agent, A, B, C)["removed"] == [C]
    assert agent.host.releases() == [A, B]


def test_prune_keeps_what_the_journal_still_needs(agent, tmp_path):
    """Else `deploy --resume` has nothing to build on."""
    static = tmp_path / "static"
    write_tree(static, {"a.js": b"built"})
    (tmp_path / "versions.yml").write_text("built too")
    head, _ = agent.ask(
        "snapshot", root=str(static), extra=[str(tmp_path / "versions.yml"), "/none"]
    )
    agent.do(
        "write_journal",
        json.dumps({"phases": {"compress": {"listing": head["listing"]}, "seal": {}}}).encode(),
    )
    agent.do("put_object", b"nobody needs this")
    assert prune(agent)["freed"] == len(b"nobody needs this")
    wanted = record_of(b"built") + record_of(b"built too")
    assert agent.ask("missing", wanted)[1] == b""
    assert agent.do("restore", listing=head["listing"], root=str(static))


def test_prune_keeps_on_the_build_host_what_other_hosts_may_lack(agent, root):
    build(agent, A, roles=["build"])
    flip(agent, A)
    prune(agent, roles=["build"])
    assert agent.ask("missing", b"".join(map(record_of, FILES.values())))[1] == b""


def test_a_prune_that_was_interrupted_is_finished_by_the_next(agent, root, monkeypatch):
    build(agent, A)
    build(agent, B, {**FILES, "js/a.js": b"two"})
    flip(agent, B)

    def killed(host):
        raise KeyboardInterrupt

    replace(monkeypatch, "leftovers", killed)
    with pytest.raises(KeyboardInterrupt):
        prune(agent, A)
    monkeypatch.undo()
    assert agent.host.releases() == [B]
    assert agent.do("verify", release=B, roles=ALL, bytes=True)["missing"] == 0
    prune(agent, A)
    assert sorted(os.listdir(root / "releases")) == [B]
    assert not (root / "pool" / sha1_of(b"one")).exists()


def test_prune_clears_what_interrupted_tasks_left_aside(agent, root):
    build(agent, A)
    flip(agent, A)
    (root / "releases" / f".{B}.new" / "static").mkdir(parents=True)
    left = root / "objects" / "ab" / ".abc.1-2"
    left.parent.mkdir(exist_ok=True)
    left.write_text("half")
    prune(agent)
    assert sorted(os.listdir(root / "releases")) == [A]
    assert not left.exists()


@pytest.mark.parametrize("name", ["..", "../current", A + "/..", "", "."])
def test_prune_takes_nothing_but_releases(agent, root, name):
    build(agent, A)
    with pytest.raises(RefusedError, match="names no release"):
        prune(agent, name)
    assert agent.host.releases() == [A]


def test_prune_of_a_release_that_is_not_there_removes_nothing(agent):
    build(agent, A)
    flip(agent, A)
    assert prune(agent, B) == {"removed": [], "freed": 0}


def test_where_nothing_has_changed_nothing_that_is_kept_is_read(agent, monkeypatch):
    """Ten releases of 3,800 files took seconds, though there was nothing to remove."""
    build(agent, A)
    flip(agent, A)
    prune(agent)
    replace(monkeypatch, "needed", lambda *_: pytest.fail("what is kept was read"))
    assert prune(agent) == {"removed": [], "freed": 0}


@pytest.mark.parametrize(
    "change",
    [
        lambda agent: agent.do("put_object", b"nobody needs this"),
        lambda agent: build(agent, B, {**FILES, "js/a.js": b"two"}),
        lambda agent: os.unlink(agent.host.path("releases", A, "release.json")),
        lambda agent: os.mkdir(agent.host.path("pool", "strange")),
        lambda agent: agent.do(
            "write_journal", json.dumps({"phases": {"compress": {"listing": "a" * 64}}}).encode()
        ),
    ],
)
def test_whatever_may_leave_something_to_remove_is_noticed(agent, change):
    build(agent, A)
    flip(agent, A)
    prune(agent)
    before = recorded(agent.host)
    change(agent)
    assert as_it_is(agent.host, ALL) != before
