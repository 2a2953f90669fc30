"""The static root of a build: guarded, emptied, kept as a listing of objects, and put back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat

from fab_static.host.agent.claims import Folders, claim
from fab_static.host.agent.differing import difference
from fab_static.host.agent.digests import mtime_of, sha256_of
from fab_static.host.agent.disk import aside, lasting, make_folders, remove_tree
from fab_static.host.agent.names import checked_path
from fab_static.host.agent.objects import has_object, keep_bytes, keep_file
from fab_static.host.agent.plain import not_plain
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.transfer import put_object, read_object
from fab_static.host.agent.walking import files_below, is_inside, place_of, walk
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

HELD = 3  # listings in memory, the last ones: one of 20,000 files takes 8 MB
NAMES_TOLD = 200  # of files that are counted all


def guard(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Refuse a static root that a build must not empty; return its real path, and the names of its files, hashed.

    `keep` maps what must not lie in it to its path; `sources` maps folders that finders read to whose they are:
    these must lie apart from it, either way. `is_written`: does the folder `written` lie in it?
    """
    root = guarded(agent.host, head)
    names = "\0".join(sorted(path[len(root) + 1 :] for path in files_below(root)))
    return {
        "root": root,
        "names": hashlib.sha256(os.fsencode(names)).hexdigest(),
        "is_written": is_inside(os.path.realpath(head["written"] or "/"), root),
    }, b""


def guarded(host: Host, head: Head) -> str:
    """Return the real path of a static root that holds nothing else, by `keep` and `sources`."""
    root: str = os.path.realpath(head["root"])
    refuse_file(root)
    ours = os.path.realpath(host.root)
    keep = dict(head["keep"], deploy_to=ours)
    keep["your home folder"] = os.path.expanduser("~")
    for name, path in keep.items():
        held = os.path.realpath(path)
        if is_inside(held, root) or (held == ours and is_inside(root, held)):
            raise RefusedError(
                f"STATIC_ROOT holds {name} ({path}), and a build starts by emptying it",
                root,
                "set STATIC_ROOT to a folder of its own",
                "build",
            )
    for path, reader in head.get("sources", {}).items():
        source = os.path.realpath(path)
        if is_inside(source, root) or is_inside(root, source):
            how = "is" if source == root else "lies in" if is_inside(root, source) else "holds"
            raise RefusedError(
                f"STATIC_ROOT {how} {path}, a folder of sources that {reader} reads, and a build starts "
                "by emptying STATIC_ROOT",
                root,
                "set STATIC_ROOT to a folder of its own, apart from all sources",
                "build",
            )
    return root


def refuse_file(root: str) -> None:
    """Refuse a static root that cannot be a folder, since it or what it should lie in is something else."""
    there = root
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        how = "is" if there == root else f"lies below {there}, which is"
        kind = "a file" if os.path.isfile(there) else "neither a file nor a folder"
        raise RefusedError(
            f"STATIC_ROOT {how} {kind}",
            root,
            f"set STATIC_ROOT to a folder of its own, or move {there} away",
            "build",
        )


