"""Tells what templates promise of static files, and what they will ask for when pages are rendered.

An integrity attribute whose hash is written out is a promise that the next release may break. The tags
`static_integrity` and `static_preload` need facts that web hosts cannot find out: they do not hold the files.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from fab_static.host.project.lint.pages import CONSTANT
from fab_static.host.project.lint.pieces import pieces_of
from fab_static.host.project.lint.question import is_own
from fab_static.host.project.lint.reader import Reader
from fab_static.host.project.templates import every

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.plan.wire.questions import Integrity, Written

_MAY_SAY = re.compile("integrity|static_preload").search
_LOAD = re.compile(r"\{%-?\s*load\s[^%]*%\}")
_USE = re.compile(r"\bstatic_integrity\b")
_NAMED = re.compile(
    r"""\bstatic_integrity(?:\s+|\s*\(\s*)(["'])(?P<first>[^"']+)\1"""
    r"""|(["'])(?P<last>[^"']+)\3\s*\|\s*static_integrity\b"""
)
_PRELOAD = re.compile(r"\bstatic_preload\b")


def ask_integrity(_: object) -> Integrity:
    """Return the promises that are written out in templates, and the names that tags will ask for."""
    from django.conf import settings

    is_all = bool(getattr(settings, "FAB_STATIC_PAGE_FACTS", False))
    found: Integrity = {
        "written": [],
        "names": [],
        "computed": is_all,
        "preloads": is_all,
        "algorithm": str(getattr(settings, "FAB_STATIC_INTEGRITY", "sha384")),
    }
    static_url = str(settings.STATIC_URL or "")
    for source in every():
        if not _MAY_SAY(source.text):
            continue
        named, is_computed = names_in(source.text)
        found["names"] += named
        found["computed"] |= is_computed
        found["preloads"] |= bool(_PRELOAD.search(source.text))
        found["written"] += [
            {"template": source.name, "is_own": is_own(source.place), **one}
            for one in written_in(source.text, static_url)
        ]
    found["names"] = sorted({*found["names"]})
    return found


def names_in(text: str) -> tuple[list[str], bool]:
    """Return the names that a template gives to `static_integrity`, and whether it computes others."""
    text = _LOAD.sub("", text)
    named = [match["first"] or match["last"] for match in _NAMED.finditer(text)]
    return named, len(named) < len(_USE.findall(text))


def written_in(text: str, static_url: str) -> Iterator[Written]:
    """Yield each integrity attribute of a template whose hash is written out, and whose file is known."""
    reader = _Written(static_url)
    for kind, piece in pieces_of(text):
        reader.take(kind, piece)
    reader.close()
    yield from reader.written


class _Written(Reader):
    """Reads elements with integrity attributes; what a compress block takes in loses them."""

    def __init__(self, static_url: str) -> None:
        super().__init__(static_url)
        self.written: list[Written] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element promises."""
        values = {name: self.words(value or "") for name, value in attrs}
        name, is_url = self._name_in(values.get("src" if tag == "script" else "href", ""))
        integrity = values.get("integrity", "")
        is_written = integrity and "{" not in integrity
        if name and is_written and not self.compress and tag in ("script", "link"):
            self.written.append(
                {"line": self.line, "name": name, "is_url": is_url, "integrity": integrity}
            )

    def _name_in(self, url: str) -> tuple[str, bool]:
        """Return the static file that a URL in a template stands for, "" where none is known; is it written out?"""
        constant = CONSTANT.match(url)
        if constant:
            return constant.group(1), False
        if self.static_url and url.startswith(self.static_url) and "{" not in url:
            return unquote(urlsplit(url).path)[len(urlsplit(self.static_url).path) :], True
        return "", False
