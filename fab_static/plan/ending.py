"""How a run ended, in words: what is live where, what was undone, the one command to run next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `status` starts sooner without
    from fab_static.plan.inventory import Environment

NOTHING = "nothing yet"  # is live there


def after_prepare(environment: Environment) -> str:
    """Return the command that follows `prepare`.

    A release of this machine alone goes live here, or elsewhere as a file. What is signed here is for elsewhere.
    """
    activate = f"fab {environment.name} activate"
    if environment.origin or not all(host.local for host in environment.hosts):
        return activate
    export = f"fab {environment.name} export --out {environment.app}.release"
    return export if environment.release.sign_with else f"{activate}, or to ship it: {export}"


@dataclass(frozen=True)
class Ending:
    """What an operator wants to know on a bad day, whatever went wrong.

    Args:
        hosts: all of them, in the inventory's order; after them a bucket that is an origin.
        live: host -> the release that is live there (None: nothing yet), as far as it is known.
        undone: the hosts that had been asked to flip and were put back.
        next: the command line to run.
        stays: the release is live, and what failed came after that.
        down: the hosts that did not answer when the run began.
        without: the hosts that the run left out.
        is_as_before: what is live everywhere was live when the run began.
    """

    hosts: Sequence[str]
    live: Mapping[str, str | None]
    undone: Collection[str]
    next: str
    stays: bool = False
    down: Collection[str] = ()
    without: Sequence[str] = ()
    is_as_before: bool = False

    def words(self) -> Iterator[tuple[str, str]]:
        """Yield the three answers, each with the word that stands before it."""
        yield "live", self._live() + self._left_out()
        yield "undone", self._undone()
        yield "next", self.next

    def _left_out(self) -> str:
        return f"; {listed(self.without)} left out, and not asked" if self.without else ""

    def _live(self) -> str:
        if not self.live:
            return self._nothing_changed()
        where = {
            host: (self.live[host] or NOTHING) if host in self.live else "not known"
            for host in self.hosts
        }
        return live_where(where) + (", as before" if self.is_as_before else "")

    def _nothing_changed(self) -> str:
        up = [host for host in self.hosts if host not in self.down]
        if len(up) == len(self.hosts):
            return "what was live before, on every host: nothing was changed"
        silent = f"{listed(self._ordered(self.down))} cannot be reached"
        if not up:
            return f"not known: {silent}; nothing was changed"
        return f"what was live before, on {listed(up)}: nothing was changed; {silent}"

    def _undone(self) -> str:
        undone = self._ordered(self.undone)
        if undone:
            return "the flip of " + listed(undone)
        return "nothing: the release stays live" if self.stays else "nothing: no host had flipped"

    def _ordered(self, names: Collection[str]) -> list[str]:
        return [*(host for host in self.hosts if host in names), *sorted({*names} - {*self.hosts})]


def live_where(where: Mapping[str, str]) -> str:
    """Return in words what is live on which host: "X on every host", "X on edge1, edge2; Y on web1"."""
    hosts: dict[str, list[str]] = {}
    for host, name in where.items():
        hosts.setdefault(name, []).append(host)
    if len(hosts) == 1:
        name = next(iter(hosts))
        return f"{name} on {'any' if name == NOTHING else 'every'} host"
    return "; ".join(f"{name} on {listed(some)}" for name, some in hosts.items())


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them."""
    return ", ".join(names)
