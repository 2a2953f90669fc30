"""The settings that a build puts into its files, or into the keys of its blocks."""

from __future__ import annotations

from typing import TypedDict


class Baked(TypedDict, total=False):
    """They stand in the seal of a release; one of an earlier version may lack some."""

    STATIC_URL: str | None
    STATIC_CDN: str
    COMPRESS_URL: str | None
    libraries: dict[str, str]  # library -> its version
    cdn_independent: bool
    # of a host alone: where pages look for it, below the static root, or None if they do not
    offline_manifest: str | None
