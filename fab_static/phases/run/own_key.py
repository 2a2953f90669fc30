"""The key that this machine signs with, `release.sign_with`: a private one, or the public one of a key of the SSH agent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fab_static.errors import FabStaticError, InventoryError, ReleaseError
from fab_static.host.agent.trust import OF_RELEASES, TOO_OLD

SECONDS = 120  # that ssh-keygen may wait: a key may have a passphrase, or want to be touched
ASKED_SECONDS = 10  # that the agent may take to list its keys
ARMOUR = "-----BEGIN SSH SIGNATURE-----"
PUBLIC, CERTIFICATE = ".pub", "-cert"
OF_TOKENS = "sk-"  # how the kind of a key begins that wants to be touched
ASKS = (
    "SSH_ASKPASS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
)  # by these variables a program is found that asks somebody
TRIAL = b"fab_static tries a key with these words, and no release has them\n"


def sign(key: str, words: bytes, namespace: str) -> str:
    """Have ssh-keygen sign; the key stays where it is: in its file, or with the SSH agent.

    Raises:
        ReleaseError: the key cannot be used.
    """
    signature, why = _signed(key, words, namespace)
    if signature is None:
        raise _unusable(ReleaseError, key, why)
    return signature


def tried(key: str) -> str | None:
    """Have a key sign TRIAL, before a build that could not be signed; None where somebody would be asked for that.

    Whether its passphrase is known, and whether somebody touches it, shows when it signs a release.

    Raises:
        InventoryError: it cannot be used.
    """
    _refuse_no_key(key)
    if _kind(key).startswith(OF_TOKENS):
        return None
    alone = {name: value for name, value in os.environ.items() if name not in ASKS}
    signature, why = _signed(key, TRIAL, OF_RELEASES, alone)
    if signature is None and "passphrase" in why:
        if _somebody_can_be_asked():
            return None
        why = "it has a passphrase, and there is no terminal to ask for it: have the SSH agent hold the key"
    if signature is None:
        raise _unusable(InventoryError, key, why)
    return signature


def _signed(
    key: str, words: bytes, namespace: str, alone: Mapping[str, str] | None = None
) -> tuple[str | None, str]:
    """Return a signature, or None and why there is none; with the variables `alone` nobody is asked for anything."""
    try:
        ran = subprocess.run(  # noqa: S603 - no shell; the key is the operator's own word
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key],  # noqa: S607
            input=words,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=alone,
            start_new_session=alone is not None,  # without a terminal
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    signature, said = (one.decode(errors="replace") for one in (ran.stdout, ran.stderr))
    if ran.returncode == 0 and signature.startswith(ARMOUR):
        return signature, ""
    if any(word in said for word in TOO_OLD):
        return None, "ssh-keygen on this machine is older than 8.2"
    return None, said.strip()[-300:]


def _somebody_can_be_asked() -> bool:
    with suppress(OSError), Path("/dev/tty").open("rb"):
        return True
    return any(map(os.environ.get, ASKS))


def _refuse_no_key(key: str) -> None:
    """Refuse a key that neither a file nor the SSH agent has.

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
    words = _public(key)
    return words[1] if len(words) > 1 else None


def _kind(key: str) -> str:
    """Return the kind of a key, such as ssh-ed25519; "" where no file tells it."""
    return next(iter(_public(key)), "")


def _public(key: str) -> list[str]:
    """Return the words of a key's public half: its kind, the key in base64, a comment."""
    with suppress(OSError, UnicodeDecodeError):
        return Path(key.removesuffix(PUBLIC) + PUBLIC).read_text("utf-8").split()
    return []


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
