"""Compressed copies that a project makes itself, each beside the file it was made of.

GzipCompressorFileStorage, WhiteNoise and packages write them: css/site.css.gz beside css/site.css. They stay
in the static root, as every file does. No URL promises their bytes, and they are not content of a release:
gzip notes the time in each of them.
"""

from __future__ import annotations

from collections.abc import Collection

COPIES = (".gz", ".br", ".zst")


def original(path: str, files: Collection[str]) -> str | None:
    """Return the file beside which a path stands as a compressed copy, or None if it is an ordinary file."""
    name, dot, ending = path.rpartition(".")
    return name if dot + ending in COPIES and name in files else None


def copies_among(files: Collection[str]) -> list[tuple[str, str, str]]:
    """Return what looks like a copy beside its file: ending, the copy's path, the file's path."""
    found = ((path, original(path, files)) for path in sorted(files))
    return [(path.rpartition(".")[2], path, name) for path, name in found if name]
