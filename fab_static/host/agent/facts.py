"""What the doctor wants to know of a host."""

from __future__ import annotations

import contextlib
import os
import stat
import time

from fab_static.host.agent.disk import remove_tree, write_file
from fab_static.host.agent.names import checked
from fab_static.host.agent.plain import owner_of
from fab_static.host.agent.provisional import PROVISIONAL, UNION
from fab_static.host.agent.state import linked, may_anybody_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent


def facts(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say what the doctor wants to know of a host."""
    folder = agent.host.root
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    disk = os.statvfs(folder)
    return {
        "free_bytes": disk.f_bavail * disk.f_frsize,
        "free_inodes": disk.f_favail,
        "writable": os.access(folder, os.W_OK | os.X_OK),
        "exists": os.path.isdir(agent.host.root),
        "inodes": inodes(agent.host),
        "unwritable": unwritable(agent.host),
        "elsewhere": elsewhere(agent.host),
        "exposed": exposed(agent.host),
        "linked": [
            agent.host.told_of_link(name)
            for name in linked(agent.host)
            if agent.host.path(name) not in elsewhere(agent.host)
        ],
        "open_path": open_path(),
        "is_a_groups": os.path.isdir(agent.host.root)
        and not may_anybody_write(agent.host.root)
        and bool(os.stat(agent.host.root).st_mode & stat.S_IWGRP),
        "now": time.time(),
    }, b""


def inodes(host: Host) -> list[int] | None:
    """Return numbers that two hosts have alike who share a folder, or None if there is no folder."""
    found = []
    for name in ("", ".fab_static", "objects", "releases"):
        with contextlib.suppress(OSError):
            found.append(os.stat(host.path(name)).st_ino)
    return found or None


def folders_of_ours(host: Host) -> Iterator[str]:
    """Yield the folders that every deploy may have to write in, as far as they are there."""
    for name in ("", "releases", "pool", "objects"):
        folder = host.path(name) if name else host.root
        if os.path.isdir(folder):
            yield folder
        if name == "objects":
            with contextlib.suppress(OSError):
                for one in sorted(os.listdir(folder)):
                    yield os.path.join(folder, one)


def unwritable(host: Host) -> list[str]:
    """Return the folders below `deploy_to` that this user may not write in."""
    return [folder for folder in folders_of_ours(host) if not os.access(folder, os.W_OK | os.X_OK)]


def elsewhere(host: Host) -> list[str]:
    """Return the folders that lie on another file system than `deploy_to`, or are mounts of their own."""
    mounts: set[str] = set()
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as lines:
        mounts = {os.fsdecode(line.split()[4]) for line in lines}
    found = []
    for name in ("objects", "releases", "pool"):
        path = host.path(name)
        with contextlib.suppress(OSError):
            is_other = os.stat(path).st_dev != os.stat(host.root).st_dev
            if is_other or os.path.realpath(path) in mounts:
                found.append(path)
    return found


def exposed(host: Host) -> list[str]:
    """Return in words what below `deploy_to` other accounts may write, or have written."""
    found = []
    records = ("journal.json", "log.jsonl", PROVISIONAL, ".fab_static", "recorded", "lock", UNION)
    for path in (*folders_of_ours(host), *map(host.path, records)):
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            if status.st_uid not in (os.geteuid(), 0):
                found.append(f"{path} belongs to {owner_of(status)}")
            elif status.st_mode & stat.S_IWOTH and not stat.S_ISLNK(status.st_mode):
                found.append(f"every account may write {path}")
            elif status.st_mode & stat.S_IWGRP and not stat.S_ISLNK(status.st_mode):
                found.append(f"its group may write {path}")
    return found


def open_path() -> list[str]:
    """Return the folders of PATH in which other accounts may put programs, by names that we start."""
    found = []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        with contextlib.suppress(OSError):
            status = os.stat(folder or ".")
            if (
                not os.path.isabs(folder)
                or status.st_uid not in (os.geteuid(), 0)
                or (status.st_mode & stat.S_IWOTH)
            ):
                found.append(folder or ".")
    return found


MARK = r"[0-9a-f]{16}"


def mark(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Set a mark, or `remove` it, by which another host shows that it shares the folder."""
    path = agent.host.path(".mark-" + checked(MARK, head["mark"], "mark"))
    if head.get("remove"):
        remove_tree(path)
    else:
        write_file(path, b"")
    return {}, b""


def is_marked(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which of the `marks` are here; each is looked up: a listing may come from a cache of NFS."""
    marks = [checked(MARK, mark, "mark") for mark in head["marks"]]
    there = [mark for mark in marks if os.path.lexists(agent.host.path(".mark-" + mark))]
    return {"marked": there}, b""
