"""LESS text -> the same text, its @imports true in the static root.

collectstatic moves files up: `../../../../../../node_modules/bootstrap/less/mixins` is right in the
source tree and wrong in the static root. Here is what LESS itself would read (lessjs.org, checked
against less 3 and 4): where imports and string variables stand, which file a path means, and what
`@import "@{theme}/colours"` comes to in the file that says it.

Text is a file's bytes decoded as UTF-8 with surrogateescape, so that every byte survives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

_SKIP = r"(?>\s|/\*.*?\*/|//[^\r\n]*+)*+"
_STRING = r"""(?>"(?>\\.|[^"\\\r\n])*+"|'(?>\\.|[^'\\\r\n])*+')"""
_TOKEN = re.compile(
    rf"""
      (?P<comment>/\*.*?(?:\*/|\Z)|//[^\r\n]*+)
    | @import\b{_SKIP}(?:\((?P<options>[\w\s,-]*+)\){_SKIP})?
        (?:(?P<import>{_STRING})|url\(\s*+(?:(?P<import_url>{_STRING})|(?P<import_raw>[^"'()\s][^()\r\n]*+))\s*+\))
    | @(?P<variable>[\w-]++)\s*+:{_SKIP}
        (?:~?(?P<value>{_STRING})|(?P<alias>@[\w-]++)){_SKIP}(?=;|\}}|!|\Z)
    | (?P<string>{_STRING})
    | url\(\s*+(?P<url>[^"'()\s][^()\r\n]*+)\)
    | (?P<unclosed>["'][^\r\n]*+)
    | (?P<code>`[^`]*`)
    | (?P<interpolation>[@$]\{{[\w-]++\}})
    | (?P<bracket>[{{}}()])
    """,
    re.VERBOSE | re.DOTALL,
)
_INTERPOLATION = re.compile(r"@\{([\w-]+)\}")
_HAS_EXTENSION = re.compile(
    r"\.[a-z]*\Z|[?;]"
)  # less: abstract-file-manager.js, tryAppendExtension
_IS_CSS = re.compile(r"[#.&?]css(?:[?;].*)?\Z")  # less: tree/import.js
_IS_REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
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


class Sheet:
    """A LESS file, read: its imports and string variables, in order, and all its other strings."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[Import | Variable] = []
        self.strings: list[tuple[int, int]] = []
        depth = 0
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if token["bracket"]:
                depth += 1 if token["bracket"] in "{(" else -1
            elif kind in ("import", "import_url", "import_raw"):
                start, end = _within(token, kind)
                options = frozenset((token["options"] or "").replace(",", " ").split())
                self.items.append(Import(text[start:end], start, end, options))
                self.strings.append((start, end))
            elif kind == "value":
                start, end = _within(token, kind)
                self.strings.append((start, end))
                if depth == 0:
                    self.items.append(Variable(token["variable"], text[start:end], start, end))
            elif kind == "alias" and depth == 0:
                start = token.start("alias")
                alias = "@{" + token["alias"][1:] + "}"
                self.items.append(Variable(token["variable"], alias, start, start))
            elif kind in ("string", "url"):
                self.strings.append(_within(token, kind))

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
) -> list[Reached]:
    """Return every import that compiling `entry` meets, in the order LESS loads them.

    Args:
        entry: the file a page links to.
        read: a file's sheet.
        resolve: (file, path, pieces) -> the file that this path in that file means, or None.

    A file is read once however often it is imported. In each file, imports with variables come last:
    LESS evaluates them when the others are loaded, and sees their variables; the last definition wins.
    """
    met: list[Reached] = []
    scopes: dict[str, _Scope] = {}

    def visit(scope: _Scope) -> None:
        scopes[scope.file] = scope
        followed = [at for at in scope.sheet.imports if at.is_followed]
        for at in sorted(followed, key=lambda at: "@{" in at.path):  # stable: order of the text
            pieces = _evaluate(at.path, scope, at.start)
            path = None if pieces is None else file_path("".join(piece.text for piece in pieces))
            if path is None or pieces is None:
                met.append(Reached(scope.file, at, None, (), None))
                continue
            if not Import(path, 0, 0, at.options).is_followed:
                continue
            target = resolve(scope.file, path, pieces)
            met.append(Reached(scope.file, at, path, pieces, target))
            if target is None or "inline" in at.options:
                continue
            if target in scopes:
                scope.children[at.start] = scopes[target]
            else:
                scope.children[at.start] = _Scope(target, read(target), scope)
                visit(scope.children[at.start])

    visit(_Scope(entry, read(entry), None))
    return met


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
