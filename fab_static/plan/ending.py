"""How a run ended, in words: what is live where, what was undone, the one command to run next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """What an operator wants to know on a bad day, whatever went wrong.

    Args:
        hosts: all of them, in the inventory's order.
        live: host -> the release that is live there (None: nothing yet), as far as it is known.
        undone: the hosts that had been asked to flip and were put back.
        next: the command line to run.
        stays: the release is live, and what failed came after that.
    """

    hosts: Sequence[str]
    live: Mapping[str, str | None]
    undone: Sequence[str]
    next: str
    stays: bool = False

    def words(self) -> Iterator[tuple[str, str]]:
        """Yield the three answers, each with the word that stands before it."""
        yield "live", self._live()
        yield "undone", self._undone()
        yield "next", self.next

    def _live(self) -> str:
        if not self.live:
            return "what was live before, on every host: nothing was changed"
        where: dict[str, list[str]] = {}
        for host in self.hosts:
            name = (self.live[host] or "nothing yet") if host in self.live else "not known"
            where.setdefault(name, []).append(host)
        if len(where) == 1:
            return f"{next(iter(where))} on every host"
        return "; ".join(f"{name} on {', '.join(hosts)}" for name, hosts in where.items())

    def _undone(self) -> str:
        if self.undone:
            return "the flip of " + ", ".join(host for host in self.hosts if host in self.undone)
        return "nothing: the release stays live" if self.stays else "nothing: no host had flipped"
