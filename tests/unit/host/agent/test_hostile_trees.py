"""What lies in a static root or below deploy_to may be deep, hollow, a bomb, or exchanged while it is read."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH118, PTH120, PTH208
from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from fab_static.host.agent import recorded, walking
from fab_static.host.agent.digests import mtime_of
from fab_static.host.agent.disk import make_folders, remove_tree
from fab_static.host.agent.objects import has_object
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import FakeAgent, sha256_of
from tests.unit.host.agent.rooms import replace


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    return FakeAgent(tmp_path / "deploy_to")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "static_root"
    found.mkdir()
    return found


def snapshot(agent: FakeAgent, root: Path) -> dict[str, list[object]]:
    name = agent.do("snapshot", root=str(root), extra=[])["listing"]
    files: dict[str, list[object]] = json.loads(agent.ask("read_object", object=name)[1])["files"]
    return files


# ---- exchanged between listing and reading


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_file_that_becomes_a_link_outside_while_it_is_read_is_refused(
    agent: FakeAgent, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    """Else another account would have any file that we may read put on the web (fleet D)."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.js").write_text("secret")
    (root / "js").mkdir()
    (root / "js" / "a.js").write_text("script")
    real = walking.walk

    def exchanged(*arguments: object) -> object:
        for found in real(*arguments):  # type: ignore[arg-type]
            if is_folder:
                shutil.rmtree(root / "js")
                (root / "js").symlink_to(outside)
            else:
                (root / "js" / "a.js").unlink()
                (root / "js" / "a.js").symlink_to(outside / "a.js")
            yield found

    replace(monkeypatch, "walk", exchanged)
    with pytest.raises(RefusedError, match="led out of the static root"):
        snapshot(agent, root)
    assert not (tmp_path / "deploy_to" / "objects").exists()


def test_a_file_that_becomes_a_pipe_is_not_waited_for(
    agent: FakeAgent, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.js").write_text("script")
    real = walking.walk

    def exchanged(*arguments: object) -> object:
        for found in real(*arguments):  # type: ignore[arg-type]
            (root / "a.js").unlink()
            os.mkfifo(root / "a.js")
            yield found

    replace(monkeypatch, "walk", exchanged)
    with pytest.raises(RefusedError, match=r"a\.js is not a plain file"):
        snapshot(agent, root)


def test_the_time_of_a_source_that_is_hard_linked_into_the_static_root_stays(
    agent: FakeAgent, root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.js"
    source.write_text("script")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    os.link(source, root / "a.js")
    snapshot(agent, root)
    assert source.stat().st_mtime == 1_700_000_000
    assert (root / "a.js").stat().st_mtime == mtime_of(sha256_of(b"script"))
    assert (root / "a.js").read_text() == "script"


# ---- pipes and devices below deploy_to


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_an_object_that_is_no_plain_file_is_missing_and_stored_anew(
    agent: FakeAgent, tmp_path: Path, kind: str
) -> None:
    path = Path(agent.host.object(sha256_of(b"body {}")))
    path.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"body {}")
    os.utime(elsewhere, (mtime_of(sha256_of(b"body {}")),) * 2)
    make: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to(elsewhere),
        "folder": path.mkdir,
    }
    make[kind]()
    assert not has_object(agent.host, path.name, 7)
    if kind != "folder":
        agent.do("put_object", b"body {}")
        assert path.read_bytes() == b"body {}"
        assert not path.is_symlink()


def test_a_pipe_behind_a_url_is_nothing_that_is_served(agent: FakeAgent) -> None:
    pool = Path(agent.host.path("pool", "1234567"))
    pool.mkdir(parents=True)
    os.mkfifo(pool / "a.js")
    assert agent.do("look_at", path="a.js", version="1234567")["pool"] is None


# ---- deep, many, long, hollow


