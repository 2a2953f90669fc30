"""LESS text -> the same text with its @imports made true in the static root.

collectstatic moves files up: `../../../../../../node_modules/bootstrap/less/mixins` is right in the
source tree and wrong in the static root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from fab_static.plan.less.sheet import Piece

_B3 = re.compile(r"@\{(b3-import-[a-z]+-[a-z]+)\}")


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
