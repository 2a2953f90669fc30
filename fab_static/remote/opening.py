"""Starts an agent on a host; where none starts, finds out why."""

from __future__ import annotations

import getpass
import os
import shlex
import sys

from fab_static.errors import RemoteError
from fab_static.host.agent.programs import FOLDER
from fab_static.host.archive import FIRST_LINE
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
        command = self._as_user(self._command)
        if not self._host.local:
            return self._connection.channel(shlex.join(command))
        try:
            if self._environment.cache is None:
                return LocalChannel(command)
            from fab_static.plan.carried import plain  # not above: most inventories have no cache

            return LocalChannel(command, plain(os.environ))
        except OSError as error:
            status = 126 if isinstance(error, PermissionError) else 127
            words = f"{error.filename}: {error.strerror}"
            raise self._no_agent(status, words, error) from error

    @property
    def _agent(self) -> sent.Program:
        """What is sent; never asked for where the agent runs here, as it takes long to pack."""
        return sent.agent_for(self._host.roles, has_bucket=self._environment.has_bucket)

    def asking(self, more: bytes) -> bytes:
        """Return the agent's first request, and more of them, for a host that may keep its program."""
        return self._agent.asking(self.first_request + more)

    @property
    def archive(self) -> bytes:
        """The agent's program, for a host that does not keep it."""
        return self._agent.archive

    @property
    def is_here(self) -> bool:
        """Whether the agent runs on this machine as we do: of the modules that lie here, and nothing is deflated."""
        return self._host.local and not self._ssh.become

    @property
    def first_request(self) -> bytes:
        """The frame of the agent's first request."""
        opening = {
            "do": "open",
            "deploy_to": self._deploy_to,
            "app": self._environment.app,
            "environment": self._environment.name,
        }
        return sent.framed(opening, b"")

    def failed(
        self, code: int | None, words: str, error: BaseException, printed: str = ""
    ) -> RemoteError:
        """Return why no agent speaks.

        Args:
            code: the exit status, where the process has ended.
            words: what stood on standard error.
            error: what happened to the channel.
            printed: what stood on standard output, where an agent's first words should be.
        """
        if FIRST_LINE.decode().strip() in printed:  # the login runs a program such as cat
            printed = "(it sent back what was sent to it)"
        said = "\n".join(part for part in (self._shown(words), self._shown(printed)) if part)
        if code is None and isinstance(error, TimeoutError):
            what, mend = starting.silence(self.seconds, said, self._start)
            return RemoteError(what, where=self._host.name, mend=mend)
        return self._no_agent(code, said, error)

    def _shown(self, words: str) -> str:
        return starting.shown(words, self._command[-1])

    def _no_agent(self, code: int | None, words: str, error: BaseException) -> RemoteError:
        """Return why there is no agent: what was said instead of its first words."""
        status = f"exit status {code}"
        # a process that has ended says more by its status than a socket that took no more of our words
        has_ended = code is not None and code >= 0 and isinstance(error, OSError)
        said = words or (status if has_ended else str(error) or status)
        too_old = self._too_old(said)
        if too_old:
            return RemoteError(
                f"{too_old}, 3.8 is needed",
                where=self._host.name,
                mend="install a later one there, and name it in the inventory: "
                "ssh: {python: /usr/bin/python3.11}",
            )
        what, mend = starting.reason(self._in_plain_words(said), code, self._start)
        return RemoteError(what, where=self._host.name, mend=mend)

    def _too_old(self, words: str) -> str | None:
        """Return which Python is too old for the agent, and where it lies, or None if it is not."""
        python = self._python
        told = sent.TOO_OLD.search(words)
        # older than 3.4, it knows none of our options, and must be asked once more
        if not told and "unknown option" in words.lower():
            told = sent.TOO_OLD.search(self._asked(sent.which(python)))
            if not told:
                return f"{python} is older than 3.4"
        if not told:
            return None
        version, place = told[1], told[2].strip()
        return (
            f"{python} ({place}) is {version}"
            if place not in ("", python)
            else f"{python} is {version}"
        )

    def _in_plain_words(self, said: str) -> str:
        """Return what was said; of a sudo that speaks the host's language, what it says in English."""
        is_known = starting.refusal_of_sudo(said) or not starting.is_of_sudo(said)
        if not self._ssh.become or self._host.local or is_known:
            return said
        again = self._asked([self._python, "-V"], "env", "LC_ALL=C")
        return again if starting.is_of_sudo(again) else said

    def _asked(self, command: list[str], *before: str) -> str:
        """Run a command that says something on standard error, and return that."""
        channel = self._connection.channel(shlex.join([*before, *self._as_user(command)]))
        try:
            return channel.last_words()[1]
        finally:
            channel.close()

    @property
    def _deploy_to(self) -> str:
        return expand(self._environment.deploy_to, self._host)

    @property
    def _command(self) -> list[str]:
        if self.is_here:
            return sent.command_here(self._python)
        return self._agent.command(self._python, f"{self._deploy_to}/{FOLDER}")

    @property
    def _python(self) -> str:
        return sys.executable if self._host.local else self._ssh.python

    def _as_user(self, command: list[str]) -> list[str]:
        become = self._ssh.become
        return ["sudo", "-n", "-u", become, "--", *command] if become else command

    @property
    def _start(self) -> starting.Start:
        user = self._connection.user or getpass.getuser()
        return starting.Start(self._ssh.python, self._ssh.become, user, self.ssh_command)
