"""SOURCE_DATE_EPOCH stands for when; who and how long are left out then."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fab_static.errors import InventoryError
from fab_static.sessions.epoch import sealed_at


def test_it_is_seconds_since_1970_and_nothing_where_it_is_not_set() -> None:
    assert sealed_at({"SOURCE_DATE_EPOCH": "1764000000"}) == datetime(
        2025, 11, 24, 16, 0, tzinfo=UTC
    )
    assert sealed_at({}) is sealed_at({"SOURCE_DATE_EPOCH": ""}) is None


@pytest.mark.parametrize("text", ["yesterday", "1e9", "9" * 30, "1764000000.5"])
def test_what_is_no_such_number_is_bad_input(text: str) -> None:
    with pytest.raises(InventoryError, match="is not a number of seconds since 1970"):
        sealed_at({"SOURCE_DATE_EPOCH": text})
