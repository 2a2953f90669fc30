"""Reads HTML in which template tags stand, as a browser would."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Dict, Sequence, Tuple

from fab_static.host.project.lint.pieces import words_of

_NAMED = re.compile(r"\{%-?\s*\w+[^%]*\sas\s+(\w+)\s*-?%\}")
STATIC_TAG = re.compile(r"""\{%-?\s*static\s|\|\s*static\b|\bstatic\s*\(|url_for\(\s*["']static""")
_PREFIX = re.compile(r"STATIC_URL|\{%-?\s*get_static_prefix")
CATALOGUE = re.compile(r"jsi18n|statici18n|javascript-catalog|javascript_catalog")
CSS_URL = re.compile(r"""url\(\s*(["']?)([^)"']+)\1\s*\)""")
_TOKEN_IN_HTML = re.compile("\ue000(\\d+)\ue001")
LOADS = {  # element -> attributes that a browser fetches, beyond script and link
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
}
LINKS = {"icon", "apple-touch-icon", "manifest", "preload", "modulepreload", "mask-icon"}
BRANCHING = {"if", "ifchanged", "for"}
Path = Tuple[Tuple[int, int], ...]  # number of each `if` around a place, and the branch of it
Found = Dict[str, Any]


class Reader(HTMLParser):
    """Reads HTML in which template tags stand, as a browser would; text between tags is of no interest."""

    def __init__(self, static_url: str) -> None:
        super().__init__()
        self.static_url = static_url if static_url.strip("/") else ""
        self.tokens: list[str] = []
        self.named: set[str] = set()  # variables that hold a static URL: {% static "a.js" as url %}
        self.compress = ""  # kind and mode of the block we are in
        self.has_html = False
        self.references: list[Found] = []  # what the page fetches itself
        self.blocks: list[Found] = []  # compress blocks
        self.hard_coded: list[Found] = []
        self.unversioned: list[Found] = []
        self.unchecked: list[Found] = []  # scripts without integrity, wherever they come from
        self._path: list[tuple[int, int]] = []
        self._branching = 0

    def take(self, kind: str, piece: str) -> None:
        """Read one piece."""
        if kind == "text":
            self.feed(piece)
            return
        if kind != "tag":
            return
        word, rest = words_of(piece)
        if word == "compress":
            self.compress = rest.replace(",", " ") or "?"
            block, _, mode = self.compress.partition(" ")
            if not mode.strip("\"' ").startswith("inline"):
                kind = "stylesheet" if block.strip("\"'") == "css" else "script"
                self.blocks.append({"kind": kind, "path": tuple(self._path), "url": object()})
                if kind == "script":
                    self.unchecked.append({"line": self.line, "url": piece})
        elif word == "endcompress":
            self.compress = ""
        else:
            self.follow(word)
            if STATIC_TAG.search(piece) and _NAMED.match(piece):
                self.named.update(_NAMED.findall(piece))
                return
            self.tokens.append(piece)
            self.feed(f"\ue000{len(self.tokens) - 1}\ue001" + "\n" * piece.count("\n"))

    def follow(self, word: str) -> None:
        """Keep account of the branch that we are in."""
        if word in BRANCHING:
            self._branching += 1
            self._path.append((self._branching, 0))
        elif word in ("else", "elif", "empty") and self._path:
            number, branch = self._path.pop()
            self._path.append((number, branch + 1))
        elif word.startswith("end") and word[3:] in BRANCHING and self._path:
            self._path.pop()

    def words(self, text: str) -> str:
        """Return text with its template tags back in it."""
        return _TOKEN_IN_HTML.sub(lambda found: self.tokens[int(found.group(1))], text).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element fetches."""
        values = {name: self.words(value or "") for name, value in attrs}
        if tag == "html":
            self.has_html = True
        if not self.compress:
            for value in values.values():
                self.note_hard_coded(value)
            if values.get("style"):
                self.note_styles(values["style"])
        if (
            tag == "script"
            and values.get("src")
            and "integrity" not in values
            and not self.compress
        ):
            self.unchecked.append({"line": self.line, "url": values["src"]})
        if tag == "script" and values.get("src"):
            self.refer("script", values["src"], values.get("type", ""))
        elif tag == "link" and values.get("href"):
            relations = {*values.get("rel", "").lower().split()}
            if "stylesheet" in relations:
                self.refer("stylesheet", values["href"])
            elif relations & LINKS:
                self.refer("other", values["href"])
        elif tag in LOADS:
            for name in LOADS[tag]:
                if values.get(name):
                    self.refer("image", values[name])

    def handle_data(self, data: str) -> None:
        """Look for URLs written out in inline scripts and styles."""
        if self.cdata_elem and not self.compress:
            text = self.words(data)
            if self.cdata_elem == "style":
                self.note_styles(text)
            elif self.static_url:
                quoted = r"""["'](""" + re.escape(self.static_url) + r"""[^"']*)["']"""
                for found in re.finditer(quoted, text):
                    self.note_hard_coded(found.group(1))

    def note_styles(self, text: str) -> None:
        """Note the URLs of a style sheet that stands in the page."""
        for found in CSS_URL.finditer(text):
            self.note_hard_coded(found.group(2))

    def note_hard_coded(self, url: str) -> None:
        """Note a URL that holds STATIC_URL on its own."""
        if CATALOGUE.search(url):
            return
        if (self.static_url and url.startswith(self.static_url)) or _PREFIX.search(url):
            self.hard_coded.append({"line": self.line, "url": url})

    def refer(self, kind: str, url: str, type_: str = "") -> None:
        """Note what the page fetches, where it is a static file of ours."""
        if self.compress or not self.is_static(url):
            return
        self.references.append(
            {
                "kind": kind,
                "line": self.line,
                "url": url,
                "type": type_,
                "path": tuple(self._path),
            }
        )
        if CATALOGUE.search(url):
            self.unversioned.append({"line": self.line, "url": url})

    def is_static(self, url: str) -> bool:
        """Is this the URL of a static file of the project?"""
        return bool(
            (self.static_url and url.startswith(self.static_url))
            or STATIC_TAG.search(url)
            or _PREFIX.search(url)
            or CATALOGUE.search(url)
            or any(re.match(r"\{\{-?\s*" + name + r"\s*-?\}\}", url) for name in self.named)
        )

    @property
    def line(self) -> int:
        """The line that is read now."""
        return self.getpos()[0]

    @property
    def outside(self) -> list[Found]:
        """The script and stylesheet tags that a compress block could take in."""
        return [
            {key: each[key] for key in ("line", "kind", "url")}
            for each in self.references
            if each["kind"] in ("script", "stylesheet")
            and each["type"] not in ("module", "importmap", "speculationrules")
            and not CATALOGUE.search(each["url"])
        ]

    def requests(self) -> dict[str, int]:
        """Return how many static files the page fetches, by kind; what CSS and scripts fetch is not known."""
        names = {"script": "scripts", "stylesheet": "stylesheets", "image": "images"}
        found = {"scripts": 0, "stylesheets": 0, "images": 0, "other": 0}
        chosen = dearest([*self.references, *self.blocks])
        for kind in {each["url"]: each["kind"] for each in reversed(chosen)}.values():
            found[names.get(kind, "other")] += 1
        found["total"] = sum(found.values())
        return found


def dearest(fetched: Sequence[Found], path: Path = ()) -> list[Found]:
    """Return what is fetched below a branch, of each `if` in it the branch that fetches most."""
    depth = len(path)
    chosen = [each for each in fetched if each["path"] == path]
    branches: dict[int, dict[int, list[Found]]] = {}
    for each in fetched:
        if len(each["path"]) > depth:
            number, branch = each["path"][depth]
            branches.setdefault(number, {}).setdefault(branch, []).append(each)
    for number, within in branches.items():
        ways = [dearest(some, (*path, (number, branch))) for branch, some in within.items()]
        most: list[Found] = max(ways, key=len)
        chosen += most
    return chosen
