"""Removes releases, and what no release needs any more."""

from __future__ import annotations

import contextlib
import json
import os
import re

from fab_static.host.agent.claims import claim, refuse_link
from fab_static.host.agent.disk import remove_tree, write_file
from fab_static.host.agent.gone import Gone, by_last_live, link_all
from fab_static.host.agent.names import OBJECT, RELEASE, SECOND_POOL, checked
from fab_static.host.agent.plain import is_folder, read_json, read_plain
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import deltas_of, links_of, seals, with_copies
from fab_static.host.agent.walking import folders_below, place_of, remove_empty_folders
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

RECORD = "pruned.json"  # how all was when the last prune had ended


def prune(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Remove releases, then every pool entry and object that no release left needs.

    The live release and the one before are never removed, whatever the request says.
    """
    host = agent.host
    claim(host)
    kept = {host.live(), host.live("previous")}
    removed = []
    for release in head["releases"]:
        folder = host.path("releases", checked(RELEASE, release, "release"))
        if release not in kept and os.path.isdir(folder):
            away = host.path("releases", f".{release}.gone")
            remove_tree(away)
            os.rename(folder, away)
            removed.append(release)
    leftovers(host)
    host.odd.clear()
    if not removed and recorded(host) == as_it_is(host, head["roles"]):
        return {"removed": [], "freed": 0}, b""
    links, gone, objects = needed(host, head["roles"])
    if host.odd:  # what such a release or journal needs, nobody knows
        return {"removed": removed, "freed": 0, "odd": list(host.odd.values())}, b""
    links.update(path for path, _sha256, _size in gone)
    remove_files(
        host, "pool", lambda path: path in links or re.sub(SECOND_POOL, r"\1/", path) in links
    )
    freed = remove_files(host, "objects", lambda path: os.path.basename(path) in objects)
    remove_empty_folders(host.path("pool"))
    link_all(host, gone)  # a host that came late, or a flip on a full disk, lacks some
    write_file(host.path(RECORD), as_it_is(host, head["roles"]).encode())
    return {"removed": removed, "freed": freed}, b""


def as_it_is(host: Host, roles: list[str]) -> str:
    """Return all that decides what is needed, and whether an object came: where that is as it was, nothing may go.

    A few hundred looks at folders, whatever they hold. What is kept is not walked, nor are seals read.
    """
    releases = [(name, told(host, "releases", name, "release.json")) for name in host.releases()]
    objects = host.path("objects")
    folders = sorted(os.listdir(objects)) if is_folder(objects) else []
    return json.dumps(
        {
            "format": 1,
            "roles": sorted(roles),
            "live": [host.live(), host.live("previous")],
            "releases": releases,
            "record": told(host, "log.jsonl"),
            "listings": sorted(listings(host)),
            "objects": [(name, told(host, "objects", name)) for name in folders],
            "pool": told(host, "pool"),
        },
        sort_keys=True,
    )


def told(host: Host, *parts: str) -> list[int] | None:
    """Return what changes when a file is written again, or a folder gets or loses an entry; None: it is not there."""
    try:
        status = os.lstat(host.path(*parts))
    except OSError:
        return None
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def recorded(host: Host) -> str | None:
    """Return how all was when the last prune had ended, or None if nobody knows."""
    try:
        return read_plain(host.path(RECORD))[0].decode("utf-8", "replace")
    except (OSError, RefusedError):
        return None


def leftovers(host: Host) -> None:
    """Remove what an interrupted task left aside; we hold the lock, so nobody works on it."""
    releases = host.path("releases")
    for name in os.listdir(releases) if is_folder(releases) else []:
        if name.startswith("."):
            remove_tree(os.path.join(releases, name))


def remove_files(host: Host, name: str, is_needed: Callable[[str], bool]) -> int:
    """Remove the files below a folder of ours that nothing needs; return how many bytes they had.

    A link is removed, and never followed; not even one that takes a folder's place meanwhile.
    """
    freed = 0
    root = os.path.realpath(host.root)
    for path in folders_below(host.path(name)):
        parent = os.path.relpath(path, host.root)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if place_of(folder, path) != os.path.join(root, parent):
                refuse_link(host, path)
                raise RefusedError(
                    f"{parent} was exchanged while it was read", path, "find out who writes there"
                )
            with os.scandir(folder) as entries:
                for entry in entries:
                    moved()
                    if entry.is_dir(follow_symlinks=False) or is_needed(f"{parent}/{entry.name}"):
                        continue
                    freed += entry.stat(follow_symlinks=False).st_size
                    os.unlink(entry.name, dir_fd=folder)
        finally:
            os.close(folder)
    return freed


def needed(host: Host, roles: list[str]) -> tuple[set[str], list[tuple[str, str, int]], set[str]]:
    """Return the pool paths, what `pool/gone` must hold, and the objects that are still needed."""
    links: set[str] = set()
    objects: set[str] = set()
    gone = Gone(host) if "static" in roles else None
    for seal in seals(host, by_last_live(host)):
        if gone:
            gone.add(seal)
        for path, sha256, _size in links_of(host, seal, roles):
            links.add(path)
            objects.add(sha256)
        if "build" in roles:  # it ships them to hosts that lack them
            for file in seal["files"].values():
                made = (*with_copies(file), *deltas_of(file))
                objects.update(sha256 for _key, sha256, _size in made)
    for name in listings(host):
        objects.add(name)
        with contextlib.suppress(
            RefusedError, OSError, ValueError, TypeError, LookupError, AttributeError
        ):
            listing = read_json(host.object(name))
            for known in (*listing["files"].values(), *listing["extra"].values()):
                if known:
                    objects.add(known[0])
    return links, gone.entries if gone else [], objects


def listings(host: Host) -> Iterator[str]:
    """Yield the objects that the journal says were left by phases, or given to them."""
    phases = (host.known("journal.json") or {}).get("phases")
    for phase in phases.values() if isinstance(phases, dict) else ():
        for key in ("base", "listing", "wrote"):
            name = phase.get(key) if isinstance(phase, dict) else None
            if isinstance(name, str) and re.fullmatch(OBJECT, name):
                yield name
