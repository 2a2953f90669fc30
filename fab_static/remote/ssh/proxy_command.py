"""A ProxyCommand: a program of the operator's whose standard input and output are the way to the next hop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from typing import IO, Any

MOST_WORDS = 4096  # bytes that are kept of what it says on standard error
END_SECONDS = 2.0  # how long it may take to end when the way is closed


class ProxyCommand:
    """The socket of a program that carries the bytes, and the program."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair()
        shell = os.environ.get("SHELL") or "/bin/sh"
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ssh has the user's shell run it, too
                [shell, "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the operator's process, which tells the agent
            )
        self._socket = ours
        self._words = b""
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stderr,), daemon=True
        )
        self._reader.start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    @property
    def words(self) -> str:
        """What the program said on standard error, if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
            self._reader.join(0.2)
        return "; ".join(self._words.decode(errors="replace").split("\n")).strip("; \r")

    def close(self) -> None:
        """Close the socket, and end the program with all that it started, as ssh does."""
        self._socket.close()
        self._signal(signal.SIGHUP)
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)  # its own group: it began a session

    def _read(self, stderr: IO[bytes]) -> None:
        while piece := stderr.read(256):
            self._words = (self._words + piece)[-MOST_WORDS:]
