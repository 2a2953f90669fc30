"""The key that this machine signs with: whether it is here is known before anything is built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fab_static.errors import InventoryError
from fab_static.phases.run import own_key
from fab_static.phases.run.own_key import public_key, tried
from tests.unit.signing import key


def test_a_key_that_is_not_here_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found before anything is contacted: a build for nothing takes minutes."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    first = key(tmp_path, "first")
    assert str(tried(str(first))).startswith(own_key.ARMOUR)
    assert tried(f"{first}.pub") == tried(str(first))
    with pytest.raises(InventoryError) as caught:
        tried(str(tmp_path / "nowhere"))
    assert (
        caught.value.what == f"nothing can be signed with {tmp_path}/nowhere: there is no such file"
    )
    first.rename(tmp_path / "elsewhere")
    for name in (f"{first}.pub", str(first)):
        with pytest.raises(InventoryError, match="the SSH agent does not have that key"):
            tried(name)


def test_a_key_that_cannot_sign_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of no key, one that others may read, and a machine with no ssh-keygen, or an old one."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    first = key(tmp_path, "first")
    (tmp_path / "note").write_text("no key\n")
    with pytest.raises(InventoryError, match="nothing can be signed with"):
        tried(str(tmp_path / "note"))
    first.chmod(0o644)
    with pytest.raises(InventoryError, match=r"(?s)nothing can be signed with.*others"):
        tried(str(first))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InventoryError, match="No such file"):
        tried(str(first))
    old = tmp_path / "ssh-keygen"
    old.write_text("#!/bin/sh\necho 'ssh-keygen: unknown option -- Y' >&2\nexit 1\n")
    old.chmod(0o755)
    with pytest.raises(InventoryError, match="on this machine is older than 8"):
        tried(str(first))


@pytest.mark.parametrize("can_be_asked", [True, False])
def test_nobody_is_asked_for_a_passphrase_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_be_asked: bool
) -> None:
    """A key with one is not tried; where nobody could type it later, that is said at once."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(own_key, "_somebody_can_be_asked", lambda: can_be_asked)
    first = key(tmp_path, "first")
    words = ["ssh-keygen", "-q", "-p", "-N", "secret", "-P", "", "-f", str(first)]
    subprocess.run(words, check=True)
    if can_be_asked:
        assert tried(str(first)) is None
        return
    with pytest.raises(InventoryError, match="there is no terminal to ask for it"):
        tried(str(first))


def test_nobody_is_asked_to_touch_a_key_twice(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("what a token needs\n")
    (tmp_path / "token.pub").write_text("sk-ssh-ed25519@openssh.com AAAA anna\n")
    assert tried(str(tmp_path / "token")) is None


def test_the_public_key_is_the_one_beside_it(tmp_path: Path) -> None:
    first = key(tmp_path, "first")
    text = Path(f"{first}.pub").read_text()
    assert {public_key(str(first)), public_key(f"{first}.pub")} == {text.split()[1]}
    assert public_key(str(tmp_path / "nowhere")) is None
