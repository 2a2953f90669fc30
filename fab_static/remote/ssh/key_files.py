"""Reads the files of keys that we log in with, and names what a file is that holds no key for us."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import stat
import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from fab_static.errors import InventoryError
from fab_static.plan.inventory import Ssh

CERTIFICATE = "-cert.pub"
MOST_BYTES = 1024 * 1024
_LOADING = threading.Lock()
_MAGIC = b"openssh-key-v1\0"
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END ", re.DOTALL)


class UnusableKeyError(Exception):
    """No key for us is in the file: what it is, and what to do."""

    def __init__(
        self, what: str, mend: str, *, is_locked: bool = False, for_paramiko_alone: bool = False
    ) -> None:
        super().__init__(what)
        self.for_paramiko_alone = for_paramiko_alone  # another client can use it
        self.what = what
        self.mend = mend
        self.is_locked = is_locked  # a passphrase, or a yes, is all that it lacks


@dataclass(frozen=True)
class KeyFile:
    """One file that may hold a key; its public half may lie beside it."""

    path: str

    @cached_property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return Path(self.path).exists()

    @cached_property
    def public(self) -> bytes | None:
        """The public key as it goes over the wire: of the file itself, or of the .pub beside it."""
        for path in (self.path, f"{self.path}.pub"):
            data = _read(path)
            if data is not None and (key := _public(data) or _public_of_private(data)):
                return key
        return None

    @property
    def is_locked(self) -> bool:
        """Whether a passphrase is needed to read the private key."""
        data = _read(self.path)
        return data is not None and not _public(data) and _is_encrypted(data)

    def private(self, passphrase: str | None) -> paramiko.PKey:
        """Return the private key.

        Raises:
            UnusableKeyError: there is none that we could use.
        """
        data = self.refuse_other_kinds()
        try:
            key = _loaded(data, passphrase)
        except TypeError as error:  # cryptography: it has a passphrase, and none was given
            raise self._locked() from error
        except UnsupportedAlgorithm as error:
            raise UnusableKeyError(
                f"{self.path} is a key of a kind that Paramiko cannot use: {error}",
                "let ssh-agent hold it, or take another key",
                for_paramiko_alone=True,
            ) from error
        except ValueError as error:
            if passphrase is not None and _is_encrypted(data):
                raise UnusableKeyError(
                    f"the passphrase does not open {self.path}",
                    f"try it: ssh-keygen -y -f {self.path}",
                ) from error
            raise UnusableKeyError(
                f"{self.path} cannot be read as a key: {error}",
                f"see: ssh-keygen -l -f {self.path}",
            ) from error
        return key

    def _locked(self) -> UnusableKeyError:
        return UnusableKeyError(
            f"{self.path} has a passphrase, and no agent holds the key",
            f"ssh-add {self.path}; or let fab ask for it: ssh: {{ask_passphrase: true}}",
            is_locked=True,
        )

    def refuse_other_kinds(self) -> bytes:
        """Return the bytes of a file that may be a private key.

        Raises:
            UnusableKeyError: it cannot be read, or it is something else.
        """
        path = Path(self.path)
        try:
            status = path.stat()
            data = path.read_bytes()[:MOST_BYTES]
        except FileNotFoundError as error:
            raise UnusableKeyError(f"there is no {self.path}", "name the file of a key") from error
        except OSError as error:
            raise UnusableKeyError(
                f"{self.path} cannot be read: {(error.strerror or str(error)).lower()}",
                "name the file of a key that you may read",
            ) from error
        if what := _other_than_private(data):
            raise UnusableKeyError(f"{self.path} {what[0]}", what[1].replace("PATH", self.path))
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
            raise UnusableKeyError(
                f"others may read {self.path} (mode {stat.S_IMODE(status.st_mode):04o}), so ssh does not use it",
                f"chmod 600 {self.path}",
            )
        return data


def refuse_wrong_identity(ssh: Ssh) -> None:
    """Refuse what `fab -i` and the inventory name as a key, and can be none.

    Raises:
        InventoryError: there is no such file, or it is a file of another kind.
    """
    places = [(path, "fab -i, or key_filename of a fabric.yml") for path in ssh.given.key_files]
    if ssh.identity:
        places.append((ssh.identity, ssh.identity_at))
    for path, where in places:
        file = KeyFile(path)
        if not file.exists and file.public is None:
            raise InventoryError(
                f"there is no {path}",
                where=where,
                mend="name the file of a key that you log in with",
            )
        if file.exists and file.public is None:
            try:
                file.refuse_other_kinds()
            except UnusableKeyError as error:
                raise InventoryError(error.what, where=where, mend=error.mend) from error


def certificate_in(path: str) -> paramiko.pkey.PublicBlob | None:
    """Return the certificate in a file, or None if there is none."""
    try:
        return paramiko.pkey.PublicBlob.from_file(path)
    except (OSError, ValueError, binascii.Error, UnicodeDecodeError):
        return None


def _read(path: str) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return None


def _public(data: bytes) -> bytes | None:
    """Return the key of a .pub file."""
    words = data.split(None, 2)
    if len(words) < 2 or not re.match(rb"(sk-)?(ssh|ecdsa)-", words[0]):
        return None
    try:
        return base64.b64decode(words[1], validate=True)
    except binascii.Error:
        return None


def _public_of_private(data: bytes) -> bytes | None:
    """Return the public half of a private key in OpenSSH's format, which no passphrase hides."""
    body = _openssh(data)
    if body is None:
        return None
    message = paramiko.Message(body[len(_MAGIC) :])
    for _ in range(3):  # cipher, key derivation and its options
        message.get_binary()
    message.get_int()  # how many keys: one
    return message.get_binary() or None


