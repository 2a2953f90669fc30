"""A flip, its way back, and what happens when nobody confirms it."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH110

import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from fab_static.host.agent import flip as flip_module
from fab_static.host.agent import watchdog
from fab_static.host.agent.disk import point
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.watchdog import BEFORE
from tests.processes import becomes
from tests.unit.host.agent.agents import (
    MANIFEST,
    A,
    B,
    C,
    build,
    everything_below,
    flip,
    flip_back,
    record,
    silence,
)
from tests.unit.host.examples import examples


def test_a_flip_names_the_release_and_the_one_before(agent, root):
    build(agent, A)
    build(agent, B)
    assert flip(agent, A) == {"before": None}
    assert flip(agent, B) == {"before": A}
    assert os.readlink(root / "current") == f"releases/{B}"
    assert os.readlink(root / "previous") == f"releases/{A}"
    state = agent.do("state")
    assert (state["current"], state["previous"], state["releases"]) == (B, A, [A, B])
    assert [(one["event"], one["release"]) for one in record(agent)] == [
        ("activate", A),
        ("activate", B),
    ]


def test_a_flip_to_what_is_live_changes_and_records_nothing(agent, root):
    build(agent, A)
    build(agent, B)
    flip(agent, A)
    flip(agent, B)
    flip(agent, B)
    assert os.readlink(root / "previous") == f"releases/{A}"
    assert len(record(agent)) == 2


def test_a_flip_that_died_before_its_note_is_recorded_by_the_next(agent, root):
    """Else `rollback` finds nothing that was live before, and refuses."""
    build(agent, A)
    build(agent, B)
    flip(agent, A)
    point(str(root / "previous"), f"releases/{A}")
    point(str(root / "current"), f"releases/{B}")
    flip(agent, B)
    assert [one["release"] for one in record(agent)] == [A, B]


def test_the_projects_manifests_become_links_and_its_own_files_are_put_aside(agent, root, tmp_path):
    build(agent, A)
    own = tmp_path / "code" / "resource_versions.yml"
    own.parent.mkdir()
    own.write_text("own")
    links = {
        str(own): str(root / "current/resource_versions.yml"),
        str(tmp_path / "code/CACHE/manifest.json"): str(root / "current/static" / MANIFEST),
    }
    flip(agent, A, links)
    assert own.read_bytes() == b"a.js: x\n"
    assert (tmp_path / "code/CACHE/manifest.json").read_bytes() == b"{}"
    assert Path(str(own) + BEFORE).read_text() == "own"
    build(agent, B, versions=b"a.js: y\n")
    flip(agent, B, links)
    assert own.read_bytes() == b"a.js: y\n", "it flips with current"


def test_the_first_flip_undone_gives_the_project_its_own_files_back(agent, root, tmp_path):
    build(agent, A)
    own, new = tmp_path / "own.yml", tmp_path / "manifest.json"
    own.write_text("own")
    links = {
        str(own): str(root / "current/resource_versions.yml"),
        str(new): str(root / "current/static" / MANIFEST),
    }
    flip(agent, A, links)
    flip_back(agent, None, None, links)
    assert not own.is_symlink()
    assert own.read_text() == "own"
    assert not os.path.lexists(new)
    assert not os.path.lexists(root / "current")
    assert agent.do("state")["current"] is None
    assert [one["event"] for one in record(agent)] == ["activate", "undo"]


def test_a_flip_undone_leaves_both_links_as_they_were(agent, root):
    for release in (A, B, C):
        build(agent, release)
    flip(agent, A)
    flip(agent, B)
    flip(agent, C)
    flip_back(agent, B, A)
    assert (agent.host.live(), agent.host.live("previous")) == (B, A)
    assert record(agent)[-1]["event"] == "undo"
    assert record(agent)[-1]["release"] == C


def test_undoing_a_flip_that_never_came_changes_nothing(agent, root, tmp_path):
    build(agent, A)
    flip(agent, A)
    own = tmp_path / "own.yml"
    own.write_text("own")
    before = everything_below(root)
    flip_back(agent, A, None, {str(own): str(root / "current/resource_versions.yml")})
    assert everything_below(root) == before
    assert own.read_text() == "own"
    assert len(record(agent)) == 1


def test_a_folder_where_a_manifest_should_be_is_refused_before_anything_moves(
    agent, root, tmp_path
):
    build(agent, A)
    build(agent, B)
    flip(agent, A)
    (tmp_path / "manifest.json").mkdir()
    target = str(root / "current/static" / MANIFEST)
    with pytest.raises(RefusedError) as caught:
        flip(agent, B, {str(tmp_path / "manifest.json"): target})
    path = tmp_path / "manifest.json"
    assert caught.value.what == f"{path} is a folder, and should be a link to {target}"
    assert agent.host.live() == A


def test_current_exists_at_every_instant_of_many_flips(agent, root):
    build(agent, A)
    build(agent, B)
    flip(agent, A)
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            try:
                seen.add(os.readlink(root / "current"))
                assert (root / "current/release.json").exists()
            except (OSError, AssertionError) as error:
                seen.add(repr(error))

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(examples(60)):
        flip(agent, B)
        flip_back(agent, A)
    stop.set()
    watcher.join()
    assert seen <= {f"releases/{A}", f"releases/{B}"}


def test_the_projects_own_manifest_is_never_gone_while_it_becomes_a_link(
    agent, root, tmp_path, monkeypatch
):
    """A web process that starts in between would start without versions."""
    build(agent, A)
    own = tmp_path / "own.yml"
    own.write_text("own")
    held = []
    for name in ("replace", "symlink", "rename", "link"):
        real = getattr(os, name)

        def watched(*paths, real=real, **options):
            result = real(*paths, **options)
            held.append(os.path.exists(own))
            return result

        monkeypatch.setattr(os, name, watched)
    flip(agent, A, {str(own): str(root / "current/resource_versions.yml")})
    monkeypatch.undo()
    assert own.is_symlink()
    assert all(held)


def test_while_a_flip_is_provisional_the_offline_manifest_holds_both_releases_keys(
    agent, root, tmp_path
):
    """An old process that reads it late still finds its keys; so does a new one."""
    own = tmp_path / "manifest.json"
    links = {str(own): str(root / "current/static" / MANIFEST)}
    for release, keys in ((A, {"a": "old", "both": "old"}), (B, {"b": "new", "both": "new"})):
        build(agent, release, {MANIFEST: json.dumps(keys).encode()})
    flip(agent, A, links, manifest=str(own))
    assert json.loads(own.read_text()) == {"a": "old", "both": "old"}
    flip(agent, B, links, manifest=str(own), provisional=True)
    assert json.loads(own.read_text()) == {"a": "old", "b": "new", "both": "new"}
    agent.do("confirm", release=B, links=links, manifest=str(own), entry={"by": "anna"})
    assert json.loads(own.read_text()) == {"b": "new", "both": "new"}
    flip(agent, A, links, manifest=str(own), provisional=True)
    flip_back(agent, B, A, links)
    assert json.loads(own.read_text()) == {"b": "new", "both": "new"}
    assert not (root / "union.json").exists()


@pytest.fixture
def silent(monkeypatch, root):
    """A file: once it is there, nothing was heard of the operator for hours."""
    return silence(monkeypatch, root.parent / "silent")


def test_a_flip_that_nobody_confirms_goes_back_by_itself(agent, root, silent):
    """Whoever is cut off in the middle of a flip leaves no mixed fleet behind."""
    for release in (A, B):
        build(agent, release)
    flip(agent, A)
    told = root.parent / "told"
    agent.do(
        "flip",
        release=B,
        links={},
        entry={"by": "anna"},
        manifest=None,
        reload=f"touch {told}",
        confirm_timeout=60,
    )
    assert agent.host.live() == B
    assert agent.do("state")["provisional"]["release"] == B
    silent.touch()
    assert becomes(told.exists)
    assert agent.host.live() == A
    assert agent.do("state")["provisional"] is None
    assert "nothing was heard of the operator" in (root / "log.jsonl").read_text()
    assert agent.do("confirm", release=B)["confirmed"] is False


def test_a_flip_stays_as_long_as_the_operator_is_heard_of(agent, root, monkeypatch):
    for release in (A, B):
        build(agent, release)
    flip(agent, A)
    note = root / "provisional.json"
    monkeypatch.setattr(flip_module, "start_watchdog", lambda *_: None)  # it is looked at here
    flip(agent, B, provisional=True)
    now = [0.0]

    def hears(_seconds):
        now[0] += 40  # of the 60 that it would bear
        os.utime(note, (now[0], now[0]))
        assert agent.host.live() == B
        if now[0] > 1000:
            assert agent.do("confirm", release=B)["confirmed"] is True

    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=hears))
    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.chdir(root)  # it goes elsewhere
    watchdog.watchdog(agent.host, {"confirm_timeout": 60}, json.loads(note.read_text()))
    assert now[0] > 1000
    assert agent.host.live() == B


def test_a_confirmed_flip_that_is_doubted_goes_back_by_itself(agent, root, silent):
    """The operator could not tell every host, and died on the way back."""
    for release in (A, B):
        build(agent, release)
    told = root.parent / "told"
    doubted = {
        "release": B,
        "links": {},
        "entry": {"by": "anna"},
        "manifest": None,
        "reload": f"touch {told}",
        "confirm_timeout": 60,
        "current": A,
        "previous": None,
    }
    flip(agent, A)
    agent.do("doubt", **doubted)  # the flip never came here
    assert agent.do("state")["provisional"] is None
    flip(agent, B)
    agent.do("doubt", **doubted)
    assert agent.host.live() == B
    assert agent.do("confirm", release=B)["confirmed"] is False  # it comes late
    silent.touch()
    assert becomes(told.exists)
    state = agent.do("state")
    assert (state["current"], state["previous"], state["provisional"]) == (A, None, None)


def test_processes_that_were_not_told_of_the_way_back_are_told_by_the_host(agent, root, silent):
    """The operator died after he had put the links back, before the reload."""
    for release in (A, B):
        build(agent, release)
    told = root.parent / "told"
    flip(agent, A)
    flip(agent, B)
    flip_back(agent, A, reload=f"touch {told}")
    assert agent.host.live() == A
    assert agent.do("state")["provisional"]["current"] == A
    silent.touch()
    assert becomes(told.exists)
    assert agent.do("state")["provisional"] is None
    silent.unlink()
    # an operator who lives says that they were
    flip(agent, B)
    flip_back(agent, A, reload=f"touch {told}")
    assert agent.do("confirm", release=A)["confirmed"] is True
    assert agent.do("state")["provisional"] is None
    # where the flip never came there is nothing to tell
    flip_back(agent, A, reload=f"touch {told}")
    assert agent.do("state")["provisional"] is None


def test_only_links_to_releases_count_as_live(agent, root):
    root.mkdir()
    for target in ("/etc", "releases/../../etc", "releases/x", A, "other/" + A):
        (root / "current").symlink_to(target)
        assert agent.host.live() is None
        (root / "current").unlink()
    (root / "current").mkdir()
    assert agent.host.live() is None
