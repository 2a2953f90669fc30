"""Globs of files below the static root, as the inventory has them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PARTS = re.compile(r"\*\*/?|\*|\?|\[[^]]+\]|.", re.DOTALL)
_MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matching(glob: str, paths: Iterable[str]) -> set[str]:
    """Return the paths that a glob matches: `**` is any number of folders; `*`, `?` and `[…]` stay within a name."""
    matches = re.compile("".join(map(_expression, _PARTS.findall(glob))), re.DOTALL).fullmatch
    return {path for path in paths if matches(path)}


def _expression(part: str) -> str:
    if part in _MEANS:
        return _MEANS[part]
    if len(part) == 1:
        return re.escape(part)
    inside = part[1:-1].replace("\\", r"\\")
    return f"[^{inside[1:]}]" if inside.startswith("!") and len(inside) > 1 else f"[{inside}]"
