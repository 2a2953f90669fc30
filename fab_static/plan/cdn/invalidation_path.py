"""The grammar of CloudFront's invalidation paths (AWS: Developer Guide, "Specifying the objects to invalidate").

A path begins with "/", has at most 4,000 characters, and is encoded where RFC 1738 calls a character
unsafe and nowhere else. `*` stands for anything, as the last character alone. `~` is not supported at
all, neither raw nor as %7E; `'` is refused raw, and as %27 it is not what browsers asked for.
"""

from __future__ import annotations

import re
from urllib.parse import quote

MAX_LENGTH = 4000
_PLAIN = re.compile(r"[A-Za-z0-9/._-]*")
_UNNAMEABLE = re.compile(r"[~']")
_NAMEABLE = re.compile(rf"[^~']{{1,{MAX_LENGTH}}}(?<!\*)")
# what no `*` may follow: another one, or a part of %XX, or of the several %XX of a character (RFC 3629)
_CUT = re.compile(
    r"(\*+|%[0-9A-F]?|%[CD][0-9A-F]|%E[0-9A-F](%[89AB][0-9A-F])?|%F[0-9A-F](%[89AB][0-9A-F]){0,2})\Z"
)


def spellings(path: str) -> tuple[str, ...]:
    """Return how URLs spell a path: as CSS has it and CloudFront wants it, and as Django prints it.

    RFC 3986 holds `icon@2x.png` and `icon%402x.png` for two URLs, and so does a cache. The name may hold
    bytes that are not Unicode, as os.fsdecode gives them.
    """
    if _PLAIN.fullmatch(path):
        return (path,)
    raw = path.encode("utf-8", "surrogateescape")
    # "~" and "'" stay raw here; in what is asked for they never occur
    as_wanted = quote(raw, safe="/!$&'()*+,;=:@")
    as_django = quote(raw, safe="/~!*()'")  # django.utils.encoding.filepath_to_uri
    return tuple(dict.fromkeys((as_wanted, as_django)))


def query(text: str) -> str:
    """Return a query string as it stands in a URL, given as printed, without its question mark."""
    return quote(text, safe="/!$&'()*+,;=:@?%")


def is_nameable(url: str) -> bool:
    """Tell whether a path can name exactly this URL."""
    return _NAMEABLE.fullmatch(url) is not None


def allowed_prefix(text: str) -> str:
    """Return the longest beginning of a text that a path may have before its `*`."""
    end = _UNNAMEABLE.search(text)
    prefix = text[: end.start() if end else None][: MAX_LENGTH - 1]
    # how a part of a query is matched is written nowhere: all of them, or none
    plain, mark, _ = prefix.partition("?")
    prefix = plain + mark
    if not mark:
        while cut := _CUT.search(prefix):
            prefix = prefix[: cut.start()]
    return prefix
