"""Ciphers, MACs and ways to exchange keys: what ssh's configuration chooses, as far as Paramiko knows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import paramiko

from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings

_USUAL: Any = paramiko.Transport  # no stub has these
# What Paramiko knows, what is asked for first in front. AES-GCM encrypts and authenticates in one pass, and takes a
# ninth of what Paramiko's own first choice does: AES-CTR, and then HMAC over the same bytes in Python.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "Ciphers": tuple(sorted(_USUAL._preferred_ciphers, key=lambda name: "-gcm@" not in name)),
    "MACs": _USUAL._preferred_macs,
    "KexAlgorithms": _USUAL._preferred_kex,
}
SAME = {"curve25519-sha256": "curve25519-sha256@libssh.org"}  # RFC 8731: its name before, and since


def choose(options: paramiko.SecurityOptions, settings: Settings) -> None:
    """Have a connection ask for what the configuration chooses, in its order; without a choice, for all that is known.

    Raises:
        HopError: it chooses nothing that Paramiko knows.
    """
    options.ciphers = _chosen("Ciphers", settings.ciphers)
    options.digests = _chosen("MACs", settings.macs)
    options.kex = _chosen("KexAlgorithms", settings.kex_algorithms)


def _chosen(keyword: str, names: Sequence[str]) -> tuple[str, ...]:
    known = KNOWN[keyword]
    found = [SAME.get(name, name) if name not in known else name for name in names or known]
    chosen = tuple(dict.fromkeys(name for name in found if name in known))
    if not chosen:
        raise HopError(
            f"{keyword} of ssh's configuration are {', '.join(names)}, and Paramiko knows none of them",
            f"allow {known[0]} there, too; or have your own ssh carry the deploy: ssh: {{client: openssh}}",
        )
    return chosen


def unknown(keyword: str, names: Iterable[str]) -> list[str]:
    """Return those of the names that Paramiko does not know."""
    return [name for name in names if SAME.get(name, name) not in KNOWN[keyword]]


def resolved(line: str, usual: Sequence[str]) -> str:
    """Return the names that a value stands for, parted by commas: ssh_config(5), Ciphers.

    Args:
        line: names; behind a `+` they are added to the usual ones, behind a `^` put in front of them. Behind a `-`
            they are patterns of what is taken out.
        usual: what stands where no line says otherwise.
    """
    mark, named = line[:1], line[1:].split(",")
    if mark == "-":
        return ",".join(
            name for name in usual if not any(fnmatchcase(name, pattern) for pattern in named)
        )
    found = {"+": [*usual, *named], "^": [*named, *usual]}.get(mark, line.split(","))
    return ",".join(dict.fromkeys(found))
