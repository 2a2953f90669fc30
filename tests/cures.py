"""A cure that names `check` is a promise: `check` fails then, and says what is wrong."""

from __future__ import annotations

import re

NAMES_CHECK = re.compile(r"`check`|\bfab [\w.{}-]+ check\b")


def names_check(said: str) -> bool:
    """Tell whether somebody is sent to `check`."""
    return NAMES_CHECK.search(said) is not None
