"""LESS text -> the same text, its @imports true in the static root.

collectstatic moves files up: `../../../../../../node_modules/bootstrap/less/mixins` is right in the
source tree and wrong in the static root. Here is what LESS itself would read (lessjs.org, checked
against less 3 and 4): where imports, url()s and string variables stand, which file a path means, and what
`@import "@{theme}/colours"` comes to in the file that says it.

Text is a file's bytes decoded as UTF-8 with surrogateescape, so that every byte survives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
_INTERPOLATION = re.compile(r"@\{([\w-]+)\}")
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
_B3 = re.compile(r"@\{(b3-import-[a-z]+-[a-z]+)\}")


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


@dataclass(frozen=True)
class Reached:
    """An @import met on the way from an entry file, evaluated as LESS does.

    `path` is None when a variable in it has no string value; `target` is None when no file was found.
    """

    file: str
    at: Import
    path: str | None
    pieces: tuple[Piece, ...]
    target: str | None


@dataclass(frozen=True)
class Linked:
    """A link met on the way from an entry file, evaluated as LESS does.

    `path` is None when it cannot be known from the text; `is_sure` says that compiling prints it, whatever
    mixins are called with.
    """

    file: str
    at: Link
    path: str | None
    pieces: tuple[Piece, ...]
    is_sure: bool


class Sheet:
    """A LESS file, read: its imports and string variables, in order, its links, and all its other strings."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[Import | Variable] = []
        self.strings: list[tuple[int, int]] = []
        self.links: list[Link] = []
        self.defined: Counter[str] = Counter()
        blocks = [_Block()]
        links: list[tuple[Link, list[_Block]]] = []
        depth = prelude = 0
        parens = [0]
        holder: str | None = None
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if mark := token["mark"]:
                if mark == "{":
                    blocks.append(blocks[-1].inner(text[prelude : token.start()]))
                    parens.append(0)
                elif mark == "}" and len(blocks) > 1:
                    blocks.pop()
                    parens.pop()
                elif mark in "()":
                    parens[-1] += 1 if mark == "(" else -1
                if mark in "{}" or (mark == ";" and parens[-1] <= 0):
                    prelude, holder = token.end(), None
                depth += {"{": 1, "(": 1, ";": 0}.get(mark, -1)
            elif kind == "comment" and not text[prelude : token.start()].strip():
                prelude = token.end()
            elif kind in ("import", "import_url", "import_raw"):
                start, end = _within(token, kind)
                options = frozenset((token["options"] or "").replace(",", " ").split())
                self.items.append(Import(text[start:end], start, end, options))
                self.strings.append((start, end))
            elif kind in ("value", "alias", "defined"):
                holder = token["variable"] or token["defined"]
                blocks[-1].names.add(holder)
                if kind == "value":
                    start, end = _within(token, kind)
                    self.strings.append((start, end))
                if depth == 0:
                    self.defined[holder] += 1
                    if kind == "value":
                        self.items.append(Variable(holder, text[start:end], start, end))
                    elif kind == "alias":
                        at = token.start("alias")
                        self.items.append(Variable(holder, f"@{{{token['alias'][1:]}}}", at, at))
            elif token["call"]:
                start, end = _within(token, kind or "")
                if kind == "link_variable":
                    end = start
                    path = f"@{{{token[kind][1:]}}}"
                else:
                    path = text[start:end]
                    self.strings.append((start, end))
                name: Literal["url", "data-uri"] = "url" if token["call"] == "url" else "data-uri"
                links.append((Link(name, path, start, end, holder=holder), [*blocks]))
            elif kind == "string":
                self.strings.append(_within(token, kind))
        for link, around in links:
            inner = around[1:]  # a block's variables are known when it ends: the last one counts
            local = frozenset(name for block in inner for name in block.names)
            is_global = link.holder is not None and not inner
            self.links.append(
                replace(
                    link,
                    is_conditional=any(block.is_conditional for block in inner),
                    holder=link.holder if is_global else None,
                    hidden=local,
                )
            )

    @cached_property
    def imports(self) -> list[Import]:
        """Its imports, in the order of the text."""
        return [item for item in self.items if isinstance(item, Import)]


