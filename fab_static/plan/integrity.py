"""Integrity attributes (Subresource Integrity): who promises which bytes, and which promises no longer hold.

A browser refuses a script or stylesheet whose bytes have another hash than its `integrity` says. So a promise that
was made before a later phase rewrote the file takes the page down. Source: https://www.w3.org/TR/sri-2/.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from fab_static.plan.release import File

ALGORITHMS = ("sha256", "sha384", "sha512")  # the strongest last
KINDS = (".js", ".mjs", ".cjs", ".css")  # what an integrity attribute may stand beside
_LINKS = {"stylesheet", "preload", "modulepreload"}
# the keys by which the entry of a manifest names its file, the likeliest first
_NAMES = ("file", "src", "publicPath", "url", "path", "name")
_HASH = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Promise:
    """What one integrity attribute says of one file, and where it stands.

    `crossorigin` tells whether the element asks for leave: without it, browsers refuse to check a file of another host.
    """

    url: str
    integrity: str
    place: str
    crossorigin: bool = True
    also: tuple[str, ...] = ()  # other names that a manifest has for the file


@dataclass(frozen=True)
class Kept:
    """A promise about a file of the release."""

    promise: Promise
    path: str
    file: File


def strongest(integrity: str) -> tuple[str, frozenset[str]]:
    """Return the algorithm that browsers check by, and the hashes in hex that satisfy them.

    ("", nothing) where they find no hash that they know, and so check nothing.
    """
    found: dict[str, set[str]] = {}
    for word in integrity.split():
        match = _HASH.fullmatch(word)
        if match:
            found.setdefault(match[1].lower(), set()).add(_hex(match[2]))
    for algorithm in reversed(ALGORITHMS):
        if algorithm in found:
            return algorithm, frozenset(found[algorithm])
    return "", frozenset()


def _hex(text: str) -> str:
    """Return base64 as hex; "" where it is not, which is the hash of nothing."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).hex()
    except ValueError:
        return ""


def spelled(algorithm: str, digest: str) -> str:
    """Return a hash in hex as an integrity attribute has it."""
    return f"{algorithm}-{base64.b64encode(bytes.fromhex(digest)).decode()}"


def in_html(html: str, place: str) -> list[Promise]:
    """Return the promises in a page, or a piece of one: those of elements, and those of import maps."""
    reader = _Reader(place)
    reader.feed(html)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, place: str) -> None:
        super().__init__()
        self.found: list[Promise] = []
        self._place = place
        self._map: list[str] | None = None  # the text of an import map

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(reversed(attrs))  # of an attribute that stands twice the first counts
        url = values.get("src") if tag == "script" else None
        if tag == "link" and _LINKS & {*(values.get("rel") or "").lower().split()}:
            url = values.get("href")
        integrity = values.get("integrity")
        if url and integrity:
            self.found.append(Promise(url, integrity, self._place, "crossorigin" in values))
        is_map = tag == "script" and (values.get("type") or "").lower() == "importmap"
        self._map = [] if is_map else None

    def handle_data(self, data: str) -> None:
        if self._map is not None:
            self._map.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._map is not None:
            place = f"{self._place}, its import map"
            self.found += in_manifest(_json("".join(self._map)), place)
            self._map = None


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # the browser refuses it, and says so itself
        return None


def in_manifest(data: object, place: str) -> list[Promise]:
    """Return the promises in a bundler's manifest, whichever plug-in wrote it.

    webpack-bundle-tracker    {"assets": {"main.js": {"name": "main.js", "integrity": "sha384-…"}}}
    webpack-assets-manifest   {"main.js": {"src": "main.1a2b.js", "integrity": "sha384-…"}}
    vite-plugin-manifest-sri  {"src/main.ts": {"file": "assets/main.1a2b.js", "integrity": "sha384-…"}}
    Encore, import maps       {"integrity": {"/build/app.js": "sha384-…"}}
    """
    return [*dict.fromkeys(_promises(data, "", place))]


