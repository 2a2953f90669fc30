"""Tells which files collectstatic would collect, and where they come from."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from typing import cast

from fab_static.host.project.faults import sources_looked_through
from fab_static.host.project.finders import collected, collecting_options
from fab_static.host.project.paths import absolute
from fab_static.host.project.storage import static_storage, unjudged_storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from django.core.files.storage import Storage

    from fab_static.plan.wire.questions import Found, Name, OfCollectstatic, Placed, Shadowed


def ask_sources(request: Placed) -> dict[str, Any]:
    """Return {name: [SHA-256, size]} of what collectstatic would collect now; `words` are its own, or null.

    With `places`, each file has its real path too. `below` is where in the static root the files are kept.
    `unjudged` says why collectstatic may leave some out, or may make others of them.
    """
    patterns, unjudged = collecting_options(request.get("words"))
    files: dict[str, tuple[Any, ...]] = {}
    with sources_looked_through(patterns):
        for name, path, storage in collected(patterns):
            if name not in files:  # collectstatic takes the first
                files[name] = hashed(storage, path)
                if request.get("places"):
                    files[name] += (os.path.realpath(place_in(storage, path)),)
    if not request.get("places"):
        return {"files": files}
    return {"files": files, "below": place_below_root(), "unjudged": unjudged or unjudged_storage()}


def place_below_root() -> str:
    """Return where in the static root the storage keeps its files: "" or a path that ends with a slash."""
    from django.conf import settings

    root, folder = absolute(settings.STATIC_ROOT), static_storage()["folder"]
    if not root or not folder:
        return ""
    below = os.path.relpath(os.path.realpath(folder), os.path.realpath(root))
    return "" if below == "." else below + "/"


def ask_shadowed(request: OfCollectstatic) -> Shadowed:
    """Return {name: [the file that is collected, those of other bytes that are not]}; `words` as of sources."""
    hits: dict[str, list[tuple[Storage, str]]] = {}
    patterns, _ = collecting_options(request.get("words"))
    with sources_looked_through(patterns):
        for name, path, storage in collected(patterns):
            hits.setdefault(name, []).append((storage, path))
    shadowed = {}
    for name, (first, *others) in hits.items():
        if others:
            content = hashed(*first)
            places = [place_in(*hit) for hit in others if hashed(*hit) != content]
            if places:
                shadowed[name] = [place_in(*first), *places]
    return {"shadowed": shadowed}


def ask_find(request: Name) -> Found:
    """Return the source files of this name: collectstatic takes the first, the others are shadowed."""
    found: list[str] = []
    for name, path, storage in collected():
        if name == request["name"]:
            with suppress(NotImplementedError):
                found.append(str(storage.path(path)))
    return {"found": found}


def place_in(storage: Storage, path: str) -> str:
    """Return where a storage has a file: its path, where it has one."""
    try:
        return str(storage.path(path))
    except NotImplementedError:
        return f"{type(storage).__name__}: {path}"


def hashed(storage: Storage, path: str) -> tuple[str, int]:
    """Return the SHA-256 and the size of what collectstatic would copy of a storage's file."""
    digest = hashlib.sha256()
    size = 0
    with _opened(storage, path) as stream:
        while piece := stream.read(1 << 20):
            data = piece.encode() if isinstance(piece, str) else piece
            digest.update(data)
            size += len(data)
    return digest.hexdigest(), size


def _opened(storage: Storage, path: str) -> IO[bytes] | IO[str]:
    """Open a storage's file as collectstatic does: one with an `open` of its own may give other bytes than the file's."""
    from django.core.files.storage import FileSystemStorage

    with suppress(NotImplementedError):
        file = storage.path(path)
        if stat.S_ISFIFO(os.stat(file).st_mode):  # to open one waits for whoever writes it
            raise OSError(f"{file} is a pipe")
        if all(
            getattr(type(storage), name, None) is getattr(FileSystemStorage, name)
            for name in ("open", "_open")
        ):
            return open(file, "rb")
    return cast("IO[bytes] | IO[str]", storage.open(path, "rb"))
