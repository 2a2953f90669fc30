"""Finds in templates what costs requests, or cannot stay in caches for long. Reads text; runs nothing.

Sent along with django_probe.py, which gives it the templates. It knows Django's language and Jinja2 so
far as they are alike: tags in {% %}, values in {{ }}, comments in {# #}, `extends`, `block`, `include`.
Of the branches of an `if` the dearest counts, and a loop runs once.

Python 3.8 or later, standard library.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

_TOKEN = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_WORDS = re.compile(r"\{%[-+]?\s*(\w+)\s*(.*?)\s*[-+]?%\}", re.DOTALL)
_STRING = re.compile(r"""^["']([^"']*)["']""")
_SUPER = re.compile(r"\{\{-?\s*(block\.super|super\(\))\s*-?\}\}")
_LOADED = re.compile(r"\{%\s*load\s+(?:[\w\s]+?\s+from\s+)?([^%]+?)\s*%\}")
_NAMED = re.compile(r"\{%-?\s*\w+[^%]*\sas\s+(\w+)\s*-?%\}")
_STATIC_TAG = re.compile(r"""\{%-?\s*static\s|\|\s*static\b|\bstatic\s*\(|url_for\(\s*["']static""")
_PREFIX = re.compile(r"STATIC_URL|\{%-?\s*get_static_prefix")
_CATALOGUE = re.compile(r"jsi18n|statici18n|javascript-catalog|javascript_catalog")
_CONSTANT = re.compile(
    r"""(?:\{%-?\s*static\s+|\{\{-?\s*(?:static\s*\(\s*)?)["']([^"']+)["'][^{}]*[%}]\}$"""
)
_CSS_URL = re.compile(r"""url\(\s*(["']?)([^)"']+)\1\s*\)""")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TOKEN_IN_HTML = re.compile("\ue000(\\d+)\ue001")

LOADS = {  # element -> attributes that a browser fetches, besides script and link
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
MOST_DEEP = 30  # templates within templates
BRANCHING = {"if", "ifchanged", "for"}
Path = Tuple[Tuple[int, int], ...]  # number of each `if` around a place, and the branch of it

Style = Callable[[str], Optional[str]]
Found = Dict[str, Any]


def lint(
    own: Sequence[str],
    sources: Mapping[str, str],
    *,
    style: Style,
    static_url: str,
    versioning: Sequence[str],
    is_hashed: bool,
) -> dict[str, Any]:
    """Return {"templates": [...], "versioned": how many of them print versions} of the templates.

    Each of them: {"template", "page": is it rendered as a whole, "requests": {"scripts", "stylesheets",
    "images", "other", "total"} or null, "outside": script and stylesheet tags outside compress blocks,
    "hard_coded": URLs with STATIC_URL written out, "unversioned": what keeps its URL when its bytes
    change}; each of the last three [{"line", "url", …}].

    Args:
        own: the templates to look at.
        sources: name -> text, of these and of those that they extend and include.
        style: name of a static file -> its text, None where there is none.
        static_url: the setting.
        versioning: tag libraries whose `static` prints versions; "" where templates need not load one.
        is_hashed: do static files have their hash in their name (ManifestStaticFilesStorage)?
    """
    templates = {name: Template(name, text) for name, text in sources.items()}
    found = []
    unversioned_tag = []
    for name in own:
        one = templates[name]
        reader = one.read(one.pieces, static_url)
        whole = reader_of_whole(one, templates, static_url)
        is_page = whole is not None and whole.has_html
        is_versioned = is_hashed or "" in versioning or bool({*versioning} & one.libraries)
        if not is_versioned and any(_STATIC_TAG.search(each["url"]) for each in reader.references):
            unversioned_tag.append(name)
        found.append(
            {
                "template": name,
                "page": is_page,
                "requests": whole.requests() if whole and is_page else None,
                "outside": reader.outside,
                "hard_coded": reader.hard_coded,
                "unversioned": reader.unversioned
                + ([] if is_hashed else [*of_styles(reader.outside, style)]),
            }
        )
    return {"templates": found, "unversioned_tag": unversioned_tag}


def of_styles(outside: Sequence[Found], style: Style) -> Iterator[Found]:
    """Yield what stylesheets outside compress blocks name: compress would put a hash on these URLs."""
    for each in outside:
        constant = _CONSTANT.match(each["url"]) if each["kind"] == "stylesheet" else None
        text = style(constant.group(1)) if constant else None
        if constant and text:
            seen = set()
            for match in _CSS_URL.finditer(_CSS_COMMENT.sub("", text)):
                url = match.group(2).strip()
                if url not in seen and not re.match(r"[a-z][a-z0-9+.-]*:|//|#", url, re.IGNORECASE):
                    seen.add(url)
                    if "?" not in url:
                        yield {"line": each["line"], "url": url, "in": constant.group(1)}


class Template:
    """One template: its text in pieces (kind, text), kind being text, tag, open, close or super."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.pieces = [*pieces_of(text)]
        self.libraries = {word for found in _LOADED.findall(text) for word in found.split()}
        self.parent: str | None = None
        self.extends = False
        for kind, piece in self.pieces:
            word, rest = words_of(piece) if kind == "tag" else ("", "")
            if word == "extends":
                constant = _STRING.match(rest)
                self.extends, self.parent = True, constant.group(1) if constant else None
                break

    def read(self, pieces: Sequence[Piece], static_url: str) -> Reader:
        """Return what a browser would read in these pieces."""
        reader = Reader(static_url)
        for kind, piece in pieces:
            reader.take(kind, piece)
        reader.close()
        return reader

    def blocks(self) -> dict[str, list[Piece]]:
        """Return the pieces within each `block`, those within it included."""
        found: dict[str, list[Piece]] = {}
        waiting: list[str] = []
        for piece in self.pieces:
            if piece[0] == "close" and waiting:
                waiting.pop()
            for name in waiting:
                found[name].append(piece)
            if piece[0] == "open":
                waiting.append(piece[1])
                found[piece[1]] = []
                # the piece itself stands in the blocks around it, not in its own
        return found


Piece = Tuple[str, str]


def reader_of_whole(
    template: Template, templates: Mapping[str, Template], static_url: str
) -> Reader | None:
    """Return what a browser reads in the page that a template makes; None where its parent is unknown."""
    chain = [template]
    while chain[-1].extends:
        parent = templates.get(chain[-1].parent or "")
        if parent is None or parent in chain:
            return None
        chain.append(parent)
    levels = [one.blocks() for one in chain]

    def expanded(pieces: Sequence[Piece], depth: int, level: int, block: str) -> Iterator[Piece]:
        at = 0
        while at < len(pieces):
            kind, text = pieces[at]
            at += 1
            if kind == "open":
                at = end_of(pieces, at)
                holders = [n for n, blocks in enumerate(levels) if text in blocks]
                if holders and depth < MOST_DEEP:
                    yield from expanded(levels[holders[0]][text], depth + 1, holders[0], text)
            elif kind == "super":
                above = [n for n, blocks in enumerate(levels) if n > level and block in blocks]
                if above and depth < MOST_DEEP:
                    yield from expanded(levels[above[0]][block], depth + 1, above[0], block)
            elif kind == "tag" and words_of(text)[0] == "include":
                constant = _STRING.match(words_of(text)[1])
                included = templates.get(constant.group(1)) if constant else None
                if included and depth < MOST_DEEP:
                    yield from without_blocks(included.pieces, depth + 1)
            elif kind != "close":
                yield kind, text

    def without_blocks(pieces: Sequence[Piece], depth: int) -> Iterator[Piece]:
        """An included template is rendered by itself: its blocks are not the page's."""
        for kind, text in pieces:
            if kind == "tag" and words_of(text)[0] == "include":
                constant = _STRING.match(words_of(text)[1])
                included = templates.get(constant.group(1)) if constant else None
                if included and depth < MOST_DEEP:
                    yield from without_blocks(included.pieces, depth + 1)
            elif kind in ("text", "tag"):
                yield kind, text

    return template.read([*expanded(chain[-1].pieces, 0, len(chain) - 1, "")], static_url)


def end_of(pieces: Sequence[Piece], at: int) -> int:
    """Return the place behind the end of the block that opens before `at`."""
    depth = 1
    while at < len(pieces) and depth:
        depth += {"open": 1, "close": -1}.get(pieces[at][0], 0)
        at += 1
    return at


def words_of(tag: str) -> tuple[str, str]:
    """Return a tag's name, and the rest of it."""
    found = _WORDS.match(tag)
    return (found.group(1), found.group(2)) if found else ("", "")


def pieces_of(text: str) -> Iterator[Piece]:
    """Yield a template's pieces; comments keep their line ends alone."""
    at = 0
    until = ""  # the tag that ends a comment, or text that is no template
    for token in _TOKEN.finditer(text):
        before, piece = text[at : token.start()], token.group()
        at = token.end()
        word, rest = words_of(piece)
        if until:
            is_end = word == until
            raw = before + ("" if is_end else piece)
            yield "text", "\n" * raw.count("\n") if until == "endcomment" else plain(raw)
            until = "" if is_end else until
            continue
        if before:
            yield "text", before
        if piece.startswith("{#"):
            yield "text", "\n" * piece.count("\n")
        elif word in ("comment", "verbatim", "raw"):
            until = "end" + word
        elif word == "block":
            yield "open", rest.split()[0] if rest else ""
        elif word == "endblock":
            yield "close", ""
        elif _SUPER.match(piece):
            yield "super", ""
        else:
            yield "tag", piece
    yield "text", text[at:]


def plain(text: str) -> str:
    """Return text of another template language, its braces without the quotes that confuse HTML."""
    return _TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


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
        elif word == "endcompress":
            self.compress = ""
        else:
            self.follow(word)
            if _STATIC_TAG.search(piece) and _NAMED.match(piece):
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
        for found in _CSS_URL.finditer(text):
            self.note_hard_coded(found.group(2))

    def note_hard_coded(self, url: str) -> None:
        """Note a URL that holds STATIC_URL by itself."""
        if _CATALOGUE.search(url):
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
        if _CATALOGUE.search(url):
            self.unversioned.append({"line": self.line, "url": url})

    def is_static(self, url: str) -> bool:
        """Is this the URL of a static file of the project?"""
        return bool(
            (self.static_url and url.startswith(self.static_url))
            or _STATIC_TAG.search(url)
            or _PREFIX.search(url)
            or _CATALOGUE.search(url)
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
            and not _CATALOGUE.search(each["url"])
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
