"""The modules of a RequireJS bundle: r.js writes each with its name, define("shop/js/cart", …), one after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TypedDict

_DEFINE = re.compile(r"""\bdefine\(\s*(["'`])([^"'`\s]+)\1""")


class Changes(TypedDict):
    """The modules that a bundle has gained, that are other text, and that it has lost."""

    added: list[str]
    changed: list[str]
    removed: list[str]


def modules_of(text: str) -> dict[str, str]:
    """Return the modules that a bundle defines, in its order: name -> text, up to where the next one begins."""
    found = list(_DEFINE.finditer(text))
    ends = [match.start() for match in found] + [len(text)]
    return {
        match[2]: text[start:end] for match, (start, end) in zip(found, pairwise(ends), strict=True)
    }


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> Changes:
    """Return what became of the modules between two builds of a bundle."""
    return {
        "added": [name for name in now if name not in before],
        "changed": [name for name in now if name in before and before[name] != now[name]],
        "removed": [name for name in before if name not in now],
    }
