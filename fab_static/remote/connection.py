"""One SSH connection of Fabric's client to a host, shared by all its channels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from fab_static.plan.inventory import Environment, Host
from fab_static.remote import patience
from fab_static.remote.channels import SshChannel
from fab_static.remote.client import Connection
from fab_static.remote.line import end
from fab_static.remote.ssh.hops import Ways
from fab_static.remote.ssh.shared import NoWayError, SharedWays


class SharedConnection(Connection):
    """One SSH connection to one host, for all its channels; opened when first needed."""

    def __init__(
        self,
        host: Host,
        environment: Environment,
        ways: Ways | None = None,
        tell: Callable[[str], None] | None = None,
        shared: SharedWays | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            host: whose connection it is.
            environment: the host's.
            ways: to all hosts of the environment.
            tell: takes words of warning, each once.
            shared: the connections to gateways that other hosts are reached through, too.
        """
        super().__init__(host, environment, ways, tell)
        self._shared = shared or SharedWays(environment.ssh, tell)
        self._opening = threading.Lock()
        self._decided = threading.Condition()
        self._undecided = 0  # sessions
        self._transport: paramiko.Transport | None = None
        self._failures: list[Exception] = []  # of opening it

    def channel(self, command: str) -> SshChannel:
        """Start a command on the host."""
        transport = self._open()
        timeout_seconds = self.environment.ssh.connect_timeout or patience.SESSION_SECONDS
        try:
            with self._beginning():
                channel = SshChannel(transport, command, timeout_seconds)
                self._sessions.add(channel)
        except (OSError, EOFError, paramiko.SSHException) as error:
            with self._decided:  # the server may have let in another, and this one too many
                self._decided.wait_for(lambda: not self._undecided, timeout_seconds)
            raise self._opens_no_session(str(error) or type(error).__name__) from error
        return channel

    @contextmanager
    def _beginning(self) -> Iterator[None]:
        """Count a session that the server has yet to open or refuse."""
        with self._decided:
            self._undecided += 1
        try:
            yield
        finally:
            with self._decided:
                self._undecided -= 1
                self._decided.notify_all()

    def _open(self) -> paramiko.Transport:
        """Return the open connection. Who waits while another opens it fails as that one does."""
        known = len(self._failures)
        with self._opening:
            if self._transport is None or not self._transport.is_active():
                if len(self._failures) > known:
                    raise self._failures[-1]
                try:
                    self._transport = self._connect()
                except Exception as error:
                    self._failures.append(error)
                    raise
            return self._transport

    def close(self) -> None:
        """Close the connection without a word to the host; the last one closes the gateways, too."""
        transport, self._transport = self._transport, None
        if transport is not None:
            end(transport)
        self._shared.left_by(self)

    def _connect(self) -> paramiko.Transport:
        """Open the way to the host, hop by hop."""
        try:
            return self._shared.opened(self._ways.to(self.host), self)
        except NoWayError as error:
            raise self._at(error.hop, error.refusal) from error
