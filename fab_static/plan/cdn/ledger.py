"""The record on the build host -> how many invalidation paths this app has asked for this month."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from fab_static.plan.record import Invalidated

# AWS: Developer Guide, "Paying for file invalidation": a month, per account, not per distribution
FREE_PATHS = 1000
WARN_AT = 800
PRICE_USD = 0.005  # for each path after them


def paths_of_month(invalidations: Iterable[Invalidated], now: float) -> int:
    """Return the paths charged in the month (UTC) of `now`, seconds since 1970.

    One that was noted twice, by a run that took up another's, was charged once.
    """
    month = _month(now)
    charged = {one.id: one.paths for one in invalidations if _month(one.at) == month}
    return sum(charged.values())


def price_usd(paths: int, spent: int) -> float:
    """Return the price of so many paths, when so many were asked for before in the month.

    The free ones are the account's; other apps in it may have used them already, which nobody here knows.
    """
    return round(PRICE_USD * max(0, min(paths, spent + paths - FREE_PATHS)), 4)


def warning(paths: int, spent: int) -> str | None:
    """Return what to tell before so many more paths are asked for; None while there is nothing to fear."""
    if spent + paths < WARN_AT:
        return None
    price = price_usd(paths, spent)
    return (
        f"{spent} invalidation paths this month, {spent + paths} with these: AWS gives {FREE_PATHS:,} a "
        f"month free, for the whole account, then ${PRICE_USD:g} each"
        + (f"; these cost ${price:g}" if price else "")
        + ". Counted are this app's alone"
    )


def _month(at: float) -> tuple[int, int]:
    when = datetime.fromtimestamp(at, UTC)
    return when.year, when.month
