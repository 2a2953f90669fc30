"""One SSH connection of Fabric's client to a host, shared by all its channels."""

from __future__ import annotations

import threading
from collections.abc import Callable

import paramiko

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment, Host
from fab_static.remote import patience
from fab_static.remote.channels import SshChannel
from fab_static.remote.client import Connection
from fab_static.remote.line import end
from fab_static.remote.ssh.hops import Hop, Ways
from fab_static.remote.ssh.opening import opened
from fab_static.remote.ssh.reaching import reached
from fab_static.remote.ssh.refusal import HopError


class SharedConnection(Connection):
    """One SSH connection to one host, for all its channels; opened when first needed."""

    def __init__(
        self,
        host: Host,
        environment: Environment,
        ways: Ways | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(host, environment, ways, tell)
        self._opening = threading.Lock()
        self._transport: paramiko.Transport | None = None

    def channel(self, command: str) -> SshChannel:
        """Start a command on the host."""
        transport = self._open()
        timeout_seconds = self.environment.ssh.connect_timeout or patience.SESSION_SECONDS
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
            if self._transport is None or not self._transport.is_active():
                self._transport = self._connect()
            return self._transport

    def close(self) -> None:
        """Close the connection, and its gateways' after it, without a word to the host."""
        transport, self._transport = self._transport, None
        if transport is not None:
            end(transport)

    def _connect(self) -> paramiko.Transport:
        """Open the way to the host, hop by hop."""
        before: paramiko.Transport | None = None
        gateway: Hop | None = None
        for hop in self._ways.to(self.host):
            try:
                stream = reached(hop, before, gateway)
                before = opened(hop, stream, self.environment.ssh, self._tell)
            except BaseException as error:
                if before is not None:
                    end(before)
                if isinstance(error, HopError):
                    raise self._at(hop, error) from error
                raise
            gateway = hop
        assert before is not None  # noqa: S101 - a way has one hop at least: the host
        return before
