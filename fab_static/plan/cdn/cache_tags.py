"""Paths below the static root -> the tags that objects carry, so that CloudFront can forget by tag.

Where a distribution has a CacheTagConfig, an invalidation item may be `#tag`. It costs and counts as one path,
and CloudFront forgets every variant of each object that carries the tag (AWS: Developer Guide, "Invalidate by
cache tag"). Tags are the first 16 hex digits of a SHA-256, since they do not tell cases apart, as paths do.
A bucket gives them out of the objects' metadata (`cache-tag`); nginx cannot hash a path, so a fleet of
static hosts has none.
"""

from __future__ import annotations

import hashlib

TAG_HEADER = "x-amz-meta-cache-tag"  # S3 gives an object's metadata `cache-tag` out as this header
MAX_TAGS = 50  # an object carries at most so many (AWS: Developer Guide, "Quotas on invalidations")


def tags_of(path: str) -> tuple[str, ...]:
    """Return the tags of a file: its own, then those of the folders it lies in, the static root first.

    More than 49 folders deep, the innermost have none.
    """
    depths = [at + 1 for at, letter in enumerate(path) if letter == "/"]
    folders = [path[:depth] for depth in (0, *depths)]
    return tuple(tag_of(name) for name in (path, *folders[: MAX_TAGS - 1]))


def tag_of(name: str) -> str:
    """Return the tag of a file, or of a folder, whose name ends with a slash ("" is the static root)."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def innermost_tagged_folder(text: str) -> str:
    """Return the innermost folder with a tag that a beginning of paths lies in."""
    depths = [at + 1 for at, letter in enumerate(text) if letter == "/"]
    return text[: (0, *depths)[: MAX_TAGS - 1][-1]]
