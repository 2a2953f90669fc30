"""The LESS files of the static root, and the source tree that tells what their imports mean."""

from __future__ import annotations

import os
import posixpath
from fnmatch import fnmatchcase
from pathlib import Path

from django.conf import settings

from fab_static.django_app import project, static_files
from fab_static.plan.less.rewriting import rewrite
from fab_static.plan.less.sheet import Piece, Sheet
from fab_static.plan.less.walk import Reached

MAY_DANGLE = ("*/node_modules/*", "*/bower_components/*", "*/site-packages/*")


class Tree:
    """The LESS files of the static root, as they are to be written, and the sources they came from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sources: dict[str, static_files.Source] = {}
        places: dict[tuple[Path, str], None] = {}  # (folder, prefix), in the finders' order
        for source in static_files.found():
            self._sources.setdefault(source.name, source)
            if source.location:
                places[source.location, source.name.removesuffix(source.path)] = None
        self._places = [
            (f"{folder}/", prefix)
            for location, prefix in places
            for folder in (location, location.resolve())
        ]
        self.names = sorted(
            Path(parent, name).relative_to(root).as_posix()
            for parent, _, files in os.walk(root)
            for name in files
            if name.endswith(".less")
        )
        self._texts = {name: self._read(root / name) for name in self.names}
        self._collected = dict(self._texts)
        self._sheets: dict[str, Sheet] = {}
        self._is_source: dict[str, bool] = {}
        self._beside: dict[
            str, list[Path]
        ] = {}  # file -> where LESS would look for what it imports
        self._meant: dict[tuple[str, str], str | None] = {}  # sources do not change while we look

    def sheet(self, name: str) -> Sheet:
        """Return a file, read as LESS reads it."""
        if name not in self._sheets:
            self._sheets[name] = Sheet(self.text(name))
        return self._sheets[name]

    def text(self, name: str) -> str:
        """Return a file's text, as it is to be written."""
        if name not in self._texts:  # `@import (less) "x.css"`
            self._texts[name] = self._read(self.root / name)
        return self._texts[name]

    def strings(self, name: str) -> list[tuple[tuple[int, int], str]]:
        """Return a file's strings, each with its span."""
        text = self.text(name)
        return [((start, end), text[start:end]) for start, end in self.sheet(name).strings]

    def change(self, name: str, spans: list[tuple[int, int, str]]) -> None:
        """Replace spans of a file's text."""
        self._texts[name] = rewrite(self._texts[name], spans)
        self._is_source.pop(name, None)
        self._sheets.pop(name, None)

    def write(self) -> list[str]:
        """Write the files that changed, and return their names."""
        changed = [name for name in self.names if self._texts[name] != self._collected[name]]
        for name in changed:
            data = self._texts[name].encode("utf-8", "surrogateescape")
            project.write_atomically(self.root / name, data)
        return changed

    def target(self, file: str, path: str, pieces: tuple[Piece, ...]) -> str | None:
        """Return the name that an @import should come to.

        In a text that is still the source's, the source tree knows best: what lies where the path leads
        from the static root may be another package of that name.
        """
        target = None
        if all(self._is_as_written(name) for name in (file, *(piece.file for piece in pieces))):
            target = self._in_source(file, path)
        return target or self.in_root(file, path) or self._in_source(file, path)

    def in_root(self, file: str, path: str) -> str | None:
        """Return the name that a path in a file comes to in the static root, if that is there."""
        name = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return name if not is_outside(name) and self.is_file(name) else None

    def why_not(self, met: Reached) -> str | None:
        """Say what is wrong with an @import that leads to no file of the static root; None: nothing."""
        if met.path is None:
            return "names a variable that has no string value here"
        name = posixpath.normpath(posixpath.join(posixpath.dirname(met.file), met.path))
        if "optional" in met.at.options and not (is_outside(name) and (self.root / name).is_file()):
            return None
        if is_outside(name):
            what = f"leaves the static root, for {name}"
        else:
            what = f"leads to {name}, which is not there"
        source = next(filter(os.path.isfile, self._candidates(met.file, met.path)), None)
        return (
            f"{what}; {source}, which it means in the source, is not collected" if source else what
        )

    def _in_source(self, file: str, path: str) -> str | None:
        if (file, path) not in self._meant:
            self._meant[file, path] = self._looked_up(file, path)
        return self._meant[file, path]

    def _looked_up(self, file: str, path: str) -> str | None:
        for candidate in filter(os.path.isfile, self._candidates(file, path)):
            for folder, prefix in self._places:
                if str(candidate).startswith(folder):
                    name = prefix + candidate.as_posix()[len(folder) :]
                    if self.is_file(name):
                        return name
        return None

    def _candidates(self, file: str, path: str) -> list[Path]:
        """Return where LESS would look in the source tree: beside the file, then where lessc is started."""
        if file not in self._beside:
            found = source.file if (source := self._sources.get(file)) else None
            started = project.folder()
            self._beside[file] = (
                [found.parent, found.resolve().parent, started, started / "node_modules"]
                if found
                else []
            )
        return [Path(os.path.normpath(folder / path)) for folder in self._beside[file]]

    def may_dangle(self, name: str) -> bool:
        """Is it a package's file, whose links are not the project's to mend?"""
        source = self._sources.get(name)
        paths = [name, *([source.file.as_posix()] if source and source.file else [])]
        patterns = (*MAY_DANGLE, *getattr(settings, "FAB_STATIC_LESS_MAY_DANGLE", ()))
        return any(fnmatchcase(path, pattern) for path in paths for pattern in patterns)

    def _is_as_written(self, file: str) -> bool:
        if file not in self._is_source:
            source = self._sources.get(file)
            self._is_source[file] = (
                source is not None
                and source.file is not None
                and source.file.is_file()
                and self._read(source.file) == self.text(file)
            )
        return self._is_source[file]

    def is_file(self, name: str) -> bool:
        """Tell whether the static root holds this file."""
        # not Path.is_file: it asks for size and time too, on which a build would depend (host/project/reads)
        return os.path.isfile(self.root / name)  # noqa: PTH113

    @staticmethod
    def _read(file: Path) -> str:
        return file.read_bytes().decode("utf-8", "surrogateescape")


def is_outside(name: str) -> bool:
    """Tell whether a path leads out of the static root."""
    return name.startswith(("/", "../")) or name == ".."
