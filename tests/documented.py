"""The commands that the docs show: tests run them, or say why not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("fab", "make", "pip", "python", "aws", "npm", "KEEP=1")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def fences(*languages: str) -> list[tuple[str, str]]:
    """Return (page, text) of every fenced block in these languages; "" is one without a name."""
    return [
        (page.name, found[2])
        for page in PAGES
        for found in _FENCE.finditer(page.read_text("utf-8"))
        if found[1] in languages
    ]


def commands() -> list[str]:
    """Return every command that a page shows, in a block or in a line, each once, in their order.

    A comment behind a command stands behind `#` or two spaces. History (CHANGELOG) is left out.
    """
    found: dict[str, None] = {}
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        text = page.read_text("utf-8")
        blocks = "\n".join(
            each[2] for each in _FENCE.finditer(text) if each[1] in ("", "sh", "bash", "console")
        )
        lines = blocks.replace("\\\n", " ").splitlines()
        for line in (*lines, *_CODE.findall(_FENCE.sub("", text))):
            command = re.split(r" #|(?<! ) {2,}(?! *--)|, ", line.strip().removeprefix("$ "))[0]
            command = " ".join(command.split())
            if command.split(" ")[0] in PROGRAMS and " " in command:
                found.setdefault(command)
    return list(found)
