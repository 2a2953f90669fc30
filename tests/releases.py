"""Releases made up for tests: contents in, the record that a seal would have written out."""

import hashlib
from collections.abc import Iterable, Mapping

from fab_static.plan.release import File, Release

ID = "20261122T170102Z-3f9c1a7b"


def file_of(content: str | bytes) -> File:
    """Return what a release records of a file with this content."""
    data = content.encode() if isinstance(content, str) else content
    return File(hashlib.sha256(data).hexdigest(), len(data), hashlib.sha1(data).hexdigest()[:7])


def sealed(
    contents: Mapping[str, str | bytes],
    name: str = ID,
    *,
    versioned: Iterable[str] = (),
    named: Iterable[str] = (),
    versions: Mapping[str, str] | None = None,
    **other: object,
) -> Release:
    """Return a release of these files: path -> content."""
    files = {path: file_of(content) for path, content in contents.items()}
    known = {
        "id": name,
        "app": "shop",
        "environment": "production",
        "revision": None,
        "created_at": "2026-11-22T17:01:02Z",
        "created_by": "anna@desk",
        "settings": {},
        "phases": (),
        "offline_manifest": None,
        "versions_sha256": None,
    }
    return Release(
        files=files,
        versions=versions or {path: files[path].version for path in versioned},
        named=tuple(named),
        **(known | other),
    )