def _openssh(data: bytes) -> bytes | None:
    found = _PEM.search(data)
    if not found or found[1] != b"OPENSSH PRIVATE KEY":
        return None
    try:
        body = base64.b64decode(found[2])
    except binascii.Error:
        return None
    return body if body.startswith(_MAGIC) else None


def _is_encrypted(data: bytes) -> bool:
    body = _openssh(data)
    if body is not None:
        return paramiko.Message(body[len(_MAGIC) :]).get_text() != "none"
    return b"ENCRYPTED" in data[:2000]


def _loaded(data: bytes, passphrase: str | None) -> paramiko.PKey:
    with _LOADING:  # hosts are logged in to side by side, mostly with one key
        return _parsed(data, passphrase)


@lru_cache(maxsize=16)  # to open one that has a passphrase takes a tenth of a second
def _parsed(data: bytes, passphrase: str | None) -> paramiko.PKey:
    password = passphrase.encode() if passphrase and _is_encrypted(data) else None
    load = load_ssh_private_key if _openssh(data) is not None else load_pem_private_key
    key = load(data, password)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    kinds: tuple[type[paramiko.PKey], ...] = (
        paramiko.Ed25519Key,
        paramiko.ECDSAKey,
        paramiko.RSAKey,
    )
    for kind in kinds:
        try:
            return kind.from_private_key(io.StringIO(text))
        except paramiko.SSHException:
            continue
    raise UnsupportedAlgorithm(type(key).__name__.lstrip("_"))


def _other_than_private(data: bytes) -> tuple[str, str] | None:
    """Return what a file is instead of a private key, and the cure, or None if it may be one."""
    text = data[:4000].lstrip()
    if not text:
        return "is empty", "name the file of a key"
    if text.startswith(b"PuTTY-User-Key-File"):
        return (
            "is a key of PuTTY, which OpenSSH cannot read",
            "turn it into one of OpenSSH: puttygen PATH -O private-openssh -o NEW; name that file",
        )
    if _public(text):
        return (
            "is a public key, and no agent holds the private one",
            "name the private key (without .pub), or: ssh-add",
        )
    if b"BEGIN SSH2" in text:
        return (
            "is a key in the format of RFC 4716, which is not a private key of OpenSSH",
            "turn it into one of OpenSSH: ssh-keygen -i -f PATH",
        )
    if b"BEGIN CERTIFICATE" in text:
        return "is an X.509 certificate, not a key", "name the file of a key"
    if b"BEGIN PUBLIC KEY" in text or b"BEGIN RSA PUBLIC KEY" in text:
        return "is a public key", "name the private key"
    if b"PRIVATE KEY-----" not in text:
        return (
            "is not a private key",
            "name the file of a key that OpenSSH can read: ssh-keygen -y -f PATH",
        )
    if b"BEGIN DSA" in text:
        return (
            "is a DSA key, which servers no longer take",
            "make another one: ssh-keygen -t ed25519",
        )
    return None
