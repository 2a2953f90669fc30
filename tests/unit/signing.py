"""Keys and lists of allowed signers, made by the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path


def key(folder: Path, name: str) -> Path:
    """Make a key; beside it stands its public one."""
    path = folder / name
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(words, check=True)
    return path


def allow(folder: Path, *keys: Path) -> Path:
    """Write the list of those who may sign."""
    path = folder / "allowed_signers"
    lines = [f"{one.name}@example.com {one.with_suffix('.pub').read_text()}" for one in keys]
    path.write_text("# who may sign\n" + "".join(lines))
    return path


def revoke(folder: Path, *keys: Path) -> Path:
    """Write the list of keys whose signatures count no more."""
    path = folder / "revoked_keys"
    path.write_text("# lost\n" + "".join(one.with_suffix(".pub").read_text() for one in keys))
    return path


def inventory(
    folder: Path, signer: Path | None, *allowed: Path, revoked: Path | None = None
) -> str:
    """Return the part of an inventory that says who signs, who may, and which list has the revoked keys."""
    lines = [f"  allowed_signers: {allow(folder, *allowed)}"] if allowed else []
    lines += [f"  revoked_keys: {revoked}"] if revoked else []
    lines += [f"  sign_with: {signer}"] if signer else []
    return "\n".join(["release:", *lines]) + "\n"
