"""The way to each host: the machines that a connection goes through, in order, the host last.

A hop is asked for as `ssh -J` would: with the configuration of its own word. The inventory's keys stand over
the host's; of those, the ones that say how to be known and let in hold for every hop.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from fab_static.errors import InventoryError, RemoteError
from fab_static.plan.inventory import Environment, Host
from fab_static.remote.ssh.alike import Answers
from fab_static.remote.ssh.asking import Asked, answer_of_ssh
from fab_static.remote.ssh.key_files import refuse_wrong_identity
from fab_static.remote.ssh.settings import Settings
from fab_static.remote.ssh.without_ssh import answer_of_paramiko, not_followed
from fab_static.workers import Workers

MOST_AT_ONCE = 8  # of ssh: each takes 7 ms of a processor
MOST_HOPS = 8  # as long as no way is; one that leads to itself is found before
_SPELT = re.compile(
    r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<six>[^]]+)\]|(?P<name>[^:]+))(?::(?P<port>\d+))?/?"
)


@dataclass(frozen=True)
class Hop:
    """One machine on the way to a host, or the host itself."""

    asked: Asked
    settings: Settings
    role: str = (
        ""  # "gateway" of the inventory, "jump host" of ssh's configuration; "" for the host
    )

    @property
    def name(self) -> str:
        """How messages call it: the gateway bastion."""
        return f"{self.role} {self.asked.spelt or self.asked.alias}".strip()

    @property
    def by_hand(self) -> str:
        """The command by which a person reaches it."""
        return self.asked.by_hand


Way = tuple[Hop, ...]


class Ways:
    """The ways to the hosts of one environment, found when first needed and kept."""

    def __init__(self, environment: Environment, tell: Callable[[str], None] | None = None) -> None:
        self._ssh = environment.ssh
        self._hosts = tuple(host for host in environment.hosts if not host.local)
        self._tell = tell
        self._answers: dict[Asked, Future[Settings]] = {}
        self._answering = threading.Lock()
        self._said = Answers(answer_of_ssh)
        self._has_begun = False
        self._beginning = threading.Lock()

    def to(self, host: Host) -> Way:
        """Return the way to a host.

        The first host's is found before anything is contacted: ssh reads every line of its configuration for
        every host. The others' are found while those that are known are gone.

        Raises:
            InventoryError: ssh's configuration cannot be followed, or the inventory names no key.
            RemoteError: it cannot be followed for this host alone.
        """
        first = self._begin(host)
        try:
            return self._way(self.asked(host))
        except InventoryError as error:
            if host == first:
                raise
            where = f"{host.name}: {error.where}"
            raise RemoteError(error.what, where=where, mend=error.mend) from error

    def _begin(self, host: Host) -> Host:
        """Find the first host's way, and begin to find the others'; return that host."""
        first, *others = self._hosts or (host,)
        with self._beginning:
            if not self._has_begun:
                self._way(self.asked(first))
                refuse_wrong_identity(self._ssh)
                self._has_begun = True
                workers = Workers(min(self._ssh.parallel, MOST_AT_ONCE), "fab_static ssh -G")
                for other in others:
                    workers.submit(self._way, self.asked(other))
        return first

    def asked(self, host: Host) -> Asked:
        """Return how ssh is asked for a host: the inventory's keys over the configuration's."""
        user, name, port = spelt(host.address)
        return Asked(
            alias=name,
            user=host.user or self._ssh.user or user,
            port=host.port or port,
            jump=None if self._is_gateway(name, host.port or port) else self._ssh.gateway,
            file=self._ssh.given.config_file,
        )

    def _is_gateway(self, name: str, port: int | None) -> bool:
        """Tell whether the host is the gateway to all others."""
        gateway = spelt(self._ssh.gateway) if self._ssh.gateway else None
        return gateway is not None and (name, port) == gateway[1:]

    def _way(self, asked: Asked, behind: tuple[Asked, ...] = ()) -> Way:
        """Return the hops to what was asked for, its own last."""
        if asked in behind or len(behind) > MOST_HOPS:
            raise InventoryError(
                f"the way to {behind[0].alias} leads through {asked.alias} again and again",
                where=f"ProxyJump of {asked.alias}",
                mend=f"add to ~/.ssh/config: Host {asked.alias}, and below it: ProxyJump none",
            )
        found = self._settings(asked)
        role = ""
        if behind:
            role = "gateway" if self._ssh.gateway and behind[0].jump else "jump host"
        hop = Hop(asked, self._with_inventory(found), role)
        before = self._before(asked, found)
        return (*(self._way(before, (*behind, asked)) if before else ()), hop)

    def _before(self, asked: Asked, found: Settings) -> Asked | None:
        """Return the hop that is next to this one, with the rest of its chain."""
        if not found.proxy_jump:
            return None
        *rest, last = found.proxy_jump
        user, name, port = spelt(last)
        text = last if ":" in name else last.replace(f"[{name}]", name)
        return Asked(name, user, port, ",".join(rest) or None, asked.file, spelt=text)

    def _with_inventory(self, found: Settings) -> Settings:
        """Put the inventory's own keys over what the configuration says."""
        ssh = self._ssh
        timeout = ssh.connect_timeout or ssh.given.connect_timeout or found.connect_timeout
        found = replace(
            found, connect_timeout=timeout, compression=found.compression or ssh.given.compress
        )
        if ssh.known_hosts:
            found = replace(found, user_known_hosts=(ssh.known_hosts,))
        if not ssh.given.allow_agent:
            found = replace(found, identity_agent=None)
        return found

    # ---- asking

    def _settings(self, asked: Asked) -> Settings:
        """Return what ssh makes of its configuration; it is asked once."""
        with self._answering:
            is_first = asked not in self._answers
            answer = self._answers.setdefault(asked, Future())
        if is_first:
            try:
                answer.set_result(self._answered(asked))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()

    def _answered(self, asked: Asked) -> Settings:
        try:
            return self._said.of(asked)
        except FileNotFoundError:
            self._tell_what_is_lost(asked.file)
            return answer_of_paramiko(asked)

    def _tell_what_is_lost(self, file: str | None) -> None:
        """Tell once what is not followed where there is no ssh."""
        with self._answering:
            tell, self._tell = self._tell, None
        lost = not_followed(file) if tell else []
        if tell and lost:
            tell(
                "there is no `ssh` on this machine, and without it this is not followed: "
                + "; ".join(lost)
            )


def spelt(text: str) -> tuple[str | None, str, int | None]:
    """Return user, host and port of [user@]host[:port]; an IPv6 address may stand without brackets."""
    user, at, rest = text.rpartition("@")
    if rest.count(":") > 1 and not rest.startswith("["):
        return (user if at else None), rest, None
    match = _SPELT.fullmatch(text)
    if not match:
        return None, text, None
    return (
        match["user"],
        match["six"] or match["name"],
        int(match["port"]) if match["port"] else None,
    )
