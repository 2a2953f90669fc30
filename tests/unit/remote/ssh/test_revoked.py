"""RevokedHostKeys may name a list of keys, or a KRL."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fab_static.remote.ssh.revoked import revoked_by
from tests.unit.remote.ssh import keys


@pytest.fixture
def wires(tmp_path: Path) -> tuple[bytes, bytes]:
    """A key that is revoked, and one that is not."""
    for name in ("bad", "good"):
        keys.make(tmp_path / name)
    return keys.wire(tmp_path / "bad.pub"), keys.wire(tmp_path / "good.pub")


@pytest.mark.parametrize("is_krl", [False, True])
def test_a_key_that_the_file_revokes_is_found(
    tmp_path: Path, wires: tuple[bytes, bytes], is_krl: bool
) -> None:
    file = tmp_path / "revoked"
    if is_krl:
        words = ["ssh-keygen", "-q", "-k", "-f", file, tmp_path / "bad.pub"]
        subprocess.run(words, check=True)
    else:
        file.write_text(f"# lost\n\n{(tmp_path / 'bad.pub').read_text()}")
    bad, good = wires
    assert revoked_by(str(file), [good, bad]) == f"is REVOKED by {file}"
    assert revoked_by(str(file), [good]) is None


def test_a_file_that_cannot_be_read_revokes_all(tmp_path: Path, wires: tuple[bytes, bytes]) -> None:
    """So does ssh: what cannot be looked up is not trusted."""
    found = revoked_by(str(tmp_path / "absent"), wires)
    assert found == f"cannot be looked up in {tmp_path}/absent: no such file or directory"


def test_a_krl_that_is_broken_revokes_all(tmp_path: Path, wires: tuple[bytes, bytes]) -> None:
    file = tmp_path / "revoked"
    file.write_bytes(b"SSHKRL\n\0broken")
    assert revoked_by(str(file), wires) == f"cannot be looked up in {file}"
