"""One SSH connection to a host, shared by all its channels."""

from __future__ import annotations

import contextlib
import socket
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import paramiko
from fabric import Config, Connection

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment, Host
from fab_static.remote import patience
from fab_static.remote.channels import SshChannel
from fab_static.remote.known_hosts import guarded
from fab_static.remote.line import Line, end
from fab_static.remote.unreachable import FAILURES, unreachable

_CONFIG = Config(overrides={"load_ssh_configs": True})  # reads ~/.ssh/config once
_CLONING = threading.Lock()


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
            gateway = guarded(Connection(ssh.gateway, **self.options()), ssh.known_hosts)
        connection = Connection(
            self.host.address,
            user=self.user,
            port=self.host.port,
            gateway=gateway,
            **self.options(),
        )
        guarded(connection, ssh.known_hosts)
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

    def _opened(self, connection: Connection, name: str) -> None:
        try:
            connection.open()
        except FAILURES as error:
            ssh = self.environment.ssh
            raise unreachable(error, connection, name, ssh, self.ssh_command()) from error

    def ssh_command(self) -> str:
        """Return the ssh command by which a person reaches the host."""
        if self.host.local:
            return "a shell on this machine,"
        port = f"-p {self.host.port} " if self.host.port else ""
        user = f"{self.user}@" if self.user else ""
        return f"ssh {port}{user}{self.host.address}"


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
    line: Any = Line(sock, patience.SILENCE_SECONDS)  # what paramiko uses of a socket, it has
    return paramiko.Transport(line, **options)
