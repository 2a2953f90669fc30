"""Which SSH client reaches the hosts of an environment."""

from __future__ import annotations

from fab_static.remote.clients import client_of
from fab_static.remote.connection import SharedConnection
from tests.unit.remote.ssh.conftest import Reached


def test_fabrics_client_is_the_usual_one(reached: Reached) -> None:
    environment = reached("")
    host = environment.hosts[0]
    connection = client_of(environment)(host)
    assert isinstance(connection, SharedConnection)
    assert connection.host is host
