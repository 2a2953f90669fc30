"""Globs, as a phase of the project's own names what it reads."""

from __future__ import annotations

import os
import re
from typing import Iterator

NEVER = frozenset((".git", ".hg", "__pycache__"))  # no build is made of what they hold


def matching(glob: str) -> list[str]:
    """Return the files that a glob matches: its whole path, and after a colon each what is left out of it.

    `**` is any number of folders, `*` and `?` and `[…]` stay within a name. Names that begin with a dot are as
    good as others.
    """
    pattern, *places = glob.split(":")
    parts = pattern.split("/")
    count = next((at for at, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    base = "/".join(parts[:count]) or "/"
    if any(base == place or base.startswith(f"{place}/") for place in places):
        return []
    matches = re.compile(expression("/".join(parts[count:]))).fullmatch
    if os.path.isfile(base):
        return [base] if count == len(parts) else []
    return sorted(
        path
        for path in files_below(base, places)
        if count == len(parts) or matches(path[len(base.rstrip("/")) + 1 :])
    )


def files_below(folder: str, places: list[str]) -> Iterator[str]:
    """Yield the files below a folder; a link to a folder is not followed."""
    for where, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in NEVER and os.path.join(where, name) not in places
        ]
        for name in names:
            path = os.path.join(where, name)
            if path not in places:
                yield path


def expression(pattern: str) -> str:
    """Return a glob as a regular expression."""
    found = []
    for part in re.findall(r"\*\*/?|\*|\?|\[[^]]+\]|.", pattern, re.DOTALL):
        if part == "**/":
            found.append("(?:.*/)?")
        elif part == "**":
            found.append(".*")
        elif part == "*":
            found.append("[^/]*")
        elif part == "?":
            found.append("[^/]")
        elif len(part) > 1:
            found.append("[" + part[1:-1].replace("!", "^", 1 if part[1] == "!" else 0) + "]")
        else:
            found.append(re.escape(part))
    return "(?s:" + "".join(found) + ")"
