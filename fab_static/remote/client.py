"""What both SSH clients have in common: how they know a host, and what they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from weakref import WeakSet

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment, Host
from fab_static.remote.frames import Channel
from fab_static.remote.ssh.comparing import Comparison, compared
from fab_static.remote.ssh.hops import Hop, Ways
from fab_static.remote.ssh.refusal import HopError


class Connection(ABC):
    """The connection to one host, for all its channels; opened when first needed."""

    def __init__(
        self,
        host: Host,
        environment: Environment,
        ways: Ways | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.host = host
        self.environment = environment
        self._ways = ways or Ways(environment, tell)
        self._tell = tell
        self._sessions: WeakSet[Channel] = WeakSet()  # that were begun on this connection

    @abstractmethod
    def channel(self, command: str) -> Channel:
        """Start a command on the host.

        Raises:
            RemoteError: the host cannot be reached, or opens no session.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection without a word to the host; a channel opens it again."""

    @cached_property
    def user(self) -> str | None:
        """Who logs in, where the inventory says so."""
        return self.host.user or self.environment.ssh.user

    def _at(self, hop: Hop, error: HopError) -> RemoteError:
        """Return the error that says on which hop of the way to the host it happened."""
        by_way = f" ({hop.name})" if hop.role else ""
        return RemoteError(
            error.what, where=f"{self.host.name}{by_way} ({hop.settings.at})", mend=error.mend
        )

    def _opens_no_session(self, words: str) -> RemoteError:
        """Return the error of a server that lets us in, and starts no command."""
        if any(not session.has_ended() for session in list(self._sessions)):
            return RemoteError(
                f"the SSH server opens no further session on a connection that has one ({words})",
                where=self.host.name,
                mend="let it open three: MaxSessions 3 in its sshd_config, and reload sshd. The lock has a session of its "
                "own on the build host, and so has what other hosts are sent",
            )
        return RemoteError(
            f"the SSH server opens no session ({words})",
            where=self.host.name,
            mend="see its MaxSessions, and whether the user's shell works: " + self.ssh_command(),
        )

    def compared(self) -> Comparison:
        """Return how the host is reached, beside what ssh makes of it; nothing is contacted.

        Raises:
            InventoryError: ssh's configuration cannot be followed.
        """
        return compared(self._ways.to(self.host))

    def ssh_command(self) -> str:
        """Return the ssh command by which a person reaches the host."""
        if self.host.local:
            return "a shell on this machine,"
        return self._ways.asked(self.host).by_hand
