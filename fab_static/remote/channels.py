"""Processes on hosts, as two-way streams of bytes: over SSH, and on this machine."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterable, Mapping
from typing import IO, Any

import paramiko

from fab_static.remote import patience
from fab_static.remote.frames import Pace, TooSlowError
from fab_static.remote.line import end, ended_after

PACKET = 32 * 1024 - 64  # bytes that go in one packet of SSH, as paramiko cuts them
PIPE = 64 * 1024  # bytes that a pipe holds: Python makes room for all that is asked for
MAX_WORDS = 1024 * 1024  # bytes that are kept of what a process says on standard error
LOCAL_END_SECONDS = 3.0  # how long an agent on this machine may take to end on its own


class SshChannel:
    """A process on the other side of an SSH connection."""

    def __init__(self, transport: paramiko.Transport, command: str, timeout_seconds: float) -> None:
        self._transport = transport
        self._line: Any = transport.sock  # a Line: see _prompt
        with ended_after(transport, max(patience.SILENCE_SECONDS, timeout_seconds)):
            self._channel = transport.open_session(timeout=timeout_seconds)
            self._channel.exec_command(command)

    def send(self, data: bytes) -> None:
        """Send all of the data, in pieces: paramiko copies the rest at each packet.

        Raises:
            TooSlowError: the host does not take it.
        """
        try:
            self._send_all(memoryview(data))
        except (OSError, EOFError) as error:
            if isinstance(error, TimeoutError) or self._line.has_given_up:
                end(self._transport)
                raise TooSlowError(f"of {len(data):,} bytes it did not take all") from error
            raise
        except BaseException:
            if self._line.is_under_way:  # nothing may follow half a packet
                end(self._transport)
            raise

    def _send_all(self, view: memoryview) -> None:
        pace = Pace(patience.SILENCE_SECONDS)
        while view:
            left = pace.left
            if left <= 0:
                raise TooSlowError
            self._channel.settimeout(left)
            sent = self._channel.send(bytes(view[:PACKET]))
            if not sent:
                raise EOFError("the connection ended")
            pace.moved(sent)
            view = view[sent:]

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""
        return self._channel.send_ready() and self._line.is_ready()

    def has_ended(self) -> bool:
        """Tell whether the other side has ended it."""
        channel = self._channel
        return bool(channel.closed or channel.eof_received) or not self._transport.is_active()

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end."""
        self._channel.settimeout(timeout_seconds)
        return self._channel.recv(most)

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status, if it comes within a second, and standard error so far."""
        code = None
        if self._channel.status_event.wait(1):
            code = self._channel.recv_exit_status()
        deadline = time.monotonic() + patience.WORDS_SECONDS
        words = b""
        with contextlib.suppress(TimeoutError):
            while len(words) < MAX_WORDS and (left := deadline - time.monotonic()) > 0:
                self._channel.settimeout(min(1, left))
                piece = self._channel.recv_stderr(65536)
                if not piece:
                    break
                words += piece
        return code, words.decode(errors="replace").strip()

    def close(self) -> None:
        """Close the channel; the agent sees the end of its input. What stands still ends the connection."""
        if self._line.stands_still:
            end(self._transport)
        with ended_after(self._transport, patience.CANCEL_SECONDS):
            self._channel.close()


class LocalChannel:
    """A process on this machine."""

    def __init__(self, command: Iterable[str], variables: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the agent
            list(command),
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the operator's process, which tells the agent
        )
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        os.set_blocking(self._process.stdin.fileno(), False)

    def send(self, data: bytes) -> None:
        """Send all of the data."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        view = memoryview(data)
        while view:
            if not comes(self._process.stdin, select.POLLOUT, patience.SILENCE_SECONDS):
                raise TooSlowError(
                    f"the agent takes no data for {patience.SILENCE_SECONDS:g} seconds"
                )
            view = view[self._process.stdin.write(view) or 0 :]

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""
        stdin = self._process.stdin
        return stdin is not None and comes(stdin, select.POLLOUT, 0)

    def has_ended(self) -> bool:
        """Tell whether the process has ended."""
        return self._process.poll() is not None

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        if not comes(self._process.stdout, select.POLLIN, timeout_seconds):
            raise TimeoutError
        return os.read(self._process.stdout.fileno(), min(most, PIPE))

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status and standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            _, words = self._process.communicate(timeout=1)
            return self._process.returncode, words.decode(errors="replace").strip()
        return None, ""

    def close(self) -> None:
        """End the agent by the end of its input."""
        _close(self._process.stdin)
        try:
            self._process.wait(LOCAL_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):  # read to the end by now
            _close(pipe)


def comes(pipe: IO[bytes], event: int, seconds: float) -> bool:
    """Tell whether a pipe comes to where it can be read, or written to, within some seconds."""
    poll = select.poll()  # select() takes no file whose number is above 1023: a fleet has many
    poll.register(pipe, event)
    return bool(poll.poll(seconds * 1000))


def _close(pipe: IO[bytes] | None) -> None:
    if pipe:
        with contextlib.suppress(OSError):
            pipe.close()
