"""Which ciphers, MACs and ways to exchange keys a connection asks for: what ssh's configuration chooses, that Paramiko knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import paramiko
import pytest

from fab_static.plan.inventory import Ssh
from fab_static.remote.ssh import asking, opening
from fab_static.remote.ssh.algorithms import KNOWN, choose, resolved
from fab_static.remote.ssh.hops import Ways
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings
from tests.unit.remote.ssh.conftest import Reached
from tests.unit.remote.ssh.test_opening import server, silent


class Line:
    """A line on which nothing is said."""

    def settimeout(self, seconds: float) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def asked_for() -> Iterator[Any]:
    """Return what gives the transport of these settings, as it is before anything is said."""

    def make(
        disabled: dict[str, tuple[str, ...]] | None = None, **values: tuple[str, ...]
    ) -> paramiko.Transport:
        transport = opening.Transport(Line(), disabled_algorithms=disabled)  # type: ignore[arg-type]
        choose(transport.get_security_options(), Settings("web1", "web1", 22, "anna", **values))  # type: ignore[arg-type]
        return transport

    return make


def settings_of(reached: Reached, config: str) -> Settings:
    environment = reached(config)
    return Ways(environment).to(environment.hosts[0])[-1].settings


# ---- what the configuration chooses


@pytest.mark.parametrize("config", ["", "Host web1\n  User anna\n", "# no Ciphers\n"])
def test_what_no_line_chooses_is_left_to_the_client(reached: Reached, config: str) -> None:
    found = settings_of(reached, config)
    assert (found.ciphers, found.macs, found.kex_algorithms) == ((), (), ())


def test_a_line_for_another_host_chooses_nothing_for_this_one(reached: Reached) -> None:
    assert settings_of(reached, "Host web2\n  Ciphers aes256-ctr\n").ciphers == ()


def test_a_line_chooses_and_ssh_says_what_it_stands_for(reached: Reached) -> None:
    found = settings_of(
        reached,
        "Host web*\n  Ciphers ^aes256-gcm@openssh.com\n  MACs -*sha1*,umac*\n  KexAlgorithms ecdh-sha2-nistp256\n",
    )
    assert found.ciphers[0] == "aes256-gcm@openssh.com"
    assert "aes128-ctr" in found.ciphers
    assert found.macs
    assert not [name for name in found.macs if "sha1" in name or "umac" in name]
    assert found.kex_algorithms == ("ecdh-sha2-nistp256",)


def test_a_line_of_a_file_that_is_included_counts(reached: Reached, tmp_path: Any) -> None:
    (tmp_path / "more").write_text("Ciphers aes256-ctr\n")
    assert settings_of(reached, f"Include {tmp_path}/more\n").ciphers == ("aes256-ctr",)


def test_without_ssh_a_line_chooses_of_what_paramiko_knows(
    reached: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PROGRAM", "/no/such/ssh")
    found = settings_of(reached, "Host web1\n  Ciphers -*cbc,*-ctr\n  MACs +later@example.com\n")
    assert found.ciphers == ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
    assert found.macs == (*KNOWN["MACs"], "later@example.com")
    assert found.kex_algorithms == ()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("b,c", "b,c"),
        ("+c,b", "a-1,a-2,b,c"),
        ("^b,c", "b,c,a-1,a-2"),
        ("-a-*", "b"),
        ("-?-1,b", "a-2"),
        ("-c", "a-1,a-2,b"),
    ],
)
def test_a_line_is_read_as_ssh_reads_it(line: str, names: str) -> None:
    assert resolved(line, ("a-1", "a-2", "b")) == names


# ---- what the connection asks for


def test_without_a_choice_all_is_asked_for_and_aes_gcm_first(asked_for: Any) -> None:
    transport = asked_for()
    own = paramiko.Transport(Line())  # type: ignore[arg-type]
    assert set(transport.preferred_ciphers[:2]) == {
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
    }
    assert sorted(transport.preferred_ciphers) == sorted(own.preferred_ciphers)
    assert transport.preferred_macs == own.preferred_macs
    assert transport.preferred_kex == own.preferred_kex


def test_what_is_chosen_is_asked_for_in_its_order_and_what_paramiko_does_not_know_is_left_out(
    asked_for: Any,
) -> None:
    transport = asked_for(
        ciphers=("chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"),
        macs=("umac-128-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"),
        kex_algorithms=("sntrup761x25519-sha512", "curve25519-sha256", "ecdh-sha2-nistp256"),
    )
    assert transport.preferred_ciphers == ("aes256-ctr", "aes128-ctr")
    assert transport.preferred_macs == ("hmac-sha2-512-etm@openssh.com",)
    assert transport.preferred_kex == ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")


def test_what_is_disabled_is_not_asked_for(asked_for: Any) -> None:
    disabled = {
        "ciphers": ("aes128-gcm@openssh.com", "aes256-ctr"),
        "keys": ("rsa-sha2-512",),
    }
    transport = asked_for(disabled, ciphers=("aes256-ctr", "aes128-ctr"))
    assert transport.preferred_ciphers == ("aes128-ctr",)
    assert "rsa-sha2-512" not in transport.preferred_keys
    assert asked_for(disabled).preferred_ciphers[0] == "aes256-gcm@openssh.com"


def test_a_choice_of_which_paramiko_knows_nothing_is_refused_and_nothing_else_is_asked_for() -> (
    None
):
    with (
        server(silent) as hop,
        opening.socket.create_connection(  # type: ignore[attr-defined]
            (hop.settings.hostname, hop.settings.port)
        ) as stream,
    ):
        chosen = Settings(
            "web1",
            "127.0.0.1",
            hop.settings.port,
            "anna",
            ciphers=("chacha20-poly1305@openssh.com",),
        )
        with pytest.raises(HopError) as caught:
            opening.opened(opening.Hop(hop.asked, chosen), stream, Ssh())  # type: ignore[attr-defined]
        assert stream.fileno() == -1
    assert caught.value.what == (
        "Ciphers of ssh's configuration are chacha20-poly1305@openssh.com, and Paramiko knows none of them"
    )
    assert "allow aes128-gcm@openssh.com there" in caught.value.mend
    assert "client: openssh" in caught.value.mend
