"""Looks host keys up in the file that RevokedHostKeys names: a list of keys, or a KRL of ssh-keygen."""

from __future__ import annotations

import base64
import binascii
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import paramiko

KRL = b"SSHKRL\n\0"  # how one begins: PROTOCOL.krl
ANSWER_SECONDS = 10.0


def revoked_by(file: str, keys: Iterable[bytes]) -> str | None:
    """Return what the file says of these keys, or None if it revokes none of them."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        return f"cannot be looked up in {file}: {(error.strerror or str(error)).lower()}"
    if data.startswith(KRL):
        return next((found for key in keys if (found := _in_krl(file, key))), None)
    listed = {_key(line) for line in data.splitlines()}
    return f"is REVOKED by {file}" if listed.intersection(keys) else None


def _key(line: bytes) -> bytes | None:
    """Return the key of a line: its kind, then the key in base64."""
    words = line.split()
    try:
        return base64.b64decode(words[1], validate=True) if len(words) > 1 else None
    except binascii.Error:
        return None


def _in_krl(file: str, key: bytes) -> str | None:
    kind = paramiko.Message(key).get_text()
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as public:
        public.write(f"{kind} {base64.b64encode(key).decode()}\n")
        public.flush()
        try:
            ran = subprocess.run(  # noqa: S603 - no shell between
                ["ssh-keygen", "-Q", "-f", file, public.name],  # noqa: S607 - the operator's own
                capture_output=True,
                check=False,
                timeout=ANSWER_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"cannot be looked up in {file}: {error}"
    if not ran.returncode:
        return None
    return f"is REVOKED by {file}" if b"REVOKED" in ran.stdout else f"cannot be looked up in {file}"
