"""What calls made, with all that they read: used again while every part of that is as it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from fab_static.host.project.precompilers.call import Call
from fab_static.host.project.reads import compared
from fab_static.host.project.reads.states import FORMAT, Row, settled, stamp_of
from fab_static.host.project.results import SIZE, Results

RESULTS = "fab_static precompiled 1"
NO_BYTES = ("absent", "folder", "no file")


class Found(NamedTuple):
    """A result that holds, and all that it came from."""

    path: str
    text: str | None  # None: there is none
    inputs: list[Row]

    @property
    def is_unsteady(self) -> bool:
        """Whether the call made something else of the same files once."""
        return bool(self.path) and self.text is None


NOTHING = Found("", None, [])


class Kept:
    """The results of calls, in the folder that other results are in."""

    def __init__(self, folder: str, size: int = SIZE, trust: Iterable[str] = ()) -> None:
        self.folder = folder
        self._results = Results(folder, RESULTS, size, trust)

    def find(self, call: Call) -> Found:
        """Return what a call made the last time that it met what it would meet now."""
        for path, head, data in self._results.of(call.key):
            try:
                record = json_of(head["record"])
                start_ns = time.time_ns()
                if compared.changed(record, call.given, {}):
                    continue
                rows = _refreshed(record["inputs"], start_ns)
                found = Found(path, None if head["unsteady"] else data.decode("utf-8"), rows)
            except (OSError, ValueError, TypeError, KeyError, IndexError):
                continue
            if rows == record["inputs"]:
                self._results.used(path)
            else:
                self._results.write(path, {**head, "record": {**record, "inputs": rows}}, data)
            return found
        return NOTHING

    def keep(self, call: Call, text: str, *, unsteady: bool = False) -> None:
        """Keep what a call made; `unsteady`: only that it makes something else each time."""
        record = {
            "format": FORMAT,
            "given": call.given(os.urandom(16).hex()),
            "inputs": call.inputs,
            "unseen": [],
        }
        states = [row[:3] for row in call.inputs]
        name = hashlib.sha256(json.dumps(states).encode()).hexdigest()[:32]
        head = {"record": record, "unsteady": unsteady}
        self._results.put(call.key, name, head, text.encode("utf-8"))

    def forget(self, call: Call, found: Found) -> None:
        """Use a result no more, because the call has made something else; nor any that came from the same."""
        self._results.drop(found.path)
        self.keep(call, "", unsteady=True)


def json_of(value: object) -> Mapping[str, Any]:
    """Return a mapping of a document.

    Raises:
        TypeError: it is not one.
    """
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _refreshed(rows: Sequence[Row], start_ns: int) -> list[Row]:
    """Return inputs that hold, with the stat data that stands for their bytes; they were looked at since `start_ns`."""
    found = []
    for aspect, path, state, stamp in rows:
        now = stamp_of(path) if aspect == "bytes" and state not in NO_BYTES else None
        is_settled = now is not None and settled(now, start_ns)
        found.append([aspect, path, state, list(now) if now and is_settled else stamp])
    return found
