"""For hosts that no line of the configuration tells apart, ssh is asked once, and the answer is as if each had been."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as trying
from hypothesis import strategies as some

from fab_static.errors import InventoryError
from fab_static.remote.ssh.alike import Answers
from fab_static.remote.ssh.asking import Asked, answer_of_ssh
from fab_static.remote.ssh.settings import Values, settings

HOSTS = ("web1", "web2", "edge1", "10.0.0.7")


def asked_for(config: str, folder: Path) -> list[str]:
    """Return for which hosts ssh was asked, when each answer is as ssh gives it."""
    file = folder / "config"
    file.write_text(config)
    asked: list[str] = []

    def ask(one: Asked) -> tuple[Values, Sequence[Path]]:
        asked.append(one.alias)
        return answer_of_ssh(one)

    answers = Answers(ask)
    for host in HOSTS:
        one = Asked(host, file=str(file))
        try:
            expected = settings(host, answer_of_ssh(one)[0])
        except InventoryError:
            with pytest.raises(InventoryError):
                answers.of(one)
            continue
        assert answers.of(one) == expected
    return asked


@pytest.mark.parametrize(
    "config",
    [
        "",
        "User anna\nPort 2222\n",
        "Host *\n  User anna\n  IdentityFile ~/.ssh/%n\n",
        "Host elsewhere\n  HostName 10.0.0.9\nHost *\n  Compression yes\n",
        "Host *\n  ProxyCommand ssh -W %h:%p near\n",
        "Host *\n  ProxyJump near\n",
    ],
)
def test_one_answer_serves_hosts_that_no_line_tells_apart(tmp_path: Path, config: str) -> None:
    """A fleet of a thousand hosts would take seven seconds of a processor."""
    assert asked_for(config, tmp_path) == ["web1"]


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ("Host web*\n  User anna\n", ["web1", "edge1"]),
        ("Host web* !web2\n  User anna\n", ["web1", "web2"]),
        ("Host web1\n  HostName 10.0.0.1\n", ["web1", "web2"]),
        ("Host web*\n  HostName %h.example.com\n", ["web1", "web2", "edge1"]),
        ("HostName web1\n", [*HOSTS]),
        ('Host "web1"\n  User anna\n', [*HOSTS]),
        ("Match host web2\n  User anna\n", [*HOSTS]),
        ('Match exec "true"\n  User anna\n', [*HOSTS]),
        ("UserKnownHostsFile ~/.ssh/known_%n\n", [*HOSTS]),
        ("Host *\n  ProxyJump web2:2222\n", ["web1", "web2"]),
        ("Host *\n  ProxyJump web2\n", ["web1", "web2"]),
    ],
)
def test_whatever_tells_hosts_apart_has_ssh_asked(
    tmp_path: Path, config: str, asked: list[str]
) -> None:
    assert asked_for(config, tmp_path) == asked


def test_lines_of_an_included_file_tell_hosts_apart_too(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host web2\n  User anna\n")
    assert asked_for(f"Include {tmp_path}/more\n", tmp_path) == ["web1", "web2"]


def test_user_and_port_of_the_inventory_tell_nobody_apart(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("Port 2200\nUser anna\n")
    asked: list[Asked] = []

    def ask(one: Asked) -> tuple[Values, Sequence[Path]]:
        asked.append(one)
        return answer_of_ssh(one)

    answers = Answers(ask)
    found = [
        answers.of(Asked("web1", port=2201, file=str(file))),
        answers.of(Asked("web2", port=2202, file=str(file))),
        answers.of(Asked("web3", user="bob", port=2203, file=str(file))),
        answers.of(Asked("web4", user="eve", port=2204, file=str(file))),
        answers.of(Asked("web5", file=str(file))),
    ]
    assert [(one.user, one.port) for one in found] == [
        *(("anna", 2201), ("anna", 2202), ("bob", 2203), ("eve", 2204), ("anna", 2200)),
    ]
    assert [one.alias for one in asked] == ["web1", "web3", "web5"]


LINES = some.sampled_from(
    [
        *("Host *", "Host web1", "Host web*", "Host !web1 *", "Host edge? 10.*", "Match all"),
        *("Match host web2", "Match originalhost edge1", "User anna", "User bob", "Port 2222"),
        *(
            "HostName 10.0.0.1",
            "HostName %h.lan",
            "ProxyJump near",
            "ProxyJump web2",
            "ProxyJump none",
        ),
        *("IdentityFile ~/.ssh/%n", "HostKeyAlias shop", "UserKnownHostsFile /k/%h", "# Host web1"),
    ]
)


@trying(max_examples=40, deadline=None)
@example(["Host web1", "Host *", "ProxyJump web2"])  # ssh refuses it for web2, and for no other
@given(some.lists(LINES, max_size=8))
def test_whatever_the_configuration_each_host_gets_its_own_answer(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asked_for("\n".join(lines) + "\n", Path(folder))
