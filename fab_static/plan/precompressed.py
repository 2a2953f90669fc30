"""A release -> which of its files get a precompressed copy beside them, and the release that has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from fab_static.plan.diff import is_for_the_server
from fab_static.plan.encodings import ENDINGS
from fab_static.plan.release import Encoded, Release
from fab_static.plan.wire.kept import Kept

# below it CloudFront compresses nothing either (its ServingCompressedFiles page), and an answer with
# its head is one packet or two, encoded or not
LEAST_BYTES = 1000
# what browsers fetch and what is not compressed in itself, as woff2, png and zip are. Named, not
# guessed: sources such as .less, .coffee, .ts lie in static roots too, and no page asks for them
KINDS = (
    *(".css", ".js", ".mjs", ".map", ".json", ".geojson", ".webmanifest", ".wasm"),
    *(".html", ".htm", ".xhtml", ".xml", ".txt", ".csv", ".vtt"),
    *(".svg", ".ico", ".ttf", ".otf", ".eot"),
)


def to_encode(release: Release, encodings: Iterable[str]) -> dict[str, list[str]]:
    """Return the objects that are worth a try: SHA-256 -> endings, of these encodings' ("gzip", "br")."""
    found: dict[str, list[str]] = {}
    for path, ending in _worth(release, [ENDINGS[one] for one in encodings]):
        endings = found.setdefault(release.files[path].sha256, [])
        if ending not in endings:
            endings.append(ending)
    return found


def to_encode_ahead(files: Mapping[str, Kept], encodings: Iterable[str]) -> dict[str, list[str]]:
    """Return what `to_encode` will name of a static root, as far as a phase in the middle of a build can know.

    Args:
        files: path -> SHA-256, size and version, as a listing has them.
        encodings: as the inventory has them.
    """
    endings = [ENDINGS[one] for one in encodings]
    if not endings:
        return {}
    return {known[0]: endings for path, known in files.items() if _is_worth(path, known[1])}


def with_encodings(release: Release, found: Mapping[str, Mapping[str, Encoded | None]]) -> Release:
    """Return the release with the encodings that were found to help.

    Args:
        release: as it was built.
        found: for each object of `to_encode`: ending -> its encoding, or None where it helps too little.
    """
    files = dict(release.files)
    for path, ending in _worth(release, ENDINGS.values()):
        encoded = found.get(files[path].sha256, {}).get(ending)
        known = files[path].encodings
        # nginx looks for zstd first, so it must be the smallest; it comes last in ENDINGS
        is_best = all(encoded.size < one.size for one in known.values()) if encoded else False
        if encoded and (is_best or ending != ENDINGS["zstd"]):
            files[path] = replace(files[path], encodings={**known, ending: encoded})
    return replace(release, files=files)


def _worth(release: Release, endings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each path with each ending that it may get.

    Where the project made a copy itself, ours stands in the pool, and the project's in the static root.
    """
    endings = list(endings)
    parents = {path.rpartition("/")[0] for path in release.files}
    folders = {str(one) for path in parents for one in (path, *PurePosixPath(path).parents)}
    for path, file in release.files.items():
        if _is_worth(path, file.size) and not is_for_the_server(path, release):
            for ending in endings:
                copy = f"{path}.{ending}"
                if copy not in folders and _fits(copy):
                    yield path, ending


def _is_worth(path: str, size: int) -> bool:
    return path.lower().endswith(KINDS) and size >= LEAST_BYTES


def _fits(path: str) -> bool:
    """Tell whether Linux' file systems take the last part of a path: 255 bytes at most (NAME_MAX)."""
    return len(path.rpartition("/")[2].encode("utf-8", "surrogatepass")) <= 255
