"""The `ssh` of this machine, or why it will not do."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.errors import InventoryError
from fab_static.plan.inventory import Given, Ssh
from fab_static.remote.openssh.program import refuse_what_ssh_cannot, version
from tests.unit.remote.openssh.conftest import FakeSsh


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19", (9, 2)),
        ("OpenSSH_for_Windows_8.6p1, LibreSSL 3.4.3", (8, 6)),
        ("OpenSSH_10.0p2, OpenSSL 3.5", (10, 0)),
    ],
)
def test_the_version_is_read(fake_ssh: FakeSsh, said: str, number: tuple[int, int]) -> None:
    fake_ssh(f"echo '{said}' >&2")
    assert version() == number


def test_a_machine_without_ssh_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InventoryError) as caught:
        version()
    error = caught.value
    assert error.what.startswith("the client is openssh, and this machine has no `ssh`")
    assert error.where == "ssh.client"
    assert error.mend == (
        "install it (Debian: apt-get install openssh-client), "
        "or take Fabric's client: ssh: {client: fabric}"
    )


@pytest.mark.parametrize("said", ["OpenSSH_7.4p1, OpenSSL 1.0.2k", "Dropbear v2022.83", ""])
def test_a_program_that_will_not_do_is_named(fake_ssh: FakeSsh, said: str) -> None:
    fake_ssh(f"echo '{said}' >&2")
    with pytest.raises(InventoryError) as caught:
        version()
    assert (said or "it says no version") in caught.value.what
    assert "OpenSSH 7.6 or later" in caught.value.mend


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"passphrase": ""}, "a passphrase"),
        ({"password": "x"}, "a password"),
        ({"look_for_keys": False}, "look_for_keys: false"),
        ({"disabled_algorithms": {"ciphers": ("aes128-ctr",)}}, "disabled_algorithms"),
    ],
)
def test_what_ssh_cannot_be_told_is_refused(given: dict[str, Any], what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        refuse_what_ssh_cannot(Ssh(client="openssh", given=Given(**given)))
    assert caught.value.what == f"{what} cannot be told to `ssh`, which is the client here"
    assert caught.value.mend.endswith("ssh: {client: fabric}")


def test_what_ssh_can_be_told_is_not_refused() -> None:
    given = Given(key_files=("/k",), connect_timeout=3, config_file="/c", compress=True)
    refuse_what_ssh_cannot(Ssh(client="openssh", given=given))
