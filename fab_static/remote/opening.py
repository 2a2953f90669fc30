"""Starts an agent on a host; where none starts, finds out why."""

from __future__ import annotations

import getpass
import shlex
import sys

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Environment, Host, expand
from fab_static.remote import patience, sent, starting
from fab_static.remote.channels import LocalChannel
from fab_static.remote.client import Connection
from fab_static.remote.frames import Channel


class Opening:
    """How an agent is started on one host: by which command, for whom, with which first words."""

    def __init__(self, host: Host, environment: Environment, connection: Connection) -> None:
        self._host = host
        self._environment = environment
        self._ssh = environment.ssh
        self._connection = connection
        self._agent = sent.agent_for(host.roles)

    @property
    def ssh_command(self) -> str:
        """The command by which a person reaches the host."""
        return self._connection.ssh_command()

    @property
    def seconds(self) -> float:
        """How long the agent may take to speak."""
        return patience.start_seconds(self._ssh)

    def channel(self) -> Channel:
        """Start the process that waits for the agent's program.

        Raises:
            RemoteError: the host cannot be reached, or has no such program.
        """
        python = sys.executable if self._host.local else self._ssh.python
        command = self._as_user(self._agent.command(python))
        if not self._host.local:
            return self._connection.channel(shlex.join(command))
        try:
            return LocalChannel(command)
        except OSError as error:
            status = 126 if isinstance(error, PermissionError) else 127
            words = f"{error.filename}: {error.strerror}"
            raise self._no_agent(status, words, error) from error

    def first_bytes(self) -> bytes:
        """Return the agent's program and its first request, for one trip."""
        opening = {
            "do": "open",
            "deploy_to": expand(self._environment.deploy_to, self._host),
            "app": self._environment.app,
            "environment": self._environment.name,
        }
        return self._agent.archive + sent.framed(opening, b"")

    def failed(self, code: int | None, words: str, error: BaseException) -> RemoteError:
        """Return why no agent speaks.

        Args:
            code: the exit status, where the process has ended.
            words: what stood on standard error.
            error: what happened to the channel.
        """
        if code is None and isinstance(error, TimeoutError):
            what, mend = starting.silence(self.seconds, words, self._start)
            return RemoteError(what, where=self._host.name, mend=mend)
        return self._no_agent(code, words, error)

    def _no_agent(self, code: int | None, words: str, error: BaseException) -> RemoteError:
        """Return why there is no agent: what was said instead of its first words."""
        said = words or str(error) or f"exit status {code}"
        version = self._too_old(said)
        if version:
            return RemoteError(
                f"{self._ssh.python} is {version}, 3.8 is needed",
                where=self._host.name,
                mend="install a later one there, and name it in the inventory: "
                "ssh: {python: /usr/bin/python3.11}",
            )
        what, mend = starting.reason(said, code, self._start)
        return RemoteError(what, where=self._host.name, mend=mend)

    def _too_old(self, words: str) -> str | None:
        """Return the version of a Python that is too old for the agent; None where it is not."""
        told = sent.TOO_OLD.search(words)
        if told:
            return told[1]
        if "unknown option" not in words.lower():
            return None
        # older than 3.4, which has none of our options: it must be asked once more
        channel = self._connection.channel(shlex.join(self._as_user([self._ssh.python, "-V"])))
        try:
            return channel.last_words()[1].replace("Python", "").strip() or "older than 3.4"
        finally:
            channel.close()

    def _as_user(self, command: list[str]) -> list[str]:
        become = self._ssh.become
        return ["sudo", "-n", "-u", become, "--", *command] if become else command

    @property
    def _start(self) -> starting.Start:
        user = self._connection.user or getpass.getuser()
        return starting.Start(self._ssh.python, self._ssh.become, user, self.ssh_command)
