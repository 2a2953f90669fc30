"""Compares the static root with what finders list."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from fab_static.host.project.compressor import compress_settings
from fab_static.host.project.faults import refuse_faults, sources_looked_through
from fab_static.host.project.finders import collected, collecting_options
from fab_static.host.project.paths import absolute
from fab_static.host.project.places import catalogues
from fab_static.host.project.storage import (
    hashed_names,
    not_where_the_url_leads,
    static_storage,
    staticfiles_manifest,
    unjudged_storage,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from fab_static.plan.wire.questions import Collected, OfCollectstatic, Unlisted

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_BYTES = 1024  # more than any pointer has (git-lfs, docs/spec.md)
_PLACEHOLDERS = (".gitkeep", ".gitignore", ".keep")
_COPIES = (".gz", ".br", ".zst", ".map")
_HASH = re.compile(r"\.[0-9a-f]{12}(?=\.[^./]*$|$)")  # django.contrib.staticfiles.storage.file_hash
_NAMES_TOLD = 5000


def ask_unlisted(_: object) -> Unlisted:
    """Return which files in the static root git tracks, and which neither finders list nor libraries write."""
    from django.conf import settings

    root = os.path.realpath(absolute(settings.STATIC_ROOT) or "")
    with sources_looked_through(None):
        listed = {name for name, _, _ in collected()}
    is_made = made_in(root)
    return {
        "tracked": [name for name in git_lines(root, "ls-files", "-z") if not is_placeholder(name)],
        "unlisted": [
            name
            for name in files_below(root)
            if not (is_listed(name, listed) or is_made(name) or is_placeholder(name))
        ],
    }


def made_in(root: str) -> Callable[[str], bool]:
    """Return what tells whether a file below the static root has a name that Django or a library gives.

    No folder counts as a whole: COMPRESS_OUTPUT_DIR may name one that holds other files too.
    """
    manifests = {"staticfiles.json"}
    place = staticfiles_manifest()
    if place:
        manifests.add(os.path.relpath(os.path.realpath(place), root))
    patterns = []
    folder = catalogues()
    if folder:
        folder = os.path.relpath(os.path.realpath(folder), root)
        # the languages' folders, as statici18n names them when it is not told otherwise
        patterns.append(within(folder) + r"[a-z]{2,3}([-_]\w+)*/\w+\.(js|json)")
    compress = compress_settings()
    if compress:
        folder = os.path.normpath(compress["output_dir"])
        manifests.add(os.path.normpath(os.path.join(folder, compress["manifest_name"])))
        patterns.append(within(folder) + r"(css|js)/([^/]*\.)?[0-9a-f]{12}\.(css|js)")
    found = [re.compile(pattern) for pattern in patterns]

    def is_made(name: str) -> bool:
        while name.endswith(_COPIES):
            name = os.path.splitext(name)[0]
        return name in manifests or any(pattern.fullmatch(name) for pattern in found)

    return is_made


def within(folder: str) -> str:
    """Return the pattern with which the names in a folder begin."""
    return "" if folder == "." else re.escape(folder) + "/"


def files_below(root: str) -> dict[str, int]:
    """Return every file below a folder, links included: name -> bytes."""
    found: dict[str, int] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError), os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                else:
                    found[folder + entry.name] = entry.stat(follow_symlinks=False).st_size
    return found


def is_placeholder(name: str) -> bool:
    """Is it a file that only keeps a folder in git?"""
    return os.path.basename(name) in _PLACEHOLDERS


def is_listed(name: str, listed: set[str]) -> bool:
    """Is it a file that finders list, one with a hash in its name, or a compressed copy of such a file?"""
    while name.endswith(_COPIES) and name not in listed:
        name = os.path.splitext(name)[0]
    return name in listed or _HASH.sub("", name) in listed


def git_lines(folder: str, *words: str) -> list[str]:
    """Return what git says in a folder, between its NULs, or nothing if it is in no checkout, or git is not there."""
    import subprocess

    try:
        ran = subprocess.run(  # noqa: S603 - our own words
            ["git", "-c", "safe.directory=*", *words],  # noqa: S607  # may be another user's checkout
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return []
    return [line for line in ran.stdout.decode("utf-8", "surrogateescape").split("\0") if line]


def ask_collected(request: OfCollectstatic) -> Collected:
    """Compare what collectstatic left with what the finders list; `words` are its own, or null.

    `missing` are the first names that are not there, `count` is how many; `unjudged` says why that may be meant so.
    `promised` are those whose URLs lead below STATIC_URL anyway, though the storage is the project's own.
    `pointers` are files that git-lfs has not fetched. `is_empty` tells that nothing is there.
    """
    patterns, own_command = collecting_options(request["words"])
    own_storage = unjudged_storage()
    unjudged = own_command or own_storage
    folder = static_storage()["folder"] or ""
    there = files_below(folder)
    with sources_looked_through(patterns):
        names = {name for name, _, _ in collected(patterns)}
    absent = names - there.keys()
    if absent and not unjudged:
        refuse_faults(patterns, lambda fault: not absent.isdisjoint(fault["names"]))
    hashed = hashed_names() if absent else {}
    missing = sorted(name for name in absent if hashed.get(name) not in there)
    return {
        "listed": len(names),
        "missing": missing[:_NAMES_TOLD],
        "count": len(missing),
        "promised": not_where_the_url_leads(missing) if own_storage and not own_command else [],
        "unjudged": unjudged,
        "is_empty": not there,
        "pointers": [
            name
            for name, size in sorted(there.items())
            if size <= _LFS_BYTES and is_lfs_pointer(os.path.join(folder, name))
        ],
    }


def is_lfs_pointer(path: str) -> bool:
    """Is it what git-lfs leaves in place of a file that it has not fetched?"""
    with suppress(OSError), open(path, "rb") as stream:
        return stream.read(len(_LFS)) == _LFS
    return False
