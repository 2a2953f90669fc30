"""Versions of files that were hashed before, remembered as git's index remembers: by what stat says of a file.

A file counts as unchanged while its size, mtime, ctime, inode and device are. Our files may have times made from
their content, and many tools set times. But nobody can set the ctime, and a new file has another inode.

Some entries are "racily clean" (git: Documentation/technical/racy-git): their ctime is the very instant in which
they were hashed. A write in the same tick of the clock would leave no trace. So they are hashed again next time.

The cache is one file for each static root, replaced in one rename. Two builds at once lose each other's entries at
worst. It can be deleted at any time. It lies in the user's own cache folder. Beside the project it would be
deployed, or lost with every checkout. In the system's temporary folder others could write it.

Settings:
    FAB_STATIC_CACHE  its folder; default: fab_static below XDG_CACHE_HOME, or ~/.cache; None: no cache
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path

from fab_static.django_app import cache, project
from fab_static.host.project import results

FORMAT = 1
KEPT_SECONDS = (
    30 * 24 * 3600
)  # one that no build has written for so long is of a checkout long gone
# How old a ctime must be to be told from a later one: above the kernel's tick of 4 or 10 ms, or, where a file system
# keeps whole seconds (ext3, FAT), above two seconds.
TICK_NS = 50_000_000
COARSE_TICK_NS = 2_000_000_000
_THREADS = 4  # reading and hashing let go of the interpreter's lock
_CHUNK = 250  # files a thread takes at a time
_PIECE = 1 << 20  # bytes read at once
_ARE_VERSIONS = re.compile(r"[0-9a-f]*").fullmatch


def versions_of(paths: Sequence[str], *, root: str) -> list[str | None]:
    """Return the version of each file, None for one that is not there; `root` is the static root they are of."""
    base = cache.folder()
    file = base and base / "versions" / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.json"
    known = _read(file) if file else {}
    found: dict[str, str | None] = dict.fromkeys(paths)
    # {path: "stamp version"}: texts, which the garbage collector need not walk
    kept: dict[str, str] = {}
    changed: list[str] = []
    for path in paths:
        try:
            stamp = _stamp(os.stat(path))  # noqa: PTH116  # ten thousand times
        except (FileNotFoundError, NotADirectoryError):
            continue
        entry = known.get(path, "")
        if entry[:-8] == stamp:
            kept[path] = entry
            found[path] = entry[-7:]
        else:
            changed.append(path)
    chunks = [changed[at : at + _CHUNK] for at in range(0, len(changed), _CHUNK)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for path, version, clean in chain.from_iterable(pool.map(_hash_all, chunks)):
            found[path] = version
            if clean:
                kept[path] = clean
    if file and kept != known:
        _write(file, kept)
    return [found[path] for path in paths]


def _hash_all(paths: Sequence[str]) -> list[tuple[str, str | None, str | None]]:
    """Return (path, version, entry to remember) of each file; no entry where it must be hashed again."""
    hashed: list[tuple[str, str | None, str | None]] = []
    for path in paths:
        now = time.time_ns()
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            hashed.append((path, None, None))
            continue
        try:
            before = os.fstat(file)
            digest = hashlib.sha1(usedforsecurity=False)
            while piece := os.read(file, min(before.st_size + 1, _PIECE)):
                digest.update(piece)
            stamp = _stamp(os.fstat(file))
        finally:
            os.close(file)
        version = digest.hexdigest()[:7]
        is_coarse = before.st_ctime_ns % 1_000_000_000 == 0
        is_racy = before.st_ctime_ns > now - (COARSE_TICK_NS if is_coarse else TICK_NS)
        is_clean = not is_racy and stamp == _stamp(before)
        hashed.append((path, version, f"{stamp} {version}" if is_clean else None))
    return hashed


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino} {found.st_dev}"


def _read(file: Path) -> dict[str, str]:
    """Return what a cache holds; nothing of one that is broken, or of another age of the program."""
    try:
        document = json.loads(results.read_own(str(file)))
        entries: dict[str, str] = document["entries"] if document["format"] == FORMAT else {}
        # one look at all the versions: the stamps before them are compared with real ones
        is_ours = _ARE_VERSIONS("".join([entry[-7:] for entry in entries.values()]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return entries if is_ours else {}


def _write(file: Path, entries: Mapping[str, str]) -> None:
    document = {"format": FORMAT, "entries": entries}
    with suppress(OSError, UnicodeError):  # no cache costs time only
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        project.write_atomically(file, json.dumps(document, separators=(",", ":")).encode())
        oldest = time.time() - KEPT_SECONDS
        for other in file.parent.glob("*.json"):
            if other.stat().st_mtime < oldest:
                other.unlink(missing_ok=True)
