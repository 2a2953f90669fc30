"""When a release is said to be sealed: now, or when SOURCE_DATE_EPOCH says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from fab_static.errors import InventoryError

NAME = "SOURCE_DATE_EPOCH"  # https://reproducible-builds.org/specs/source-date-epoch/


def sealed_at(environ: Mapping[str, str]) -> datetime | None:
    """Return the time that SOURCE_DATE_EPOCH stands for, or None if it is not set.

    Raises:
        InventoryError: it is not a number of seconds since 1970.
    """
    text = environ.get(NAME, "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InventoryError(
            f'"{text}" is not a number of seconds since 1970',
            where=f"the variable {NAME}",
            mend=f"set it so: export {NAME}=$(git log -1 --format=%ct), or unset it",
        ) from error
