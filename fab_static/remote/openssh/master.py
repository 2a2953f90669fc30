"""One connection to one hop: an ssh of its own, which keeps it open for all that goes through it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from fab_static.remote.openssh.said import Said, is_signing, said, touched
from fab_static.remote.ssh.agent import SIGN_SECONDS

KEPT_LINES = 500  # of what it says; a connection says 60
MOST_LINE = 4096  # bytes; a hop may send a banner of any length
GRACE_SECONDS = 2.0  # how much longer we wait than ssh itself
LOOK_SECONDS = 0.1  # its socket is looked for with each line, and this often
END_SECONDS = 1.0  # how long it may take to end when it is told to


class SilentError(Exception):
    """It did not connect, and says nothing any more."""


class Master:
    """An ssh that keeps one connection. Others find it at a socket."""

    def __init__(
        self,
        command: Sequence[str],
        socket: Path,
        on_touch: Callable[[str], None] = lambda _key: None,
    ) -> None:
        """Start it.

        Args:
            command: of words.of_master.
            socket: where others find it.
            on_touch: is told of a security key that somebody may have to touch.
        """
        self.socket = socket
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._moved = threading.Condition()
        self._moved_at = time.monotonic()
        self._is_signing = False
        self._on_touch = on_touch
        self._process = subprocess.Popen(  # noqa: S603 - the operator's own ssh, no shell between
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the operator's process; and ssh asks nobody
        )
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stderr,), daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process, which leads a group of its own."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def said(self) -> Said:
        """What it has said so far."""
        with self._moved:
            return said(self._lines)

    def is_connected(self, patience_seconds: float) -> bool:
        """Wait until it has connected, or has ended; tell which.

        Args:
            patience_seconds: how long a step of the way may take.

        Raises:
            SilentError: it did neither.
        """
        with self._moved:
            while not self.socket.exists():
                if not self.is_alive:
                    break
                seconds = SIGN_SECONDS if self._is_signing else patience_seconds
                if time.monotonic() - self._moved_at > seconds + GRACE_SECONDS:
                    raise SilentError
                self._moved.wait(LOOK_SECONDS)
            else:
                return True
        self._reader.join(END_SECONDS)  # its last words; a ProxyCommand may hold the pipe
        return False

    def settle(self) -> None:
        """Give it a moment to end, where what went through it was cut."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)

    def wait_for(self, found: Callable[[Said], str | None], seconds: float) -> str | None:
        """Return what is found in its words, or None if nothing is after so long."""
        deadline = time.monotonic() + seconds
        with self._moved:
            while (one := found(said(self._lines))) is None and time.monotonic() < deadline:
                self._moved.wait(LOOK_SECONDS)
        return one

    def end(self) -> None:
        """End it, with all that it started."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._reader.join(LOOK_SECONDS)

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)  # its own group: it began a session

    def _read(self, stderr: IO[bytes]) -> None:
        with stderr:
            while line := stderr.readline(MOST_LINE):
                self._note(line.decode(errors="replace").rstrip("\r\n"))
        with self._moved:
            self._moved.notify_all()

    def _note(self, line: str) -> None:
        with self._moved:
            self._lines.append(line)
            self._moved_at = time.monotonic()
            self._is_signing = is_signing(line)
            self._moved.notify_all()
        if key := touched(line):
            self._on_touch(key)
