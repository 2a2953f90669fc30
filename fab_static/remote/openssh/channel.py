"""A process on a host, through the connection that an ssh keeps."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence

from fab_static.errors import RemoteError
from fab_static.remote.channels import MAX_WORDS, LocalChannel, comes
from fab_static.remote.patience import CANCEL_SECONDS, WORDS_SECONDS

FAILED = 255  # ssh's own exit status


class OpensshChannel(LocalChannel):
    """An ssh that runs a command on a host."""

    def __init__(
        self,
        command: Sequence[str],
        no_session: Callable[[str], RemoteError | None],
        on_cut: Callable[[], None],
    ) -> None:
        """Start it.

        Args:
            command: of words.of_session.
            no_session: says what ssh's words mean where it opened no session, or None if it did.
            on_cut: is called when the connection was lost, not the command ended.
        """
        super().__init__(command)
        self._no_session = no_session
        self._on_cut = on_cut
        self._is_heard = False
        self._words = b""

    def send(self, data: bytes) -> None:
        """Send all of the data."""
        try:
            super().send(data)
        except BrokenPipeError:
            self._refuse_no_session()
            raise

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end."""
        piece = super().receive(most, timeout_seconds)
        if not piece and not self._is_heard:
            self._refuse_no_session()
        self._is_heard = True
        return piece

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status, if it comes within a second, and standard error so far."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._read_words()
        return self._process.returncode, self._words.decode(errors="replace").strip()

    def close(self) -> None:
        """End the command by the end of its input; what does not end is left to the host."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(CANCEL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        if self._process.returncode == FAILED:
            self._on_cut()

    def _refuse_no_session(self) -> None:
        code, words = self.last_words()
        if code == FAILED and (error := self._no_session(words)):
            raise error

    def _read_words(self) -> None:
        stderr = self._process.stderr
        if stderr is None or stderr.closed:
            return
        deadline = time.monotonic() + WORDS_SECONDS
        wait = 0.0 if self._process.returncode is None else 1.0
        while len(self._words) < MAX_WORDS and (left := deadline - time.monotonic()) > 0:
            if not comes(stderr, select.POLLIN, min(wait, left)):
                break
            piece = os.read(stderr.fileno(), 65536)
            if not piece:
                break
            self._words += piece
