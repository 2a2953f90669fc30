"""LESS text -> its imports, links and string variables, as LESS itself reads them.

Checked against less 3 and 4 (lessjs.org): where imports, url()s and string variables stand, and which file a
path means. Text is a file's bytes decoded as UTF-8 with surrogateescape, so that every byte survives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

_SKIP = r"(?>\s|/\*.*?\*/|//[^\r\n]*+)*+"


_STRING = r"""(?>"(?>\\.|[^"\\\r\n])*+"|'(?>\\.|[^'\\\r\n])*+')"""


_TOKEN = re.compile(
    rf"""(?=[/@"'`$ud{{}}();])(?:  # what any of these begins with: not all are tried at every letter
      (?P<comment>/\*.*?(?:\*/|\Z)|//[^\r\n]*+)
    | @import\b{_SKIP}(?:\((?P<options>[\w\s,-]*+)\){_SKIP})?
        (?:(?P<import>{_STRING})|url\(\s*+(?:(?P<import_url>{_STRING})|(?P<import_raw>[^"'()\s][^()\r\n]*+))\s*+\))
    | @(?P<variable>[\w-]++)\s*+:{_SKIP}
        (?:~?(?P<value>{_STRING})|(?P<alias>@[\w-]++)){_SKIP}(?=;|\}}|!|\Z)
    | @(?P<defined>[\w-]++)\s*+:
    | (?P<string>{_STRING})
    | (?<![\w-])(?P<call>url|data-uri)\(\s*+(?:{_STRING}\s*+,\s*+)?(?:
          ~?(?P<link>{_STRING}) | (?P<link_variable>@[\w-]++)
        | (?P<link_raw>(?!@[\w-])[^"'()\s](?>\\.|[^()\\\r\n])*+))\s*+\)
    | (?P<unclosed>["'][^\r\n]*+)
    | (?P<code>`[^`]*`)
    | (?P<interpolation>[@$]\{{[\w-]++\}})
    | (?P<mark>[{{}}();]))
    """,
    re.VERBOSE | re.DOTALL,
)


_HAS_EXTENSION = re.compile(
    r"\.[a-z]*\Z|[?;]"
)  # less: abstract-file-manager.js, tryAppendExtension


_IS_CSS = re.compile(r"[#.&?]css(?:[?;].*)?\Z")  # less: tree/import.js


_IS_REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


# What is printed only where it is called for: a mixin with parameters, a guard, a detached ruleset.
_IS_CONDITIONAL = re.compile(
    r"\s*+(?>[.#][\w-]++\s*+(?>>\s*+)?)++\(.*\)\s*+\Z|.*\bwhen\b|.*:\s*+\Z", re.DOTALL
)


_NAME = re.compile(r"@([\w-]+)")


@dataclass(frozen=True)
class Import:
    """One @import: its path as written, at text[start:end], within the quotes."""

    path: str
    start: int
    end: int
    options: frozenset[str] = frozenset()

    @property
    def is_followed(self) -> bool:
        """Is it LESS that reads the file, at compile time? Otherwise the browser does, by URL."""
        if _IS_REMOTE.match(self.path) or "css" in self.options:
            return False
        return bool({"less", "inline"} & self.options) or not _IS_CSS.search(self.path)

    @property
    def file_path(self) -> str:
        """The path of the file it means, if there is no interpolation in it."""
        return file_path(self.path)


@dataclass(frozen=True)
class Link:
    """One path that ends up in the CSS: a url(), a data-uri(), or an @import left to the browser.

    `text` is as written, at [start:end], within the quotes; `url(@a)` has the text "@{a}". `holder` is the
    variable whose value the link is part of, `hidden` the variables that mean something else where it stands.
    """

    kind: Literal["url", "data-uri", "@import"]
    text: str
    start: int
    end: int
    is_conditional: bool = False
    holder: str | None = None
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Variable:
    """A string variable of the file's outermost scope, the one that imports see.

    Its text is at [start:end], within the quotes; `@a: @b;` has the text "@{b}" and an empty span.
    """

    name: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Piece:
    """A run of literal text in an evaluated path, and where it stands: file, and span in its text."""

    text: str
    file: str
    start: int
    end: int


