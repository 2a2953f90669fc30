"""The keys of an ssh-agent, at whatever socket ssh's configuration names."""

from __future__ import annotations

import socket

import paramiko
from paramiko.agent import AgentKey, AgentSSH

LIST_SECONDS = 5.0
SIGN_SECONDS = 60.0  # somebody may have to touch a key, or to type a PIN


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
    def keys(self) -> tuple[AgentKey, ...]:
        """The keys that it holds, in its order."""
        return tuple(self.get_keys())

    def close(self) -> None:
        """Close the connection."""
        self._close()  # type: ignore[attr-defined]  # not in types-paramiko
