"""URLs whose bytes changed under the same name -> the paths that CloudFront is asked to forget."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

MAX_WILDCARDS = (
    15  # in progress at once, AWS: CloudFront Developer Guide, "Quotas on invalidations"
)
PRICE_USD = 0.005  # a path, beyond the first 1,000 of a month; a wildcard is one path too
# RFC 3986 unreserved and sub-delims, which CloudFront wants as they are; "'" it refuses raw, "*" in the
# middle is a literal, "~" it does not support at all: those names are reached by a wildcard before it
_SAFE = "/-._!$&()+,;=:@"


@dataclass(frozen=True)
class Invalidation:
    """What to ask of CloudFront: URL paths from the root, encoded; and its price beyond the free ones."""

    paths: tuple[str, ...] = ()

    @property
    def price_usd(self) -> float:
        """The price of all paths when the month's free 1,000 are used up."""
        return round(len(self.paths) * PRICE_USD, 4)


def to_invalidate(changed: Iterable[str], static_url: str) -> Invalidation:
    """Return a wildcard for each changed path, or for whole folders when those are too many.

    Args:
        changed: paths below the static root.
        static_url: STATIC_URL, with or without a host; its path is where the files are.
    """
    base = "/" + unquote(urlsplit(static_url).path).strip("/") + "/"
    base = re.sub(r"/+", "/", base)
    paths = sorted({_encoded(base + path) for path in changed})
    covered: list[str] = []
    for path in paths:  # sorted: what a wildcard covers stands behind it
        if not covered or not path.startswith(covered[-1][:-1]):
            covered.append(path)
    depth = max((path.count("/") for path in covered), default=0)
    while len(covered) > MAX_WILDCARDS and depth > base.count("/") - 1:
        covered = sorted({_up_to(depth, path) for path in covered})
        depth -= 1
    return Invalidation(tuple(covered))


def _up_to(depth: int, path: str) -> str:
    """Return a wildcard for the folder that a path lies in, when that is deeper than `depth`."""
    parts = path.split("/")
    return path if len(parts) - 1 < depth else "/".join(parts[:depth]) + "/*"


def _encoded(path: str) -> str:
    # neither "~" nor "%7E" ever matches: a wildcard up to it does. A wildcard in any case: an exact
    # path leaves `?v=4.7.0` cached (AWS: Developer Guide, "Specifying the files to invalidate")
    return _quoted(path.partition("~")[0].rstrip("*")) + "*"


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"), safe=_SAFE + "*")
