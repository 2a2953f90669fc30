"""Keys and certificates made by ssh-keygen, for tests of what reads them."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path


def make(path: Path, kind: str = "ed25519", passphrase: str = "", *more: str) -> Path:
    """Make a key, and return its file."""
    words = ["-t", kind, *more, "-N", passphrase, "-C", path.name, "-f", path]
    subprocess.run(["ssh-keygen", "-q", *words], check=True)
    return path


def wire(public: Path) -> bytes:
    """Return a public key, or a certificate, as it goes over the wire."""
    return base64.b64decode(public.read_text().split()[1])


def signed(authority: Path, key: Path, *words: str) -> bytes:
    """Return a certificate for a key."""
    public = key.with_name(f"{key.name}.pub")
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "test", *words, public], check=True)
    return wire(key.with_name(f"{key.name}-cert.pub"))
