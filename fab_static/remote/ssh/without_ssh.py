"""Reads ~/.ssh/config with Paramiko where this machine has no ssh; what it cannot follow is told."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import paramiko

from fab_static.remote.ssh.algorithms import KNOWN, resolved
from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.settings import Settings, Values, account, settings

MACHINE_FILE = "/etc/ssh/ssh_config"
# Paramiko 5 knows no Include, and takes some criteria of Match as always true
NOT_FOLLOWED = ("include", "localnetwork", "canonical", "final", "exec", "tagged", "version")
DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
# keywords whose names a line may add to, or take from
LISTS = {
    **dict.fromkeys(
        ("hostkeyalgorithms", "casignaturealgorithms", "pubkeyacceptedalgorithms"), ALGORITHMS
    ),
    **{keyword.lower(): names for keyword, names in KNOWN.items()},
}


def answer_of_paramiko(asked: Asked) -> Settings:
    """Return what Paramiko makes of the configuration for a host."""
    own, machine = _files(asked.file)
    values: dict[str, list[str]] = {}
    for file in (own, machine):
        for key, value in _looked_up(file, asked.alias).items():
            values.setdefault(key, list(value))
    values |= _over(asked)
    if "proxyjump" in values:
        values.pop("proxycommand", None)
    for key, default in _defaults().items():
        values.setdefault(key, list(default))
    for key, usual in LISTS.items():
        values.update({key: [resolved(line, usual) for line in values.get(key, ())]})
    return settings(asked.alias, values)


def not_followed(file: str | None) -> list[str]:
    """Return what is wrong with reading the configuration without ssh: each file, line and word."""
    found = []
    for path in _files(file):
        try:
            lines = Path(path).read_text("utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            words = line.strip().lower().replace("=", " ").split()
            if words and any(word in NOT_FOLLOWED for word in words[:2]):
                found.append(f"{path}, line {number}: {line.strip()}")
        if problem := _read(path)[1]:
            found.append(f"{path}: {problem}")
    return found


def _files(file: str | None) -> tuple[str, ...]:
    if file:
        return (file, "/dev/null")
    return (f"{account().home}/.ssh/config", MACHINE_FILE)


@lru_cache(maxsize=4)
def _read(path: str) -> tuple[paramiko.SSHConfig, str]:
    """Return the file as Paramiko reads it, and why it cannot be read, if so."""
    config = paramiko.SSHConfig()
    try:
        config.parse(Path(path).read_text("utf-8", errors="replace").splitlines())
    except FileNotFoundError:
        return paramiko.SSHConfig(), ""
    except (
        Exception
    ) as error:  # whatever its reader trips over: without ssh, go on without the file
        return paramiko.SSHConfig(), f"cannot be read: {error or type(error).__name__}"
    return config, ""


def _looked_up(path: str, alias: str) -> dict[str, list[str]]:
    try:
        found = _read(path)[0].lookup(alias)
    except Exception:  # `not_followed` names the lines
        return {}
    return {
        key: list(value) if isinstance(value, list) else [str(value)]
        for key, value in found.items()
        if value is not None
    }


def _over(asked: Asked) -> dict[str, list[str]]:
    given = {"user": asked.user, "port": asked.port, "proxyjump": asked.jump}
    return {key: [str(value)] for key, value in given.items() if value}


def _defaults() -> Values:
    home = account().home
    names = ("known_hosts", "known_hosts2")
    return {
        "identityfile": [f"{home}/.ssh/{name}" for name in DEFAULT_KEYS],
        "userknownhostsfile": [" ".join(f"{home}/.ssh/{name}" for name in names)],
        "globalknownhostsfile": [" ".join(f"/etc/ssh/ssh_{name}" for name in names)],
        "hostkeyalgorithms": [",".join(ALGORITHMS)],
        "casignaturealgorithms": [",".join(ALGORITHMS)],
        "pubkeyacceptedalgorithms": [",".join(ALGORITHMS)],
    }
