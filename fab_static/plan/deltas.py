"""Which files get a delta, and to what: the bytes that a returning visitor holds -> the file that takes their place.

A delta is the difference between two files. A browser that holds the old one (a dictionary, RFC 9842) downloads the
delta in place of the new one. A file that keeps its name takes the place of the one of that name. The name of a
content-named file changes with its bytes: what stays are its bundle's names, and the name without its hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypedDict

from fab_static.plan.bundles import changes
from fab_static.plan.diff import is_for_the_server, is_versioned
from fab_static.plan.history import Activation
from fab_static.plan.release import Encoded, File, Release
from fab_static.plan.wording import counted

# what pages load and what is text. No source maps: a returning visitor loads none. No fonts: they compress badly
KINDS = (".css", ".js", ".mjs", ".json", ".geojson", ".wasm", ".svg", ".html", ".htm", ".xml", ".txt", ".csv", ".vtt")  # fmt: skip
LEAST_BYTES = 4096  # what is smaller costs one or two packets anyway
# RFC 9842, 5.1: every browser takes a window of 8 MB. A larger file would need a larger one
MOST_BYTES = 8 << 20
# a name with a hash in it: what stays before, the hash, what stays after. nginx.py writes it for nginx, too
BEFORE, HASH, AFTER = r"[^/]+[-._]", r"[A-Za-z0-9_-]{8,64}", r"(?:\.[A-Za-z0-9]{1,12}){1,2}"
_HASHED = re.compile(rf"((?:[^/]+/)*{BEFORE}){HASH}({AFTER})")

Words = Mapping[str, frozenset[str]]  # path -> what a bundler's manifest calls the file
_NO_WORDS: Words = MappingProxyType({})


class Pair(NamedTuple):
    """The bytes that a visitor may hold, and the file that takes their place; `most` is what a delta must undercut."""

    path: str
    held: File
    most: int


class Made(TypedDict):
    """What the seal made of the pairs that were wanted, as the summary has it."""

    made: int  # deltas that were worth it
    releases: int  # earlier ones that they are to
    bytes: int  # of all of them
    instead: int  # bytes of the smallest encodings that they stand for
    seconds: float  # that it took
    left_out: int  # pairs for which there was no time, or whose bytes nobody has
    at_most: float  # seconds that it may take


def told(one: Made) -> str:
    """Return in words what deltas were made, what they save, what that took, and how many there was no time for."""
    made = (
        f"{counted(one['made'], 'delta')} to {counted(one['releases'], 'earlier release')}: "
        f"{one['bytes']:,} bytes in place of {one['instead']:,}"
        if one["made"]
        else "no delta to an earlier release is worth it"
    )
    late = f"; {one['left_out']} not made: they may take {one['at_most']:g} s"
    return f"{made}, in {one['seconds']:.1f} s{late if one['left_out'] else ''}"


def last_live(
    record: Sequence[Activation], live: str | None, there: Iterable[str], count: int
) -> list[str]:
    """Return the releases that visitors hold files of: the last so many that were live, the latest first."""
    order = [*(one.release for one in record), *([live] if live else [])]
    known = set(there)
    return [name for name in dict.fromkeys(reversed(order)) if name in known][:count]


def pairs(release: Release, olders: Sequence[Release], words: Mapping[str, Words]) -> list[Pair]:
    """Return what deltas are wanted, those that visitors will miss most first.

    Args:
        release: as it was sealed, with its encodings.
        olders: what visitors may hold files of, the latest first.
        words: a release's id -> what bundlers call its files.
    """
    found: dict[tuple[str, str], Pair] = {}
    for older in olders:
        known = words.get(older.id, {}), words.get(release.id, {})
        for pair in _against(release, older, successors(older, release, *known)):
            found.setdefault((release.files[pair.path].sha256, pair.held.sha256), pair)
    return [*found.values(), *_asked_anew(release, {pair.path for pair in found.values()})]


def _against(release: Release, older: Release, before: Mapping[str, str]) -> list[Pair]:
    """Return the pairs with one older release, the largest files first."""
    some = (
        Pair(path, older.files[old], smallest(release.files[path]))
        for path, old in before.items()
        if _is_worth_it(release, path)
    )
    other = (
        pair
        for pair in some
        if pair.held.sha256 != release.files[pair.path].sha256 and pair.held.size <= MOST_BYTES
    )
    return sorted(other, key=lambda pair: (-pair.most, pair.path))


def _asked_anew(release: Release, paths: Iterable[str]) -> list[Pair]:
    """Return pairs of files with themselves, where browsers ask again whether their name has other bytes now.

    What came as a delta has the delta's ETag. Without this the whole file would come, where it has not changed.
    """
    return [
        Pair(path, release.files[path], smallest(release.files[path]))
        for path in sorted(paths)
        if path not in release.named and not is_versioned(path, release)
    ]


def successors(
    older: Release, newer: Release, words: Words = _NO_WORDS, words_now: Words = _NO_WORDS
) -> dict[str, str]:
    """Return which file of an older release each file of a newer one takes the place of: new path -> old path.

    A content-named file has a successor only where the name without its hash stays: a browser is told that
    by a pattern, and offers nothing else. Where several share such a name, their bundles' names and their
    bundlers' words decide.
    """
    found = {path: path for path in newer.content if path in older.content}
    by_bundle = {one.new: one.old for one in changes(older, newer) if one.new and one.old}
    of_words = _by_words(older, words)
    of_stem, of_stem_now = _by_stem(older), _by_stem(newer)
    said = {
        paths[0]: of_words[key][0]
        for key, paths in _by_words(newer, words_now).items()
        if len(paths) == 1 and len(of_words.get(key, ())) == 1
    }
    for key, paths in of_stem_now.items():
        for path in paths:
            old = by_bundle.get(path) or said.get(path)
            if old is None and len(paths) == len(of_stem.get(key, ())) == 1:
                old = of_stem[key][0]
            if old and stem(old) == key:
                found.setdefault(path, old)
    return found


def _by_stem(release: Release) -> dict[tuple[str, str], list[str]]:
    """Return the content-named files by what stays of their names."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in release.named:
        key = stem(path)
        if key and path in release.content:
            found.setdefault(key, []).append(path)
    return found


