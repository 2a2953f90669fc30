"""The text of release.json -> the release that was sealed. A host may send anything."""

from __future__ import annotations

import json
from typing import Any

from fab_static.errors import ReleaseError
from fab_static.plan.ids import is_id
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.release import FORMAT, File, Release

_FILE = {"sha256", "size", "version"}


def _read(data: dict[str, Any]) -> Any:
    """Return what an object of release.json stands for, as soon as it is read: a file's, or itself."""
    return File.from_data(data) if data.keys() >= _FILE else data


def from_json(text: str | bytes, *, where: str, name: str | None = None) -> Release:
    """Return the release that a release.json describes.

    Args:
        text: its content.
        where: it stands, for errors.
        name: the id that it must have; then its digest must fit that, too. Whoever alters a file on a host
            can write any digest beside it, but none into the name by which the others know the release.

    Raises:
        ReleaseError: it is no seal, one of a format that this version does not know, or not that release's.
    """
    try:
        data = json.loads(text, object_hook=_read)
        if data["format"] != FORMAT:
            raise ReleaseError(
                f"release.json has format {data['format']}, and this fab_static knows {FORMAT}",
                where=where,
                mend="use the version of fab_static that sealed it, or deploy anew",
            )
        versions = data["versions"] or {}
        manifest = data["offline_manifest"] or {}
        hashed_names = data.get("staticfiles_manifest") or {}  # seals of earlier versions have none
        release = Release(
            id=data["id"],
            app=data["app"],
            environment=data["environment"],
            revision=data["revision"],
            created_at=data["created_at"],
            created_by=data["created_by"],
            settings=data["settings"],
            phases=tuple(data["phases"]),
            files=data["files"],
            versions=data["versioned"],
            named=tuple(data["named"]),
            offline_manifest=manifest.get("path"),
            versions_sha256=versions.get("sha256"),
            versions_size=versions.get("size", 0),
            bundles={
                path: tuple(names)
                for path, names in data.get("bundles", {}).items()  # older seals have none
                if path in data["files"]
            },
            staticfiles_manifest=hashed_names.get("path"),
            manifests=dict(data.get("manifests", {})),
            copies=frozenset(data.get("copies", ())),
        )
        is_whole = is_id(release.id) and release.digest == data.get("digest")
        is_whole = is_whole and all(map(_is_outside, release.manifests))
        if name is not None:
            is_named = release.id == name and name.endswith("-" + release.digest[:8])
            is_whole = is_whole and is_named
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ReleaseError(
            f"release.json cannot be read: {type(error).__name__}: {error}",
            where=where,
            mend="deploy anew; the damaged release is never made live",
        ) from error
    if not is_whole:
        raise ReleaseError(
            "release.json is not what was sealed: its digest does not fit its content",
            where=where,
            mend="deploy anew; the damaged release is never made live",
        )
    return release


def _is_outside(path: str) -> bool:
    return path.startswith(OUTSIDE) and not {"", ".", ".."} & set(path[len(OUTSIDE) :].split("/"))
