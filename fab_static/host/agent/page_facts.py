"""Tells of files what pages need to know and web hosts cannot find out: hashes, and the fonts of stylesheets."""

from __future__ import annotations

import json
import re

from fab_static.host.agent.names import OBJECT, checked
from fab_static.host.agent.protocol import PIECE
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.work import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent

ALGORITHMS = ("sha256", "sha384", "sha512")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FACE = re.compile(r"@font-face\s*\{([^}]*)\}", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*("[^"]*"|'[^']*'|[^)"']*)\s*\)""", re.IGNORECASE)
_RANGE = re.compile(r"unicode-range\s*:\s*([^;}]*)", re.IGNORECASE)
_POINTS = re.compile(r"U\+([0-9a-f?]+)(?:-([0-9a-f]+))?", re.IGNORECASE)
LETTER = ord("a")  # a font for text that has no such letter is fetched by few pages


def hashes(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Hash objects. Body: {SHA-256: [algorithm]}; answers {SHA-256: {algorithm: hash in hex}}."""
    found = {}
    for sha256, algorithms in json.loads(body.decode("utf-8")).items():
        path = agent.host.object(checked(OBJECT, sha256, "object"))
        made = hashes_of(path, [one for one in algorithms if one in ALGORITHMS])
        if made.pop("") != sha256:
            raise RefusedError(
                f"object {sha256} is damaged", path, "build again: deploy", "release"
            )
        found[sha256] = made
    return {}, json.dumps(found).encode()


def hashes_of(path: str, algorithms: list[str]) -> dict[str, str]:
    """Return the hashes of a file, and its SHA-256 by the name ""."""
    import hashlib  # late: see digests.py

    made = {name: hashlib.new(name) for name in algorithms}
    made[""] = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            moved()
            for one in made.values():
                one.update(piece)
    return {name: one.hexdigest() for name, one in made.items()}


def fonts(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which fonts stylesheets name. Body: [SHA-256]; answers {SHA-256: [URL as the stylesheet has it]}.

    A stylesheet that names none is left out.
    """
    found = {}
    for sha256 in json.loads(body.decode("utf-8")):
        moved()
        path = agent.host.object(checked(OBJECT, sha256, "object"))
        with open(path, encoding="utf-8", errors="replace") as file:
            urls = list(dict.fromkeys(fonts_in(file.read())))
        if urls:
            found[sha256] = urls
    return {}, json.dumps(found).encode()


def fonts_in(css: str) -> Iterator[str]:
    """Yield the URL of each font that a page in Latin letters needs: of each face the one that browsers take."""
    for face in _FACE.findall(_COMMENT.sub("", css)):
        urls = [url.strip("\"' \t\r\n") for url in _URL.findall(face)]
        there = [url for url in urls if url and not url.startswith("data:")]
        # every browser that knows of preloading takes woff2
        modern = [url for url in there if _ending(url) == "woff2"]
        if there and _has_letters(face):
            yield (modern or there)[0]


def _ending(url: str) -> str:
    return re.split("[?#]", url, maxsplit=1)[0].rpartition(".")[2].lower()


def _has_letters(face: str) -> bool:
    """Tell whether a face has Latin letters: without a range it has all."""
    ranges = _RANGE.search(face)
    if not ranges:
        return True
    for first, last in _POINTS.findall(ranges.group(1)):
        low = int(first.replace("?", "0"), 16)
        high = int(last or first.replace("?", "f"), 16)
        if low <= LETTER <= high:
            return True
    return False
