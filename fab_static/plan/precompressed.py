"""A release -> which of its files get a precompressed copy beside them, and the release that has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from fab_static.plan.diff import is_for_the_server
from fab_static.plan.release import Encoded, Release

# content coding (RFC 9110, 8.4.1) -> the ending under which nginx looks for it
ENDINGS = {"gzip": "gz", "br": "br"}
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


def made_by_the_project(release: Release, encodings: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return the copies that the project made itself: ending, the copy's path, the file's path.

    nginx sends them too, to whoever takes that encoding, whatever they hold.
    """
    return [
        (ending, f"{path}.{ending}", path)
        for ending in (ENDINGS[one] for one in encodings)
        for path in sorted(release.files)
        if f"{path}.{ending}" in release.files
    ]


def with_encodings(release: Release, found: Mapping[str, Mapping[str, Encoded | None]]) -> Release:
    """Return the release with the encodings that were found to help.

    Args:
        release: as it was built.
        found: for each object of `to_encode`: ending -> its encoding, or None where it helps too little.
    """
    files = dict(release.files)
    for path, ending in _worth(release, ENDINGS.values()):
        encoded = found.get(files[path].sha256, {}).get(ending)
        if encoded:
            known = files[path].encodings
            files[path] = replace(files[path], encodings={**known, ending: encoded})
    return replace(release, files=files)


def _worth(release: Release, endings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each path with each ending that it may get; one that the project made itself it keeps."""
    endings = list(endings)
    for path, file in release.files.items():
        if (
            path.lower().endswith(KINDS)
            and file.size >= LEAST_BYTES
            and not is_for_the_server(path, release)
        ):
            for ending in endings:
                if f"{path}.{ending}" not in release.files:
                    yield path, ending
