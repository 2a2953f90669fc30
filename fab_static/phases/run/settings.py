"""What the project's settings say, as a release and its hosts need it."""

from __future__ import annotations

from pathlib import PurePosixPath

from fab_static.errors import BuildError
from fab_static.plan.baked import Baked
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.wire.questions import Settings


def static_root_of(facts: Settings) -> str:
    """Return the project's STATIC_ROOT, where it was found to be set."""
    root = facts["static_root"]
    assert root  # noqa: S101 - see refuse_unsafe
    return root


class UnsetError(BuildError):
    """The project answered, and lacks a setting that is needed."""


def static_url_of(facts: Settings, host: str) -> str:
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
    return facts["static_url"]


def baked_settings(facts: Settings) -> Baked:
    """Return the settings that a build puts into its files, or into the keys of its blocks."""
    compress = facts["compress"]
    baked: Baked = {
        "STATIC_URL": facts["static_url"],
        "STATIC_CDN": facts["static_cdn"],
        "COMPRESS_URL": compress["url"] if compress else None,
        "libraries": facts["libraries"],
    }
    if facts["cdn_independent"]:
        baked["cdn_independent"] = True
    return baked


def staticfiles_manifest_path(facts: Settings) -> str | None:
    """Return the name of Django's staticfiles.json in a release; None where there is none."""
    absolute = facts.get("staticfiles_manifest")
    return _in_release(absolute, facts, "staticfiles") if absolute else None


def manifest_path(facts: Settings) -> str | None:
    """Return the name of the offline manifest in a release, from the project's own settings.

    Raises:
        BuildError: what compress writes lies outside the static root, and so would be in no release.
    """
    absolute = facts.get("offline_manifest")
    if not absolute:
        return None
    path, compress = _in_release(absolute, facts, "offline"), facts["compress"]
    if path.startswith(OUTSIDE) and compress and compress["root"] != facts["static_root"]:
        raise BuildError(
            f"the offline manifest {absolute} lies outside STATIC_ROOT",
            where=f"COMPRESS_ROOT, with STATIC_ROOT = {facts['static_root']}",
            mend="set it to STATIC_ROOT, its default",
        )
    return path


def _in_release(absolute: str, facts: Settings, kind: str) -> str:
    """Return a manifest's path below the static root; of one outside, the name that stands for it."""
    root, path = facts["static_root"], PurePosixPath(absolute)
    if root and path.is_relative_to(root):
        return str(path.relative_to(root))
    return f"{OUTSIDE}{kind}/{path.name}"


def beside_root(facts: Settings) -> list[str]:
    """Return what a build writes outside the static root, and a release holds: versions, manifests."""
    named = (
        (facts.get("staticfiles_manifest"), staticfiles_manifest_path(facts)),
        (facts.get("offline_manifest"), manifest_path(facts)),
    )
    outside = [place for place, path in named if place and path and path.startswith(OUTSIDE)]
    return [*facts["versions_files"], *outside]