def _by_words(release: Release, words: Words) -> dict[tuple[frozenset[str], str], list[str]]:
    """Return the content-named files by what their bundlers call them, and their endings."""
    found: dict[tuple[frozenset[str], str], list[str]] = {}
    for path in release.named:
        if path in words:
            found.setdefault((words[path], path.rpartition(".")[2]), []).append(path)
    return found


def stem(path: str) -> tuple[str, str] | None:
    """Return what stays of a content-named file's path, before and after its hash, or None if there is no hash."""
    match = _HASHED.fullmatch(path)
    return (match[1], match[2]) if match else None


def with_deltas(release: Release, found: Mapping[str, Mapping[str, Encoded | None]]) -> Release:
    """Return the release with the deltas that were made: SHA-256 of a file -> SHA-256 that is held -> the delta."""
    files = dict(release.files)
    for path, file in release.content.items():
        deltas = {held: one for held, one in found.get(file.sha256, {}).items() if one}
        if deltas and _is_worth_it(release, path):
            files[path] = replace(file, deltas=deltas)
    return replace(release, files=files)


def known(olders: Iterable[Release]) -> dict[tuple[str, str], Encoded]:
    """Return the deltas that earlier releases have: SHA-256 of a file, SHA-256 that is held -> the delta."""
    return {
        (file.sha256, held): one
        for older in olders
        for file in older.files.values()
        for held, one in file.deltas.items()
    }


def smallest(file: File) -> int:
    """Return the bytes that a file costs somebody who holds nothing: its smallest encoding's."""
    return min([file.size, *(one.size for one in file.encodings.values())])


def _is_worth_it(release: Release, path: str) -> bool:
    return (
        path.lower().endswith(KINDS)
        and LEAST_BYTES <= release.files[path].size <= MOST_BYTES
        and path not in release.copies
        and not is_for_the_server(path, release)
    )
