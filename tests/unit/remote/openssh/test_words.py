"""The command lines of ssh: strict on every hop, the inventory's keys over the configuration."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fab_static.plan.inventory import Environment, Given
from fab_static.remote.openssh.words import Words
from fab_static.remote.ssh.asking import parsed
from fab_static.remote.ssh.hops import Way, Ways
from tests.unit.remote.ssh.conftest import Reached

SOCKET = Path("/run/fab/1")
BEFORE = Path("/run/fab 50%/0")


def way_of(environment: Environment) -> Way:
    return Ways(environment).to(environment.hosts[0])


def settings(command: list[str]) -> dict[str, list[str]]:
    """Return what ssh itself makes of a command."""
    ran = subprocess.run([command[0], "-G", *command[1:]], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return parsed(ran.stdout)


LOOSE = """
StrictHostKeyChecking no
BatchMode no
ControlMaster auto
ControlPersist yes
LocalForward 9 x:1
RemoteCommand true
RequestTTY force
ProxyJump jump
"""


@pytest.mark.parametrize("named_only", [True, False])
def test_what_stands_in_the_configuration_loosens_nothing(
    reached: Reached, named_only: bool
) -> None:
    environment = reached(f"Host jump\n  ProxyJump none\nHost *\n{LOOSE}")
    jump, web1 = way_of(environment)
    words = Words(environment.ssh, (9, 2))
    for hop, before in ((jump, None), (web1, BEFORE)):
        found = settings(words.of_master(hop, SOCKET, before, named_only=named_only))
        assert found["stricthostkeychecking"] == ["true"]
        assert found["batchmode"] == ["yes"]
        assert found["controlpersist"] == ["no"]
        assert found["controlpath"] == [str(SOCKET)]
        assert "remotecommand" not in found
        assert found["identitiesonly"] == ["yes" if named_only else "no"]


def test_the_inventorys_keys_stand_over_the_configuration(reached: Reached) -> None:
    environment = reached(
        "Host web1\n  User other\n  Port 9\n  UserKnownHostsFile /other\n  IdentityFile /other\n",
        host={"port": 2208},
        user="deploy",
        identity="/keys/own 50% key",
        known_hosts="/etc/our known",
        connect_timeout=2.5,
    )
    words = Words(
        replace(environment.ssh, given=Given(key_files=("/keys/fab-i",), allow_agent=False)), (9, 2)
    )
    # its way is that of an inventory without a key: there is no such file
    hop = Ways(replace(environment, ssh=replace(environment.ssh, identity=None))).to(
        environment.hosts[0]
    )[0]
    command = words.of_master(hop, SOCKET, None, named_only=True)
    found = settings(command)
    assert (found["user"], found["port"]) == (["deploy"], ["2208"])
    assert found["identityfile"][:2] == ["/keys/fab-i", "/keys/own 50%% key"]
    assert found["userknownhostsfile"] == ["/etc/our known"]
    assert found["connecttimeout"] == ["3"]
    assert found["identityagent"] == ["none"]


def test_a_hop_is_reached_through_the_connection_before_it_and_by_no_other_way(
    reached: Reached,
) -> None:
    environment = reached("", gateway="gate")
    host = way_of(environment)[-1]
    command = Words(environment.ssh, (9, 2)).of_master(host, SOCKET, BEFORE, named_only=False)
    found = settings(command)
    assert "proxyjump" not in found
    proxy = found["proxycommand"][0]
    assert proxy.startswith("ssh -F none ")
    assert "-W '[%h]:%p'" in proxy
    # once for the tokens of ProxyCommand, once for those of -S
    assert "'/run/fab 50%%%%/0'" in proxy
    assert "ProxyCommand=false" in proxy  # where the connection is gone, it leads nowhere


def test_no_gateway_for_this_host_is_said_to_ssh(reached: Reached) -> None:
    environment = reached("Host *\n  ProxyJump elsewhere\n", gateway="none")
    (host,) = way_of(environment)
    command = Words(environment.ssh, (9, 2)).of_master(host, SOCKET, None, named_only=False)
    assert "proxyjump" not in settings(command)


def test_a_session_connects_to_nobody_by_itself(reached: Reached) -> None:
    environment = reached("Host web1\n  ControlMaster auto\n  LogLevel DEBUG\n")
    (host,) = way_of(environment)
    command = Words(environment.ssh, (9, 2)).of_session(host, SOCKET, "python3 -c 'a b'")
    assert command[-2:] == ["web1", "python3 -c 'a b'"]
    found = settings(command[:-1])
    assert found["proxycommand"] == ["false"]
    assert found["controlmaster"] == ["false"]
    assert found["controlpath"] == [str(SOCKET)]


def test_a_question_trusts_no_key_at_all(reached: Reached) -> None:
    environment = reached("", known_hosts="/k")
    (host,) = way_of(environment)
    command = Words(environment.ssh, (9, 2)).of_question(
        host, None, Path("/run/a b"), "rsa-sha2-512"
    )
    found = settings(command)
    assert found["userknownhostsfile"] == ["none"]
    assert found["globalknownhostsfile"] == ["none"]
    assert found["hostkeyalgorithms"] == ["rsa-sha2-512"]
    assert found["stricthostkeychecking"] == ["true"]
    assert found["knownhostscommand"][0].endswith('"/run/a b" %K')


@pytest.mark.parametrize(("version", "is_said"), [((8, 6), False), ((8, 7), True)])
def test_an_older_ssh_is_told_no_setting_that_it_does_not_know(
    reached: Reached, version: tuple[int, int], is_said: bool
) -> None:
    environment = reached("")
    (host,) = way_of(environment)
    command = Words(environment.ssh, version).of_session(host, SOCKET, "true")
    assert ("StdinNull=no" in command) == is_said
