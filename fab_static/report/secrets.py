"""Blanks secrets out of what is shown or kept, by their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_ANSI = re.compile(r"(?:\x1b\[|\x9b)[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Secrets:
    """Values that nobody may see, by the names that stand in their place."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        for name, value in values.items():
            # as it is shown, and line by line: a private key has many lines
            for text in (value, *value.splitlines()):
                text = plain(text)
                if text.strip() and (text == plain(value) or len(text) >= 4):
                    self._names[text] = name
        longest = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest)) or "(?!)")

    def clean(self, text: str) -> str:
        """Return the text without secrets and without what would move a terminal's cursor."""
        # plain first: `grep --color` would tear a secret into parts
        return self._pattern.sub(lambda found: f"[{self._names[found[0]]}]", plain(text))

    def clean_all(self, value: Any) -> Any:
        """Return JSON's values with every text in them cleaned."""
        return every_text(value, self.clean)


def plain(text: str) -> str:
    """Return the text without control characters, but for tabs and newlines."""
    return _CONTROL.sub("", _ANSI.sub("", text))


def every_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON's values with every text in them changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): every_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [every_text(item, change) for item in value]
    return value
