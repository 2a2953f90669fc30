"""Which SSH client reaches the hosts of an environment."""

from __future__ import annotations

from fab_static.remote.clients import client_of
from fab_static.remote.connection import SharedConnection
from fab_static.remote.openssh.connection import OpensshConnection
from tests.unit.remote.ssh.conftest import Reached


def test_fabrics_client_is_the_usual_one(reached: Reached) -> None:
    environment = reached("")
    host = environment.hosts[0]
    connection = client_of(environment)(host)
    assert isinstance(connection, SharedConnection)
    assert connection.host is host


def test_the_operators_own_ssh_carries_where_the_inventory_says_so(reached: Reached) -> None:
    environment = reached("", client="openssh")
    assert isinstance(client_of(environment)(environment.hosts[0]), OpensshConnection)
