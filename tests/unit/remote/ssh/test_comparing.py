"""What `check` says of ssh's configuration: how a host is reached, and which settings are not followed, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.remote.ssh.comparing import NOT_FOLLOWED, Comparison, compared
from fab_static.remote.ssh.hops import Ways
from tests.unit.remote.ssh.conftest import Reached


@pytest.fixture
def found(reached: Reached):
    def compare(config: str, **more: object) -> Comparison:
        environment = reached(config, **more)  # type: ignore[arg-type]
        return compared(Ways(environment).to(environment.hosts[0]))

    return compare


def test_the_way_is_told_hop_by_hop(found) -> None:
    way = found("Host *\n  User anna\nHost web1\n  HostName 10.0.0.1\n  ProxyJump near\n").way
    assert way == ("jump host anna@near:22", "anna@10.0.0.1:22")


def test_what_the_inventory_says_otherwise_is_told(found) -> None:
    config = "Host web1\n  User anna\n  Port 2208\n"
    assert found(config).otherwise == ()
    assert found(config, host={"port": 2209, "user": "anna"}).otherwise == ("port 2209, not 2208",)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ForwardAgent yes", "ForwardAgent (CONFIG, line 2): yes, for web1: no agent is forwarded"),
        ("StrictHostKeyChecking no", "StrictHostKeyChecking (CONFIG, line 2): "),
        ("SetEnv A=1", "SetEnv (CONFIG, line 2): A=1, for web1: set project.environment"),
        (
            "Ciphers chacha20-poly1305@openssh.com,aes256-ctr",
            "Ciphers (CONFIG, line 2): chacha20-poly1305@openssh.com, for web1: Paramiko does not know",
        ),
        ("KnownHostsCommand /bin/true", "KnownHostsCommand (CONFIG, line 2): /bin/true"),
    ],
)
def test_what_is_not_followed_is_told_with_its_line(
    found, tmp_path: Path, line: str, told: str
) -> None:
    (one,) = found(f"Host web1\n  {line}\n").not_followed
    assert one.startswith(told.replace("CONFIG", str(tmp_path / "config")))


def test_the_line_may_stand_in_an_included_file(found, tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("# one\nHost web1\n  ForwardAgent yes\n")
    (one,) = found(f"Include {tmp_path}/*.conf\n").not_followed
    assert one.startswith(f"ForwardAgent ({tmp_path}/more.conf, line 3)")


def test_what_is_not_followed_on_a_jump_host_is_told_too(found) -> None:
    (one,) = found("Host web1\n  ProxyJump near\nHost near\n  ForwardAgent yes\n").not_followed
    assert ": yes, for near: " in one


@pytest.mark.parametrize(
    "line",
    [
        *("Port 2208", "ProxyJump none", "LogLevel ERROR", "ControlMaster auto"),
        *("Ciphers aes256-ctr", "MACs hmac-sha2-256", "KexAlgorithms curve25519-sha256"),
    ],
)
def test_what_is_followed_or_changes_nothing_is_not_told(found, line: str) -> None:
    assert found(f"Host web1\n  {line}\n").not_followed == ()


def test_each_setting_that_is_not_followed_says_what_holds_instead() -> None:
    assert all(NOT_FOLLOWED.values())
    assert list(NOT_FOLLOWED) == sorted(NOT_FOLLOWED)
