"""A security key without a token: an ssh-agent in this process that signs as FIDO keys do.

The agent's protocol: draft-miller-ssh-agent; the key and its signature: PROTOCOL.u2f of OpenSSH.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KIND = b"sk-ssh-ed25519@openssh.com"
APPLICATION = b"ssh:"
IDENTITIES, SIGN = 11, 13  # what is asked; answers are one more
TOUCHED = 1


def _text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class SecurityKey:
    """A key whose every signature says that somebody touched it."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.wire = _text(KIND) + _text(public) + _text(APPLICATION)

    @property
    def line(self) -> str:
        """The line of authorized_keys."""
        return f"{KIND.decode()} {base64.b64encode(self.wire).decode()} token\n"

    def sign(self, data: bytes) -> bytes:
        said = struct.pack(">BI", TOUCHED, 7)
        digest = hashlib.sha256(APPLICATION).digest() + said + hashlib.sha256(data).digest()
        return _text(KIND) + _text(self._key.sign(digest)) + said


@contextlib.contextmanager
def agent(key: SecurityKey, path: Path) -> Iterator[None]:
    """Serve the key at a socket."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(50)
        threading.Thread(target=_serve, args=(listening, key), daemon=True).start()
        yield


def _serve(listening: socket.socket, key: SecurityKey) -> None:
    with contextlib.suppress(OSError):
        while True:
            line, _ = listening.accept()
            threading.Thread(target=_answer, args=(line, key), daemon=True).start()


def _answer(line: socket.socket, key: SecurityKey) -> None:
    with contextlib.suppress(OSError), line, line.makefile("rb") as asked:
        while size := asked.read(4):
            message = asked.read(int.from_bytes(size, "big"))
            if message[0] == IDENTITIES:
                body = struct.pack(">BI", IDENTITIES + 1, 1) + _text(key.wire) + _text(b"token")
            elif message[0] == SIGN:
                at = 5 + int.from_bytes(message[1:5], "big")
                end = at + 4 + int.from_bytes(message[at : at + 4], "big")
                body = bytes([SIGN + 1]) + _text(key.sign(message[at + 4 : end]))
            else:
                body = b"\x05"  # SSH_AGENT_FAILURE: we know nothing else
            line.sendall(_text(body))
