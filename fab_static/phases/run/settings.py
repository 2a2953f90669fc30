"""What the project's settings say, as a release and its hosts need it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from fab_static.errors import BuildError
from fab_static.plan.layout import OUTSIDE


class UnsetError(BuildError):
    """The project answered, and lacks a setting that is needed."""


def static_url_of(facts: Mapping[str, Any], host: str) -> str:
    """Return the project's STATIC_URL.

    Raises:
        UnsetError: it is None, or empty.
    """
    if not facts["static_url"]:
        raise UnsetError(
            "STATIC_URL is not set",
            where=f"{host}: the project's settings",
            mend='set it, STATIC_URL = "/static/" for one',
        )
    return str(facts["static_url"])


def baked_settings(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a build puts into its files, or into the keys of its blocks."""
    baked = {
        "STATIC_URL": facts["static_url"],
        "STATIC_CDN": facts["static_cdn"],
        "COMPRESS_URL": (facts["compress"] or {}).get("url"),
        "libraries": facts["libraries"],
    }
    return {**baked, "cdn_independent": True} if facts["cdn_independent"] else baked


def staticfiles_manifest_path(facts: Mapping[str, Any]) -> str | None:
    """Return the name of Django's staticfiles.json in a release; None where there is none."""
    absolute = facts.get("staticfiles_manifest")
    return _in_release(absolute, facts, "staticfiles") if absolute else None


def manifest_path(facts: Mapping[str, Any]) -> str | None:
    """Return the name of the offline manifest in a release, from the project's own settings.

    Raises:
        BuildError: what compress writes lies outside the static root, and so would be in no release.
    """
    absolute = facts.get("offline_manifest")
    if not absolute:
        return None
    path = _in_release(absolute, facts, "offline")
    if path.startswith(OUTSIDE) and facts["compress"]["root"] != facts["static_root"]:
        raise BuildError(
            f"the offline manifest {absolute} lies outside STATIC_ROOT",
            where=f"COMPRESS_ROOT, with STATIC_ROOT = {facts['static_root']}",
            mend="set it to STATIC_ROOT, its default",
        )
    return path


def _in_release(absolute: str, facts: Mapping[str, Any], kind: str) -> str:
    """Return a manifest's path below the static root; of one outside, the name that stands for it."""
    root, path = facts["static_root"], PurePosixPath(absolute)
    if root and path.is_relative_to(root):
        return str(path.relative_to(root))
    return f"{OUTSIDE}{kind}/{path.name}"


def beside_root(facts: Mapping[str, Any]) -> list[str]:
    """Return what a build writes outside the static root, and a release holds: versions, manifests."""
    named = {
        "staticfiles_manifest": staticfiles_manifest_path(facts),
        "offline_manifest": manifest_path(facts),
    }
    outside = [facts[fact] for fact, path in named.items() if path and path.startswith(OUTSIDE)]
    return [*facts["versions_files"], *outside]
