"""The connection to one host through the operator's own ssh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fab_static.errors import RemoteError
from fab_static.remote.openssh.connection import OpensshConnection
from tests.unit.remote.openssh.conftest import FakeSsh
from tests.unit.remote.ssh.conftest import Reached

CONFIG = "Host web1\n  HostName 10.0.0.1\n  LocalForward 9 x:1\n  ServerAliveCountMax 9\n"
VERSION = '[ "$given" != -V ] || { echo OpenSSH_9.2p1 >&2; exit; }\n'
MASTER = 'case $given in "-M "*) touch "$socket"; echo debug1: in >&2; exec sleep 60;; esac\n'


@pytest.fixture
def connection(reached: Reached) -> Iterator[OpensshConnection]:
    environment = reached(CONFIG)
    connection = OpensshConnection(environment.hosts[0], environment)
    connection.compared()  # the real ssh has read its configuration
    yield connection
    connection.close()


def test_a_command_runs_through_the_connection(
    connection: OpensshConnection, fake_ssh: FakeSsh
) -> None:
    fake_ssh(f'{VERSION}{MASTER}echo "to $hop through $socket"')
    channel = connection.channel("true")
    assert channel.receive(1000, 30).startswith(b"to web1 through /")
    channel.close()


def test_a_hop_that_refuses_is_named(connection: OpensshConnection, fake_ssh: FakeSsh) -> None:
    fake_ssh(
        f"{VERSION}echo 'ssh: connect to host 10.0.0.1 port 22: No route to host' >&2; exit 255"
    )
    with pytest.raises(RemoteError) as caught:
        connection.channel("true")
    assert caught.value.what == "the host cannot be reached: no route to host"
    assert caught.value.where == "h0 (10.0.0.1:22)"


def test_a_server_that_opens_no_session_is_told_in_words(
    connection: OpensshConnection, fake_ssh: FakeSsh
) -> None:
    words = "mux_client_request_session: session request failed: Session open refused by peer"
    fake_ssh(f"{VERSION}{MASTER}echo '{words}' >&2; exit 255")
    channel = connection.channel("true")
    with pytest.raises(RemoteError) as caught:
        channel.receive(100, 30)
    assert caught.value.what == f"the SSH server opens no session ({words})"
    assert caught.value.where == "h0"
    assert "MaxSessions" in caught.value.mend
    channel.close()


def test_check_is_told_who_carries_and_what_is_not_followed(
    connection: OpensshConnection,
) -> None:
    found = connection.compared()
    assert found.client.startswith("through OpenSSH ")
    told = " ".join(found.not_followed)
    assert "LocalForward" in told
    assert "no port is forwarded" in told
    assert "ServerAliveCountMax" not in told  # ssh follows it
