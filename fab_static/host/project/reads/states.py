"""The state of a file or folder as a run read it, and the record of such states."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import Any, Callable, Iterable, List, Tuple

from fab_static.host.project.reads.globs import matching

FORMAT = 2
# A file changed within a tick of its file system's clock before the run may have been changed again since,
# unseen: above the kernel's 10 ms, or where whole seconds are kept, two seconds
# (git: Documentation/technical/racy-git).
TICK_NS = 50_000_000
COARSE_TICK_NS = 2_000_000_000
# as they are before anybody replaces them: the probe shows the project another file in a file's place
_open, _stat, lstat, _readlink, _scandir = open, os.stat, os.lstat, os.readlink, os.scandir
Stamp = Tuple[int, int, int, int]
Input = Tuple[str, str]  # aspect, path
Entry = Tuple[str, bool]  # a name in a folder, and whether it is a folder
Row = List[Any]  # of a record: aspect, path, state, stamp


def state_of(aspect: str, path: str) -> str:
    """Return one aspect of a path as it is now.

    `bytes`: SHA-256; `names`, `modules`, `packages`: of a folder's names, all or those that can be imported or
    are metadata; `others`: of a folder's names except for some, which follow its path, after a NUL each; `kind`: what it is; `link`: where it leads, or what it is; `times`: size and time; `matches`: of the files that a glob matches.
    """
    try:
        if aspect == "bytes":
            return _sha256(path)
        if aspect == "matches":
            return _digest(matching(path))
        if aspect == "others":
            folder, *names = path.split("\0")
            return digest_of_names(entry for entry in entries_of(folder) if entry[0] not in names)
        if aspect in LISTINGS:
            return _digest(sorted(filter(None, map(LISTINGS[aspect], entries_of(path)))))
        if aspect == "link" and stat.S_ISLNK(lstat(path).st_mode):
            return "link to " + _readlink(path)
        found = _stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    except IsADirectoryError:
        return "folder"
    except OSError as error:
        return f"error {error.errno}"
    kind = "folder" if stat.S_ISDIR(found.st_mode) else "file"
    if aspect == "times" and kind == "file":
        return f"{found.st_size} {found.st_mtime_ns} {found.st_mode:o}"
    return kind


def entries_of(path: str) -> list[Entry]:
    """Return each name in a folder, and whether it is a folder."""
    with _scandir(path) as entries:
        return [(entry.name, entry.is_dir()) for entry in entries]


def digest_of_names(entries: Iterable[Entry]) -> str:
    """Return the state `names` of a folder that holds these names; with each, whether it is a folder."""
    return _digest(sorted(filter(None, map(_any_name, entries))))


def _any_name(entry: Entry) -> str:
    name, is_folder = entry
    return "" if name == "__pycache__" else name + "/" * is_folder


def _module(entry: Entry) -> str:
    name, is_folder = entry
    if is_folder:
        return name + "/" if name.isidentifier() and name != "__pycache__" else ""
    return name if name.endswith((".py", ".pyc", ".so", ".zip", ".pth")) else ""


def _package(entry: Entry) -> str:
    return entry[0] if entry[0].lower().endswith((".dist-info", ".egg-info", ".egg")) else ""


LISTINGS: dict[str, Callable[[Entry], str]] = {
    "names": _any_name,
    "modules": _module,
    "packages": _package,
}


def stamp_of(path: str) -> Stamp | None:
    """Return what stands for a file's bytes, or a folder's names, while it stays, or None if there is none."""
    try:
        found = _stat(path)
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def settled(stamp: Stamp, start_ns: int) -> bool:
    """Tell whether the last change was so long before the start that a later one has another time."""
    coarse = stamp[2] % 1_000_000_000 == 0
    return stamp[2] < start_ns - (COARSE_TICK_NS if coarse else TICK_NS)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    mode = _stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "no file"  # a pipe would wait for a writer
    with _open(path, "rb", buffering=0) as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def is_device(path: str) -> bool:
    """Tell whether it is a device, as /dev/null is; what lies in /dev/shm is not."""
    if not path.startswith("/dev/") or path.startswith("/dev/shm/"):  # noqa: S108  # we only look
        return False
    try:
        return stat.S_ISCHR(_stat(path).st_mode)
    except OSError:
        return False


def read_record(path: str) -> dict[str, Any] | None:
    """Return a record, or None if there is none, or it is broken."""
    try:
        with open(path, "rb") as file:
            record = json.loads(file.read().decode("utf-8"))
        return record if isinstance(record, dict) and "given" in record else None
    except (OSError, ValueError):
        return None
