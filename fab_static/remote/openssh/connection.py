"""The connection to one host through the operator's own ssh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment, Host
from fab_static.remote.client import Connection
from fab_static.remote.openssh.channel import OpensshChannel
from fab_static.remote.openssh.master import Master
from fab_static.remote.openssh.masters import Masters
from fab_static.remote.openssh.words import NOT_FOLLOWED
from fab_static.remote.ssh.comparing import Comparison, compared
from fab_static.remote.ssh.hops import Way, Ways
from fab_static.remote.ssh.refusal import HopError

_NO_SESSION = ("session request failed", "Session open refused", "open failed")


class OpensshConnection(Connection):
    """The connection to one host, through an ssh for each hop on the way."""

    def __init__(
        self,
        host: Host,
        environment: Environment,
        ways: Ways | None = None,
        tell: Callable[[str], None] | None = None,
        masters: Masters | None = None,
    ) -> None:
        super().__init__(host, environment, ways, tell)
        self._masters = masters or Masters(environment, tell)

    def channel(self, command: str) -> OpensshChannel:
        """Start a command on the host."""
        words = self._masters.words
        way = self._ways.to(self.host)
        self._masters.enter(self)
        master = self._connected(way)
        session = words.of_session(way[-1], master.socket, command)
        channel = OpensshChannel(session, self._no_session, master.settle)
        self._sessions.add(channel)
        return channel

    def close(self) -> None:
        """Close the connection, and its gateways' when nobody else uses them."""
        self._masters.leave(self)

    def compared(self) -> Comparison:
        """Return how the host is reached, beside what ssh's configuration says; nothing is contacted."""
        major, minor = self._masters.words.version
        found = compared(self._ways.to(self.host), NOT_FOLLOWED)
        return replace(found, client=f"through OpenSSH {major}.{minor} (ssh.client)")

    def _connected(self, way: Way) -> Master:
        master: Master | None = None
        for count in range(1, len(way) + 1):
            try:
                master = self._masters.to(way[:count], master, self)
            except HopError as error:
                raise self._at(way[count - 1], error) from error
        assert master is not None  # noqa: S101 - a way has one hop at least: the host
        return master

    def _no_session(self, words: str) -> RemoteError | None:
        """Return what it means that ssh opened no session on a connection that stands."""
        if not any(one in words for one in _NO_SESSION):
            return None
        return self._opens_no_session(words.splitlines()[0])
