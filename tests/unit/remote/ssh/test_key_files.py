"""What a file holds that should hold a key: the key, or words for what it is instead."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fab_static.errors import InventoryError
from fab_static.plan.inventory import Given, Ssh
from fab_static.remote.ssh import key_files
from fab_static.remote.ssh.key_files import KeyFile, UnusableKeyError, refuse_wrong_identity
from tests.unit.remote.ssh import keys


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ed25519", ()),
        ("ecdsa", ()),
        ("rsa", ("-b", "2048")),
        ("rsa", ("-b", "2048", "-m", "PEM")),
        ("ecdsa", ("-m", "PEM")),
        ("ecdsa", ("-m", "PKCS8")),
    ],
)
@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_keys_of_every_format_are_read(
    tmp_path: Path, kind: str, more: tuple[str, ...], passphrase: str
) -> None:
    path = keys.make(tmp_path / "key", kind, passphrase, *more)
    file = KeyFile(str(path))
    assert file.is_locked == bool(passphrase)
    assert file.public == keys.wire(tmp_path / "key.pub")
    assert file.private(passphrase or None).asbytes() == keys.wire(tmp_path / "key.pub")


def test_a_key_that_many_hosts_are_shown_at_once_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(keys.make(tmp_path / "key", "ed25519", ""))
    load, loads, both = key_files.load_ssh_private_key, [], threading.Barrier(2)

    def counted(data: bytes, password: bytes | None) -> object:
        loads.append(data)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # as long as another may need to come here, too
        return load(data, password)

    monkeypatch.setattr(key_files, "load_ssh_private_key", counted)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(KeyFile(path).private, None) for _ in range(2)]
    assert found[0].result() is found[1].result()
    assert len(loads) == 1


def test_a_passphrase_that_nobody_said_is_told_with_its_cure(tmp_path: Path) -> None:
    file = KeyFile(str(keys.make(tmp_path / "key", "ed25519", "secret")))
    with pytest.raises(UnusableKeyError, match="has a passphrase, and no agent holds") as caught:
        file.private(None)
    assert caught.value.is_locked
    assert caught.value.mend.startswith(f"ssh-add {file.path}")
    with pytest.raises(UnusableKeyError, match="the passphrase does not open"):
        file.private("wrong")


def test_the_public_half_needs_no_passphrase_and_no_file_beside(tmp_path: Path) -> None:
    path = keys.make(tmp_path / "key", "ed25519", "secret")
    expected = keys.wire(tmp_path / "key.pub")
    (tmp_path / "key.pub").unlink()
    assert KeyFile(str(path)).public == expected


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("", "is empty", "name the file"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "is a key of PuTTY", "puttygen PATH"),
        ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", "format of RFC 4716", "ssh-keygen -i -f PATH"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n", "is an X.509 certificate", "name the file"),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n", "is a public key", "name the private key"),
        ("-----BEGIN DSA PRIVATE KEY-----\nMIIB\n", "is a DSA key", "ed25519"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me\n", "is a public key, and no agent", "without .pub"),
        ("Host web1\n", "is not a private key", "name the file"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "cannot be read as a key", "ssh-keygen -l -f PATH"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_key_is_named_for_what_it_is(
    tmp_path: Path, text: str, what: str, mend: str
) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UnusableKeyError, match=what) as caught:
        KeyFile(str(path)).private(None)
    assert mend.replace("PATH", str(path)) in caught.value.mend


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = keys.make(tmp_path / "key")
    path.chmod(0o640)
    with pytest.raises(UnusableKeyError, match=r"others may read .* \(mode 0640\)") as caught:
        KeyFile(str(path)).private(None)
    assert caught.value.mend == f"chmod 600 {path}"


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(UnusableKeyError, match="cannot be read: is a directory"):
        KeyFile(str(tmp_path)).private(None)


def test_what_the_inventory_names_must_be_there(tmp_path: Path) -> None:
    ssh = Ssh(identity=str(tmp_path / "absent"), identity_at="ssh.identity (line 9)")
    with pytest.raises(InventoryError, match=r"there is no .*absent") as caught:
        refuse_wrong_identity(ssh)
    assert caught.value.where == "ssh.identity (line 9)"
    with pytest.raises(InventoryError) as caught:
        refuse_wrong_identity(Ssh(given=Given(key_files=(str(tmp_path / "absent"),))))
    assert caught.value.where.startswith("fab -i")


def test_what_the_inventory_names_may_be_public_alone(tmp_path: Path) -> None:
    """The agent holds the private key."""
    keys.make(tmp_path / "key")
    (tmp_path / "key").unlink()
    refuse_wrong_identity(Ssh(identity=str(tmp_path / "key.pub")))
    refuse_wrong_identity(Ssh(identity=str(tmp_path / "key")))
