"""Lints each template of the project's own, with those that it extends and includes.

It knows Django's language and Jinja2 so far as they are alike: tags in {% %}, values in {{ }}, comments in {# #},
`extends`, `block`, `include`. Of the branches of an `if` the dearest counts, and a loop runs once.

Python 3.8 or later, standard library.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

from fab_static.host.project.lint.pieces import Piece, end_of, pieces_of, words_of
from fab_static.host.project.lint.reader import CSS_URL, STATIC_TAG, Found, Reader

_STRING = re.compile(r"""^["']([^"']*)["']""")
_LOADED = re.compile(r"\{%\s*load\s+(?:[\w\s]+?\s+from\s+)?([^%]+?)\s*%\}")
CONSTANT = re.compile(
    r"""(?:\{%-?\s*static\s+|\{\{-?\s*(?:static\s*\(\s*)?)["']([^"']+)["'][^{}]*[%}]\}$"""
)
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
MOST_DEEP = 30  # templates within templates
Style = Callable[[str], Optional[str]]


def lint(
    own: Sequence[str],
    sources: Mapping[str, str],
    *,
    style: Style,
    static_url: str,
    versioning: Sequence[str],
    is_hashed: bool,
    blocks_promise: bool = False,
) -> dict[str, Any]:
    """Return {"templates": [...], "versioned": how many of them print versions} of the templates.

    Each of them: {"template", "page": is it rendered as a whole, "requests": {"scripts", "stylesheets",
    "images", "other", "total"} or null, "outside": script and stylesheet tags outside compress blocks,
    "hard_coded": URLs with STATIC_URL written out, "unversioned": what keeps its URL when its bytes
    change, "unchecked": scripts without integrity}; each of the last four [{"line", "url", …}].

    Args:
        own: the templates to look at.
        sources: name -> text, of these and of those that they extend and include.
        style: name of a static file -> its text, None where there is none.
        static_url: the setting.
        versioning: tag libraries whose `static` prints versions; "" where templates need not load one.
        is_hashed: do static files have their hash in their name (ManifestStaticFilesStorage)?
        blocks_promise: does compressor print integrity attributes?
    """
    templates = {name: Template(name, text) for name, text in sources.items()}
    found = []
    unversioned_tag = []
    for name in own:
        one = templates[name]
        reader = one.read(one.pieces, static_url)
        whole = reader_of_whole(one, templates, static_url)
        is_versioned = is_hashed or "" in versioning or bool({*versioning} & one.libraries)
        if not is_versioned and any(STATIC_TAG.search(each["url"]) for each in reader.references):
            unversioned_tag.append(name)
        of_sheets = [] if is_hashed else [*of_styles(reader.outside, style)]
        found.append(
            {
                "template": name,
                **_of_page(whole),
                "outside": reader.outside,
                "hard_coded": reader.hard_coded,
                "unversioned": reader.unversioned + of_sheets,
                "unchecked": _unchecked(reader, blocks_promise),
            }
        )
    return {"templates": found, "unversioned_tag": unversioned_tag}


def _of_page(whole: Reader | None) -> dict[str, object]:
    if whole is None or not whole.has_html:
        return {"page": False, "requests": None}
    return {"page": True, "requests": whole.requests()}


def _unchecked(reader: Reader, blocks_promise: bool) -> list[Found]:
    return [
        each
        for each in reader.unchecked
        if not (blocks_promise and words_of(each["url"])[0] == "compress")
    ]


def of_styles(outside: Sequence[Found], style: Style) -> Iterator[Found]:
    """Yield what stylesheets outside compress blocks name: compress would put a hash on these URLs."""
    for each in outside:
        constant = CONSTANT.match(each["url"]) if each["kind"] == "stylesheet" else None
        text = style(constant.group(1)) if constant else None
        if constant and text:
            seen = set()
            for match in CSS_URL.finditer(_CSS_COMMENT.sub("", text)):
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


def reader_of_whole(
    template: Template, templates: Mapping[str, Template], static_url: str
) -> Reader | None:
    """Return what a browser reads in the page that a template makes, or None if its parent is unknown."""
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
        """An included template is rendered on its own: its blocks are not the page's."""
        for kind, text in pieces:
            if kind == "tag" and words_of(text)[0] == "include":
                constant = _STRING.match(words_of(text)[1])
                included = templates.get(constant.group(1)) if constant else None
                if included and depth < MOST_DEEP:
                    yield from without_blocks(included.pieces, depth + 1)
            elif kind in ("text", "tag"):
                yield kind, text

    return template.read([*expanded(chain[-1].pieces, 0, len(chain) - 1, "")], static_url)
