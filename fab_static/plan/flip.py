"""A flip as one value: what each host goes to and back to, in which order, and what caches must forget.

It is worked out before a link moves (phases/run/flipping.py), `plan` prints its steps, and `activate` carries it
out. A host keeps its part while the flip is provisional.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fab_static.plan.cdn.queries import Queries
from fab_static.plan.wire import asks

if TYPE_CHECKING:
    from fab_static.plan.printed import Step as PrintedStep


@dataclass(frozen=True)
class HostFlip:
    """What one host flips to, and where it goes back to.

    `links` maps a file of the project to its place in `current`; only web hosts have any. `manifest` is the one of
    them that is the offline manifest. `current` and `previous` are what the host's links name before the flip.
    """

    release: str
    links: Mapping[str, str]
    manifest: str | None
    reload: str | None  # has web processes read the manifests again
    confirm_timeout: float  # seconds; a host that hears nothing for so long goes back
    entry: Mapping[str, Any]  # what the host's record says of the flip
    current: str | None
    previous: str | None
    joins: Sequence[asks.Lived] = ()  # lines of the record, for a host that was away

    @property
    def forth(self) -> asks.Forth:
        """What the host is told to flip, and to confirm."""
        return {
            "release": self.release,
            "links": dict(self.links),
            "manifest": self.manifest,
            "reload": self.reload,
            "confirm_timeout": self.confirm_timeout,
            "entry": dict(self.entry),
        }

    @property
    def back(self) -> asks.Back:
        """What the host is told to go back."""
        return {**self.forth, "current": self.current, "previous": self.previous}


@dataclass(frozen=True)
class Forgetting:
    """The URLs that CloudFront may hold with other bytes: once the release is live, and once it is undone.

    Both map a path below the static root to the queries under which it may be cached. `by_tag` tells that all of
    the first were given out with cache tags.
    """

    if_it_stays: Mapping[str, Queries]
    if_undone: Mapping[str, Queries]
    by_tag: bool


@dataclass(frozen=True)
class Move:
    """Hosts whose links move at once; their web processes are then reloaded and asked, where `reloads`."""

    hosts: tuple[str, ...]
    reloads: bool = False


@dataclass(frozen=True)
class Publish:
    """The bucket that visitors' requests come to gets the release's bytes under their own names."""

    bucket: str


@dataclass(frozen=True)
class Forget:
    """CloudFront is asked to forget what has other bytes now."""


@dataclass(frozen=True)
class Confirm:
    """Every host is told that all have flipped: none goes back any more."""

    hosts: tuple[str, ...]


Step = Move | Publish | Forget | Confirm


@dataclass(frozen=True)
class Flip:
    """The flip of one release on a whole fleet."""

    release: str
    steps: tuple[Step, ...]
    hosts: Mapping[str, HostFlip]  # by name
    forgetting: Forgetting


def steps(
    *,
    build: str,
    static: Sequence[str],
    web: Sequence[str],
    batch: str,
    bucket: str | None,
    has_cdn: bool,
) -> tuple[Step, ...]:
    """Return the whole order of a flip.

    Files come before the names that point at them: static hosts and the bucket first. CloudFront forgets after
    them, since it would fetch the old bytes again before, and ahead of the pages that name the new ones. The
    build host is last: its record says what was live everywhere.

    Args:
        build: the host that builds.
        static: the hosts that serve static files.
        web: the hosts that render pages.
        batch: how many web hosts flip at once: a number, or a share such as 25%.
        bucket: the origin, where one is a bucket.
        has_cdn: whether CloudFront stands before them.
    """
    found: list[Step] = []
    if static:
        found.append(Move(tuple(static)))
    if bucket:
        found.append(Publish(bucket))
    if has_cdn:
        found.append(Forget())
    found += [Move(tuple(some), reloads=True) for some in batches(web, batch)]
    found.append(Move((build,)))
    found.append(Confirm(tuple(dict.fromkeys((build, *static, *web)))))
    return tuple(found)


def batches(hosts: Sequence[str], size: str) -> list[Sequence[str]]:
    """Return the hosts in batches of `size`: a number, or a share such as 25% (at least one)."""
    if size.endswith("%"):
        count = max(1, math.ceil(len(hosts) * int(size[:-1]) / 100))
    else:
        count = int(size)
    return [hosts[at : at + count] for at in range(0, len(hosts), count)]


def printed(found: Sequence[Step], *, reloads: bool, checks: bool) -> list[PrintedStep]:
    """Return the steps as `plan --json` prints them: {"do", "hosts", "reloads", "checks"}, or {"do", "bucket"}.

    Args:
        found: the steps, in order.
        reloads: whether the inventory says how web processes are reloaded.
        checks: whether it says how they are asked.
    """
    return [_printed(step, reloads, checks) for step in found]


def _printed(step: Step, reloads: bool, checks: bool) -> PrintedStep:
    match step:
        case Move(hosts, is_web):
            return {
                "do": "flip",
                "hosts": list(hosts),
                "reloads": is_web and reloads,
                "checks": is_web and checks,
            }
        case Publish(bucket):
            return {"do": "publish", "bucket": bucket}
        case Forget():
            return {"do": "invalidate"}
        case Confirm(hosts):
            return {"do": "confirm", "hosts": list(hosts)}
