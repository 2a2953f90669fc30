"""What the staticfiles finders find, as collectstatic sees it: the first hit of a name is served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import get_finders
from django.core.files.storage import Storage


@dataclass(frozen=True)
class Source:
    """One finder's hit for a name under the static root."""

    name: str
    storage: Storage
    path: str  # within the storage

    @property
    def location(self) -> Path | None:
        """The storage's folder, or None when it keeps its files elsewhere than on disk."""
        location = getattr(self.storage, "location", None)
        return Path(location) if location else None

    @property
    def file(self) -> Path | None:
        """The file on disk, or None."""
        try:
            return Path(self.storage.path(self.path))
        except NotImplementedError:
            return None

    def read(self) -> bytes:
        """Return the file's bytes."""
        if self.file is not None:
            return self.file.read_bytes()
        with self.storage.open(self.path) as stream:
            return bytes(stream.read())


def found(ignore: Iterable[str] = ()) -> Iterator[Source]:
    """Yield every hit of every finder, the served one of each name first."""
    patterns = list(ignore)
    finder: Any
    for finder in get_finders():
        for path, storage in finder.list(patterns):
            prefix = getattr(storage, "prefix", None)
            name = f"{prefix}/{path}" if prefix else path
            yield Source(name.replace("\\", "/"), storage, path)


def first_hits(ignore: Iterable[str] = ()) -> dict[str, Source]:
    """Return the source that collectstatic takes for each name."""
    sources: dict[str, Source] = {}
    for source in found(ignore):
        sources.setdefault(source.name, source)
    return sources
