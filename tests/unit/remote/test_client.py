"""What both SSH clients have in common."""

from __future__ import annotations

import dataclasses

import pytest

from fab_static.remote.client import Connection
from fab_static.remote.frames import Channel
from fab_static.remote.ssh.hops import Ways
from fab_static.remote.ssh.refusal import HopError
from tests.unit.remote.ssh.conftest import Reached


class Unconnected(Connection):
    """A client that reaches nobody."""

    def channel(self, command: str) -> Channel:
        raise NotImplementedError(command)

    def close(self) -> None:
        """Close nothing."""


def test_a_person_is_told_the_command_that_reaches_the_host(reached: Reached) -> None:
    environment = reached("", host={"port": 2208}, user="deploy", gateway="gate")
    host = environment.hosts[0]
    connection = Unconnected(host, environment)
    file = environment.ssh.given.config_file
    assert connection.ssh_command() == f"ssh -F {file} -J gate -p 2208 deploy@web1"
    local = Unconnected(dataclasses.replace(host, local=True), environment)
    assert local.ssh_command() == "a shell on this machine,"


@pytest.mark.parametrize(
    ("at", "where"),
    [(0, "h0 (gateway gate) (10.0.0.9:22)"), (1, "h0 (10.0.0.1:22)")],
)
def test_an_error_names_the_hop_where_it_happened(reached: Reached, at: int, where: str) -> None:
    environment = reached(
        "Host web1\n  HostName 10.0.0.1\nHost gate\n  HostName 10.0.0.9\n", gateway="gate"
    )
    host = environment.hosts[0]
    hop = Ways(environment).to(host)[at]
    error = Unconnected(host, environment)._at(hop, HopError("it is shut", "open it"))
    assert (error.what, error.where, error.mend) == ("it is shut", where, "open it")


def test_the_users_name_is_the_hosts_own_before_that_of_all(reached: Reached) -> None:
    environment = reached("", host={"user": "anna"}, user="deploy")
    assert Unconnected(environment.hosts[0], environment).user == "anna"
