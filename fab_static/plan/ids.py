"""Release ids: when a release was sealed, and the first 8 hex digits of what it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeGuard

from fab_static.errors import InventoryError

PREVIOUS = "previous"  # the release that was live before, where an id may stand
_FORM = "20261122T170102Z-3f9c1a7b"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


def new_id(at: datetime, content_digest: str) -> str:
    """Return the id of a release sealed at this time (UTC), as 20261122T170102Z-3f9c1a7b."""
    return f"{at:%Y%m%dT%H%M%SZ}-{content_digest[:8]}"


def content_of(release: str) -> str:
    """Return what an id says of the content: where two differ, so do the releases' digests."""
    return release.rpartition("-")[2]


def is_id(text: object) -> TypeGuard[str]:
    """Tell whether this is a release's id; only such names ever become paths."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def may_name(text: str) -> bool:
    """Tell whether this may name a release: by its id, or by what ids begin with, or as `previous`."""
    rest = _FORM[len(text) :]
    return text == PREVIOUS or (bool(text) and is_id(text + rest))


def completed(text: str, known: Iterable[str], *, where: str, mend: str) -> str:
    """Return the id that begins with a text; a whole id as it is, whoever knows it.

    Args:
        text: a release's id, or the beginning of one.
        known: the ids that there are.
        where: where the text stands.
        mend: how to see which releases there are.

    Raises:
        InventoryError: no id begins so, or several do.
    """
    if is_id(text):
        return text
    found = sorted({name for name in known if name.startswith(text)})
    if len(found) == 1:
        return found[0]
    if found:
        raise InventoryError(
            f"{len(found)} releases begin with {text}: {_some(found)}",
            where=where,
            mend="write more of its digits",
        )
    raise InventoryError(f"no release begins with {text}", where=where, mend=mend)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[-10:]) + (", …" if len(names) > 10 else "")
