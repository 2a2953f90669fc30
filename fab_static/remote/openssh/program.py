"""The `ssh` of this machine, and what of the inventory it cannot follow."""

from __future__ import annotations

import re
import subprocess

from fab_static.errors import InventoryError
from fab_static.plan.inventory import Ssh
from fab_static.remote.ssh.asking import PROGRAM

OLDEST = (7, 6)  # RemoteCommand=none
_VERSION = re.compile(r"OpenSSH\S*?_(\d+)\.(\d+)")
_WHERE = "ssh.client"
_INSTEAD = "or take Fabric's client: ssh: {client: fabric}"
ANSWER_SECONDS = 10


def version() -> tuple[int, int]:
    """Return the version of this machine's OpenSSH.

    Raises:
        InventoryError: there is none, or it is too old, or another program has its name.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - the operator's own ssh
            [PROGRAM, "-V"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InventoryError(
            f"the client is openssh, and this machine has no `ssh`: {reason}",
            where=_WHERE,
            mend=f"install it (Debian: apt-get install openssh-client), {_INSTEAD}",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InventoryError(
            f"`ssh -V` does not end within {ANSWER_SECONDS} seconds",
            where=_WHERE,
            mend=f"see what stands on PATH as ssh: command -v ssh; {_INSTEAD}",
        ) from error
    said = (ran.stderr + ran.stdout).decode(errors="replace").strip()
    found = _VERSION.search(said)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    if number < OLDEST:
        raise InventoryError(
            f"the client is openssh, and `ssh` will not do: {said or 'it says no version'}",
            where=_WHERE,
            mend=f"put OpenSSH {OLDEST[0]}.{OLDEST[1]} or later on PATH, {_INSTEAD}",
        )
    return number


def refuse_what_ssh_cannot(ssh: Ssh) -> None:
    """Refuse what the command line and a fabric.yml say of SSH, and ssh is not told.

    Raises:
        InventoryError: they say something of that kind.
    """
    given = ssh.given
    said = {
        "a passphrase": (given.passphrase is not None, "ssh-add the key: an agent holds it"),
        "a password": (given.password is not None, "let the hosts take a key"),
        "look_for_keys: false": (
            not given.look_for_keys,
            "take it out, and name the right key: ssh: {identity: FILE}",
        ),
        "disabled_algorithms": (
            bool(given.disabled_algorithms),
            "write it into ~/.ssh/config: Ciphers, MACs, KexAlgorithms, HostKeyAlgorithms",
        ),
    }
    for what, (is_said, mend) in said.items():
        if is_said:
            raise InventoryError(
                f"{what} cannot be told to `ssh`, which is the client here",
                where="fab, or a fabric.yml",
                mend=f"{mend}; {_INSTEAD}",
            )
