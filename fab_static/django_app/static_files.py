"""What the staticfiles finders find, as collectstatic sees it: the first hit of a name is served."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import (
    AppDirectoriesFinder,
    BaseStorageFinder,
    FileSystemFinder,
    get_finders,
)
from django.contrib.staticfiles.utils import get_files
from django.core.files.storage import FileSystemStorage, Storage

from fab_static.errors import BuildError

# .*, *~, *.map, * *: whatever stands for the stars, the rest lies within one name
_IS_OF_A_NAME = re.compile(r"\*?[^*?\[/]*\*?").fullmatch
_folder = cache(Path)  # of few storages, for thousands of files


@dataclass(frozen=True, slots=True)
class Source:
    """One finder's hit for a name under the static root."""

    name: str
    storage: Storage
    path: str  # within the storage

    @property
    def location(self) -> Path | None:
        """The storage's folder, or None when it keeps its files elsewhere than on disk."""
        location = getattr(self.storage, "location", None)
        return _folder(location) if location else None

    @property
    def file(self) -> Path | None:
        """The file on disk, or None."""
        try:
            return Path(self.storage.path(self.path))
        except NotImplementedError:
            return None

    def read(self) -> bytes:
        """Return the bytes that collectstatic would copy: a storage may give others than the file holds."""
        with self.storage.open(self.path) as stream:
            data: bytes | str = stream.read()
        return data.encode() if isinstance(data, str) else data


def found(ignore: Iterable[str] = ()) -> Iterator[Source]:
    """Yield every hit of every finder, the served one of each name first."""
    for listing in listings(ignore):
        for path, name in zip(listing.paths, listing.names, strict=True):
            yield Source(name, listing.storage, path)


@dataclass(frozen=True)
class Listing:
    """What one finder found in one storage: paths within it, and their names under the static root."""

    storage: Storage
    paths: list[str]

    @property
    def names(self) -> list[str]:
        """The names, in the order of the paths."""
        prefix = getattr(self.storage, "prefix", None)
        if not prefix and os.sep == "/":
            return self.paths
        front = f"{prefix}/" if prefix else ""
        return [f"{front}{path}".replace(os.sep, "/") for path in self.paths]


def listings(ignore: Iterable[str] = ()) -> Iterator[Listing]:
    """Yield what the finders list, in their order.

    Of Django's own two, several times as fast as they do it: most of their time is pattern matching.
    """
    patterns = list(ignore)
    is_ignored = _matcher(patterns)
    # of the others, one that fits a path fits the name of a folder or file in it
    is_path_ignored = _matcher([each for each in patterns if not _IS_OF_A_NAME(each)])
    finder: Any
    for finder in get_finders():
        if type(finder).list in (FileSystemFinder.list, AppDirectoriesFinder.list):
            for storage in finder.storages.values():
                if type(storage).listdir is not FileSystemStorage.listdir:
                    yield Listing(storage, list(get_files(storage, patterns)))
                elif storage.exists(""):
                    yield Listing(
                        storage, _files_below(str(storage.location), is_ignored, is_path_ignored)
                    )
        else:
            hits = ((storage, path) for path, storage in finder.list(patterns))
            for storage, group in groupby(hits, key=itemgetter(0)):
                yield Listing(storage, [path for _, path in group])


def refuse_sources(root: Path) -> None:
    """Refuse to write below a static root that overlaps with what finders read.

    Raises:
        BuildError: naming the folder of sources.
    """
    real = root.resolve()
    for finder in get_finders():
        for storage in _storages_of(finder):
            location = getattr(storage, "location", None)
            source = Path(location).resolve() if location else None
            if source is None:
                continue
            if real.is_relative_to(source) or source.is_relative_to(real):
                raise BuildError(
                    f"STATIC_ROOT overlaps with {source}, a folder of sources that {type(finder).__name__} reads",
                    where=str(root),
                    mend="set STATIC_ROOT to a folder of its own, apart from all sources",
                )


def _storages_of(finder: Any) -> list[Storage]:
    """Return the storages that a finder lists files of."""
    if type(finder).list in (FileSystemFinder.list, AppDirectoriesFinder.list):
        return list(finder.storages.values())
    if type(finder).list is BaseStorageFinder.list:
        return [finder.storage]
    # compressor's finder has the static root for its storage, and lists nothing
    return list({id(storage): storage for _, storage in finder.list([])}.values())


def _matcher(patterns: list[str]) -> Callable[[str], object] | None:
    return re.compile("|".join(map(translate, patterns))).match if patterns else None


def _files_below(
    root: str,
    is_ignored: Callable[[str], object] | None,
    is_path_ignored: Callable[[str], object] | None,
) -> list[str]:
    """Return files as django.contrib.staticfiles.utils.get_files does: a pattern fits the name, or a file's path."""
    files: list[str] = []
    folders = [("", root)]
    while folders:
        prefix, folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                path = prefix + name
                if is_ignored and is_ignored(name):
                    continue
                if entry.is_dir():
                    folders.append((f"{path}/", entry.path))
                elif not (is_path_ignored and is_path_ignored(path)):
                    files.append(path)
    return files


def first_hits(ignore: Iterable[str] = ()) -> dict[str, Source]:
    """Return the source that collectstatic takes for each name."""
    sources: dict[str, Source] = {}
    for source in found(ignore):
        sources.setdefault(source.name, source)
    return sources
