"""A link in the place of a folder of ours is never followed: what it leads to is somebody's (fleet D4)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fab_static.host.agent import walking
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import A, B, FakeAgent, build, flip, prune, record_of, sha1_of
from tests.unit.host.agent.rooms import replace

FOLDERS = ["objects", "pool", "releases", "recorded", "lock"]


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    made = FakeAgent(tmp_path / "deploy_to")
    for release in (A, B):
        build(made, release)
        flip(made, release)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's folder, which holds what a prune would take for its own."""
    folder = tmp_path / "home"
    (folder / "mail").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("notes.txt", "mail/inbox", ".hidden/key"):
        (folder / name).write_text("mine")
    return folder


def all_below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def in_place_of(agent: FakeAgent, name: str, target: Path) -> Path:
    """Put a link in the place of a folder below deploy_to."""
    path = Path(agent.host.path(name))
    if path.exists():
        path.rename(path.with_name(path.name + "-moved"))
    path.symlink_to(target)
    return path


@pytest.mark.parametrize("name", FOLDERS)
def test_prune_removes_nothing_that_a_link_leads_to(
    agent: FakeAgent, home: Path, name: str
) -> None:
    """(build G10, fleet D4): `objects -> /home/deploy` emptied the home folder."""
    before = all_below(home)
    path = in_place_of(agent, name, home)
    with pytest.raises(RefusedError) as caught:
        prune(agent, A)
    assert all_below(home) == before
    assert caught.value.what == f"{name} is a symbolic link to {home}"
    assert caught.value.where == str(path)
    assert caught.value.mend == (
        f"remove the link, and move the folder itself to {path} if the link led to it; to keep all of it "
        f"on another disk, let {agent.host.root} as a whole be a link to there"
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_nothing_is_written_through_a_link(agent: FakeAgent, home: Path, name: str) -> None:
    """(fleet D4)."""
    before = all_below(home)
    in_place_of(agent, name, home)
    for do, body in (
        ("put_object", b"new"),
        ("store", record_of(b"new") + b"new"),
        ("lock", b""),
        ("note", b""),
    ):
        with pytest.raises(RefusedError, match="is a symbolic link to"):
            agent.ask(do, body, owner="anna", phase="deploy", entry={}, deflated=False)
    assert all_below(home) == before


@pytest.mark.parametrize("name", FOLDERS)
def test_state_says_it_and_changes_nothing(agent: FakeAgent, home: Path, name: str) -> None:
    in_place_of(agent, name, home)
    told = agent.do("state")["odd"]
    assert f"{name} is a symbolic link to {home}; nothing is written through it" in told
    assert agent.do("facts")["linked"] == [f"{name} is a symbolic link to {home}"]


def test_a_link_to_nothing_counts_too(agent: FakeAgent, home: Path) -> None:
    in_place_of(agent, "pool", home / "absent")
    with pytest.raises(RefusedError, match="pool is a symbolic link to"):
        prune(agent)
    assert not (home / "absent").exists()


@pytest.mark.parametrize("name", ["objects", "pool", "releases"])
def test_what_has_the_name_of_a_folder_and_is_none_is_named(agent: FakeAgent, name: str) -> None:
    path = Path(agent.host.path(name))
    path.rename(path.with_name("moved"))
    path.write_text("somebody's")
    with pytest.raises(RefusedError) as caught:
        agent.do("put_object", b"new")
    assert (caught.value.what, caught.value.where) == (f"{name} is not a folder", str(path))
    assert caught.value.mend == "find out who put it there, and move it away"
    assert path.read_text() == "somebody's"


def test_deploy_to_as_a_whole_may_be_a_link(tmp_path: Path) -> None:
    """An operator keeps all of it on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "srv").symlink_to(tmp_path / "disk")
    agent = FakeAgent(tmp_path / "srv")
    build(agent, A)
    build(agent, B, {"js/b.js": b"two"}, versions=b"b.js: y\n")
    flip(agent, B)
    assert prune(agent, A)["removed"] == [A]
    assert agent.host.releases() == [B]
    assert agent.do("verify", release=B, roles=["static"], bytes=True)["missing"] == 0


# ---- further down


def test_no_object_is_written_through_a_link_among_the_objects(
    agent: FakeAgent, home: Path
) -> None:
    """`objects/ab -> /home/deploy`: another member of the kind."""
    before = all_below(home)
    sha256 = begun_sha256(b"new").hexdigest()
    in_place_of(agent, f"objects/{sha256[:2]}", home)
    with pytest.raises(RefusedError, match=f"objects/{sha256[:2]} is a symbolic link to"):
        agent.do("put_object", b"new")
    assert all_below(home) == before


def test_no_pool_entry_is_written_through_a_link_in_the_pool(agent: FakeAgent, home: Path) -> None:
    before = all_below(home)
    version = sha1_of(b"two")
    in_place_of(agent, f"pool/{version}", home)
    with pytest.raises(RefusedError, match=f"pool/{version} is a symbolic link to"):
        build(agent, "20261125T170102Z-00000005", {"js/b.js": b"two"}, versions=b"b.js: y\n")
    assert all_below(home) == before
    assert agent.do("facts")["linked"] == [f"pool/{version} is a symbolic link to {home}"]


def test_prune_takes_links_among_what_it_holds_and_not_what_they_lead_to(
    agent: FakeAgent, home: Path
) -> None:
    before = all_below(home)
    for name in ("objects/zz", "pool/1234567", "pool/named"):
        in_place_of(agent, name, home)
    prune(agent)
    assert all_below(home) == before
    assert not os.path.lexists(agent.host.path("objects", "zz"))


def test_prune_follows_no_link_that_takes_a_folders_place_meanwhile(
    agent: FakeAgent, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the removal another account may exchange them."""
    before = all_below(home)
    (Path(agent.host.path("objects")) / "mail").mkdir()
    folders = walking.folders_below

    def exchanged(folder: str):
        for one in folders(folder):
            if one.endswith("/objects/mail"):
                Path(one).rmdir()
                Path(one).symlink_to(home / "mail")
            if one.endswith("/objects"):
                yield one
                Path(one).rename(one + "-moved")
                Path(one).symlink_to(home)
                continue
            yield one

    replace(monkeypatch, "folders_below", exchanged)
    with pytest.raises((RefusedError, OSError)):
        prune(agent)
    assert all_below(home) == before
