"""Passes on what a program prints, as it comes, and keeps it.

The program prints into a pipe, as it would without us; who reads notices nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import threading

PIECE = 1 << 16


class Passing:
    """Passes on what comes out of a pipe, in a thread.

    Args:
        source: the end of a pipe that is read; closed at the end.
        target: where it goes; closed at the end.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._kept: list[bytes] = []
        self._is_whole = False
        self._is_read = threading.Event()
        self._thread = threading.Thread(target=self._pass, name="fab_static", daemon=True)
        self._thread.start()

    def text(self) -> bytes | None:
        """Wait until nobody prints any more; return all that was printed, or None if somebody stopped listening."""
        self._is_read.wait()
        return b"".join(self._kept) if self._is_whole else None

    def end(self) -> None:
        """Wait until all is passed on. A pipe whose reader comes later may take long."""
        self._thread.join()

    def _pass(self) -> None:
        waiting = bytearray()  # read, and not passed on yet: who reads late holds nobody up
        try:
            while waiting or not self._is_whole:
                can_read, can_write = self._wait(may_write=bool(waiting))
                if can_read:
                    piece = os.read(self._source, PIECE)
                    self._kept.append(piece)
                    waiting += piece
                    if not piece:
                        self._is_whole = True
                        self._is_read.set()
                if can_write:
                    # a pipe that takes anything takes so much at once
                    del waiting[: os.write(self._target, waiting[: select.PIPE_BUF])]
        except OSError:  # nobody listens any more, and closing tells the program so
            self._is_whole = False
        finally:
            os.close(self._source)
            os.close(self._target)
            self._is_read.set()

    def _wait(self, *, may_write: bool) -> tuple[bool, bool]:
        poll = select.poll()
        if not self._is_whole:
            poll.register(self._source, select.POLLIN)
        if may_write:
            poll.register(self._target, select.POLLOUT)
        found = dict(poll.poll())
        return self._source in found, self._target in found


def put_between(descriptor: int) -> Passing:
    """Have what comes out of the pipe at this descriptor pass through us: whoever reads there reads from us."""
    source = os.dup(descriptor)
    reading, writing = os.pipe()
    os.dup2(reading, descriptor, inheritable=False)
    os.close(reading)
    return Passing(source, writing)


def is_at_its_end(descriptor: int) -> bool:
    """Tell whether who reads there reads nothing: it is /dev/null, or a pipe that nobody writes to any more."""
    with contextlib.suppress(OSError, ValueError):
        found = os.fstat(descriptor)
        if stat.S_ISCHR(found.st_mode):
            return found.st_rdev == os.stat(os.devnull).st_rdev
        if stat.S_ISFIFO(found.st_mode):
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return [what for _, what in poll.poll(0)] == [select.POLLHUP]
    return False
