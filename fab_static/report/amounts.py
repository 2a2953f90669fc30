"""Durations and numbers of bytes, in words."""

from __future__ import annotations

from fab_static.plan.wording import sized

size = sized  # of bytes: 512 B, 4.8 MB


def clock(seconds: float) -> str:
    """Return a duration as 0:07 or 1:02:03."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
