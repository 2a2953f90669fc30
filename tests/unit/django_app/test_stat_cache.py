"""The memory of resource_static: never a wrong version, whatever happens to files and cache."""

import hashlib
import json
import os
import threading
import time

import pytest
from django.conf import settings

from fab_static.django_app import cache as caches
from fab_static.django_app import stat_cache

if not settings.configured:
    settings.configure()


def version(data):
    return hashlib.sha1(data).hexdigest()[:7]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "FAB_STATIC_CACHE", str(tmp_path / "cache"), raising=False)
    return tmp_path / "cache" / "versions"


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were read, in order."""
    names = []
    hash_all = stat_cache._hash_all
    monkeypatch.setattr(
        stat_cache,
        "_hash_all",
        lambda paths: names.extend(path.rsplit("/", 1)[1] for path in paths) or hash_all(paths),
    )
    return names


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "static"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(name.encode())
    settle(folder / "a", folder / "b")
    return folder


def settle(*files):
    """Wait until the clock has left the tick in which the files were written."""
    while time.time_ns() <= max(f.stat().st_ctime_ns for f in files) + stat_cache.TICK_NS:
        threading.Event().wait(0.005)


def versions(root, *names):
    paths = [str(root / name) for name in names]
    return dict(zip(names, stat_cache.versions_of(paths, root=str(root)), strict=True))


def test_an_unchanged_file_is_not_read_again(root, cache, hashed):
    expected = {"a": version(b"a"), "b": version(b"b"), "none": None}
    assert versions(root, "a", "b", "none") == expected
    assert sorted(hashed) == ["a", "b"]
    assert versions(root, "a", "b", "none") == expected
    assert len(hashed) == 2


def test_a_write_that_keeps_size_and_time_is_seen_by_its_ctime(root, cache, hashed):
    """Times in a static root may be made from content, or set by a tool that copies."""
    versions(root, "a")
    before = (root / "a").stat()
    (root / "a").write_bytes(b"x")
    os.utime(root / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert versions(root, "a") == {"a": version(b"x")}


def test_a_file_put_in_anothers_place_is_seen_by_its_inode(root, cache):
    versions(root, "a", "b")
    (root / "b").replace(root / "a")
    assert versions(root, "a", "b") == {"a": version(b"b"), "b": None}


def test_a_file_written_in_this_instant_is_hashed_again_the_next_time(
    root, cache, hashed, monkeypatch
):
    """A second write in the same tick of the clock would leave size and times as they are."""
    (root / "new").write_bytes(b"1")
    instant = (root / "new").stat().st_ctime_ns + stat_cache.TICK_NS // 2
    with monkeypatch.context() as clock:  # a busy machine may take longer than the tick
        clock.setattr(stat_cache.time, "time_ns", lambda: instant)
        versions(root, "a", "new")
        versions(root, "a", "new")
    assert hashed == ["a", "new", "new"]
    settle(root / "new")
    versions(root, "a", "new")
    versions(root, "a", "new")
    assert hashed == ["a", "new", "new", "new"]


def test_racy_writes_are_never_missed(root, cache):
    """Same size, in a loop as fast as can be: with the naive rule some of these would be lost."""
    for number in range(100):
        data = b"%03d" % number
        (root / "a").write_bytes(data)
        assert versions(root, "a") == {"a": version(data)}


def test_a_large_file_is_hashed_whole(root, cache):
    data = os.urandom(3 * stat_cache._PIECE + 7)
    (root / "a").write_bytes(data)
    assert versions(root, "a") == {"a": version(data)}


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(root, cache, monkeypatch):
    read = os.read

    def interrupted(file, size):
        piece = read(file, size)
        (root / "a").write_bytes(b"a")
        return piece

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", interrupted)
        versions(root, "a")
    assert not cache.exists()
    (root / "a").write_bytes(b"later")
    assert versions(root, "a") == {"a": version(b"later")}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"format": 1}',
        b'{"format": 2, "entries": {"x": "y"}}',
        b'{"format": 1, "entries": {"x": 3}}',
        b'{"format": 1, "entries": {"x": "1 2 3 4 5 <script"}}',
        b'{"format": 1, "entries": []}',
    ],
)
def test_a_cache_that_is_broken_or_of_another_age_is_as_none(root, cache, broken):
    versions(root, "a")
    (file,) = cache.iterdir()
    file.write_bytes(broken)
    assert versions(root, "a") == {"a": version(b"a")}
    assert json.loads(file.read_bytes())["format"] == 1
    file.unlink()
    assert versions(root, "a") == {"a": version(b"a")}


def test_a_folder_that_cannot_be_written_costs_time_only(root, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(settings, "FAB_STATIC_CACHE", str(tmp_path / "file/x"), raising=False)
    assert versions(root, "a") == {"a": version(b"a")}


def test_without_a_cache_nothing_is_written(root, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "FAB_STATIC_CACHE", None, raising=False)
    assert versions(root, "a") == {"a": version(b"a")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["static"]


def test_by_default_it_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert caches.folder() == tmp_path / "fab_static"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert caches.folder() == tmp_path / ".cache/fab_static"


def test_a_cache_that_nobody_used_for_a_month_is_removed_and_is_no_one_elses_to_read(root, cache):
    cache.mkdir(parents=True)
    old = cache / "0123456789abcdef.json"
    old.write_text("{}")
    os.utime(old, (1, 1))
    versions(root, "a")
    assert not old.exists()
    assert len(list(cache.iterdir())) == 1


def test_builds_at_once_never_read_half_a_cache(root, cache):
    """Both write the same file, over and over; each reads the other's."""
    names = [f"file{number}" for number in range(40)]
    for name in names:
        (root / name).write_bytes(name.encode())
    settle(*(root / name for name in names))  # else all builds may be over before any may be kept
    expected = {name: version(name.encode()) for name in names}
    wrong = []

    def build(half):
        for number in range(30):
            mine = names[half::2] if number % 2 else names
            if versions(root, *mine) != {name: expected[name] for name in mine}:
                wrong.append(number)

    threads = [threading.Thread(target=build, args=(half,)) for half in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []
    assert [path.suffix for path in cache.iterdir()] == [".json"]
