"""Release ids: when a release was sealed, and the first 8 hex digits of what it holds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeGuard

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


def new_id(at: datetime, content_digest: str) -> str:
    """Return the id of a release sealed at this time (UTC), as 20261122T170102Z-3f9c1a7b."""
    return f"{at:%Y%m%dT%H%M%SZ}-{content_digest[:8]}"


def is_id(text: object) -> TypeGuard[str]:
    """Tell whether this is a release's id; only such names ever become paths."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None
