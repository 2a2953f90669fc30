"""Sources as they are now against what collectstatic left of them the last time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fab_static.plan.diff import Diff

COPIES = (".gz", ".br", ".zst")  # beside their file
_HASH = re.compile(r"\.[0-9a-f]{8,32}(?=\.[^./]+$|$)")  # css/site.55e7cbb9ba48.css


def since_collected(
    collected: Mapping[str, str], now: Mapping[str, str], *, manifest: str | None
) -> Diff:
    """Return what has changed in the sources since they were collected.

    A storage may have made more of a source than one file: names with hashes, compressed copies, a manifest
    of them; or may have kept the name with a hash alone. None of these came or went.

    Args:
        collected: what collectstatic left: path -> SHA-256.
        now: what it would collect: path -> SHA-256.
        manifest: of names with hashes, below the static root.
    """
    sources = {path: source_of(path) for path in collected}
    held = {source for path, source in sources.items() if source != path}
    return Diff(
        added=tuple(sorted(now.keys() - collected.keys() - held)),
        changed=tuple(
            sorted(path for path in now if path in collected and now[path] != collected[path])
        ),
        removed=tuple(
            sorted(
                path
                for path, source in sources.items()
                if path not in now and source not in now and path != manifest
            )
        ),
    )


def source_of(path: str) -> str:
    """Return the name of the source that a storage made a file of, by the form of the file's name."""
    for ending in COPIES:
        path = path.removesuffix(ending)
    return _HASH.sub("", path)
