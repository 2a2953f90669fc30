"""The command lines of ssh: for the connection to a hop, for what goes through it, and for a command on a host.

ssh takes the first value that it finds. So what stands here holds, and the operator's configuration says the rest.
A hop is reached through the connection to the hop before it, never by a ProxyJump of ssh's own: that would start
another ssh, which takes none of these options.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from fab_static.plan.inventory import Ssh
from fab_static.remote.ssh.asking import PROGRAM
from fab_static.remote.ssh.hops import Hop

ALIVE_SECONDS = 15  # a dead peer is noticed, a firewall kept open; as of Fabric's client
# ssh goes on without a connection that it cannot find, on its own; this leads nowhere
_NOWHERE = "ProxyCommand=false"
_STRICT = ("BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no")
# what a configuration may say for a person's ssh, and would break a channel
_BARE = (
    "ClearAllForwardings=yes",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "Tunnel=no",
)
# settings of ssh's that these lines stand over; each with what holds instead
NOT_FOLLOWED = {
    "controlpath": "each run has connections of its own",
    "dynamicforward": "no port is forwarded",
    "forkafterauthentication": "the agent is started",
    "forwardx11": "no display is forwarded",
    "localcommand": "no command runs here",
    "localforward": "no port is forwarded",
    "remotecommand": "the agent is started",
    "remoteforward": "no port is forwarded",
    "requesttty": "an agent has no terminal",
    "sessiontype": "the agent is started",
    "stdinnull": "the agent reads its input",
    "stricthostkeychecking": "an unknown key is always refused",
    "tunnel": "no device is forwarded",
}
_SINCE_8_7 = ("ForkAfterAuthentication=no", "SessionType=default", "StdinNull=no")


@dataclass(frozen=True)
class Words:
    """How ssh is called in one run."""

    ssh: Ssh
    version: tuple[int, int]

    def of_master(
        self, hop: Hop, socket: Path, before: Path | None, *, named_only: bool
    ) -> list[str]:
        """Return the command that connects to a hop, and keeps that connection for others.

        Args:
            hop: where to.
            socket: where others find the connection.
            before: where the connection to the hop before it is found, if there is one.
            named_only: whether to show the inventory's keys alone, none of the agent's others.
        """
        return [
            *(PROGRAM, "-M", "-N", "-T", "-S", _escaped(socket)),
            *_options("ControlPersist=no", "LogLevel=DEBUG1"),
            *self._to(hop, before, named_only=named_only),
        ]

    def of_question(
        self, hop: Hop, before: Path | None, found: Path, algorithm: str | None
    ) -> list[str]:
        """Return the command that has ssh write down which key a hop shows. It trusts none, and goes no further.

        Args:
            hop: whose key it is.
            before: where the connection to the hop before it is found, if there is one.
            found: the file that is to hold the key.
            algorithm: by which the hop showed its key before.
        """
        asked = f'/bin/sh -c \'echo "$1" >> "$0"\' {_quoted(_escaped(found))} %K'
        return [
            *(PROGRAM, "-N", "-T"),
            *_options(
                *("ControlPath=none", "LogLevel=ERROR", f"KnownHostsCommand={asked}"),
                *("UserKnownHostsFile=none", "GlobalKnownHostsFile=none", "RevokedHostKeys=none"),
                *("VerifyHostKeyDNS=no", "NoHostAuthenticationForLocalhost=no"),
            ),
            *(_options(f"HostKeyAlgorithms={algorithm}") if algorithm else ()),
            *self._to(hop, before, named_only=False),
        ]

    def of_session(self, hop: Hop, socket: Path, command: str) -> list[str]:
        """Return the command that runs another on a host, through the connection to it."""
        return [
            *(PROGRAM, "-T", "-S", _escaped(socket)),
            *_options("ControlMaster=no", "LogLevel=ERROR", _NOWHERE, *_STRICT),
            *self._bare(),
            *replace(hop.asked, jump=None).options,
            *("--", hop.asked.alias, command),
        ]

    def _to(self, hop: Hop, before: Path | None, *, named_only: bool) -> list[str]:
        """Return the options by which a hop is reached, judged and logged in to, and its name."""
        settings, asked = hop.settings, hop.asked
        if before is not None:
            asked = replace(asked, jump=None)
        return [
            *_options(
                *_STRICT,
                f"ConnectTimeout={max(1, math.ceil(settings.patience))}",
                f"ServerAliveInterval={settings.alive_interval or ALIVE_SECONDS}",
            ),
            *self._bare(),
            *(_options(f"ProxyCommand={_through(before)}") if before else ()),
            *self._of_inventory(named_only=named_only),
            *asked.options,
            *("--", asked.alias),
        ]

    def _bare(self) -> list[str]:
        return _options(*_BARE, *(_SINCE_8_7 if self.version >= (8, 7) else ()))

    def _of_inventory(self, *, named_only: bool) -> list[str]:
        """Return what the inventory and the command line say of keys, for every hop."""
        ssh = self.ssh
        words = ["-C"] if ssh.given.compress else []
        for path in named_keys(ssh):
            words += _options(f"IdentityFile={_quoted(_escaped(path))}")
        if named_only:
            words += _options("IdentitiesOnly=yes")
        if ssh.known_hosts:
            words += _options(f"UserKnownHostsFile={_quoted(_escaped(ssh.known_hosts))}")
        if not ssh.given.allow_agent:
            words += _options("IdentityAgent=none")
        return words


def named_keys(ssh: Ssh) -> tuple[str, ...]:
    """Return the keys that the command line and the inventory name."""
    return tuple(path for path in (*ssh.given.key_files, ssh.identity) if path)


def _through(socket: Path) -> str:
    """Return the ProxyCommand that leads through the connection at a socket."""
    options = shlex.join(_options("BatchMode=yes", "LogLevel=ERROR", _NOWHERE))
    # ssh puts in its tokens, then a shell reads it; the second ssh reads the tokens of its -S once more
    path = shlex.quote(_escaped(_escaped(socket)))
    return f"{PROGRAM} -F none {options} -S {path} -W '[%h]:%p' hop"


def _options(*values: str) -> list[str]:
    return [word for value in values for word in ("-o", value)]


def _escaped(path: Path | str) -> str:
    return str(path).replace("%", "%%")


def _quoted(path: str) -> str:
    """Return a path as one word of a line of ssh_config."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
