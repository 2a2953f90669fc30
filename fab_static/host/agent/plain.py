"""Reads files below `deploy_to`, where others may have been."""

from __future__ import annotations

import errno
import json
import os
import stat

from fab_static.host.agent.protocol import MAX_FRAME
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def open_plain(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a file below `deploy_to`, where others may have been: a plain file, or none at all.

    A link is not followed, and a pipe is not waited for.

    Raises:
        RefusedError: something else has its name.
    """
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
    else:
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
    raise not_plain(path)


def not_plain(path: str) -> RefusedError:
    return RefusedError(
        f"{os.path.basename(path)} is not a plain file",
        path,
        "find out who put it there, and move it away",
    )


def read_plain(path: str, most: int = MAX_FRAME) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a plain file, and its stat.

    Raises:
        RefusedError: it is not one, or is larger than any that we write.
    """
    file = open_plain(path)
    try:
        status = os.fstat(file)
        if status.st_size > most:
            raise RefusedError(
                f"{os.path.basename(path)} has {status.st_size} bytes, more than we write",
                path,
                "find out who wrote it, and move it away",
            )
        pieces = list(iter(lambda: os.read(file, 1 << 20), b""))
        return b"".join(pieces), status
    finally:
        os.close(file)


def read_json(path: str) -> Any:
    """Return the JSON of a plain file, or None if there is no such file."""
    try:
        return parsed(path, read_plain(path)[0])
    except FileNotFoundError:
        return None


def parsed(path: str, data: bytes) -> Any:
    """Return the JSON that was read from a file."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            f"{os.path.basename(path)} is not JSON: {error}",
            path,
            "move the damaged file away; the next deploy writes it again",
        ) from error


def is_ours(status: os.stat_result) -> bool:
    """Tell whether nobody but this user, or root, can have written a file, or what is in a folder."""
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_folder(path: str) -> bool:
    """Tell whether a folder stands there, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def owner_of(status: os.stat_result) -> str:
    """Return the name of a file's owner."""
    import pwd

    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return f"the user {status.st_uid}"


def folder_of_others(folder: str) -> str | None:
    """Return in words that other accounts may write in a folder, or None if none may."""
    status = os.stat(folder)
    if is_ours(status):
        return None
    return f"other accounts may write in {folder} (mode {stat.S_IMODE(status.st_mode):04o})"
