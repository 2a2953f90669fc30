"""Walks through folders, however deep."""

from __future__ import annotations

import contextlib
import os
import stat

from fab_static.host.agent.plain import is_folder
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

SHARED = (
    "a web host made it: give the build host a checkout of its own, or let one host have both roles"
)
HOLLOW_BYTES = 1 << 30  # a smaller file may be as sparse as it likes


def walk(root: str, links: set[str] | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file below a static root: path relative to it, and its stat; `links` takes those that are links.

    Raises:
        RefusedError: at a link that leads outside, and at what is neither file nor folder: their bytes are
            not the project's static files.
    """
    inside = os.path.realpath(root) + os.sep
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                moved()
                path = folder + entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path + "/")
                    continue
                is_link = entry.is_symlink()
                if is_link and links is not None:
                    links.add(path)
                if is_link and not (
                    os.path.realpath(entry.path).startswith(inside) and os.path.isfile(entry.path)
                ):
                    target = os.readlink(entry.path)
                    raise RefusedError(
                        f"{path} is a symbolic link to {target}",
                        root,
                        SHARED
                        if "/current/" in target
                        else "collect without --link; a link must lead to a file in the static root",
                        "build",
                    )
                status = entry.stat()
                if not stat.S_ISREG(status.st_mode):
                    raise RefusedError(f"{path} is not a file", root, "remove it", "build")
                if is_hollow(status):
                    raise RefusedError(
                        f"{path} is a sparse file: {status.st_size} bytes, nearly all of them a hole",
                        root,
                        "remove it: it would take all those bytes on every host",
                        "build",
                    )
                yield path, status


def is_hollow(status: os.stat_result) -> bool:
    """Tell whether a large file is a hole; what a file system compresses takes more than this."""
    return status.st_size >= HOLLOW_BYTES and status.st_blocks * 512 < status.st_size // 100


def is_inside(path: str, folder: str) -> bool:
    """Tell of two real paths whether one is the other, or lies in it."""
    return (path + "/").startswith(folder.rstrip("/") + "/")


def place_of(file: int, path: str) -> str:
    """Return where an open file lies: its real path, whatever its name leads to by now."""
    try:
        return os.readlink(f"/proc/self/fd/{file}")
    except OSError:  # not Linux
        return os.path.realpath(path)


def files_below(folder: str) -> Iterator[str]:
    for parent in folders_below(folder):
        with os.scandir(parent) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.path


def folders_below(folder: str) -> Iterator[str]:
    """Yield a folder and all below it, each before those in it; os.walk calls itself for each, before 3.12."""
    waiting = [folder] if is_folder(folder) else []
    while waiting:
        parent = waiting.pop()
        yield parent
        with contextlib.suppress(FileNotFoundError), os.scandir(parent) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def remove_empty_folders(folder: str) -> None:
    for parent in reversed(list(folders_below(folder))):
        if parent != folder:
            with contextlib.suppress(OSError):
                os.rmdir(parent)
