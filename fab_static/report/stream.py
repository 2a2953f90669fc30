"""Standard output and standard error that never fail: what nobody can read is lost, and the run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

# our own signs, for LANG=C; each is as wide as what stands for it, except for what ends a line
PLAIN = str.maketrans({"✓": "+", "✗": "x", "▸": ">", "·": "-", "─": "-", "━": "=", "…": "..."})


class Stream:
    """A stream for text. A reader that went away, a full disk or a closed terminal ends no deploy.

    Args:
        stream: None where there is none: Python has that where the program began without it.
        on_lost: is told once why nothing can be written any more.
    """

    def __init__(self, stream: TextIO | None, on_lost: Callable[[str], None]) -> None:
        self._stream = stream
        self._on_lost = on_lost
        self._is_lost = False

    def write(self, text: str) -> int:
        """Write the text; what the stream's encoding lacks is written as Python escapes it."""
        self._try(lambda stream: _write(stream, text))
        return len(text)

    def flush(self) -> None:
        """Send out what was written."""
        self._try(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Return the number of its file, which tells the size of a terminal."""
        if self._stream is None:
            raise OSError("there is no such file")
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """The encoding, by which lines of tables are chosen."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def _try(self, work: Callable[[TextIO], object]) -> None:
        stream = self._stream
        if self._is_lost or stream is None:
            return
        try:
            try:
                work(stream)
            except (
                BlockingIOError
            ):  # a program that shares the terminal, Node for one, has set it so
                os.set_blocking(stream.fileno(), True)
                work(stream)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self._is_lost = True
            _leave(stream)
            self._on_lost(getattr(error, "strerror", None) or str(error))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        text = text.translate(PLAIN)
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _leave(stream: TextIO) -> None:
    """Let what is left in the stream go nowhere: Python would end with code 120 when it cannot."""
    try:
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
    except (OSError, ValueError):
        return  # it is not a file, or is closed: nothing is left in it
