"""Carries: SSH connections, the agent's channel, and on(hosts, work).

Alone imports fabric. Fabric itself accepts any host key; here an unknown or changed one is refused.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import select
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import paramiko
from fabric import Config, Connection

from fab_static.errors import FabStaticError, ReleaseError, RemoteError
from fab_static.host import agent as agent_module
from fab_static.host.agent import FRAME, HELLO, PIECE, RECORD, TICK_SECONDS
from fab_static.plan.inventory import Environment, Host, expand
from fab_static.plan.release import Layout

T = TypeVar("T")
Head = dict[str, Any]

AGENT = zlib.compress(Path(agent_module.__file__).read_bytes())
# reads exactly the agent from standard input (a buffer of 1 never reads ahead), and leaves the frames
# behind it to the agent; one line, because not every login shell takes a newline in an argument
BOOTSTRAP = (
    "import io,zlib;source=zlib.decompress("
    f"io.BufferedReader(io.FileIO(0,closefd=False),1).read({len(AGENT)}));"
    "exec(compile(source,'fab_static/host/agent.py','exec'))"
)
# -I -S: neither the user's nor the site's packages; -X utf8: file names alike whatever the locale
PYTHON = ("python3", "-I", "-S", "-X", "utf8", "-c", BOOTSTRAP)
MUCH = 4096  # bytes of a request that are worth deflating
MAX_GREETING = 256 * 1024  # bytes that a login may print before the agent speaks


class Channel(Protocol):
    """A two-way stream of bytes to a process on a host."""

    def send(self, data: bytes) -> None:
        """Send all of the data."""

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end. Raises TimeoutError."""

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status, if it is known, and what stood on standard error."""

    def close(self) -> None:
        """End the stream, and the process with it."""


class SshChannel:
    """A process on the other side of an SSH connection."""

    def __init__(self, transport: paramiko.Transport, command: str, timeout_seconds: float) -> None:
        self._channel = transport.open_session(timeout=timeout_seconds)
        self._channel.settimeout(timeout_seconds)
        self._channel.exec_command(command)

    def send(self, data: bytes) -> None:
        """Send all of the data, in pieces: paramiko copies the rest at each packet."""
        view = memoryview(data)
        for at in range(0, len(view), PIECE):
            self._channel.sendall(bytes(view[at : at + PIECE]))

    def is_ready(self) -> bool:
        """Tell whether a little can be sent without waiting."""
        return self._channel.send_ready()

    def receive(self, most: int, timeout_seconds: float) -> bytes:
        """Return some bytes; b"" at the end."""
        self._channel.settimeout(timeout_seconds)
        return self._channel.recv(most)

    def last_words(self) -> tuple[int | None, str]:
        """Return the exit status, if it comes within a second, and standard error."""
        code = None
        if self._channel.status_event.wait(1):
            code = self._channel.recv_exit_status()
        self._channel.settimeout(1)
        words = b""
        with contextlib.suppress(TimeoutError):
            while piece := self._channel.recv_stderr(65536):
                words += piece
        return code, words.decode(errors="replace").strip()

    def close(self) -> None:
        """Close the channel; the agent sees the end of its input."""
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

    def send(self, data: bytes) -> None:
        """Send all of the data."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        view = memoryview(data)
        while view:
            view = view[self._process.stdin.write(view) :]

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
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


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
        self._buffer = bytearray()
        self._turn = threading.Lock()  # one request at a time
        self._writing = threading.Lock()  # one frame at a time
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

        Raises:
            RemoteError: the host cannot be reached, was silent too long, or refused; with its name.
        """
        limit = timeout_seconds or self.environment.ssh.command_timeout
        deadline = time.monotonic() + limit
        with self._turn:
            self._send({"do": do, **params}, body)
            while True:
                head, data = self._frame(ticks=True)
                if "ok" in head:
                    return head, data
                if "output" in head and on_output:
                    on_output(data)
                if time.monotonic() > deadline:
                    self.close_agent()
                    raise RemoteError(
                        f"{do} was not done after {limit:g} seconds",
                        where=self.name,
                        mend="raise ssh.command_timeout if that is not long for this host",
                    )

    def packs(self, do: str, body: bytes) -> Iterator[tuple[Head, bytes]]:
        """Ask for a stream, and yield its frames as they come."""
        with self._turn:
            self._send({"do": do}, body)
            while True:
                head, data = self._frame()
                if "ok" in head:
                    return
                if "pack" in head:
                    yield head, data

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes, as they come; in memory is one at a time.

        Args:
            wanted: their records, as the agent's `fetch` takes them.

        Raises:
            RemoteError: the host cannot be reached, or an object's bytes are not its own.
        """
        buffer = bytearray()
        for head, data in self.packs("fetch", wanted):
            buffer += zlib.decompress(data) if head["pack"] == "deflate" else data
            while len(buffer) >= RECORD.size:
                raw, size = RECORD.unpack_from(buffer)
                if len(buffer) < RECORD.size + size:
                    break
                body = bytes(buffer[RECORD.size : RECORD.size + size])
                del buffer[: RECORD.size + size]
                if hashlib.sha256(body).digest() != raw:
                    raise RemoteError(
                        f"object {raw.hex()} has other bytes than its name says",
                        where=self.name,
                        mend=f"build it anew: fab {self.environment.name} deploy",
                    )
                yield raw.hex(), body

    def take(self, do: str, frames: Iterable[tuple[Head, bytes]]) -> Head:
        """Send a request and a stream of frames after it, and return the answer's head."""
        with self._turn:
            self._send({"do": do}, b"")
            for head, body in frames:
                self._send(head, body)
            self._send({"end": True}, b"")
            while True:
                head, _ = self._frame()
                if "ok" in head:
                    return head

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
        pieces: list[bytes] = []

        def collect(piece: bytes) -> None:
            pieces.append(piece)
            if on_output:
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
        output = b"".join(pieces).decode(errors="replace")
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
        channel = self._channel
        if channel is not None and self._writing.acquire(blocking=False):
            try:
                if channel.is_ready():
                    channel.send(_framed({"alive": True}, b""))
            except (OSError, paramiko.SSHException, EOFError):
                pass  # whoever waits for an answer notices too, and says so
            finally:
                self._writing.release()

    # ---- the channel

    def close_agent(self) -> None:
        """End the agent, and with it what it runs; the next request starts another."""
        channel, self._channel = self._channel, None
        self._buffer.clear()
        if channel:
            with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
                channel.close()

    def _send(self, head: Head, body: bytes) -> None:
        if self._channel is None:
            self._open()
        data = _framed(head, body)
        self.requests += 1
        try:
            with self._writing:
                assert self._channel is not None  # noqa: S101 - just opened
                self._channel.send(data)
        except (OSError, paramiko.SSHException, EOFError, AttributeError) as error:
            self._buffer_refusal()
            raise self._cut(error) from error

    def _buffer_refusal(self) -> None:
        """Raise the agent's own reason if it gave one before it went away."""
        with contextlib.suppress(TimeoutError, OSError, EOFError, ValueError, struct.error):
            while True:
                sizes = FRAME.unpack(self._exactly(FRAME.size, 0.2))
                head = json.loads(self._exactly(sizes[0], 0.2))
                self._exactly(sizes[1], 0.2)
                if "error" in head:
                    self.close_agent()
                    raise self._refused(head["error"])

    def _open(self) -> None:
        ssh = self.environment.ssh
        command = list(PYTHON)
        if self.host.local:
            command[0] = sys.executable
        if ssh.become:
            command = ["sudo", "-n", "-u", ssh.become, "--", *command]
        self._buffer.clear()
        if self.host.local:
            try:
                self._channel = LocalChannel(command)
            except OSError as error:
                raise self._no_agent(127, f"{error.filename}: {error.strerror}", error) from error
        else:
            self._channel = self.connection.channel(shlex.join(command))
        opening = {
            "do": "open",
            "deploy_to": expand(self.environment.deploy_to, self.host),
            "app": self.environment.app,
            "environment": self.environment.name,
        }
        self.requests += 1
        try:
            self._channel.send(AGENT + _framed(opening, b""))  # one trip for both
            self._greeting()
        except (OSError, EOFError, paramiko.SSHException) as error:
            code, words = self._channel.last_words()
            self.close_agent()
            raise self._no_agent(code, words, error) from error
        self.hello, _ = self._frame()
        self._frame()

    def _greeting(self) -> None:
        """Read over what a login prints before the agent speaks."""
        assert self._channel is not None  # noqa: S101 - just opened
        deadline = time.monotonic() + max(30.0, self.environment.ssh.connect_timeout)
        while HELLO not in self._buffer:
            if len(self._buffer) > MAX_GREETING:
                raise EOFError("the login prints without end")
            piece = self._channel.receive(65536, max(0.1, deadline - time.monotonic()))
            if not piece:
                raise EOFError(bytes(self._buffer[-2000:]).decode(errors="replace").strip())
            self._buffer += piece
        del self._buffer[: self._buffer.index(HELLO) + len(HELLO)]

    def _frame(
        self, timeout_seconds: float | None = None, *, ticks: bool = False
    ) -> tuple[Head, bytes]:
        """Return the next frame that is no tick.

        Raises:
            RemoteError: the host was silent, the connection was cut, or the agent refused.
        """
        silence = timeout_seconds or max(
            3 * TICK_SECONDS, min(30.0, self.environment.ssh.command_timeout)
        )
        while True:
            try:
                sizes = self._exactly(FRAME.size, silence)
                head_size, body_size = FRAME.unpack(sizes)
                head = json.loads(self._exactly(head_size, silence))
                body = self._exactly(body_size, silence)
            except TimeoutError as error:
                self.close_agent()
                raise RemoteError(
                    f"the host said nothing for {silence:g} seconds",
                    where=self.name,
                    mend=f"see whether it is alive: {self.connection.ssh_command()}",
                ) from error
            except (OSError, EOFError, paramiko.SSHException, ValueError, AttributeError) as error:
                raise self._cut(error) from error
            if "error" in head:
                raise self._refused(head["error"])
            if ticks or "tick" not in head:
                return head, body

    def _exactly(self, size: int, timeout_seconds: float) -> bytes:
        while len(self._buffer) < size:
            if self._channel is None:
                raise EOFError("closed")
            piece = self._channel.receive(max(65536, size - len(self._buffer)), timeout_seconds)
            if not piece:
                raise EOFError("the connection ended")
            self._buffer += piece
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[:size]
        return data

    # ---- errors

    def _refused(self, error: Mapping[str, str]) -> FabStaticError:
        kind: type[FabStaticError] = ReleaseError if error["kind"] == "release" else RemoteError
        where = f"{self.name}: {error['where']}" if error["where"] else self.name
        return kind(error["what"], where=where, mend=error["mend"])

    def _cut(self, error: BaseException) -> RemoteError:
        self.close_agent()
        return RemoteError(
            f"the connection was cut ({str(error) or type(error).__name__})",
            where=self.name,
            mend=f"see whether the host is alive: {self.connection.ssh_command()}; then run it again",
        )

    def _no_agent(self, code: int | None, words: str, error: BaseException) -> RemoteError:
        become = self.environment.ssh.become
        said = words or str(error) or f"exit status {code}"
        if become and "not found" in said:
            return RemoteError(
                f"sudo is not installed: {said}",
                where=self.name,
                mend=f"install it there, or log in as {become} (ssh.user) without ssh.become",
            )
        if become and "sudo" in said:
            user = self.environment.ssh.user or getpass.getuser()
            return RemoteError(
                f"sudo does not let {user} become {become} without a password: {said}",
                where=self.name,
                mend=f"add to /etc/sudoers.d/fab-static there: {user} ALL=({become}) NOPASSWD: ALL",
            )
        if code == 127 or "not found" in said:
            return RemoteError(
                f"python3 cannot be started: {said}",
                where=self.name,
                mend="install Python 3.8 or later there (Debian: apt-get install python3)",
            )
        return RemoteError(
            f"the host agent did not start: {said}",
            where=self.name,
            mend=f"try by hand: {self.connection.ssh_command()} python3 -V",
        )


