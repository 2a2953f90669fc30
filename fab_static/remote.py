"""Carries: SSH connections, the agent's channel, and on(hosts, work).

Alone imports fabric. Fabric itself accepts any host key; here an unknown or changed one is refused.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import select
import shlex
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any, TypeVar

import paramiko
from fabric import Config, Connection

from fab_static import starting
from fab_static.errors import FabStaticError, ReleaseError, RemoteError
from fab_static.frames import Channel, Frames, MalformedError, Pace, TooSlowError
from fab_static.frames import Head as Head  # what phases are given
from fab_static.host import agent as agent_module
from fab_static.host.agent import FRAME, HELLO, PIECE, RECORD, TICK_SECONDS
from fab_static.line import Line, end, ended_after
from fab_static.plan import wire
from fab_static.plan.inventory import Environment, Host, expand
from fab_static.plan.release import Layout
from fab_static.workers import Workers

T = TypeVar("T")

AGENT = zlib.compress(Path(agent_module.__file__).read_bytes())
# reads exactly the agent from standard input (a buffer of 1 never reads ahead), and leaves the frames
# behind it to the agent; one line, because not every login shell takes a newline in an argument
BOOTSTRAP = (
    "import io,sys,zlib;sys.version_info<(3,8)and sys.exit("
    "'fab_static: Python '+'.'.join(map(str,sys.version_info[:3])));source=zlib.decompress("
    f"io.BufferedReader(io.FileIO(0,closefd=False),1).read({len(AGENT)}));"
    "exec(compile(source,'fab_static/host/agent.py','exec'))"
)
# -I -S: neither the user's nor the site's packages; -X utf8: file names alike whatever the locale
PYTHON = ("python3", "-I", "-S", "-X", "utf8", "-c", BOOTSTRAP)
TOO_OLD = re.compile(r"fab_static: Python (\S+)")  # the bootstrap's words
MUCH = 4096  # bytes of a request that are worth deflating
PACKET = 32 * 1024 - 64  # bytes that go in one packet of SSH, as paramiko cuts them
MAX_GREETING = 256 * 1024  # bytes that a login may print before the agent speaks
MAX_PACK = 4 * PIECE  # bytes of objects in one frame; an agent sends less than half of it
MAX_WORDS = 1024 * 1024  # bytes that are kept of what a process says on standard error
WORDS_SECONDS = 3.0  # how long standard error is read of a process that has failed
KEPT_OUTPUT = 32 * 1024 * 1024  # bytes kept of a command's output, of its beginning and of its end
SHOWN_OUTPUT = 256 * 1024 * 1024  # bytes of it that are shown and logged
SILENCE_SECONDS = 30.0  # how long a host may say nothing
STALL_SECONDS = 120.0  # how long work may stand still; to write much to a slow disk takes its time
LOCAL_END_SECONDS = 3.0  # how long an agent on this machine may take to end by itself
CANCEL_SECONDS = 2.0  # how long a host may take to end what was interrupted


class SshChannel:
    """A process on the other side of an SSH connection."""

    def __init__(self, transport: paramiko.Transport, command: str, timeout_seconds: float) -> None:
        self._transport = transport
        self._line: Any = transport.sock  # a Line: see _prompt
        with ended_after(transport, max(SILENCE_SECONDS, timeout_seconds)):
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
        pace = Pace(SILENCE_SECONDS)
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

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end."""
        self._channel.settimeout(timeout_seconds)
        return self._channel.recv(most)

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status, if it comes within a second, and standard error so far."""
        code = None
        if self._channel.status_event.wait(1):
            code = self._channel.recv_exit_status()
        deadline = time.monotonic() + WORDS_SECONDS
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
        with ended_after(self._transport, CANCEL_SECONDS):
            self._channel.close()


class LocalChannel:
    """A process on this machine."""

    def __init__(self, command: Iterable[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the agent
            list(command),
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
            if not select.select([], [self._process.stdin], [], SILENCE_SECONDS)[1]:
                raise TooSlowError(f"the agent takes no data for {SILENCE_SECONDS:g} seconds")
            view = view[self._process.stdin.write(view) or 0 :]

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""
        stdin = self._process.stdin
        return stdin is not None and bool(select.select([], [stdin], [], 0)[1])

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        if not select.select([self._process.stdout], [], [], timeout_seconds)[0]:
            raise TimeoutError
        return os.read(self._process.stdout.fileno(), most)

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


def _close(pipe: IO[bytes] | None) -> None:
    if pipe:
        with contextlib.suppress(OSError):
            pipe.close()


class UnknownHostKeyError(Exception):
    """The host's key is in no known_hosts."""


