"""The way to a host: its hops, in order, and what the inventory puts over ssh's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import InventoryError, RemoteError
from fab_static.remote.ssh import asking, hops
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.hops import Ways, spelt
from fab_static.remote.ssh.settings import Values
from tests.unit.remote.ssh.conftest import Reached

JUMPS = """
Host web1
  HostName 10.0.0.1
  Port 2208
  User deploy
  ProxyJump anna@near,far:2222
Host near
  HostName 10.0.0.8
Host far
  HostName 10.0.0.9
"""


def test_a_way_leads_through_each_jump_host_in_order(reached: Reached) -> None:
    environment = reached(JUMPS)
    way = Ways(environment).to(environment.hosts[0])
    assert [(hop.role, hop.settings.user, hop.settings.at) for hop in way[:1]] == [
        ("jump host", "anna", "10.0.0.8:22")
    ]
    assert [(hop.name, hop.settings.at) for hop in way[1:]] == [
        ("jump host far:2222", "10.0.0.9:2222"),
        ("web1", "10.0.0.1:2208"),
    ]


def test_the_inventorys_keys_stand_over_the_configuration(reached: Reached) -> None:
    environment = reached(
        JUMPS,
        host={"port": 2209, "user": "bob"},
        gateway="gate",
        known_hosts="/k",
        connect_timeout=3,
    )
    gate, web1 = Ways(environment).to(environment.hosts[0])
    assert (gate.name, gate.settings.at) == ("gateway gate", "gate:22")
    assert (web1.settings.user, web1.settings.at) == ("bob", "10.0.0.1:2209")
    for hop in (gate, web1):
        assert hop.settings.user_known_hosts == ("/k",)
        assert hop.settings.patience == 3


def test_a_host_that_is_the_gateway_is_reached_directly(reached: Reached) -> None:
    environment = reached("", "bastion", "web1", gateway="bastion")
    ways = Ways(environment)
    assert [hop.asked.alias for hop in ways.to(environment.hosts[0])] == ["bastion"]
    assert [hop.asked.alias for hop in ways.to(environment.hosts[1])] == ["bastion", "web1"]


@pytest.mark.parametrize(("config", "seconds"), [("", 10.0), ("Host *\n  ConnectTimeout 4\n", 4.0)])
def test_time_is_the_configurations_where_the_inventory_has_none(
    reached: Reached, config: str, seconds: float
) -> None:
    environment = reached(config)
    assert Ways(environment).to(environment.hosts[0])[0].settings.patience == seconds


def test_ssh_is_asked_once_for_each_host(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(one: Asked) -> tuple[Values, list[Path]]:
        asked.append(one.alias)
        return asking.answer_of_ssh(one)

    monkeypatch.setattr(hops, "answer_of_ssh", answer)
    environment = reached("Match host web*\n  ProxyJump near\n", "web1", "web2", "web3")
    ways = Ways(environment)
    for host in (*environment.hosts, *environment.hosts):
        ways.to(host)
    assert sorted(asked) == ["near", "web1", "web2", "web3"]


def test_what_ssh_refuses_is_told_in_its_words_whichever_host_is_asked_for(
    reached: Reached,
) -> None:
    environment = reached("Host web2\n  Port none\n", "web1", "web2")
    for host in environment.hosts:
        with pytest.raises(InventoryError, match=r"config line 2: Bad port 'none'") as caught:
            Ways(environment).to(host)
        assert caught.value.mend.endswith("ssh -G web1")


def test_what_ssh_refuses_for_one_host_is_that_hosts_failure(reached: Reached) -> None:
    environment = reached("Host web2\n  ProxyJump web2\n", "web1", "web2", "web3")
    ways = Ways(environment)
    with pytest.raises(RemoteError, match="for web2: jumphost loop via web2") as caught:
        ways.to(environment.hosts[1])
    assert caught.value.where == "h1: ssh -G web2"
    for host in (environment.hosts[0], environment.hosts[2]):
        assert ways.to(host)


def test_a_way_that_leads_to_itself_is_refused(reached: Reached) -> None:
    environment = reached(
        "Host web1\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n"
    )
    with pytest.raises(InventoryError, match="through a again and again") as caught:
        Ways(environment).to(environment.hosts[0])
    assert "ProxyJump none" in caught.value.mend


def test_a_command_of_match_exec_that_hangs_is_told(
    reached: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.3)
    environment = reached('Match exec "sleep 5"\n  Port 1\n')
    with pytest.raises(InventoryError, match=r"was not read after 0\.3 seconds") as caught:
        Ways(environment).to(environment.hosts[0])
    assert "Match exec" in caught.value.mend


def test_an_address_that_looks_like_an_option_is_no_option(
    reached: Reached, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    environment = reached("", f"-oProxyCommand=touch {mark}")
    with pytest.raises(InventoryError, match="invalid characters"):
        Ways(environment).to(environment.hosts[0])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("web1", (None, "web1", None)),
        ("web1:22", (None, "web1", 22)),
        ("anna@web1", ("anna", "web1", None)),
        ("anna@corp@web1:2222", ("anna@corp", "web1", 2222)),
        ("::1", (None, "::1", None)),
        ("[::1]:2222", (None, "::1", 2222)),
        ("anna@fe80::1", ("anna", "fe80::1", None)),
        ("ssh://anna@web1:2222", ("anna", "web1", 2222)),
    ],
)
def test_a_host_is_spelt_with_user_and_port(
    text: str, parts: tuple[str | None, str, int | None]
) -> None:
    assert spelt(text) == parts


# ---- where there is no ssh


@pytest.fixture
def no_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PROGRAM", "/no/such/ssh")


@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_paramikos_reader_is_asked(reached: Reached) -> None:
    told: list[str] = []
    environment = reached(JUMPS)
    way = Ways(environment, told.append).to(environment.hosts[0])
    assert [hop.settings.at for hop in way] == ["10.0.0.8:22", "10.0.0.9:2222", "10.0.0.1:2208"]
    assert way[-1].settings.host_key_algorithms
    assert told == []


def test_an_ssh_that_works_for_accounts_alone_is_as_none(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container whose user is a number, ssh refuses to work, and Paramiko does not."""
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'No user exists for uid 1000650000' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setattr(asking, "PROGRAM", str(program))
    environment = reached(JUMPS)
    assert Ways(environment).to(environment.hosts[0])[-1].settings.at == "10.0.0.1:2208"


@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_what_is_not_followed_is_told_once(reached: Reached, tmp_path: Path) -> None:
    told: list[str] = []
    environment = reached("Include more\n" + JUMPS, "web1", "web2", "web3")
    ways = Ways(environment, told.append)
    for host in environment.hosts:
        ways.to(host)
    assert len(told) == 1
    assert f"{tmp_path}/config, line 1: Include more" in told[0]


@pytest.mark.usefixtures("no_ssh")
@pytest.mark.parametrize(
    "config", ["Match host=web1\n  User anna\n", "Host web1\n  Port 2208 # prod\n", "Host ' \n"]
)
def test_without_ssh_nothing_that_its_reader_trips_over_is_a_traceback(
    reached: Reached, config: str
) -> None:
    environment = reached(config)
    assert Ways(environment).to(environment.hosts[0])[0].settings.hostname == "web1"