def imports(text: str) -> list[Import]:
    """Return the imports of a LESS text, in order; none from comments and strings."""
    return Sheet(text).imports


def line_of(text: str, at: int) -> int:
    """Return the number, from 1, of the line that holds the character."""
    return text.count("\n", 0, at) + 1


def file_path(path: str) -> str:
    """Return the file that an @import's path means: `mixins` is mixins.less, `a.import` itself."""
    return path if _HAS_EXTENSION.search(path) else f"{path}.less"


def rewrite(text: str, replacements: Iterable[tuple[int, int, str]]) -> str:
    """Return the text with the spans (start, end, new) replaced, and not a byte else."""
    done: list[str] = []
    at = 0
    for start, end, new in sorted(replacements):
        done += text[at:start], new
        at = end
    return "".join([*done, text[at:]])


def replace_prefixes(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a path with each (source prefix, static prefix) replaced wherever it stands.

    Anywhere, not only in front: in a folder two deeper, a variable holds the prefix behind two more `../`,
    and these two are as right in the static root.
    """
    for source, static in pairs:
        text = text.replace(source, static)
    return text


def replace_b3(text: str, paths: Mapping[str, str]) -> str:
    """Return a path in which @{b3-import-x-y} is LESS_B3_PATHS["x"]; an unknown x stays as it is."""

    def known(found: re.Match[str]) -> str:
        return paths.get(found[1].split("-")[-2], found[0])

    return _B3.sub(known, text)


def leading_replacement(pieces: Sequence[Piece], path: str) -> tuple[Piece, str] | None:
    """Return the piece to change, and its new text, for the evaluated path to become `path`.

    Only the leading piece may change: what follows is a name inside a package, the same in both trees.
    None when that cannot be.
    """
    if not pieces:
        return None
    first, *others = pieces
    tail = "".join(piece.text for piece in others)
    if not path.endswith(tail):
        return None
    return first, path[: len(path) - len(tail)]


def follow(
    entry: str,
    read: Callable[[str], Sheet],
    resolve: Callable[[str, str, tuple[Piece, ...]], str | None],
) -> Walk:
    """Return what compiling `entry` meets: every import, in the order LESS loads them, and every link.

    Args:
        entry: the file a page links to.
        read: a file's sheet.
        resolve: (file, path, pieces) -> the file that this path in that file means, or None.

    A file is read once however often it is imported. In each file, imports with variables come last:
    LESS evaluates them when the others are loaded, and sees their variables; the last definition wins.
    """
    met: list[Reached] = []
    left: list[tuple[_Scope, Import]] = []
    inlined: dict[str, Sheet] = {}
    scopes: dict[str, _Scope] = {}

    def visit(scope: _Scope) -> None:
        scopes[scope.file] = scope
        left.extend((scope, at) for at in scope.sheet.imports if not at.is_followed)
        followed = [at for at in scope.sheet.imports if at.is_followed]
        for at in sorted(followed, key=lambda at: "@{" in at.path):  # stable: order of the text
            pieces = _evaluate(at.path, scope, at.start)
            path = None if pieces is None else file_path("".join(piece.text for piece in pieces))
            if path is None or pieces is None:
                met.append(Reached(scope.file, at, None, (), None))
                continue
            if not Import(path, 0, 0, at.options).is_followed:
                left.append((scope, at))
                continue
            target = resolve(scope.file, path, pieces)
            met.append(Reached(scope.file, at, path, pieces, target))
            if target is None:
                continue
            if "inline" in at.options:
                inlined[target] = read(target)
            elif target not in scopes:  # LESS takes a file in where it is imported first
                scope.children[at.start] = _Scope(target, read(target), scope)
                visit(scope.children[at.start])

    visit(_Scope(entry, read(entry), None))
    return Walk(entry, met, scopes, left, inlined)


@dataclass(frozen=True)
class Walk:
    """What compiling an entry file meets."""

    entry: str
    imports: list[Reached]
    _scopes: dict[str, _Scope]
    _left: list[tuple[_Scope, Import]]  # the imports that the browser follows
    _inlined: dict[str, Sheet]

    def links(self) -> list[Linked]:
        """Return every link of the files met, evaluated with the variables as they are in the end."""
        root = self._scopes[self.entry]
        printed = self._printed()
        defined: Counter[str] = Counter()
        for scope in self._scopes.values():
            defined.update(scope.sheet.defined)
        found: list[Linked] = []
        for scope, at in self._left:
            link = Link("@import", at.path, at.start, at.end)
            found.append(self._evaluated(scope, link, root, scope.file in printed))
        for name, scope in self._scopes.items():
            for link in scope.sheet.links:
                is_sure = (
                    name in printed
                    and not link.is_conditional
                    and (link.holder is None or defined[link.holder] == 1)
                )
                found.append(self._evaluated(scope, link, root, is_sure))
        for name, sheet in self._inlined.items():  # as it stands: no LESS
            for link in sheet.links:
                piece = Piece(link.text, name, link.start, link.end)
                found.append(Linked(name, link, link.text, (piece,), name in printed))
        return found

    def _evaluated(self, scope: _Scope, link: Link, root: _Scope, is_sure: bool) -> Linked:
        pieces = None
        if link.hidden.isdisjoint(_INTERPOLATION.findall(link.text)):
            pieces = _evaluate(link.text, scope, link.start, user=root)
        path = None if pieces is None else "".join(piece.text for piece in pieces)
        return Linked(scope.file, link, path, pieces or (), is_sure)

    def _printed(self) -> set[str]:
        """Return the files of which all is printed: not those that only a (reference) leads to."""
        printed = {self.entry}
        for _ in self.imports:
            more = {
                met.target
                for met in self.imports
                if met.target and met.file in printed and "reference" not in met.at.options
            }
            if more <= printed:
                break
            printed |= more
        return printed


@dataclass
class _Block:
    """What stands between { and }: whether it is printed in any case, and the variables it defines."""

    is_conditional: bool = False
    names: set[str] = field(default_factory=set)

    def inner(self, prelude: str) -> _Block:
        is_conditional = self.is_conditional or bool(_IS_CONDITIONAL.match(prelude))
        return _Block(is_conditional, set(_NAME.findall(prelude)) if is_conditional else set())


@dataclass
class _Scope:
    """A loaded file: what its imports see of variables, its own, its imports' and its importers'."""

    file: str
    sheet: Sheet
    parent: _Scope | None
    children: dict[int, _Scope] = field(default_factory=dict)

    def lookup(self, name: str) -> tuple[_Scope, Variable] | None:
        return self.own(name, set()) or (self.parent.lookup(name) if self.parent else None)

    def own(self, name: str, seen: set[str]) -> tuple[_Scope, Variable] | None:
        if self.file in seen:
            return None
        seen.add(self.file)
        for item in reversed(self.sheet.items):
            if isinstance(item, Variable):
                if item.name == name:
                    return self, item
            elif (child := self.children.get(item.start)) and (found := child.own(name, seen)):
                return found
        return None


def _evaluate(
    text: str,
    scope: _Scope,
    start: int,
    inside: frozenset[str] = frozenset(),
    user: _Scope | None = None,
) -> tuple[Piece, ...] | None:
    """Return the literal pieces that a string comes to, or None when a variable has no string value."""
    pieces: list[Piece] = []
    at = 0
    user = user or scope
    for found in [*_INTERPOLATION.finditer(text), None]:
        literal = text[at : found.start() if found else len(text)]
        if literal:
            pieces.append(Piece(literal, scope.file, start + at, start + at + len(literal)))
        if found:
            at = found.end()
            name = found[1]
            known = None if name in inside else user.lookup(name)
            if known is None:
                return None
            where, variable = known
            value = _evaluate(variable.text, where, variable.start, inside | {name}, user)
            if value is None:
                return None
            pieces += value
    return tuple(pieces)


def _within(token: re.Match[str], group: str) -> tuple[int, int]:
    """Return the span of a token's text, without its quotes, or the space before a url's end."""
    start, end = token.start(group), token.start(group) + len(token[group].rstrip())
    quoted = token.string[start] in "\"'"
    return (start + 1, end - 1) if quoted else (start, end)