class RefuseUnknownKeys(paramiko.MissingHostKeyPolicy):
    """Refuses every host whose key is not known."""

    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002 - paramiko's interface
        hostname: str,  # noqa: ARG002 - paramiko's interface
        key: paramiko.PKey,
    ) -> None:
        """Refuse."""
        raise UnknownHostKeyError(f"{key.get_name()} {key.fingerprint}")


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code and its output, both streams as they came."""

    code: int
    output: str
    timed_out: bool = False
    token: str | None = None  # of the record of what it read, where it was recorded
    unseen: str | None = None  # why that must not be used
    written: tuple[str, ...] = ()  # files outside what the caller keeps


class RemoteHost:
    """One host of the inventory, through one connection and one agent; opened when first asked."""

    def __init__(
        self, host: Host, environment: Environment, connection: SharedConnection | None = None
    ) -> None:
        self.host = host
        self.environment = environment
        self.layout: Layout = environment.layout(host)
        self.connection = connection or SharedConnection(host, environment)
        self._channel: Channel | None = None
        self._frames = Frames()
        self._number = 0  # of the last request
        self._under_way: str | None = None  # the verb whose answer has not come to its end
        self._asked = 0  # bytes of that request
        self._heard = False  # whether anything came since that request was begun
        self._lost_unheard = False  # whether its connection was lost before
        self._turn = threading.Lock()  # one request at a time
        self._writing = threading.Lock()  # one frame at a time
        self.moved_at = time.monotonic()  # when something last came from the host, or went there
        self.hello: Head = {}
        self.requests = 0

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self.host.name

    @property
    def roles(self) -> tuple[str, ...]:
        """The host's roles."""
        return self.host.roles

    def sibling(self) -> RemoteHost:
        """Return the same host through the same connection, with an agent of its own."""
        return RemoteHost(self.host, self.environment, self.connection)

    # ---- asking

    def ask(
        self,
        do: str,
        body: bytes = b"",
        *,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
        **params: Any,
    ) -> tuple[Head, bytes]:
        """Have the agent do one thing, and return its answer: head and body.

        It may take as long as the work goes on; with `timeout_seconds` no longer than that.

        Raises:
            RemoteError: the host cannot be reached, was silent too long, or refused; with its name.
        """
        was_open = self._channel is not None
        try:
            with self._request(do, params, body):
                head, data = self._answer(do, on_output, timeout_seconds)
        except RemoteError:
            if not (was_open and do in LOOKS and self._lost_unheard):
                raise
            # an idle channel was closed by what stands between
            with self._request(do, params, body):
                head, data = self._answer(do, on_output, timeout_seconds)
        if do == "read_object":
            self._refuse_other_bytes(params["object"], data)
        return head, data

    def _answer(
        self,
        do: str,
        on_output: Callable[[bytes], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[Head, bytes]:
        """Read to the end of the answer to a request."""
        limit = timeout_seconds or self._stall_seconds
        deadline, moved = time.monotonic() + limit, None
        while True:
            head, data = self._frame()
            if "ok" in head:
                return head, data
            if "output" in head and on_output:
                on_output(data)
            if timeout_seconds is None and head.get("moved", moved) != moved:
                deadline, moved = time.monotonic() + limit, head["moved"]
            if time.monotonic() > deadline:
                self._give_up_on(do, limit, stands_still=timeout_seconds is None)

    @property
    def _stall_seconds(self) -> float:
        return max(3 * TICK_SECONDS, min(STALL_SECONDS, self.environment.ssh.command_timeout))

    def _give_up_on(self, do: str, limit: float, *, stands_still: bool) -> None:
        self.close_agent()
        if stands_still:
            raise RemoteError(
                f"{do} stands still: nothing has moved for {limit:g} seconds",
                where=self.name,
                mend="see whether its disks and network file systems answer: "
                f"{self.connection.ssh_command()}; then run it again",
            )
        raise RemoteError(
            f"{do} was not done after {limit:g} seconds",
            where=self.name,
            mend="raise ssh.command_timeout if that is not long for this host",
        )

    @contextmanager
    def _request(self, do: str, params: Mapping[str, Any], body: bytes) -> Iterator[None]:
        """Send a request; whoever leaves without the end of its answer ends the work on it, too."""
        with self._turn:
            self._number += 1
            self._heard = self._lost_unheard = False
            self._under_way = do
            self._asked = body.size if isinstance(body, Deflated) else len(body)
            try:
                self._send({"do": do, **params, "n": self._number}, body)
                yield
            finally:
                if self._under_way:
                    self._cancel_and_wait()
                self._under_way = None

    def cancel(self) -> None:
        """Have the agent end what it works on just now; who waits for the answer is told. From any thread."""
        do = self._under_way
        if do in STREAMS or (do and not self._tell({"cancel": self._number}, CANCEL_SECONDS / 4)):
            self.close_agent()

    def _cancel_and_wait(self) -> None:
        """End the work on a request, and wait for that: what it wrote may have to be put back now."""
        try:
            self.cancel()
            deadline = time.monotonic() + CANCEL_SECONDS
            with contextlib.suppress(FabStaticError):
                while self._under_way and self._channel and time.monotonic() < deadline:
                    self._frame(max(0.05, deadline - time.monotonic()))
        finally:
            if self._under_way:
                self.close_agent()

    def said(self, what: str, data: bytes | str, shape: Any) -> Any:
        """Return the JSON that stands in a body, or in a command's output, and has this shape of plan/wire.py.

        Raises:
            RemoteError: it has not; `what` it is, is named.
        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._malformed(f"{what}: {str(error)[:200]}") from error
        if wrong := wire.misshapen(shape, value):
            raise self._malformed(f"{what}: {wrong}")
        return value

    def packs(self, do: str, body: bytes) -> Iterator[tuple[Head, bytes]]:
        """Ask for a stream of objects, and yield its frames as they come.

        Args:
            do: the verb.
            body: the objects' records.

        Raises:
            RemoteError: as of `ask`; or more comes than was asked for.
        """
        left = sum(RECORD.size + size for _, size in RECORD.iter_unpack(body))
        limit = self._stall_seconds
        with self._request(do, {}, body):
            pace = Pace(limit)
            while True:
                head, data = self._frame()
                if "ok" in head and left:
                    raise self._malformed("fewer objects than were asked for")
                if "ok" in head:
                    return
                if "pack" in head:
                    size = self._size_of(head, data, left)
                    left -= size
                    pace.moved(size)
                    given = time.monotonic()
                    yield head, data
                    pace.pause(time.monotonic() - given)
                if pace.left < 0:
                    self._give_up_on(do, limit, stands_still=True)

    def _size_of(self, head: Head, data: bytes, left: int) -> int:
        """Return how many bytes of objects a frame says that it holds.

        Raises:
            RemoteError: more than were asked for, or than such a frame can hold.
        """
        size = head.get("raw")
        is_plain = head["pack"] == "plain"
        if (
            head["pack"] not in ("plain", "deflate")
            or type(size) is not int
            or not 0 < size <= min(left, MAX_PACK)
            or (is_plain and len(data) != size)
        ):
            raise self._malformed("a pack of objects that were not asked for")
        return size

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes, as they come; in memory is one at a time.

        Args:
            wanted: their records, as the agent's `fetch` takes them.

        Raises:
            RemoteError: the host cannot be reached, or an object's bytes are not its own.
        """
        asked = set(RECORD.iter_unpack(wanted))
        buffer = bytearray()
        for head, data in self.packs("fetch", wanted):
            buffer += self._inflated(data, head["raw"]) if head["pack"] == "deflate" else data
            while len(buffer) >= RECORD.size:
                raw, size = RECORD.unpack_from(buffer)
                if (raw, size) not in asked:
                    raise self._malformed("an object that was not asked for")
                if len(buffer) < RECORD.size + size:
                    break
                body = bytes(buffer[RECORD.size : RECORD.size + size])
                del buffer[: RECORD.size + size]
                self._refuse_other_bytes(raw.hex(), body)
                yield raw.hex(), body

    def _refuse_other_bytes(self, sha256: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != sha256:
            raise RemoteError(
                f"object {sha256} has other bytes than its name says",
                where=self.name,
                mend=f"build it anew: fab {self.environment.name} deploy",
            )

    def _inflated(self, data: bytes, size: int) -> bytes:
        """Return what a pack holds: no more than it said."""
        inflater = zlib.decompressobj()
        try:
            inflated = inflater.decompress(data, size + 1)
        except zlib.error as error:
            raise self._malformed(f"a pack that cannot be inflated: {error}") from error
        if len(inflated) != size or not inflater.eof:
            raise self._malformed("a pack of another size than it says")
        return inflated

    def take(self, do: str, frames: Iterable[tuple[Head, bytes]]) -> Head:
        """Send a request and a stream of frames after it, and return the answer's head."""
        with self._request(do, {}, b""):
            for head, body in frames:
                self._send(head, body)
            self._send({"end": True}, b"")
            return self._answer(do)[0]

    def run(
        self,
        command: list[str],
        *,
        folder: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        on_output: Callable[[bytes], None] | None = None,
        record: Mapping[str, Any] | None = None,
        shares_start: bool = False,
    ) -> Ran:
        """Run a command on the host; its environment never stands on a command line.

        With `record`, as the agent takes it, what the command read is recorded there; with `shares_start`
        one of manage.py, or the record's `program`, may run in a fork of a process that has set the project up.
        """
        kept = Output()

        def collect(piece: bytes) -> None:
            kept.add(piece)
            if on_output and kept.size <= SHOWN_OUTPUT:
                on_output(piece)

        limit = self.environment.ssh.command_timeout
        head, _ = self.ask(
            "run",
            stdin,
            on_output=collect,
            timeout_seconds=limit + 30,
            command=command,
            folder=folder,
            environment=dict(environment or {}),
            timeout=limit,
            record=dict(record) if record else None,
            shares_start=shares_start,
        )
        output = kept.all().decode(errors="replace")
        if "cannot_start" in head:
            output += head["cannot_start"]
        unseen = head.get("unseen") or [None]
        return Ran(
            head["code"],
            output,
            timed_out=head.get("timed_out", False),
            token=head.get("token"),
            unseen=unseen[0],
            written=tuple(head.get("written", ())),
        )

    def alive(self) -> None:
        """Let the agent know that the operator is there, whatever it works on."""
        self._tell({"alive": True}, 0)

    def _tell(self, head: Head, timeout_seconds: float) -> bool:
        """Say something that is no request, between the frames of one; False where that cannot be done now."""
        channel = self._channel
        if channel is None or not self._writing.acquire(timeout=timeout_seconds):
            return False
        try:
            if channel.is_ready():
                channel.send(_framed(head, b""))
                return True
        except (OSError, paramiko.SSHException, EOFError, ValueError):
            pass  # whoever waits for an answer notices too, and says so
        finally:
            self._writing.release()
        return False

    # ---- the channel

    def close_agent(self) -> None:
        """End the agent, and with it what it runs; the next request starts another."""
        channel, self._channel = self._channel, None
        self._frames = Frames()
        if channel:
            with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
                channel.close()

    def _send(self, head: Head, body: bytes) -> None:
        if self._channel is None and "do" in head:
            self._open()
        data = _framed(head, body)
        self.requests += 1
        try:
            with self._writing:
                if self._channel is None:
                    raise EOFError("it was closed")
                self._channel.send(data)
            self.moved_at = time.monotonic()
        except TimeoutError as error:
            self._raise_reason()
            raise self._given_up(f"the host takes data too slowly: {error}") from error
        except (OSError, paramiko.SSHException, EOFError, ValueError) as error:
            self._raise_reason()
            raise self._cut(error) from error
        except BaseException:  # half a frame may have gone out
            self.close_agent()
            raise

    def _raise_reason(self) -> None:
        """Raise the agent's own reason if it gave one before it went away."""
        if self._channel is None:
            return
        deadline = time.monotonic() + WORDS_SECONDS
        with contextlib.suppress(OSError, EOFError, ValueError):
            while time.monotonic() < deadline:
                head, _ = self._frames.next(self._channel, 0.2, MAX_PACK)
                self._heard = True
                if "error" in head:
                    self.close_agent()
                    raise self._refused(head["error"])

    def _open(self) -> None:
        ssh = self.environment.ssh
        command = self._as_user([sys.executable if self.host.local else ssh.python, *PYTHON[1:]])
        self._frames = Frames()
        channel: Channel
        if self.host.local:
            try:
                channel = LocalChannel(command)
            except OSError as error:
                status = 126 if isinstance(error, PermissionError) else 127
                raise self._no_agent(
                    status, f"{error.filename}: {error.strerror}", error
                ) from error
        else:
            channel = self.connection.channel(shlex.join(command))
        opening = {
            "do": "open",
            "deploy_to": expand(self.environment.deploy_to, self.host),
            "app": self.environment.app,
            "environment": self.environment.name,
        }
        self.requests += 1
        seconds = max(SILENCE_SECONDS, self.environment.ssh.connect_timeout)
        try:
            with self._writing:
                self._channel = channel
                channel.send(AGENT + _framed(opening, b""))  # one trip for both
            self._frames.skip_to(channel, HELLO, MAX_GREETING, seconds)
            self.hello = self._believed("hello", self._received(SILENCE_SECONDS, 0)[0])
            self._refuse_error(self._received(SILENCE_SECONDS, 0)[0])
        except (OSError, EOFError, paramiko.SSHException) as error:
            code, words = channel.last_words()
            self.close_agent()
            if code is None and isinstance(error, TimeoutError):
                what, mend = starting.silence(seconds, words, self._start)
                raise RemoteError(what, where=self.name, mend=mend) from error
            raise self._no_agent(code, words, error) from error
        except BaseException:
            self.close_agent()
            raise

    def _as_user(self, command: list[str]) -> list[str]:
        become = self.environment.ssh.become
        return ["sudo", "-n", "-u", become, "--", *command] if become else command

    def _version(self, words: str) -> str | None:
        """Return the version of a Python that is too old for the agent; None where it is not."""
        told = TOO_OLD.search(words)
        if told:
            return told[1]
        if "unknown option" not in words.lower():
            return None
        # older than 3.4, which has none of our options: it must be asked once more
        channel = self.connection.channel(
            shlex.join(self._as_user([self.environment.ssh.python, "-V"]))
        )
        try:
            return channel.last_words()[1].replace("Python", "").strip() or "older than 3.4"
        finally:
            channel.close()

    def _frame(self, timeout_seconds: float | None = None) -> tuple[Head, bytes]:
        """Return the next frame of the answer that is under way.

        Raises:
            RemoteError: the host was silent, the connection was cut, or the agent refused.
        """
        do = self._under_way or ""
        silence = timeout_seconds or max(
            3 * TICK_SECONDS, min(SILENCE_SECONDS, self.environment.ssh.command_timeout)
        )
        most = max(MAX_PACK, wire.body_limit(do, self._asked))
        deadline = time.monotonic() + silence
        head, body = self._received(silence, most)
        while (number := head.get("n", self._number)) != self._number:
            if type(number) is not int or number > self._number or time.monotonic() > deadline:
                raise self._malformed(f"an answer to the request {str(number)[:20]}")
            head, body = self._received(silence, most)  # that one belonged to what was given up
        if "error" in head:
            self._under_way = None
            self._refuse_error(head)
        if "ok" in head:
            if len(body) > wire.body_limit(do, self._asked):
                raise self._malformed(f"a body of {len(body):,} bytes, which {do} does not have")
            self._believed(do, head)
            self._under_way = None
        return head, body

    def _received(self, silence_seconds: float, most_body: int) -> tuple[Head, bytes]:
        """Return the next frame, whatever it belongs to."""
        try:
            if self._channel is None:
                raise EOFError("closed")
            frame = self._frames.next(self._channel, silence_seconds, most_body)
        except TimeoutError as error:
            said = f"the host said nothing for {silence_seconds:g} seconds"
            if isinstance(error, TooSlowError):
                said = f"the host answers too slowly: {error}"
            raise self._given_up(said) from error
        except MalformedError as error:
            raise self._malformed(str(error)) from error
        except (OSError, EOFError, paramiko.SSHException, ValueError) as error:
            raise self._cut(error) from error
        self.moved_at = time.monotonic()
        self._heard = True
        return frame

    def _believed(self, do: str, head: Head) -> Head:
        """Return an answer that has its verb's shape.

        Raises:
            RemoteError: it has not.
        """
        if wrong := wire.problem(do, head):
            raise self._malformed(f"{do}: {wrong}")
        return head

    def _refuse_error(self, head: Head) -> None:
        error = head.get("error")
        if error is None:
            return
        words = error if isinstance(error, dict) else {}
        if not all(isinstance(words.get(key), str) for key in ("what", "where", "mend", "kind")):
            raise self._malformed("a refusal without its reasons")
        raise self._refused(words)

    # ---- errors

    def _refused(self, error: Mapping[str, str]) -> FabStaticError:
        kind: type[FabStaticError] = ReleaseError if error["kind"] == "release" else RemoteError
        where = f"{self.name}: {error['where']}" if error["where"] else self.name
        refused = kind(error["what"], where=where, mend=error["mend"])
        if isinstance(refused, RemoteError):
            refused.is_refusal = True
        return refused

    def _malformed(self, what: str) -> RemoteError:
        self.close_agent()
        return RemoteError(
            f"the host answers what no agent of ours does: {what}",
            where=self.name,
            mend="see what stands between: a login that prints, a proxy, a host that is not yours alone: "
            + self.connection.ssh_command(),
        )

    def _cut(self, error: BaseException) -> RemoteError:
        is_ours = self._channel is None  # closed by whoever interrupts
        is_unheard = not self._heard and self._frames.is_empty
        self._lost_unheard = is_unheard and not is_ours and not isinstance(error, ValueError)
        return self._given_up(f"the connection was cut ({str(error) or type(error).__name__})")

    def _given_up(self, what: str) -> RemoteError:
        """End the agent, and return why."""
        self.close_agent()
        return RemoteError(
            what,
            where=self.name,
            mend=f"see whether the host is alive: {self.connection.ssh_command()}; then run it again",
        )

    def _no_agent(self, code: int | None, words: str, error: BaseException) -> RemoteError:
        """Return why there is no agent: what was said instead of its first words."""
        said = words or str(error) or f"exit status {code}"
        version = self._version(said)
        if version:
            return RemoteError(
                f"{self.environment.ssh.python} is {version}, 3.8 is needed",
                where=self.name,
                mend="install a later one there, and name it in the inventory: "
                "ssh: {python: /usr/bin/python3.11}",
            )
        what, mend = starting.reason(said, code, self._start)
        return RemoteError(what, where=self.name, mend=mend)

    @property
    def _start(self) -> starting.Start:
        ssh = self.environment.ssh
        user = self.connection.user or getpass.getuser()
        return starting.Start(ssh.python, ssh.become, user, self.connection.ssh_command())


# may be asked twice: they change nothing
LOOKS = frozenset(
    (
        "ping",
        "state",
        "facts",
        "missing",
        "read_release",
        "read_object",
        "summaries",
        "look_at_lock",
    )
)
STREAMS = ("fetch", "store")  # nothing can be said between their frames: they end with the channel


class Output:
    """What a command printed: all of it, or where that is very much, its beginning and its end."""

    def __init__(self, most: int = KEPT_OUTPUT) -> None:
        self.size = 0
        self._most = most // 2
        self._begin = bytearray()
        self._end = bytearray()

    def add(self, piece: bytes) -> None:
        """Take one more piece."""
        self.size += len(piece)
        room = self._most - len(self._begin)
        self._begin += piece[:room]
        self._end += piece[room:]
        if len(self._end) > 2 * self._most:  # now and then, not at each piece
            del self._end[: -self._most]

    def all(self) -> bytes:
        """Return it; a line says how much is left out."""
        end = self._end[-self._most :]
        left_out = self.size - len(self._begin) - len(end)
        told = f"\n… {left_out:,} bytes are left out here …\n".encode() if left_out else b""
        return bytes(self._begin + told + end)


class Deflated(bytes):
    """The body of a request to many hosts, deflated once for all of them."""

    size: int  # before


def deflated(body: bytes) -> Deflated:
    """Return a body as it goes out."""
    if isinstance(body, Deflated):
        return body
    smaller = Deflated(zlib.compress(body, 3))
    smaller.size = len(body)
    return smaller


def _framed(head: Head, body: bytes) -> bytes:
    """Return a frame; a large body deflated, which objects in a pack are where that helps."""
    if isinstance(body, Deflated) or ("pack" not in head and len(body) > MUCH):
        head, body = {**head, "deflated": True}, deflated(body)
    text = json.dumps(head).encode("ascii")
    return FRAME.pack(len(text), len(body)) + text + body


class SharedConnection:
    """One SSH connection to one host, for all its channels; opened when first needed."""

    def __init__(self, host: Host, environment: Environment) -> None:
        self.host = host
        self.environment = environment
        self._opening = threading.Lock()
        self._connection: Connection | None = None

    def channel(self, command: str) -> SshChannel:
        """Start a command on the host."""
        transport = self._open()
        timeout_seconds = self.environment.ssh.connect_timeout
        try:
            return SshChannel(transport, command, timeout_seconds)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise RemoteError(
                f"the SSH server opens no session ({error or type(error).__name__})",
                where=self.host.name,
                mend="see its MaxSessions, and whether the user's shell works: "
                + self.ssh_command(),
            ) from error

    def _open(self) -> paramiko.Transport:
        with self._opening:
            transport: paramiko.Transport | None = (
                self._connection.transport if self._connection else None
            )
            if transport is None or not transport.is_active():
                self._connection = self._connect()
                transport = self._connection.transport
            assert transport is not None  # noqa: S101 - open() leaves one
            return transport

    def close(self) -> None:
        """Close the connection and its gateway's."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _closed(connection)

    @cached_property
    def user(self) -> str | None:
        """Who logs in, where the inventory says so."""
        return self.host.user or self.environment.ssh.user

    def _connect(self) -> Connection:
        ssh = self.environment.ssh
        gateway = None
        if ssh.gateway:
            gateway = self._guarded(Connection(ssh.gateway, **self.options()))
        connection = self._guarded(
            Connection(
                self.host.address,
                user=self.user,
                port=self.host.port,
                gateway=gateway,
                **self.options(),
            )
        )
        try:
            if gateway is not None:
                self._opened(gateway, f"{self.host.name} (gateway {ssh.gateway})")
            self._opened(connection, self.host.name)
        except BaseException:
            _closed(connection)
            raise
        connection.transport.set_keepalive(15)  # a dead peer is noticed, a firewall kept open
        return connection

    def options(self) -> dict[str, Any]:
        """Return what Fabric's Connection is given, for the host and for a gateway before it."""
        ssh = self.environment.ssh
        wanted: dict[str, Any] = {
            "banner_timeout": ssh.connect_timeout,
            "auth_timeout": ssh.connect_timeout,
            "transport_factory": _prompt,
        }
        if ssh.identity:
            wanted["key_filename"] = str(Path(ssh.identity).expanduser())
            wanted["look_for_keys"] = False
        return {
            "connect_timeout": ssh.connect_timeout,
            "connect_kwargs": wanted,
            "config": _own_config(),
        }

    def _guarded(self, connection: Connection) -> Connection:
        """Make Fabric refuse host keys that are not known; by itself it accepts any."""
        client = connection.client
        client.set_missing_host_key_policy(RefuseUnknownKeys())
        path = Path(self.environment.ssh.known_hosts or "~/.ssh/known_hosts").expanduser()
        port = connection.port
        name = connection.host if port == 22 else f"[{connection.host}]:{port}"  # as paramiko asks
        for kind, key in (_known_hosts(path).lookup(name) or {}).items():
            client.get_host_keys().add(name, kind, key)
        return connection

    def _opened(self, connection: Connection, name: str) -> None:
        address, port = connection.host, connection.port
        there = f"{name} ({f'[{address}]' if ':' in address else address}:{port})"
        timeout_seconds = self.environment.ssh.connect_timeout
        try:
            connection.open()
        except UnknownHostKeyError as error:
            raise RemoteError(
                f"the host's key is not known ({error})",
                where=there,
                mend="compare the fingerprint with the host's own, then: "
                + self._keyscan(connection),
            ) from error
        except paramiko.BadHostKeyException as error:
            name_in_file = address if port == 22 else f"[{address}]:{port}"
            raise RemoteError(
                f"the host's key has CHANGED: it was {error.expected_key.fingerprint}, "
                f"now it is {error.key.fingerprint}",
                where=there,
                mend="find out why before anything else. If the host was set up anew: "
                f"ssh-keygen -f {self._known_hosts} -R {shlex.quote(name_in_file)} && "
                + self._keyscan(connection),
            ) from error
        except paramiko.AuthenticationException as error:
            key = self.environment.ssh.identity or "the SSH agent and ~/.ssh"
            raise RemoteError(
                f"the host does not let {connection.user} in with the keys of {key}",
                where=there,
                mend=f"put the public key into ~{connection.user}/.ssh/authorized_keys there, "
                "or name another ssh.user or ssh.identity",
            ) from error
        except TimeoutError as error:
            raise RemoteError(
                f"the host did not answer within {timeout_seconds:g} seconds",
                where=there,
                mend="see whether it runs and no firewall is between",
            ) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise RemoteError(
                f"the host cannot be reached: {_reason(error)}",
                where=there,
                mend=f"see whether it runs and its SSH server listens: {self.ssh_command()}",
            ) from error

    @property
    def _known_hosts(self) -> str:
        return shlex.quote(self.environment.ssh.known_hosts or "~/.ssh/known_hosts").replace(
            "'~/.ssh/known_hosts'", "~/.ssh/known_hosts"
        )

    def _keyscan(self, connection: Connection) -> str:
        port = f"-p {connection.port} " if connection.port != 22 else ""
        return f"ssh-keyscan {port}{connection.host} >> {self._known_hosts}"

    def ssh_command(self) -> str:
        """Return the ssh command by which a person reaches the host."""
        if self.host.local:
            return "a shell on this machine,"
        port = f"-p {self.host.port} " if self.host.port else ""
        user = f"{self.user}@" if self.user else ""
        return f"ssh {port}{user}{self.host.address}"


_CONFIG = Config(overrides={"load_ssh_configs": True})  # reads ~/.ssh/config once
_CLONING = threading.Lock()
_READING = threading.Lock()


def _known_hosts(path: Path) -> paramiko.HostKeys:
    """Return the keys in a known_hosts file; none where there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return paramiko.HostKeys()
    with _READING:
        return _read_known_hosts(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _read_known_hosts(path: Path, changed: int, size: int) -> paramiko.HostKeys:  # noqa: ARG001
    """Read the file once for all hosts: a fleet's lines, read again for each of them, are its square."""
    return paramiko.HostKeys(str(path))


def _own_config() -> Config:
    """Return a configuration for one connection: Invoke's is no thread's but its own."""
    with _CLONING:
        return _CONFIG.clone()


def _closed(connection: Connection) -> None:
    """Close a connection, and its gateways' after it, without a word to the host."""
    if connection.transport is not None:
        end(connection.transport)
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        connection.client.close()
    if isinstance(connection.gateway, Connection):
        _closed(connection.gateway)


def _prompt(sock: Any, **options: Any) -> paramiko.Transport:
    """Return a transport that sends each packet at once.

    Paramiko leaves Nagle's algorithm on: a packet waits until the one before it is acknowledged, which the
    other side delays by 40 ms (Linux), so whatever takes two packets takes as long.
    """
    if isinstance(sock, socket.socket):  # behind a gateway it is a channel of the gateway's
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line: Any = Line(sock, SILENCE_SECONDS)  # what paramiko uses of a socket, it has
    return paramiko.Transport(line, **options)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "errors", None)  # paramiko: one for each address tried
    if inner:
        return "; ".join(sorted({str(one.strerror or one) for one in inner.values()})).lower()
    return (str(getattr(error, "strerror", "") or error) or type(error).__name__).lower()


class Fleet:
    """All hosts of an environment."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.hosts = tuple(RemoteHost(host, environment) for host in environment.hosts)
        self._workers = Workers(environment.ssh.parallel, "fab_static host")

    def with_role(self, *roles: str) -> tuple[RemoteHost, ...]:
        """Return the hosts with any of the roles, in the inventory's order."""
        return tuple(host for host in self.hosts if set(roles) & set(host.roles))

    @property
    def build(self) -> RemoteHost:
        """The one host that builds, and keeps lock, journal and record."""
        return self.with_role("build")[0]

    def on(
        self, hosts: Iterable[RemoteHost], work: Callable[[RemoteHost], T]
    ) -> dict[RemoteHost, T]:
        """Do the work on all hosts at once, wait for all of them, and return what each answered.

        Raises:
            FabStaticError: of the one host that failed, or one that names every one that did.
        """
        results, failures = self.attempt(hosts, work)
        if failures:
            raise together(failures)
        return results

    def attempt(
        self, hosts: Iterable[RemoteHost], work: Callable[[RemoteHost], T]
    ) -> tuple[dict[RemoteHost, T], dict[RemoteHost, FabStaticError]]:
        """Do the work on all hosts at once; return the answers and the failures.

        A bug on one host is raised when all were worked on.
        """
        waiting: dict[Future[T], RemoteHost] = {}
        results: dict[RemoteHost, T] = {}
        failures: dict[RemoteHost, FabStaticError] = {}
        bugs: dict[RemoteHost, Exception] = {}
        try:
            for host in hosts:
                waiting[self._workers.submit(work, host)] = host
            for future in as_completed(waiting):
                host = waiting[future]
                try:
                    results[host] = future.result()
                except FabStaticError as error:
                    failures[host] = error
                except Exception as error:
                    bugs[host] = error
        except BaseException:
            _end(waiting)
            raise
        order = list(waiting.values())
        for host, bug in _in_order(bugs, order).items():
            bug.add_note(f"on {', '.join(one.name for one in bugs)}; the first: {host.name}")
            raise bug
        return _in_order(results, order), _in_order(failures, order)

    def close(self) -> None:
        """End all agents and connections."""
        for host in self.hosts:
            with contextlib.suppress(Exception):  # whatever one says, the others are closed
                host.connection.close()  # first: nothing is said to a host that may take no word
                host.close_agent()
        self._workers.close()


def _end(waiting: Mapping[Future[Any], RemoteHost]) -> None:
    """End the work that is under way: Ctrl-C."""
    begun = [future for future in waiting if not future.cancel()]
    for future in begun:
        if not future.done():
            waiting[future].cancel()
    for future in wait(begun, CANCEL_SECONDS).not_done:
        waiting[future].close_agent()
    wait(begun, 1)


def _in_order(answers: Mapping[RemoteHost, T], order: Iterable[RemoteHost]) -> dict[RemoteHost, T]:
    return {host: answers[host] for host in order if host in answers}


def together(failures: Mapping[RemoteHost, FabStaticError]) -> FabStaticError:
    """Return one error that names every host that failed."""
    if len(failures) == 1:
        return next(iter(failures.values()))
    errors = list(failures.values())
    kind = type(errors[0]) if len({type(error) for error in errors}) == 1 else RemoteError
    return kind(
        f"{len(failures)} hosts failed:\n"
        + "\n".join(f"  {error.where}: {error.what}" for error in errors),
        where=", ".join(host.name for host in failures),
        mend="\n         ".join(dict.fromkeys(error.mend for error in errors)),
    )
