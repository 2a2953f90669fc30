"""Which keys are shown to a hop, in which order, and what is said when none lets us in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
import pytest

from fab_static.plan.inventory import Given, Ssh
from fab_static.remote.ssh.login import Login
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings
from tests.integration.security_key import SecurityKey, agent
from tests.unit.remote.ssh import keys

TOKEN = SecurityKey(b"32 bytes that nobody else chose.")


class Transport:
    """A connection to a host that takes one key, or none."""

    auth_timeout = 0.0

    def __init__(self, takes: bytes = b"", most: int = 6) -> None:
        self.shown: list[bytes] = []
        self._takes = takes
        self._most = most

    def auth_publickey(self, user: str, key: Any) -> list[str]:
        assert user == "anna"
        wire = key.public_blob.key_blob if key.public_blob else key.asbytes()
        self.shown.append(wire)
        if wire == self._takes:
            return []
        raise paramiko.AuthenticationException("Authentication failed.")

    def is_active(self) -> bool:
        return len(self.shown) < self._most


@pytest.fixture
def login(tmp_path: Path) -> Callable[..., Login]:
    """Return a function that gives a login: ssh's settings, and the inventory's or `fab`'s."""

    def made(ssh: Ssh | None = None, **more: Any) -> Login:
        files = tuple(str(tmp_path / name) for name in more.pop("identity_files", ()))
        settings = Settings("web1", "web1", 22, "anna", identity_files=files, **more)
        return Login(settings, ssh or Ssh())

    return made


@pytest.fixture
def wires(tmp_path: Path) -> dict[str, bytes]:
    """Three keys; the first has a certificate beside it."""
    for name in ("one", "two", "named"):
        keys.make(tmp_path / name)
    authority = keys.make(tmp_path / "authority")
    certificate = keys.signed(authority, tmp_path / "one", "-n", "anna")
    found = {name: keys.wire(tmp_path / f"{name}.pub") for name in ("one", "two", "named")}
    return {**found, "certificate": certificate, "token": TOKEN.wire}


def shown(wires: dict[str, bytes], transport: Transport) -> list[str]:
    names = {wire: name for name, wire in wires.items()}
    return [names[wire] for wire in transport.shown]


def test_certificates_come_first_then_the_agents_keys_then_files(
    login: Any, wires: dict[str, bytes], tmp_path: Path
) -> None:
    transport = Transport()
    with agent(TOKEN, tmp_path / "agent"), pytest.raises(HopError):
        login(identity_files=("one", "two"), identity_agent=str(tmp_path / "agent")).on(transport)
    assert shown(wires, transport) == ["certificate", "token", "one", "two"]


def test_what_the_inventory_names_comes_before_all(
    login: Any, wires: dict[str, bytes], tmp_path: Path
) -> None:
    """An agent with many keys would use up the tries of the server (fleet C5)."""
    transport = Transport(wires["named"])
    with agent(TOKEN, tmp_path / "agent"):
        login(
            Ssh(identity=str(tmp_path / "named")),
            identity_files=("one",),
            identity_agent=str(tmp_path / "agent"),
        ).on(transport)
    assert shown(wires, transport) == ["named"]


def test_identities_only_leaves_out_what_only_the_agent_has(
    login: Any, wires: dict[str, bytes], tmp_path: Path
) -> None:
    transport = Transport()
    with agent(TOKEN, tmp_path / "agent"), pytest.raises(HopError):
        login(
            identity_files=("two",),
            identities_only=True,
            identity_agent=str(tmp_path / "agent"),
        ).on(transport)
    assert shown(wires, transport) == ["two"]


def test_each_key_is_shown_once(login: Any, wires: dict[str, bytes], tmp_path: Path) -> None:
    transport = Transport()
    with pytest.raises(HopError):
        login(
            Ssh(identity=str(tmp_path / "two"), given=Given(key_files=(str(tmp_path / "two"),))),
            identity_files=("two", "two"),
        ).on(transport)
    assert shown(wires, transport) == ["two"]


def test_a_security_key_has_a_minute_to_be_touched(login: Any, tmp_path: Path) -> None:
    transport = Transport(TOKEN.wire)
    with agent(TOKEN, tmp_path / "agent"):
        login(identity_agent=str(tmp_path / "agent")).on(transport)
    assert transport.auth_timeout == 60


def test_whoever_is_let_in_by_no_key_is_told_which_were_shown(
    login: Any, wires: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(HopError) as caught:
        login(identity_files=("two", "named", "absent")).on(Transport())
    assert caught.value.what == (
        f"the host does not let anna in with the keys of {tmp_path}/two, {tmp_path}/named"
    )
    assert "~anna/.ssh/authorized_keys" in caught.value.mend


def test_a_host_that_ends_the_login_is_said_to_have_counted(
    login: Any, wires: dict[str, bytes]
) -> None:
    with pytest.raises(
        HopError, match="ended the login after 2 keys: too many were tried"
    ) as caught:
        login(identity_files=("one", "two", "named")).on(Transport(most=2))
    assert "ssh: {identity:" in caught.value.mend


def test_an_agent_that_does_not_answer_is_named(login: Any, tmp_path: Path) -> None:
    with pytest.raises(
        HopError, match=r"there is no key to log in with; the agent at .* no such file"
    ):
        login(identity_agent=str(tmp_path / "gone")).on(Transport())


def test_kinds_that_the_configuration_does_not_allow_are_not_shown(
    login: Any, wires: dict[str, bytes]
) -> None:
    transport = Transport()
    with pytest.raises(HopError, match="PubkeyAcceptedAlgorithms does not allow its kind"):
        login(identity_files=("two",), pubkey_algorithms=("rsa-sha2-512",)).on(transport)
    assert transport.shown == []


@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_a_file_that_needs_a_passphrase_is_found(
    login: Any, tmp_path: Path, passphrase: str
) -> None:
    keys.make(tmp_path / "key", "ed25519", passphrase)
    locked = login(identity_files=("key",)).locked()
    assert locked == (str(tmp_path / "key") if passphrase else None)
