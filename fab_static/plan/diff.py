"""Two releases -> added, changed, gone; which URLs changed bytes under the same name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fab_static.plan.release import Release

# reached through the `static` tag or a bundle's config alone, so their URLs carry the version; other
# files (images, fonts, catalogues) are named by CSS and scripts too, where no version is printed
VERSIONED_KINDS = (".js", ".mjs", ".css", ".map")
SOURCES = (".less", ".scss", ".sass")  # browsers get the CSS that compress made of them


@dataclass(frozen=True)
class Diff:
    """Paths below the static root, each list sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def compare(old: Release | None, new: Release) -> Diff:
    """Return what a deploy of the new release changes; without an old one all is added."""
    before = old.files if old else {}
    return Diff(
        added=tuple(sorted(new.files.keys() - before.keys())),
        changed=tuple(
            sorted(
                path
                for path, file in new.files.items()
                if path in before and before[path].sha256 != file.sha256
            )
        ),
        removed=tuple(sorted(before.keys() - new.files.keys())),
    )


def unversioned_changes(old: Release | None, new: Release) -> tuple[str, ...]:
    """Return the paths whose bytes change, or go, under a URL that stays the same.

    A cache that holds them must forget them. Content-named files get a new name, versioned scripts and
    stylesheets a new `?version=`; new files are in no cache.
    """
    if old is None:
        return ()
    diff = compare(old, new)
    return tuple(
        path
        for path in sorted((*diff.changed, *diff.removed))
        if not is_content_named(path, old, new)
        and not is_versioned(path, old, new)
        and not is_for_the_server(path, old, new)
    )


def is_for_the_server(path: str, *releases: Release) -> bool:
    """Tell whether no browser asks for it: the offline manifest, and sources that it stands for."""
    return any(
        path == release.offline_manifest or (release.offline_manifest and path.endswith(SOURCES))
        for release in releases
    )


def is_content_named(path: str, *releases: Release) -> bool:
    """Tell whether the file's name changes with its bytes (what compress wrote)."""
    return any(path in release.named for release in releases)


def is_versioned(path: str, *releases: Release) -> bool:
    """Tell whether every URL of this path carries its version."""
    return path.endswith(VERSIONED_KINDS) and all(
        path in release.versions for release in releases if path in release.files
    )


def contradictions(old: Release, new: Release) -> tuple[str, ...]:
    """Return the paths whose URL claims to be versioned, and whose bytes change without it."""
    return tuple(
        sorted(
            path
            for path in _both(old.versions, new.versions)
            if old.versions[path] == new.versions[path]
            and path in old.files
            and path in new.files
            and old.files[path].sha256 != new.files[path].sha256
        )
    ) + tuple(
        sorted(
            path
            for path in _both(old.named, new.named)
            if old.files[path].sha256 != new.files[path].sha256
        )
    )


def _both(first: Iterable[str], second: Iterable[str]) -> set[str]:
    return set(first) & set(second)
