"""FAB_STATIC_CACHE may lie where another account writes: its results go into no build."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fab_static.django_app import project, stat_cache
from fab_static.django_app.cache import Cache, Made
from fab_static.host.project import results


def planted(folder: Path, root: Path) -> Path:
    """Have a cache keep a result, and return its file."""
    Cache(folder, {"project": root}).put("key", b"theirs", {})
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


def made(folder: Path, root: Path) -> bytes:
    return Cache(folder, {"project": root}).result("key", lambda: Made(b"ours", {}))


def test_a_result_that_others_may_have_written_is_not_used(tmp_path: Path) -> None:
    """(fleet D)."""
    file = planted(tmp_path / "cache", tmp_path)
    assert made(tmp_path / "cache", tmp_path) == b"theirs"
    file.chmod(0o666)
    assert made(tmp_path / "cache", tmp_path) == b"ours"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_result_of_another_account_is_not_used(tmp_path: Path) -> None:
    """(fleet D)."""
    file = planted(tmp_path / "cache", tmp_path)
    os.chown(file, 65534, 65534)
    assert made(tmp_path / "cache", tmp_path) == b"ours"


def test_nor_is_one_behind_a_link_or_a_pipe(tmp_path: Path) -> None:
    file = planted(tmp_path / "cache", tmp_path)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert made(tmp_path / "cache", tmp_path) == b"ours"
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    with pytest.raises(OSError, match="another account"):
        results.read_own(str(file))


def test_versions_that_others_may_have_written_are_not_used(tmp_path: Path) -> None:
    file = tmp_path / "versions.json"
    file.write_text(json.dumps({"format": 1, "entries": {"a.js": "1 2 3 4 5 1234567"}}))
    file.chmod(0o644)
    assert stat_cache._read(file)
    file.chmod(0o664)
    assert stat_cache._read(file) == {}


def test_nothing_is_written_through_a_link_that_waits_beside_a_file(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    file = tmp_path / "versions.json"
    (tmp_path / f".versions.json.{os.getpid()}.tmp").symlink_to(precious)
    project.write_atomically(file, b"{}")
    assert (precious.read_text(), file.read_text()) == ("precious", "{}")
