"""Chooses the SSH client that reaches the hosts of an environment: `ssh.client` of the inventory."""

from __future__ import annotations

from collections.abc import Callable

from fab_static.plan.inventory import Environment, Host
from fab_static.remote.client import Connection
from fab_static.remote.connection import SharedConnection
from fab_static.remote.ssh.hops import Ways
from fab_static.remote.ssh.shared import SharedWays


def client_of(
    environment: Environment, tell: Callable[[str], None] | None = None
) -> Callable[[Host], Connection]:
    """Return what makes the connection to each host; nothing is asked or opened yet.

    Args:
        environment: whose hosts they are.
        tell: takes words of warning, each once.
    """
    ways = Ways(environment, tell)
    if environment.ssh.client == "openssh":
        # not above: nearly every command does without
        from fab_static.remote.openssh.connection import OpensshConnection
        from fab_static.remote.openssh.masters import Masters

        masters = Masters(environment, tell)
        return lambda host: OpensshConnection(host, environment, ways, tell, masters)
    shared = SharedWays(environment.ssh, tell)

    def connection_to(host: Host) -> Connection:
        return SharedConnection(host, environment, ways, tell, shared)

    return connection_to
