"""The keys of hosts: whoever has one that is not known, or has changed, is not talked to."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path

import paramiko
from fabric import Connection

DEFAULT = "~/.ssh/known_hosts"
_READING = threading.Lock()


class UnknownHostKeyError(Exception):
    """The host's key is in no known_hosts."""


class RefuseUnknownKeys(paramiko.MissingHostKeyPolicy):
    """Refuses every host whose key is not known."""

    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002 - paramiko's interface
        hostname: str,  # noqa: ARG002 - paramiko's interface
        key: paramiko.PKey,
    ) -> None:
        """Refuse."""
        raise UnknownHostKeyError(f"{key.get_name()} {key.fingerprint}")


def guarded(connection: Connection, file: str | None) -> Connection:
    """Make Fabric refuse host keys that this known_hosts file does not hold; it accepts any."""
    client = connection.client
    client.set_missing_host_key_policy(RefuseUnknownKeys())
    name = name_of(connection)
    for kind, key in (_keys(Path(file or DEFAULT).expanduser()).lookup(name) or {}).items():
        client.get_host_keys().add(name, kind, key)
    return connection


def name_of(connection: Connection) -> str:
    """Return the name of a host in a known_hosts file, as paramiko asks for it."""
    host: str = connection.host
    return host if connection.port == 22 else f"[{host}]:{connection.port}"


def _keys(path: Path) -> paramiko.HostKeys:
    """Return the keys in a known_hosts file; none where there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return paramiko.HostKeys()
    with _READING:
        return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int) -> paramiko.HostKeys:  # noqa: ARG001
    """Read the file once for all hosts: read for each, a fleet's lines take its square in time."""
    return paramiko.HostKeys(str(path))
