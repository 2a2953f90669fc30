"""What strace has written, line by line -> calls that have returned."""

from __future__ import annotations

import os
import re
from typing import Iterator, NamedTuple, Optional

UNFINISHED = " <unfinished ...>"
STARTING = frozenset(["fork", "vfork", "clone", "clone2", "clone3"])
_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed> ?(.*)", re.DOTALL)
_CALL = re.compile(
    r"(\w+)\((.*)\)\s+= (-?\d+|0x[0-9a-f]+|\?)(?:<([^>]*)>)?(?:\(deleted\))?(?: ([A-Z][A-Z0-9]+))?"
    r"(?: \(.*\))?",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"n": 10, "t": 9, "r": 13, "v": 11, "f": 12, "a": 7, "b": 8}


class Call(NamedTuple):
    """One call of the kernel."""

    process: int
    name: str
    arguments: str
    value: Optional[int]  # noqa: UP045 - evaluated in Python 3.8. What it returned; None: no number
    error: str  # "ENOENT"; "" where it succeeded


class Begun(NamedTuple):
    """A call that begins another process, and has not returned yet."""

    process: int
    name: str
    arguments: str


class NotUnderstoodError(Exception):
    """A line of a trace that we do not know."""


class Lines:
    """Joins what strace writes in two pieces where processes run at once.

    `running` are the processes that have not ended.
    """

    def __init__(self) -> None:
        self._begun: dict[int, str] = {}  # process -> a call that has not returned
        self._announced: set[int] = set()  # begun by a call that has returned
        self._ended_before: set[int] = set()  # ended before that call returned
        self.running: set[int] = set()
        self.has_begun = False

    def read(self, line: str) -> Iterator[Call | Begun]:
        """Yield the call that a line tells of, when it has returned; of one that begins a process, also before.

        Raises:
            NotUnderstoodError: it is not a line of a trace.
        """
        found = _LINE.fullmatch(line.rstrip("\n"))
        if not found:
            raise NotUnderstoodError(line)
        self.has_begun = True
        for call in self._said(int(found[1]), found[2]):
            if isinstance(call, Call) and call.name in STARTING and call.value and call.value > 0:
                self._announce(call.value)
            yield call

    def _announce(self, process: int) -> None:
        if process in self._ended_before:
            self._ended_before.discard(process)
        else:
            self._announced.add(process)
            self.running.add(process)

    def _ended(self, process: int) -> None:
        self.running.discard(process)
        self._begun.pop(process, None)
        if process in self._announced:
            self._announced.discard(process)
        else:
            self._ended_before.add(process)

    def _said(self, process: int, text: str) -> Iterator[Call | Begun]:
        if text.startswith(("+++ exited", "+++ killed")):
            self._ended(process)
            return
        self.running.add(process)
        if text.startswith(("+++", "---")):
            return
        if text.endswith(UNFINISHED):
            begun = text[: -len(UNFINISHED)]
            self._begun[process] = begun
            name, _, arguments = begun.partition("(")
            if name in STARTING:
                yield Begun(process, name, arguments)
            return
        resumed = _RESUMED.fullmatch(text)
        if resumed:
            text = self._begin_of(process, resumed[1]) + resumed[2]
        call = call_of(process, text)
        if call:
            yield call

    def _begin_of(self, process: int, name: str) -> str:
        """Return how a call began that goes on now: of another thread, where that took this one's number by exec."""
        own = self._begun.get(process, "")
        if own.startswith(name + "("):
            return self._begun.pop(process)
        others = [one for one, text in self._begun.items() if text.startswith("execve")]
        if name.startswith("execve") and len(others) == 1:
            self.running.discard(others[0])
            return self._begun.pop(others[0])
        raise NotUnderstoodError(f"{process} <... {name} resumed>")


def call_of(process: int, text: str) -> Call | None:
    """Return the call that a whole line tells of, or None if nobody knows how it ended: its process did.

    Raises:
        NotUnderstoodError: it is not one.
    """
    found = _CALL.fullmatch(text)
    if not found:
        if text.startswith("????("):  # it was killed before strace knew what it asked
            return None
        raise NotUnderstoodError(f"{process} {text}")
    if found[3] == "?":
        return None
    value = int(found[3]) if not found[3].startswith("0x") else None
    return Call(process, found[1], found[2], value, found[5] or "")


def unescaped(text: str) -> str:
    """Return a path or a name as strace quotes it: other bytes than ASCII's are escaped."""
    if "\\" not in text:
        return text
    found = bytearray()
    end = 0
    for match in _ESCAPED.finditer(text):
        found += text[end : match.start()].encode("latin-1", "replace")
        end = match.end()
        if match[1]:
            found.append(int(match[1], 16))
        elif match[2]:
            found.append(int(match[2], 8))
        else:
            found.append(_LETTERS.get(match[3], ord(match[3]) & 0xFF))
    found += text[end:].encode("latin-1", "replace")
    return os.fsdecode(bytes(found))
