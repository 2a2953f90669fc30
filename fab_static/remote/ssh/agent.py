"""The keys of an ssh-agent, at whatever socket ssh's configuration names."""

from __future__ import annotations

import socket
from typing import Any

import paramiko
from paramiko.agent import AgentKey, AgentSSH

LIST_SECONDS = 5.0
SIGN_SECONDS = 60.0  # somebody may have to touch a key, or to type a PIN


class HeldKey(AgentKey):
    """A key that an agent holds. Where the agent does not sign with it, the next one gets its turn.

    Paramiko signs in the thread that holds the connection: what is raised there would end it.
    """

    problem = ""  # why the agent did not sign
    public_blob = None  # a certificate for it; Paramiko 3 knows none of agents' keys

    @property
    def wants_a_touch(self) -> bool:
        """Whether somebody may have to touch a security key before it signs."""
        return self.get_name().startswith("sk-")

    def sign_ssh_data(self, data: Any, algorithm: str | None = None) -> Any:
        """Return a signature; an empty one, which no server takes, where the agent gives none."""
        try:
            return super().sign_ssh_data(data, algorithm)
        except (OSError, paramiko.SSHException) as error:
            self.problem = str(error) or type(error).__name__
            return b""


class Agent(AgentSSH):
    """One connection to an agent; without any keys where none answers."""

    def __init__(self, path: str | None) -> None:
        super().__init__()
        self.problem = ""  # why it gave no keys
        if path:
            self._open(path)

    def _open(self, path: str) -> None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(LIST_SECONDS)
        try:
            line.connect(path)
            self._connect(line)  # type: ignore[attr-defined]  # not in types-paramiko
            line.settimeout(SIGN_SECONDS)
        except (OSError, paramiko.SSHException) as error:
            line.close()
            reason = getattr(error, "strerror", "") or str(error)
            self.problem = f"the agent at {path} does not answer: {reason.lower()}"

    @property
    def keys(self) -> tuple[HeldKey, ...]:
        """The keys that it holds, in its order."""
        return tuple(HeldKey(self, key.blob, key.comment) for key in self.get_keys())

    def close(self) -> None:
        """Close the connection."""
        self._close()  # type: ignore[attr-defined]  # not in types-paramiko
