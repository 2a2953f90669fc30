"""Names of static files -> those that cannot be served, each with why.

Any other name is carried: spaces and dots at either end, `?`, `#` and `%`, names that differ by case or by
Unicode normalization alone. A host's file system keeps such names apart, and URLs are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ASIDE = re.compile(r"(.*/)?\..*\.[0-9]+-[0-9a-f]{8}-[0-9]+", re.DOTALL)  # host/agent/disk.py
_UNPRINTABLE = re.compile(f"{_CONTROL.pattern}|{_SURROGATE.pattern}")


def unusable(paths: Iterable[str]) -> dict[str, str]:
    """Return the paths that cannot be served -> why, in order."""
    found = {path: _problem(path) for path in sorted(paths)}
    return {path: why for path, why in found.items() if why}


def sha256_of_names(paths: Iterable[str]) -> str:
    """Return the SHA-256 of all these names together; `guard` answers with the same of the files in a static root."""
    return sha256("\0".join(sorted(paths)).encode("utf-8", "surrogateescape")).hexdigest()


def is_half_written(path: str) -> bool:
    """Tell whether a name is one under which a host writes a file before it has its own: it was interrupted there."""
    return _ASIDE.fullmatch(path) is not None


def shown(path: str) -> str:
    r"""Return a path that can be printed: `caf\xe9.js` where the name holds the byte E9."""
    return _UNPRINTABLE.sub(_escaped, path)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode: a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return repr(found[0])[1:-1]


def _problem(path: str) -> str | None:
    if _SURROGATE.search(path):
        return "is not UTF-8: no URL that Django prints leads to it"
    if _CONTROL.search(path):
        return "holds a control character"
    if "\\" in path:
        return "holds a backslash, and Django prints a slash for it"  # encoding.filepath_to_uri
    return None