def not_ours(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return how many files below a static root no build of ours has left there, and the first names.

    Body: the names to judge, JSON. A snapshot gives each file the time that belongs to its bytes; see `take_in`.
    """
    root = head["root"]
    others = []
    for name in json.loads(body.decode("utf-8")):
        path = os.path.join(root, checked_path(name))
        if (
            os.path.islink(path)
            or not os.path.isfile(path)
            or os.stat(path).st_mtime != mtime_of(sha256_of(path))
        ):
            others.append(name)
    return {"others": others[:NAMES_TOLD], "count": len(others)}, b""


def empty(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Empty the static root, so that nothing of an earlier build stays in it; or make it what `listing` says.

    Refuses what `guard` refuses.
    """
    root = guarded(agent.host, head)
    make_folders(root)
    if head.get("listing"):
        put_all_back(agent.host, head["root"], listing_of(agent, head["listing"])["files"])
    else:
        remove_all_in(root)
    return {}, b""


def remove_all_in(folder: str) -> None:
    for name in os.listdir(folder):
        remove_tree(os.path.join(folder, name))


@lasting
def snapshot(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep the state of the static root (and `extra` files beside it) as objects, and so the listing of them.

    That is {"files": {path: [sha256, size, version]}, "extra": {path: [...] or null}}; `before` names the list of the
    snapshot before, so that files that did not change since are not read. Files get the time that belongs to
    their bytes. Returns the listing's name and its `extra`; and the body is its difference to the one before.
    """
    host = agent.host
    claim(host)
    before = listing_of(agent, head["before"])["files"] if head.get("before") else {}
    listing: Head = {"files": {}, "extra": {}}
    read, root, folders = 0, os.path.realpath(head["root"]), Folders(host)
    for path, status in walk(head["root"]):
        known = before.get(path)
        if not known or not is_unchanged(status, known):
            known = take_in(host, os.path.join(head["root"], path), folders, root)
            read += 1
        listing["files"][path] = known
    for path in head["extra"]:
        listing["extra"][path] = take_in(host, path, folders) if os.path.isfile(path) else None
    data = json.dumps(listing, sort_keys=True).encode()
    stored, _ = put_object(agent, {}, data)
    hold(host, stored["object"], listing)
    told = {"listing": stored["object"], "read": read, "extra": listing["extra"]}
    return told, told_by(agent, head.get("before"), data)


def told_by(agent: Agent, base: str | None, data: bytes) -> bytes:
    """Return the difference of a listing to the one that it was made of; empty where there is none."""
    return difference(read_object(agent, {"object": base}, b"")[1], data) if base else b""


def listing_of(agent: Agent, name: str) -> Head:
    """Return what a snapshot has listed; nobody may change it: it is held for who asks next."""
    data = read_object(agent, {"object": name}, b"")[1]  # though it is held: is it whole still?
    listing: Head = agent.host.listings.get(name) or json.loads(data.decode("utf-8"))
    hold(agent.host, name, listing)
    return listing


def hold(host: Host, name: str, listing: Head) -> None:
    """Have what an object lists for the next that asks: a phase is given what the one before it left."""
    held = host.listings
    held.pop(name, None)
    held[name] = listing
    if len(held) > HELD:
        del held[next(iter(held))]


def is_unchanged(status: os.stat_result, known: list[Any]) -> bool:
    return status.st_size == known[1] and status.st_mtime == mtime_of(known[0])


def take_in(host: Host, path: str, folders: Folders, root: str | None = None) -> list[Any]:
    """Keep a file as an object, and give it the time that belongs to its bytes.

    It is opened once: what another account puts in its place meanwhile is not read. With `root`, it must lie there.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise not_plain(path)
        if root and not is_inside(place_of(file, path), root):
            raise RefusedError(
                f"{path} led out of the static root when it was read",
                root,
                "find out who changes the static root while it is built",
                "build",
            )
        known = keep_open(host, file, status.st_size, folders)
        sha256 = known[0]
        if os.path.islink(path):
            return known
        if status.st_nlink > 1:  # its other name may be somebody's source
            put_back(host, path, known)
        else:
            with contextlib.suppress(
                PermissionError
            ):  # of another account: it is read again next time
                os.utime(file, (mtime_of(sha256), mtime_of(sha256)))
        return known
    finally:
        os.close(file)


def keep_open(host: Host, file: int, size: int, folders: Folders) -> list[Any]:
    """Keep an open file, of this size by its stat, as an object; return its SHA-256, size and version.

    Most files are one piece, read once: just the bytes that were hashed are stored, whoever writes the file meanwhile.
    """
    data = os.read(file, PIECE) if size < PIECE else b""
    if len(data) == size:
        return [*keep_bytes(host, data, folders), hashlib.sha1(data).hexdigest()[:7]]  # noqa: S324
    sha256, sha1, size = hashlib.sha256(), hashlib.sha1(), 0  # noqa: S324 - the version format's own
    os.lseek(file, 0, os.SEEK_SET)
    while piece := os.read(file, PIECE):
        moved()
        sha256.update(piece)
        sha1.update(piece)
        size += len(piece)
    name = sha256.hexdigest()
    if not has_object(host, name, size):
        keep_file(host, file, name, size, folders)
    return [name, size, sha1.hexdigest()[:7]]


def restore(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make the static root, and the extra files, what a snapshot's listing says."""
    listing = listing_of(agent, head["listing"])
    for path in listing["extra"]:
        if os.path.isdir(path):  # a snapshot keeps files alone
            raise RefusedError(
                f"{path} is a folder, and the resource versions are kept in a file of that name",
                path,
                "move the folder away, or set FAB_STATIC_VERSIONS_FILE to another file",
                "build",
            )
    changed = put_all_back(agent.host, head["root"], listing["files"])
    for path, known in listing["extra"].items():
        if known is None:
            remove_tree(path)
        else:
            put_back(agent.host, path, known)
    return {"changed": changed}, b""


def put_all_back(host: Host, root: str, files: dict[str, list[Any]]) -> int:
    """Make a folder hold these files and no other; return how many had to be changed.

    A folder goes with the last file in it, as if a later phase had never made it.
    """
    make_folders(root)
    links: set[str] = set()
    there = dict(walk(root, links))
    gone = [path for path in there if path not in files]
    for path in gone:
        os.unlink(os.path.join(root, path))
    for folder in sorted({os.path.dirname(path) for path in gone}, reverse=True):
        with contextlib.suppress(OSError):  # it holds others
            while folder:
                os.rmdir(os.path.join(root, folder))
                folder = os.path.dirname(folder)
    changed = [
        path
        for path, known in files.items()
        if path not in there or path in links or not is_unchanged(there[path], known)
    ]
    for path in changed:
        moved()
        put_back(host, os.path.join(root, checked_path(path)), files[path])
    return len(gone) + len(changed)


def put_back(host: Host, path: str, known: list[Any]) -> None:
    """Copy an object to its place (never a link: the next phase writes there)."""
    temporary = aside(path)
    source = os.open(host.object(known[0]), os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = created(temporary)
        try:
            while piece := os.read(source, PIECE):
                while piece:
                    piece = piece[os.write(target, piece) :]
            os.utime(target, (mtime_of(known[0]), mtime_of(known[0])))
        finally:
            os.close(target)
    finally:
        os.close(source)
    try:
        os.replace(temporary, path)
    except IsADirectoryError:
        remove_tree(path)
        os.replace(temporary, path)


def created(path: str) -> int:
    """Open a new file to write it; the folder for it is made where there is none: to look first would cost more."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        make_folders(os.path.dirname(path))
        return os.open(path, flags, 0o666)
