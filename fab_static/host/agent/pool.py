"""Where an entry of the pool stands, and which bytes it may not have."""

from __future__ import annotations

import contextlib
import os

from fab_static.host.agent.claims import Folders
from fab_static.host.agent.digests import mtime_of, sha256_of
from fab_static.host.agent.names import ENCODED, places_of
from fab_static.host.agent.objects import Objects
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.walking import files_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.store import Host


def in_pool(host: Host) -> set[str]:
    """Return the folders of the pool: of versions, and what stands beside those."""
    try:
        return {*os.listdir(host.path("pool"))}
    except FileNotFoundError:
        return set()


def has_linked(host: Host, path: str, sha256: str, folders: Folders, before: set[str]) -> bool:
    """Link an entry where nothing stands in its way, in neither pool; tell whether that was so: nearly always.

    `before`: the folders of the pool, as they were before the first entry of this release.
    """
    folder, target = path.split("/", 2)[1] + "~", host.path(path)
    if folder in before and any(map(os.path.lexists, map(host.path, places_of(path)))):
        return False
    try:
        folders.make(target.rpartition("/")[0])
        os.link(host.object(sha256), target)
    except OSError:
        return False
    return True


def place_for(host: Host, path: str, sha256: str, objects: Objects) -> str | None:
    """Return where a pool entry can be linked, or None if a place has it.

    A name may be a file in one release and a folder in the next. While both are kept, the later one
    stands in the second pool.
    """
    places = [*places_of(path)]
    if any(objects.has_link(host.path(place), sha256) for place in places):
        return None
    for place in places:
        if not is_blocked(host.path(place)):
            return place
    raise RefusedError(
        f"{path} is both a file and a folder in releases that are kept, more than once over",
        host.path("pool"),
        "rename the file or the folder; or prune those releases first",
        "release",
    )


def is_blocked(path: str) -> bool:
    """Tell whether no file can stand there: there is a folder, or a file in a folder's place."""
    with contextlib.suppress(OSError):
        os.rmdir(path)  # an empty one is a leftover
    if os.path.isdir(path):
        return True
    parent = os.path.dirname(path)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    return not os.path.isdir(parent)


def refuse_hidden(host: Host, seal: dict[str, Any], objects: Objects) -> None:
    """Refuse a file whose URL is answered from `pool/named` with other bytes: nginx looks there first."""
    files, named = seal["files"], set(seal["named"])
    for pool in (host.path("pool", "named"), host.path("pool", "named~")):
        for place in files_below(pool):
            path = os.path.relpath(place, pool)
            if (
                path not in files
                or path in named
                or (path.endswith(ENCODED) and path[:-3] in files)
            ):
                continue
            if not objects.has_link(place, files[path]["sha256"]):
                raise RefusedError(
                    f"{path} has other bytes than in a release that is kept, which named it by its content",
                    place,
                    "rename the file: browsers keep what its URL gave them for a year",
                    "release",
                )


def refuse_other_bytes(target: str, path: str, sha256: str) -> None:
    """Refuse a pool entry whose URL promised other bytes: caches keep them for a year.

    An entry that somebody wrote to is not a promise; it is linked again.
    """
    try:
        status = os.stat(target)
    except (FileNotFoundError, NotADirectoryError):
        return
    if int(status.st_mtime) != mtime_of(sha256):
        there = sha256_of(target)
        if there != sha256 and int(status.st_mtime) == mtime_of(there):
            raise RefusedError(
                f"{path} has other bytes here, and a URL must never change its bytes",
                target,
                "run resource_static after all that writes the file, then deploy again",
                "release",
            )
