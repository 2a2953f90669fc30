"""Finds out which key a hop showed that ssh refused, and says so in the words of Fabric's client.

ssh does not say the key, which known_hosts needs. So it is asked again, as strictly, and writes the key down
(KnownHostsCommand, since OpenSSH 8.5). It trusts nothing that stands in no file, so it goes no further than before.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fab_static.remote.openssh.said import Said
from fab_static.remote.ssh.guard import Guard
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.refusal import HopError


def is_refused(said: Said) -> bool:
    """Tell whether ssh refused the key that a hop showed."""
    return "Host key verification failed" in said.words and not said.is_proxy_gone


def refusal(hop: Hop, said: Said, shown: bytes | None, *, is_direct: bool) -> HopError:
    """Return why the key of a hop is refused.

    Args:
        hop: whose key it is.
        said: the words of ssh.
        shown: the key, if it could be found out.
        is_direct: whether no other machine or program lies between.
    """
    settings = hop.settings
    is_local = is_direct and _is_loopback(settings.hostname)
    if shown is not None:
        try:
            Guard(settings, is_direct=is_direct, is_local=is_local).judge_shown(shown)
        except HopError as error:
            return error
    port = f"-p {settings.port} " if settings.port != 22 else ""
    return HopError(
        f"ssh does not trust the host's key: {said.words}",
        f"compare it with the host's own: ssh-keyscan {port}{settings.hostname}; and see: {hop.by_hand}",
    )


def shown_by(command: Sequence[str], found: Path, seconds: float) -> bytes | None:
    """Return the key that a hop shows, as it goes over the wire, or None if it does not tell.

    Args:
        command: of words.of_question.
        found: the file that the command writes.
        seconds: how long it may take.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(  # noqa: S603 - the operator's own ssh, no shell between
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
    with contextlib.suppress(OSError):
        for line in found.read_bytes().split():
            with contextlib.suppress(binascii.Error, ValueError):
                key = base64.b64decode(line, validate=True)
                if len(key) > 30:  # else a word, "NONE": ssh asked for the order of kinds
                    return key
    return None


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
