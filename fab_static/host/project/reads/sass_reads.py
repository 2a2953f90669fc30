"""Which files LibSass opens: django-libsass and django-sass-processor compile with it inside the project's process.

It opens them natively. But it tells an importer of each @import before it looks itself, and how it looks is known:
https://github.com/sass/libsass/blob/3.6.5/src/file.cpp (resolve_includes, find_includes).
"""

from __future__ import annotations

import os
import sys
from typing import Any, Iterable, Iterator

from fab_static.host.project.imports import when_imported

MODULE = "sass"
NATIVE = "_sass"  # what it loads
EXTENSIONS = ("", ".scss", ".sass", ".css")
LAST = -1  # of a project's own importers, the one with the highest number is asked first


def begin() -> None:
    """Have each call of sass.compile() tell what is read."""
    when_imported(MODULE, _watch)


def _watch() -> None:
    sass = sys.modules[MODULE]
    compiled = sass.compile

    def noted(**named: Any) -> object:
        # the current folder is always among them
        folders = [os.getcwd(), *(named.get("include_paths") or ())]
        sheets = [named["filename"]] if "filename" in named else []
        for sheet in sheets or _below(*named.get("dirname", [])[:1]):
            _tell("bytes", sheet)

        def importer(path: str, importing: str) -> None:
            for folder in [os.path.dirname(importing), *folders]:
                looks_for(os.path.join(os.getcwd(), folder, path))

        named["importers"] = [*(named.get("importers") or ()), (LAST, importer)]
        return compiled(**named)

    sass.compile = noted  # type: ignore[attr-defined]


def _below(*folders: str) -> Iterator[str]:
    for top in folders:
        for folder, _, names in os.walk(top):
            yield from (os.path.join(folder, name) for name in names)


def looks_for(place: str) -> None:
    """Tell of all that may be read for an @import that leads to this place: the names there, and the files of these names."""
    for folder, names in _candidates(place):
        _tell("names", folder)
        for name in names:
            file = os.path.join(folder, name)
            if os.path.isfile(file):
                _tell("bytes", file)


def _candidates(place: str) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield folders, and the names that count in each."""
    folder, name = os.path.split(place)
    yield folder, [f"{under}{name}{end}" for under in ("", "_") for end in EXTENSIONS]
    yield place, [f"{under}index{end}" for under in ("", "_") for end in EXTENSIONS]


def _tell(aspect: str, path: str) -> None:
    sys.audit("fab_static.read", os.path.abspath(path), None, aspect)