class Deflated(bytes):
    """The body of a request to many hosts, deflated once for all of them."""


def deflated(body: bytes) -> Deflated:
    """Return a body as it goes out."""
    return body if isinstance(body, Deflated) else Deflated(zlib.compress(body, 3))


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
            gateway = connection.gateway
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                connection.close()
                if isinstance(gateway, Connection):
                    gateway.close()

    @cached_property
    def _user(self) -> str | None:
        return self.host.user or self.environment.ssh.user

    def _connect(self) -> Connection:
        ssh = self.environment.ssh
        gateway = None
        if ssh.gateway:
            gateway = self._guarded(Connection(ssh.gateway, **self.options()))
        connection = self._guarded(
            Connection(
                self.host.address,
                user=self._user,
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
            connection.close()
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
        there = f"{name} ({address}:{port})"
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
        user = f"{self._user}@" if self._user else ""
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


def _prompt(sock: Any, **options: Any) -> paramiko.Transport:
    """Return a transport that sends each packet at once.

    Paramiko leaves Nagle's algorithm on: a packet waits until the one before it is acknowledged, which the
    other side delays by 40 ms (Linux), so whatever takes two packets takes as long.
    """
    if isinstance(sock, socket.socket):  # behind a gateway it is a channel of the gateway's
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return paramiko.Transport(sock, **options)


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
        self._workers = ThreadPoolExecutor(
            environment.ssh.parallel, thread_name_prefix="fab_static host"
        )

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
        """Do the work on all hosts at once; return the answers and the failures."""
        waiting: dict[Future[T], RemoteHost] = {
            self._workers.submit(work, host): host for host in hosts
        }
        results: dict[RemoteHost, T] = {}
        failures: dict[RemoteHost, FabStaticError] = {}
        try:
            for future in as_completed(waiting):
                try:
                    results[waiting[future]] = future.result()
                except FabStaticError as error:
                    failures[waiting[future]] = error
        except BaseException:
            for future, host in waiting.items():  # Ctrl-C, or a bug: end what still runs
                future.cancel()
                if not future.done():
                    host.close_agent()
            wait(waiting, timeout=10)
            raise
        order = list(waiting.values())
        return _in_order(results, order), _in_order(failures, order)

    def close(self) -> None:
        """End all agents and connections."""
        for host in self.hosts:
            host.close_agent()
            host.connection.close()
        self._workers.shutdown(wait=False, cancel_futures=True)


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
