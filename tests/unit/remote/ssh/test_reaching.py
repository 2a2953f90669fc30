"""The stream to a hop is made as the configuration says, or the reason is told."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import paramiko
import pytest

from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.proxy_command import ProxyCommand
from fab_static.remote.ssh.reaching import reached
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings
from tests.ports import kept_port

SETTINGS = Settings("web1", "127.0.0.1", 22, "anna", connect_timeout=1)


def hop(**more: Any) -> Hop:
    return Hop(Asked("web1"), replace(SETTINGS, **more))


def refusal(**more: Any) -> HopError:
    with pytest.raises(HopError) as caught:
        reached(hop(**more), None, None)
    return caught.value


def test_where_nobody_listens_the_reason_is_told() -> None:
    with kept_port() as port:
        found = refusal(port=port)
    assert found.what == "the host cannot be reached: connection refused"
    assert found.mend.endswith("ssh web1")


def test_a_name_that_is_none_is_told() -> None:
    assert "cannot be reached: " in refusal(hostname="no-such-host.invalid").what


def test_only_addresses_of_the_family_are_tried() -> None:
    assert "cannot be reached: " in refusal(address_family="inet6").what


def test_the_connection_comes_from_the_address_that_is_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with reached(hop(port=port, bind_address="127.0.0.77"), None, None):
            assert server.accept()[1][0] == "127.0.0.77"


def test_an_address_that_is_not_here_is_named() -> None:
    assert "mend BindAddress" in refusal(bind_address="192.0.2.1").mend


def test_a_proxy_command_is_the_way_where_there_is_one() -> None:
    stream = reached(hop(proxy_command="cat"), None, None)
    assert isinstance(stream, ProxyCommand)
    stream.close()


class Gateway:
    """The connection to a gateway that answers a channel in its way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def open_channel(self, kind: str, *_: Any, **__: Any) -> None:
        assert kind == "direct-tcpip"
        raise self._error


@pytest.mark.parametrize(
    ("error", "what", "mend"),
    [
        (paramiko.ChannelException(1, "Administratively prohibited"), "the jump host near lets nobody through to 127.0.0.1:22", "AllowTcpForwarding"),
        (paramiko.ChannelException(2, "Connect failed"), "cannot be reached from the jump host near: connect failed", "see from there"),
        (paramiko.SSHException("Timeout opening channel."), "did not answer within 1 seconds", "firewall"),
        (paramiko.SSHException("SSH session not active"), "the connection to the jump host near was cut", "ssh near"),
    ],
)  # fmt: skip
def test_a_gateway_that_lets_nobody_through_is_named_with_its_cure(
    error: Exception, what: str, mend: str
) -> None:
    before: Any = Gateway(error)
    gateway = Hop(Asked("near"), SETTINGS, "jump host")
    with pytest.raises(HopError, match=what) as caught:
        reached(hop(), before, gateway)
    assert mend in caught.value.mend
