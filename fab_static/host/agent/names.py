"""Names that come from outside, checked before anything is done with them."""

from __future__ import annotations

import functools
import re

from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

OBJECT = r"[0-9a-f]{64}"
RELEASE = r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"
VERSION = r"[0-9a-f]{7}"
SECOND_POOL = r"\A(pool/[^/]+)~/"  # see places_of
ENCODED = (".gz", ".br")  # how a precompressed copy's name ends, where nginx looks for it
ENDING = r"gz|br|zst"  # of a copy, ours or the project's own


def checked_path(name: Any) -> str:
    """Return the name if it is a plain relative path that stays inside its folder."""
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise RefusedError(
            f"{name!r} is not a path inside the static root",
            "a file name in a release",
            "rename the file; names must be relative and hold no empty part, . or ..",
        )
    return str(name)


def in_folder(name: Any) -> str:
    """Return where a manifest stands in the folder of its release: in static, or ../manifests from there."""
    if isinstance(name, str) and name.startswith("../manifests/"):
        return checked_path(name[3:])
    return "static/" + checked_path(name)


compiled = functools.lru_cache(None)(re.compile)  # a seal has thousands of names


def checked(pattern: str, name: Any, what: str) -> str:
    """Return the name if it has the form that this kind of name always has."""
    if not isinstance(name, str) or not compiled(pattern).fullmatch(name):
        raise RefusedError(f"{name!r} names no {what}", "a request", f"name an existing {what}")
    return name


def is_release(name: Any) -> bool:
    """Tell whether it is the id of a release."""
    return isinstance(name, str) and re.fullmatch(RELEASE, name) is not None


def places_of(path: str) -> Iterator[str]:
    """Yield where a file of a release may stand: the second pool is for names that are folders too."""
    yield path
    if path.startswith("pool/"):
        pool, folder, rest = path.split("/", 2)
        yield f"{pool}/{folder}~/{rest}"
