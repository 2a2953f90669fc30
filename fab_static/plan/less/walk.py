"""What compiling an entry meets: every import in the order LESS loads them, and every link, evaluated.

`@import "@{theme}/colours"` comes to a path only once the variables of the whole text are known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fab_static.plan.less.sheet import Import, Link, Piece, Sheet, Variable, file_path

_INTERPOLATION = re.compile(r"@\{([\w-]+)\}")


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
