"""What tags print of files that web hosts do not hold: `page_facts.json`, sealed and flipped with the release.

    {"format": 1, "integrity": {"js/a.js": "sha384-…"}, "fonts": {"css/site.css": ["../fonts/a.woff2"]}}

A font stands as its stylesheet names it. The seal writes the file, and django_app reads it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fab_static.plan.integrity import KINDS
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.release import File

FILE = "page_facts.json"
NAME = OUTSIDE + FILE  # in a release


@dataclass(frozen=True)
class PageFacts:
    """The file, read."""

    integrity: Mapping[str, str] = field(default_factory=dict)
    fonts: Mapping[str, list[str]] = field(default_factory=dict)


def to_hash(files: Mapping[str, File], *, names: Collection[str], is_all: bool) -> dict[str, File]:
    """Return the files whose hashes pages may print.

    Args:
        files: of the release.
        names: those that templates name.
        is_all: templates compute names too, so that every script and stylesheet counts.
    """
    return {
        path: file
        for path, file in sorted(files.items())
        if path in names or (is_all and path.endswith(KINDS))
    }


def text(*, integrity: Mapping[str, str], fonts: Mapping[str, list[str]]) -> str:
    """Return the text of the file, the same for the same content."""
    content = {"format": 1, "integrity": dict(integrity), "fonts": dict(fonts)}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def read(text: str) -> PageFacts:
    """Return what the file says.

    Raises:
        ValueError: it is not what the seal writes.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("format") != 1:
        raise ValueError("no page facts of format 1")
    return PageFacts(data["integrity"], data["fonts"])
