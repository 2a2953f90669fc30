"""Reads certificates of OpenSSH, and says whether one is good for a host.

The format: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.certkeys
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import paramiko

SUFFIX = "-cert-v01@openssh.com"
HOST = 2  # SSH_CERT_TYPE_HOST
FOR_EVER = 2**64 - 1
# how many fields a public key has, after the nonce
_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
}


@dataclass(frozen=True)
class Certificate:
    """A certificate, as its signer signed it: of a host, or of a user."""

    kind: str  # of the key that it is for
    key: bytes  # that key, as it goes over the wire
    purpose: int
    key_id: str
    principals: tuple[str, ...]
    valid_from: int
    valid_until: int
    critical: bytes
    authority: bytes  # the signer's key
    signed: bytes
    signature: bytes

    @property
    def authority_kind(self) -> str:
        """The kind of the signer's key."""
        return paramiko.Message(self.authority).get_text()

    @property
    def algorithm(self) -> str:
        """With which algorithm it was signed."""
        return paramiko.Message(self.signature).get_text()


def parse(blob: bytes) -> Certificate:
    """Return what a certificate says.

    Raises:
        ValueError: it is not one, or its kind is not known.
    """
    message = paramiko.Message(blob)
    kind = message.get_text().removesuffix(SUFFIX)
    if kind not in _FIELDS:
        raise ValueError(f"a certificate of a {kind} key")
    message.get_binary()  # the nonce
    key = paramiko.Message()
    key.add_string(kind)
    for _ in range(_FIELDS[kind]):
        key.add_string(message.get_binary())
    message.get_int64()  # the serial number
    purpose = message.get_int()
    key_id = message.get_binary().decode(errors="replace")
    principals = _strings(message.get_binary())
    valid_from, valid_until = message.get_int64(), message.get_int64()
    critical = message.get_binary()
    message.get_binary()  # extensions: a host has none
    message.get_binary()  # reserved
    authority = message.get_binary()
    signed = message.get_so_far()
    signature = message.get_binary()
    # Paramiko reads zeros beyond the end of what it is given
    if blob != signed + len(signature).to_bytes(4, "big") + signature:
        raise ValueError("a certificate that is cut off")
    return Certificate(
        kind, key.asbytes(), purpose, key_id, principals, valid_from, valid_until, critical,
        authority, signed, signature,
    )  # fmt: skip


def why_not(certificate: Certificate, hostname: str, algorithms: tuple[str, ...]) -> str | None:
    """Return why a certificate is not good for a host, or None if it is.

    Args:
        certificate: whose signer is trusted.
        hostname: by which the host is known, in lower case.
        algorithms: with which a signer may sign (CASignatureAlgorithms).
    """
    now = time.time()
    if certificate.purpose != HOST:
        return "it is a user's, not a host's"
    if now < certificate.valid_from:
        return f"it is not valid before {_date(certificate.valid_from)}"
    if certificate.valid_until != FOR_EVER and now >= certificate.valid_until:
        return f"it expired at {_date(certificate.valid_until)}"
    if certificate.critical:
        return "it has critical options, and a host's may have none"
    if certificate.principals and hostname not in certificate.principals:
        return f"it is for {', '.join(certificate.principals)}, not for {hostname}"
    if certificate.algorithm not in algorithms:
        return (
            f"it is signed with {certificate.algorithm}, which CASignatureAlgorithms does not allow"
        )
    if not _is_signed(certificate):
        return "its signature is wrong"
    return None


def _is_signed(certificate: Certificate) -> bool:
    try:
        authority = paramiko.PKey.from_type_string(
            certificate.authority_kind, certificate.authority
        )
        return bool(
            authority.verify_ssh_sig(certificate.signed, paramiko.Message(certificate.signature))
        )
    except Exception:  # whatever it trips over in what a host sent: it has not been verified
        return False


def _strings(data: bytes) -> tuple[str, ...]:
    message, found = paramiko.Message(data), []
    while message.get_remainder():
        found.append(message.get_binary().decode(errors="replace"))
    return tuple(found)


def _date(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds after 1970"