class Sheet:
    """A LESS file, read: its imports and string variables, in order, its links, and all its other strings."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[Import | Variable] = []
        self.strings: list[tuple[int, int]] = []
        self.defined: Counter[str] = Counter()
        reading = _Reading(self)
        for token in _TOKEN.finditer(text):
            reading.take(token)
        self.links = list(reading.links())

    @cached_property
    def imports(self) -> list[Import]:
        """Its imports, in the order of the text."""
        return [item for item in self.items if isinstance(item, Import)]


class _Reading:
    """Where in a LESS text its reader stands: in which blocks, and in the value of which variable."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._blocks = [_Block()]
        self._parens = [0]  # open ones, in each of these blocks
        self._depth = 0  # of blocks and parentheses together
        self._prelude = 0  # where what stands before the next block begins
        self._holder: str | None = None
        self._links: list[tuple[Link, list[_Block]]] = []

    def take(self, token: re.Match[str]) -> None:
        """Take the next token."""
        kind = token.lastgroup or ""
        if token["mark"]:
            self._mark(token["mark"], token)
        elif kind == "comment" and not self._before(token).strip():
            self._prelude = token.end()
        elif kind in ("import", "import_url", "import_raw"):
            start, end = self._string(token, kind)
            options = frozenset((token["options"] or "").replace(",", " ").split())
            self._sheet.items.append(Import(self._sheet.text[start:end], start, end, options))
        elif kind in ("value", "alias", "defined"):
            self._variable(token, kind)
        elif token["call"]:
            self._link(token, kind)
        elif kind == "string":
            self._string(token, kind)

    def _before(self, token: re.Match[str]) -> str:
        return self._sheet.text[self._prelude : token.start()]

    def _string(self, token: re.Match[str], kind: str) -> tuple[int, int]:
        span = _within(token, kind)
        self._sheet.strings.append(span)
        return span

    def _mark(self, mark: str, token: re.Match[str]) -> None:
        if mark == "{":
            self._blocks.append(self._blocks[-1].inner(self._before(token)))
            self._parens.append(0)
        elif mark == "}" and len(self._blocks) > 1:
            self._blocks.pop()
            self._parens.pop()
        elif mark in "()":
            self._parens[-1] += 1 if mark == "(" else -1
        if mark in "{}" or (mark == ";" and self._parens[-1] <= 0):
            self._prelude, self._holder = token.end(), None
        self._depth += {"{": 1, "(": 1, ";": 0}.get(mark, -1)

    def _variable(self, token: re.Match[str], kind: str) -> None:
        name = self._holder = token["variable"] or token["defined"]
        self._blocks[-1].names.add(name)
        start, end = self._string(token, kind) if kind == "value" else (0, 0)
        if self._depth != 0:
            return
        self._sheet.defined[name] += 1
        if kind == "value":
            self._sheet.items.append(Variable(name, self._sheet.text[start:end], start, end))
        elif kind == "alias":
            at = token.start("alias")
            self._sheet.items.append(Variable(name, f"@{{{token['alias'][1:]}}}", at, at))

    def _link(self, token: re.Match[str], kind: str) -> None:
        if kind == "link_variable":
            start, _ = _within(token, kind)
            end, path = start, f"@{{{token[kind][1:]}}}"
        else:
            start, end = self._string(token, kind)
            path = self._sheet.text[start:end]
        name: Literal["url", "data-uri"] = "url" if token["call"] == "url" else "data-uri"
        link = Link(name, path, start, end, holder=self._holder)
        self._links.append((link, [*self._blocks]))

    def links(self) -> Iterator[Link]:
        """Yield the links, once all is read: a block's variables are known when it ends, and the last one counts."""
        for link, (_, *inner) in self._links:
            yield replace(
                link,
                is_conditional=any(block.is_conditional for block in inner),
                holder=None if inner else link.holder,
                hidden=frozenset(name for block in inner for name in block.names),
            )


def imports(text: str) -> list[Import]:
    """Return the imports of a LESS text, in order; none from comments and strings."""
    return Sheet(text).imports


def line_of(text: str, at: int) -> int:
    """Return the number, from 1, of the line that holds the character."""
    return text.count("\n", 0, at) + 1


def file_path(path: str) -> str:
    """Return the file that an @import's path means: `mixins` is mixins.less, `a.import` itself."""
    return path if _HAS_EXTENSION.search(path) else f"{path}.less"


@dataclass
class _Block:
    """What stands between { and }: whether it is printed in any case, and the variables it defines."""

    is_conditional: bool = False
    names: set[str] = field(default_factory=set)

    def inner(self, prelude: str) -> _Block:
        is_conditional = self.is_conditional or bool(_IS_CONDITIONAL.match(prelude))
        return _Block(is_conditional, set(_NAME.findall(prelude)) if is_conditional else set())


def _within(token: re.Match[str], group: str) -> tuple[int, int]:
    """Return the span of a token's text, without its quotes, or the space before a url's end."""
    start, end = token.start(group), token.start(group) + len(token[group].rstrip())
    quoted = token.string[start] in "\"'"
    return (start + 1, end - 1) if quoted else (start, end)
