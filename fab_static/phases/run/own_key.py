"""The key that this machine signs with, `release.sign_with`: a private one, or the public one of a key of the SSH agent."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from fab_static.errors import FabStaticError, InventoryError, ReleaseError
from fab_static.host.agent.trust import OF_RELEASES

SECONDS = 120  # that ssh-keygen may wait: a key may have a passphrase, or want to be touched
ASKED_SECONDS = 10  # that the agent may take to list its keys
ARMOUR = "-----BEGIN SSH SIGNATURE-----"
PUBLIC, CERTIFICATE = ".pub", "-cert"


def sign(key: str, words: bytes, namespace: str) -> str:
    """Have ssh-keygen sign; the key stays where it is: in its file, or with the SSH agent.

    Raises:
        ReleaseError: the key cannot be used.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - no shell; the key is the operator's own word
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key],  # noqa: S607
            input=words,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unusable(ReleaseError, key, str(error)) from error
    signature = ran.stdout.decode("ascii", "replace")
    if ran.returncode or not signature.startswith(ARMOUR):
        raise _unusable(ReleaseError, key, ran.stderr.decode(errors="replace").strip()[-300:])
    return signature


def refuse_no_key(key: str) -> None:
    """Refuse a key that neither a file nor the SSH agent has, before a build that could not be signed.

    Whether its passphrase is known, and whether somebody touches it, shows when it signs.

    Raises:
        InventoryError: it is not there.
    """
    private = Path(key.removesuffix(PUBLIC).removesuffix(CERTIFICATE))
    if private.exists():
        return
    public = public_key(key)
    if public is None:
        raise _unusable(InventoryError, key, "there is no such file")
    if public not in _keys_of_agent() and not key.endswith(CERTIFICATE + PUBLIC):
        raise _unusable(InventoryError, key, "the SSH agent does not have that key")


def public_key(key: str) -> str | None:
    """Return the public key in base64, as lists of signers have it; None where no file tells it."""
    with suppress(OSError, IndexError, UnicodeDecodeError):
        return Path(key.removesuffix(PUBLIC) + PUBLIC).read_text("utf-8").split()[1]
    return None


def _keys_of_agent() -> list[str]:
    try:
        ran = subprocess.run(
            ["ssh-add", "-L"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASKED_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return ran.stdout.decode(errors="replace").split()


def _unusable(kind: type[FabStaticError], key: str, why: str) -> FabStaticError:
    return kind(
        f"nothing can be signed with {key}: {why}",
        where="release.sign_with",
        mend=f"see whether this works: echo x | ssh-keygen -Y sign -n {OF_RELEASES} -f {key}; for a key of the SSH "
        "agent, name its .pub file",
    )
