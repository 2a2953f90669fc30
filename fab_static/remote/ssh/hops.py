"""The way to each host: the machines that a connection goes through, in order, the host last.

A hop is asked for as `ssh -J` would: with the configuration of its own word. The inventory's keys stand over
that of the host; of those, the ones that say how to be known and let in hold for every hop.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fab_static.errors import InventoryError
from fab_static.plan.inventory import Environment, Host
from fab_static.remote.ssh.asking import Asked, answer_of_ssh
from fab_static.remote.ssh.key_files import refuse_wrong_identity
from fab_static.remote.ssh.settings import Settings
from fab_static.remote.ssh.without_ssh import answer_of_paramiko, not_followed
from fab_static.workers import Workers

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
        self._parallel = environment.ssh.parallel
        self._hosts = tuple(host for host in environment.hosts if not host.local)
        self._tell = tell
        self._answers: dict[Asked, Settings | InventoryError] = {}
        self._has_ssh = True
        self._finding = threading.Lock()

    def to(self, host: Host) -> Way:
        """Return the way to a host.

        All ways are found when the first is needed, so that nothing is contacted where one cannot be followed.

        Raises:
            InventoryError: ssh's configuration cannot be followed, or the inventory names no key.
        """
        asked = self.asked(host)
        with self._finding:
            if asked not in self._answers:
                self._ask_for_all({self.asked(each) for each in (*self._hosts, host)})
                refuse_wrong_identity(self._ssh)
            for found in self._answers.values():
                if isinstance(found, InventoryError):
                    raise found
            return self._way(asked)

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
        found = self._answers[asked]
        assert isinstance(found, Settings)  # noqa: S101 - `to` has raised what is none
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

    def _ask_for_all(self, wanted: Iterable[Asked]) -> None:
        """Ask for all of them at once, and then for the hops that they name."""
        missing = [asked for asked in wanted if asked not in self._answers]
        while missing:
            if self._has_ssh:
                with Workers(self._parallel, "fab_static ssh -G") as workers:
                    asked_for = {asked: workers.submit(self._kept, asked) for asked in missing}
                    self._answers |= {asked: one.result() for asked, one in asked_for.items()}
            else:
                self._answers |= {asked: answer_of_paramiko(asked) for asked in missing}
            found = {asked: self._answers[asked] for asked in missing}
            hops = (
                self._before(asked, one)
                for asked, one in found.items()
                if isinstance(one, Settings)
            )
            missing = [hop for hop in dict.fromkeys(hops) if hop and hop not in self._answers]

    def _kept(self, asked: Asked) -> Settings | InventoryError:
        try:
            return answer_of_ssh(asked)
        except InventoryError as error:
            return error
        except FileNotFoundError:
            self._without_ssh(asked.file)
            return answer_of_paramiko(asked)

    def _without_ssh(self, file: str | None) -> None:
        """Go on with Paramiko's reader, and tell once what it does not follow."""
        told, self._has_ssh = self._has_ssh, False
        lost = not_followed(file)
        if told and lost and self._tell:
            self._tell(
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