def deep(folder: Path, depth: int) -> None:
    """Make folders in folders, beyond what one path can name."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize("depth", [1_000, 4_000])
def test_folders_are_removed_however_deep_they_are(tmp_path: Path, depth: int) -> None:
    """shutil.rmtree calls itself for each; a path holds 4,096 bytes (fleet D)."""
    folder, kept = tmp_path / "deep", tmp_path / "kept"
    folder.mkdir()
    kept.write_text("kept")
    (folder / "link").symlink_to(kept)
    deep(folder, depth)
    remove_tree(str(folder))
    assert not folder.exists()
    assert kept.read_text() == "kept"


def test_a_release_of_folders_a_thousand_deep_is_made_and_pruned(
    agent: FakeAgent, root: Path
) -> None:
    """(fleet D)."""
    name = "/".join(["d"] * 1_000) + "/a.js"
    make_folders(os.path.dirname(os.path.join(root, name)))
    (root / name).write_text("script")
    assert list(snapshot(agent, root)) == [name]
    pool = agent.host.path("pool", "named", name)
    make_folders(os.path.dirname(pool))
    Path(pool).write_text("left")
    assert agent.do("prune", releases=[], roles=["static"])["removed"] == []
    assert os.listdir(agent.host.path("pool")) == []
    agent.do("empty", root=str(root), keep={})
    assert os.listdir(root) == []


def test_a_sparse_file_is_refused_before_it_takes_its_bytes(agent: FakeAgent, root: Path) -> None:
    """Ten gigabytes of nothing would fill the disk of every host (fleet D)."""
    with (root / "video.mp4").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(RefusedError) as caught:
        snapshot(agent, root)
    assert caught.value.what == (
        "video.mp4 is a sparse file: 10737418240 bytes, nearly all of them a hole"
    )
    assert caught.value.mend == "remove it: it would take all those bytes on every host"


# ---- bombs


def test_a_copy_that_holds_far_more_than_its_file_takes_little_memory(agent: FakeAgent) -> None:
    """(fleet D): half a gigabyte from half a megabyte."""
    bomb = gzip.compress(bytes(64 << 20), 9)
    for _ in range(3):
        bomb += bomb
    pairs = []
    for data in (b"script", bomb):
        agent.do("put_object", data)
    pairs.append(["gz", sha256_of(bomb), sha256_of(b"script")])
    if shutil.which("brotli"):
        ran = subprocess.run(
            ["brotli", "--stdout", "--quality=1", "-"], input=bytes(256 << 20), capture_output=True
        )
        agent.do("put_object", ran.stdout)
        pairs.append(["br", sha256_of(ran.stdout), sha256_of(b"script")])
    tracemalloc.start()
    assert agent.do("mismatched", json.dumps(pairs).encode()) == {"wrong": list(range(len(pairs)))}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


# ---- believed only by name


def test_an_object_that_was_altered_is_never_believed_as_a_listing(agent: FakeAgent) -> None:
    """What it lists would be written: paths outside, or into the project (fleet D)."""
    name = agent.do("put_object", b'{"files": {}, "extra": {}}')["object"]
    path = Path(agent.host.object(name))
    path.chmod(0o644)
    path.write_bytes(b'{"files": {}, "extra": {"/etc/passwd": null}}')
    with pytest.raises(RefusedError, match="is damaged"):
        agent.do("restore", listing=name, root=str(path.parent))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_recorded_runs_in_another_accounts_folder_are_not_used_again(agent: FakeAgent) -> None:
    """Their answers stand for what the project would say (fleet D4)."""
    folder = Path(agent.host.path("recorded"))
    folder.mkdir(parents=True)
    (folder / "compress").write_text("{}")
    os.chown(folder, 65534, 65534)
    assert not Path(recorded.recorded(agent, "compress")).exists()  # type: ignore[arg-type]


def test_programs_that_others_may_put_on_the_path_are_told(
    agent: FakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(fleet D)."""
    theirs = tmp_path / "bin"
    theirs.mkdir()
    theirs.chmod(0o777)
    monkeypatch.setenv("PATH", f"/usr/bin:{theirs}:.")
    assert agent.do("facts")["open_path"] == [str(theirs), "."]
    assert sys.executable
