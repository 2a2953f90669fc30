"""What many requests at once share: how much may be under way, and which of them failed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from fab_static.errors import CdnError
from fab_static.plan.inventory import S3
from fab_static.plan.publication import Item
from fab_static.plan.wording import indented


class FailedError(CdnError):
    """Some of many requests failed; `done` are the objects of those that did not."""

    def __init__(
        self, place: S3, failures: Mapping[str, CdnError], done: Sequence[tuple[Item, str]]
    ) -> None:
        first = next(iter(failures.values()))
        lines = [f"{key}: {error.what}" for key, error in sorted(failures.items())]
        super().__init__(
            first.what
            if len(failures) == 1
            else f"{len(failures)} requests failed, such as:\n" + indented(lines, 20),
            where=first.where if len(failures) == 1 else str(place),
            mend=first.mend,
        )
        self.done = done


class Room:
    """How many bytes may be under way; one body alone may be larger."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._most = most
        self._changed = threading.Condition()

    def enter(self, size: int) -> None:
        """Wait until there is room for so many bytes."""
        with self._changed:
            while self._left < min(size, self._most):
                self._changed.wait()
            self._left -= size

    def leave(self, size: int) -> None:
        """Make room again."""
        with self._changed:
            self._left += size
            self._changed.notify_all()
