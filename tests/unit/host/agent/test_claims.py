"""Folders below `deploy_to` are made once, and never through a link."""

import os

import pytest

from fab_static.host.agent import claims
from fab_static.host.agent.claims import Folders
from fab_static.host.agent.refusals import RefusedError


def test_folders_are_made_and_what_is_there_stays(agent, root):
    (root / "pool" / "1234567").mkdir(parents=True)
    (root / "pool" / "1234567" / "a.js").write_bytes(b"a")
    folders = Folders(agent.host)
    for name in ("js/deep", "js", "css"):
        folders.make(str(root / "pool" / "1234567" / name))
    assert sorted(each.name for each in (root / "pool" / "1234567").iterdir()) == [
        "a.js",
        "css",
        "js",
    ]
    assert (root / "pool" / "1234567" / "js" / "deep").is_dir()


def test_a_folder_is_looked_at_once(agent, root, monkeypatch):
    made = []
    real = os.mkdir
    monkeypatch.setattr(claims.os, "mkdir", lambda path, *mode: made.append(path) or real(path))
    folders = Folders(agent.host)
    for _ in range(3):
        folders.make(str(root / "objects" / "ab"))
    folders.make(str(root / "objects" / "cd"))
    wanted = [root / name for name in ("objects", "objects/ab", "objects/cd")]
    assert made[-3:] == [str(path) for path in wanted]


@pytest.mark.parametrize("name", ["pool", "pool/1234567", "pool/1234567/js"])
def test_no_folder_is_made_through_a_link(agent, root, tmp_path, name):
    """Whoever can write there would have us write into somebody else's folder."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (root / name).parent.mkdir(parents=True)
    (root / name).symlink_to(theirs)
    with pytest.raises(RefusedError, match="is a symbolic link to"):
        Folders(agent.host).make(str(root / "pool" / "1234567" / "js" / "deep"))
    assert list(theirs.iterdir()) == []


def test_a_file_in_a_folder_s_place_is_told(agent, root):
    (root / "pool").mkdir(parents=True)
    (root / "pool" / "1234567").write_bytes(b"")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        Folders(agent.host).make(str(root / "pool" / "1234567" / "js"))
