"""What `ssh -G` prints becomes typed settings, with `~`, tokens and variables put in as ssh does."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fab_static.remote.ssh.settings import Settings, account, settings


def one(**values: Any) -> Settings:
    lists = {key: value if isinstance(value, list) else [value] for key, value in values.items()}
    return settings("web1", {"hostname": ["10.0.0.1"], "port": ["2222"], "user": ["anna"], **lists})


def test_what_is_not_said_has_ssh_own_default() -> None:
    found = settings("web1", {})
    assert (found.hostname, found.port, found.user) == ("web1", 22, account().name)
    assert found.pubkey_authentication
    assert found.patience == 10


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/keys/one", "/keys/one"),
        ("~/one", f"{account().home}/one"),
        ("~root/one", "/root/one"),
        ("%d/one", f"{account().home}/one"),
        ("/%h/%p/%r/%n/%%", "/10.0.0.1/2222/anna/web1/%"),
        ("/%u/%i", f"/{account().name}/{os.getuid()}"),
        ("${HERE}/one", "/here/one"),
        ("/with space/one", "/with space/one"),
    ],
)
def test_a_path_has_its_tokens_put_in(
    monkeypatch: pytest.MonkeyPatch, written: str, path: str
) -> None:
    monkeypatch.setenv("HERE", "/here")
    assert one(identityfile=written).identity_files == (path,)


def test_home_is_the_accounts_and_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/elsewhere")
    assert one(identityfile="~/one").identity_files == (f"{account().home}/one",)


@pytest.mark.parametrize(
    ("written", "socket"),
    [
        (None, "/of/environment"),
        ("SSH_AUTH_SOCK", "/of/environment"),
        ("$MINE", "/mine"),
        ("${MINE}", "/mine"),
        ("/agent", "/agent"),
        ("none", None),
        ("$ABSENT", None),
    ],
)
def test_the_agent_is_the_one_that_the_configuration_names(
    monkeypatch: pytest.MonkeyPatch, written: str | None, socket: str | None
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/of/environment")
    monkeypatch.setenv("MINE", "/mine")
    found = one(identityagent=written) if written else one()
    assert found.identity_agent == socket


@pytest.mark.parametrize(
    ("written", "files"),
    [
        ("/a /b", ("/a", "/b")),
        ("/a b /c", ("/a b", "/c")),
        ("none", ()),
        ("", ()),
    ],
)
def test_several_files_stand_on_one_line(written: str, files: tuple[str, ...]) -> None:
    assert one(userknownhostsfile=written).user_known_hosts == files


@pytest.mark.parametrize(
    ("alias", "port", "name"),
    [
        (None, "22", "10.0.0.1"),
        (None, "2222", "[10.0.0.1]:2222"),
        ("shop", "2222", "shop"),
    ],
)
def test_a_host_is_known_by_alias_or_name_and_port(alias: str | None, port: str, name: str) -> None:
    assert one(port=port, **({"hostkeyalias": alias} if alias else {})).known_as == name


def test_an_ipv6_address_stands_in_brackets_before_its_port() -> None:
    assert one(hostname="::1").at == "[::1]:2222"


def test_hops_and_commands_take_the_tokens_that_ssh_allows_there() -> None:
    assert one(proxyjump="a,jump-%n:22").proxy_jump == ("a", "jump-web1:22")
    assert one(proxycommand="nc %h %p %u").proxy_command == "nc 10.0.0.1 2222 %u"
    assert one(proxyjump="none", proxycommand="none").proxy_command is None
