"""Which key a hop showed that ssh refused."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import paramiko
import pytest

from fab_static.remote.openssh.said import said
from fab_static.remote.openssh.shown_key import is_refused, refusal, shown_by
from fab_static.remote.ssh.hops import Hop, Ways
from tests.unit.remote.ssh.conftest import Reached

FAILED = said(
    [
        "No ED25519 host key is known for web1 and you have requested strict checking.",
        "Host key verification failed.",
    ]
)


def key(number: int) -> bytes:
    message = paramiko.Message()
    message.add_string("ssh-ed25519")
    message.add_string(bytes([number]) * 32)
    return message.asbytes()


def line(number: int) -> str:
    return f"ssh-ed25519 {base64.b64encode(key(number)).decode()}"


def hop_of(reached: Reached, known: Path) -> Hop:
    environment = reached("Host web1\n  HostName 10.0.0.1\n", known_hosts=str(known))
    return Ways(environment).to(environment.hosts[0])[0]


def test_an_unknown_key_is_shown_with_its_line(reached: Reached, tmp_path: Path) -> None:
    error = refusal(hop_of(reached, tmp_path / "known"), FAILED, key(1), is_direct=True)
    assert error.what.startswith("the host's key is not known (ssh-ed25519 SHA256:")
    assert f"the line is: 10.0.0.1 {line(1)}" in error.mend


def test_a_changed_key_is_told_in_capitals(reached: Reached, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(f"10.0.0.1 {line(2)}\n")
    error = refusal(hop_of(reached, known), FAILED, key(1), is_direct=True)
    assert "the host's key has CHANGED" in error.what


@pytest.mark.parametrize("shown", [None, key(2)])
def test_where_the_key_is_not_told_or_would_do_for_us_it_is_refused_all_the_same(
    reached: Reached, tmp_path: Path, shown: bytes | None
) -> None:
    known = tmp_path / "known"
    known.write_text(f"10.0.0.1 {line(2)}\n")
    error = refusal(hop_of(reached, known), FAILED, shown, is_direct=True)
    assert "ssh does not trust the host's key: No ED25519 host key is known" in error.what
    assert "ssh-keyscan 10.0.0.1" in error.mend


def test_a_proxy_commands_own_refusal_is_not_the_hops() -> None:
    assert is_refused(FAILED)
    gone = "Connection closed by UNKNOWN port 65535"
    assert not is_refused(said([*FAILED.lines, gone]))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"NONE\n{base64.b64encode(key(3)).decode()}\nmore\n", key(3)),
        ("NONE\n", None),
        ("", None),
    ],
)
def test_the_first_key_that_was_written_is_the_one_that_was_shown(
    tmp_path: Path, text: str, found: bytes | None
) -> None:
    path = tmp_path / "found"
    command = [sys.executable, "-c", f"open({str(path)!r}, 'w').write({text!r})"]
    assert shown_by(command, path, 30) == found


def test_a_hop_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    assert shown_by(["sleep", "60"], tmp_path / "found", 0.1) is None
