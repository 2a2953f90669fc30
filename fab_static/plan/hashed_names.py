"""The names in a bundler's manifest that carry a hash of their content: caches may keep these files for good.

A name alone is not proof: `runtime-deadbeef.js` may get other bytes in the next release. So a manifest must list the
name, and one of these must hold, too:

- The name holds the beginning of the file's own SHA-256 or SHA-1.
- The bundler put something like a hash between what the manifest calls the file and its ending: `src/main.ts` became
  `main-BxYz12Ab.js`. No other file of other bytes has the same there, as with a version, a date or a mode.
- A name is built as those are that others of its manifest have by the second rule.

Bundlers hash before they have the bytes, so only the first rule is a proof. Whether a kept release has other bytes under
the name is looked up, too: see phases/run/immutable.py.
"""

from __future__ import annotations

import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fab_static.plan.bundler_manifest import assets_of, entries_of, is_map, is_tracked, printed
from fab_static.plan.release import File

LEAST = 8  # characters of a hash
LEAST_ALONE = 16  # where it is the whole name
VERSION = 7  # digits of a SHA-1 that a File knows
_SPLIT = re.compile(r"[-._]")
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{LEAST},64}}")
_ENDINGS = re.compile(r"(?:\.[A-Za-z0-9]{1,12}){1,2}")
# a word, a number, or both; and a time
_WORD = re.compile(r"[A-Z]?[a-z]*\d*|[A-Z]+\d*")
_TIME = re.compile(r"\d{8}[Tt]?\d{0,9}[Zz]?")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


@dataclass(frozen=True)
class Built:
    """How a name is put together: what stands before the hash, the hash, and the endings after it."""

    before: str  # "-", "." or "_"; "": nothing
    token: str
    endings: str

    @property
    def form(self) -> tuple[str, int, bool]:
        """What names have in common that one setting of a bundler makes."""
        return self.before, len(self.token), bool(_HEX.fullmatch(self.token))


def called(data: Mapping[str, object]) -> dict[str, set[str]]:
    """Return what a manifest calls each file that it names: name, as its reader prints it -> words for it."""
    found: dict[str, set[str]] = {}
    assets = assets_of(data)
    for key, entry in entries_of(data).items():
        words = {key}
        if isinstance(entry, dict):
            words |= {str(entry[kind]) for kind in ("name", "src") if kind in entry}
        for name in _files_of(entry):
            asset = assets.get(name, {})
            source = {str(asset["sourceFilename"])} if "sourceFilename" in asset else set()
            shown = printed(name, asset) if is_tracked(data) else name
            found.setdefault(shown, set()).update(words | source)
    return found


def _files_of(entry: object) -> Iterator[str]:
    """Yield the names of an entry: one, a list, or what Vite's entries and webpack's chunks call their files."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, list):
        for one in entry:
            yield from _files_of(one)
    elif isinstance(entry, dict):
        file = entry.get("file") or entry.get("src") or entry.get("name")
        yield from _files_of(file if isinstance(file, str) else None)
        for key in ("css", "assets"):
            yield from _files_of(entry.get(key))


def hashed(words: Mapping[str, Collection[str]], files: Mapping[str, File]) -> frozenset[str]:
    """Return the files whose names carry a hash of their content, by one manifest.

    Args:
        words: path below the static root -> what the manifest calls it.
        files: the release's.
    """
    listed = {path: names for path, names in words.items() if path in files}
    proven = {path for path in listed if _holds_own_hash(path, files[path])}
    named = {
        path: built
        for path, names in listed.items()
        if not _is_derived(path, files) and (built := _put_in(path, names))
    }
    forms = {built.form for built in named.values()}
    for path, names in listed.items():
        if path not in named and not _is_derived(path, files):
            built = _built_alike(path, names, forms)
            if built:
                named[path] = built
    return frozenset(proven | _alone(named, files))


def _holds_own_hash(path: str, file: File) -> bool:
    """Tell whether a part of the name is the beginning of its SHA-256 or SHA-1."""
    name = PurePosixPath(path).name
    raw = bytes.fromhex(file.sha256)
    texts = (urlsafe_b64encode(raw).decode(), b32encode(raw).decode())
    for part in _SPLIT.split(name):
        digits = part.lower()
        is_sha1 = len(file.version) == VERSION and digits.startswith(file.version)
        if len(part) >= LEAST and (is_sha1 or file.sha256.startswith(digits)):
            return True
    return any(text[:LEAST] in name for text in texts)


def _is_derived(path: str, files: Collection[str]) -> bool:
    """Tell whether it is made for another file, whose hash it has: main.1a2b3c4d.js.map, …js.LICENSE.txt.

    A change of a comment changes the map, and not the script.
    """
    whole = PurePosixPath(path)
    return is_map(path) or any(
        str(whole.with_name(whole.name[:at])) in files
        for at, letter in enumerate(whole.name)
        if letter == "." and at
    )


def _put_in(path: str, words: Collection[str]) -> Built | None:
    """Return how the name is built, where a bundler put a hash into what the manifest calls the file."""
    name = PurePosixPath(path).name
    for word in words:
        stem = _stem(word)
        if stem and name.startswith(stem) and name[len(stem) :][:1] in ("-", ".", "_"):
            built = _as_built(name[len(stem)], name[len(stem) + 1 :])
            if built and not _is_given(built.token, words):
                return built
    alone = _as_built("", name)
    if alone and len(alone.token) >= LEAST_ALONE and _HEX.fullmatch(alone.token):
        return alone if not _is_given(alone.token, words) else None
    return None


def _stem(word: str) -> str:
    """Return the name in a manifest's word for a file: "src/main.ts" -> "main"."""
    name = PurePosixPath(word).name
    return name[: name.index(".", 1)] if "." in name[1:] else name


def _as_built(before: str, rest: str) -> Built | None:
    """Return a name whose rest is something like a hash, and endings."""
    token, dot, endings = rest.partition(".")
    if not dot or not _TOKEN.fullmatch(token) or not _ENDINGS.fullmatch(dot + endings):
        return None
    return Built(before, token, dot + endings) if is_like_a_hash(token) else None


def is_like_a_hash(token: str) -> bool:
    """Tell whether a text may be a hash: no words, no number, no time."""
    if _TIME.fullmatch(token):
        return False
    return not all(_WORD.fullmatch(part) for part in re.split("[-_]", token))


def _is_given(token: str, words: Collection[str]) -> bool:
    """Tell whether the project chose this part of the name; Vite's own chunks have keys with a _ before them."""
    return any(token in word for word in words if not PurePosixPath(word).name.startswith("_"))


def _built_alike(
    path: str, words: Collection[str], forms: Collection[tuple[str, int, bool]]
) -> Built | None:
    """Return how the name is built, where it is as others of its manifest are."""
    name = PurePosixPath(path).name
    for before, length, is_hex in forms:
        for found in re.finditer(rf"{re.escape(before)}([A-Za-z0-9_-]{{{length}}})\.", name):
            built = _as_built(before, name[found.start(1) :])
            if (
                built
                and before
                and built.form == (before, length, is_hex)
                and not _is_given(built.token, words)
            ):
                return built
    return None


def _alone(named: Mapping[str, Built], files: Mapping[str, File]) -> set[str]:
    """Return those beside which no file of other bytes has the same in the place of the hash."""
    contents: dict[str, set[str]] = {}
    for path, built in named.items():
        contents.setdefault(built.token, set()).add(files[path].sha256)
    return {path for path, built in named.items() if len(contents[built.token]) == 1}
