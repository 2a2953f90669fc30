"""What invalidations cost in a month."""

from __future__ import annotations

from datetime import UTC, datetime

from fab_static.plan.cdn.ledger import paths_of_month, price_usd, warning
from fab_static.plan.record import Invalidated


def at(month: int, day: int = 1, second: int = 0) -> float:
    return datetime(2026, month, day, 0, 0, second, tzinfo=UTC).timestamp()


def entry(name: str, paths: int, when: float) -> Invalidated:
    return Invalidated(name, paths, when)


def test_paths_are_counted_by_month_in_utc_and_once_for_each_invalidation():
    entries = [
        entry("A", 7, at(11) - 1),
        entry("B", 20, at(11)),
        entry("C", 300, at(11, 30)),
        entry("C", 300, at(11, 30, 9)),
        entry("D", 5, at(12)),
    ]
    assert paths_of_month(entries, at(11, 15)) == 320
    assert paths_of_month(entries, at(12, 15)) == 5
    assert paths_of_month([], at(1)) == 0


def test_only_paths_beyond_the_free_thousand_cost():
    assert price_usd(10, 0) == 0
    assert price_usd(10, 990) == 0
    assert price_usd(10, 995) == 0.025
    assert price_usd(10, 5000) == 0.05


def test_a_warning_comes_before_the_free_ones_are_gone():
    assert warning(10, 700) is None
    assert warning(100, 700) == (
        "700 invalidation paths this month, 800 with these: AWS gives 1,000 a month free, for the whole "
        "account, then $0.005 each. Counted are this app's alone"
    )
    assert "these cost $0.5." in str(warning(200, 900))