def _promises(value: object, key: str, place: str) -> Iterator[Promise]:
    if isinstance(value, dict):
        integrity = value.get("integrity")
        if isinstance(integrity, str) and integrity:
            names = [value[name] for name in _NAMES if isinstance(value.get(name), str)]
            first, *others = [*names, key]
            yield Promise(first, integrity, f"{place}, {key or first}", also=tuple(others))
        elif isinstance(integrity, dict):
            for url, text in integrity.items():
                if isinstance(text, str):
                    yield Promise(url, text, f"{place}, integrity of {url}")
    inner = value.items() if isinstance(value, dict) else _numbered(value)
    for name, one in inner:
        if name != "integrity":
            yield from _promises(one, name or key, place)


def _numbered(value: object) -> Iterator[tuple[str, object]]:
    for one in value if isinstance(value, list) else ():
        yield "", one


def about(
    promises: Iterable[Promise],
    files: Mapping[str, File],
    path_of: Callable[[str], str | None],
) -> list[Kept]:
    """Return the promises that are about files of the release; what other sites serve is left out.

    Args:
        promises: to sort.
        files: of the release.
        path_of: returns the path below the static root that a URL stands for.
    """
    found = []
    for promise in promises:
        named = filter(None, map(path_of, (promise.url, *promise.also)))
        path = next((path for path in named if path in files), None)
        if path is not None:
            found.append(Kept(promise, path, files[path]))
    return found


def wrong(promise: Promise, body: bytes, *, is_elsewhere: bool) -> str | None:
    """Return why browsers refuse a file that was asked for, or None if they take it.

    Args:
        promise: what the page says of it.
        body: its bytes.
        is_elsewhere: it comes from another host than the page.
    """
    algorithm, promised = strongest(promise.integrity)
    if not algorithm:
        return None
    served = hashlib.new(algorithm, body).hexdigest()
    if served not in promised:
        return (
            f"is promised by {promise.place} as {_short(promise.integrity)}, and came as "
            f"{_short(spelled(algorithm, served))}: browsers refuse it"
        )
    if is_elsewhere and not promise.crossorigin:
        return (
            f"is of another host than {promise.place}, whose element has integrity and no crossorigin: browsers refuse "
            'it; write crossorigin="anonymous"'
        )
    return None


def to_hash(kept: Iterable[Kept]) -> dict[str, list[str]]:
    """Return the hashes that must be made to judge promises: SHA-256 of an object -> algorithms.

    The SHA-256 of each file is known: it is the object's name.
    """
    wanted: dict[str, set[str]] = {}
    for one in kept:
        algorithm, _ = strongest(one.promise.integrity)
        if algorithm not in ("", "sha256"):
            wanted.setdefault(one.file.sha256, set()).add(algorithm)
    return {sha256: sorted(algorithms) for sha256, algorithms in sorted(wanted.items())}


def broken(kept: Iterable[Kept], hashes: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the promises that do not hold, a line each: the place, the file, both hashes.

    Args:
        kept: the promises.
        hashes: SHA-256 of an object -> algorithm -> hash in hex, for those that `to_hash` names.
    """
    found = []
    for one in kept:
        algorithm, promised = strongest(one.promise.integrity)
        if not algorithm:
            continue
        known = {"sha256": one.file.sha256, **hashes.get(one.file.sha256, {})}
        served = known[algorithm]
        if served not in promised:
            found.append(
                f"{one.promise.place}: {one.path} is promised as {_short(one.promise.integrity)}, "
                f"and served as {_short(spelled(algorithm, served))}"
            )
    return [*dict.fromkeys(found)]


def _short(integrity: str) -> str:
    """Return an integrity attribute so far as people compare it."""
    return " ".join(word if len(word) <= 30 else f"{word[:24]}…" for word in integrity.split())
