"""The text of release.json -> the release that was sealed. A host may send anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from fab_static.errors import ReleaseError
from fab_static.plan.ids import is_id
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.release import FORMAT, File, FileData, Release

_FILE = {"sha256", "size", "version"}

DAMAGED = "deploy again; the damaged release is never made live"


def _read(data: dict[str, object]) -> File | dict[str, object]:
    """Return what an object of release.json stands for, as soon as it is read: a file's, or itself."""
    return File.from_data(cast("FileData", data)) if data.keys() >= _FILE else data


def from_json(text: str | bytes, *, where: str, name: str | None = None) -> Release:
    """Return the release that a release.json describes.

    Args:
        text: its content.
        where: it stands, for errors.
        name: the id that it must have; then its digest must fit that, too. Whoever alters a file on a host
            can write any digest beside it, but none into the name by which the others know the release.

    Raises:
        ReleaseError: it is not a seal, one of a format that this version does not know, or not that release's.
    """
    try:
        data = json.loads(text, object_hook=_read)
        if data["format"] != FORMAT:
            raise ReleaseError(
                f"release.json has format {data['format']}, and this fab_static knows {FORMAT}",
                where=where,
                mend="use the version of fab_static that sealed it, or deploy again",
            )
        release = _release(data)
        is_whole = _is_whole(release, data.get("digest"), name)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ReleaseError(
            f"release.json cannot be read: {type(error).__name__}: {error}",
            where=where,
            mend=DAMAGED,
        ) from error
    if not is_whole:
        raise ReleaseError(
            "release.json is not what was sealed: its digest does not fit its content",
            where=where,
            mend=DAMAGED,
        )
    return release


def _release(data: Mapping[str, Any]) -> Release:
    """Return the release of a seal's keys; those that earlier versions did not write may lack."""
    versions = data["versions"] or {}
    manifest = data["offline_manifest"] or {}
    hashed_names = data.get("staticfiles_manifest") or {}
    return Release(
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
            for path, names in data.get("bundles", {}).items()
            if path in data["files"]
        },
        staticfiles_manifest=hashed_names.get("path"),
        manifests=dict(data.get("manifests", {})),
        copies=frozenset(data.get("copies", ())),
    )


def _is_whole(release: Release, digest: object, name: str | None) -> bool:
    """Tell whether a release is what its digest says, and what its name does where that is known."""
    is_sound = (
        is_id(release.id) and release.digest == digest and all(map(_is_outside, release.manifests))
    )
    if name is None:
        return is_sound
    return is_sound and release.id == name and name.endswith("-" + release.digest[:8])


def _is_outside(path: str) -> bool:
    return path.startswith(OUTSIDE) and not {"", ".", ".."} & set(path[len(OUTSIDE) :].split("/"))
