"""What was live when -> which release a rollback goes back to, and which releases may go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STAGED_KEPT = 5  # at least, of releases that are not live yet


@dataclass(frozen=True)
class Activation:
    """One line of the record: which release went live, when (seconds since 1970), and what for."""

    release: str
    at: float
    rolled_back: str | None = None  # the release that this activation put out of service
    without: tuple[str, ...] = ()  # the hosts that were left out
    revision: str | None = None  # that the release was built from


def previous(record: Sequence[Activation], live: str, sealed: Iterable[str]) -> str | None:
    """Return the release that a rollback from `live` goes to, by record, or None if there is none.

    Deploys lay releases on a stack, a rollback takes those off that it went back over; so a second
    rollback goes further back, and never to what the first one left. `sealed` are those that still
    exist.
    """
    there = set(sealed) - bad(record) - {live}
    below = _below(record, live)
    return next((release for release in reversed(below) if release in there), None)


def goes_back(record: Sequence[Activation], live: str, to: str) -> bool:
    """Tell whether going from `live` to another release is going back, which puts `live` out of service.

    The record says so, not the ids: a promoted release may be older than the one it replaced. Only of
    one that was never live nothing but its id is known.
    """
    if live == to:
        return False
    if any(activation.release == to for activation in record):
        return to in _below(record, live)
    return live > to


def _below(record: Sequence[Activation], live: str) -> list[str]:
    """Return what lies below `live` on the stack of deploys, the bottom first."""
    stack: list[str] = []
    for activation in record:
        if activation.rolled_back and activation.release in stack:
            while stack[-1] != activation.release:
                stack.pop()
        elif stack[-1:] != [activation.release]:
            stack.append(activation.release)
    if live not in stack:
        return []
    return stack[: len(stack) - 1 - stack[::-1].index(live)]


def left_behind(record: Sequence[Activation]) -> dict[str, str | None]:
    """Return the hosts that the last activation left out, each with the release that it has stayed on.

    None: the record knows of no activation with it.
    """
    found: dict[str, str | None] = {}
    for host in record[-1].without if record else ():
        with_it = (one.release for one in reversed(record) if host not in one.without)
        found[host] = next(with_it, None)
    return found


def bad(record: Sequence[Activation]) -> set[str]:
    """Return the releases that a rollback took out of service and nobody made live again."""
    marked: set[str] = set()
    for activation in record:
        if activation.rolled_back:
            marked.add(activation.rolled_back)
        marked.discard(activation.release)
    return marked


def to_prune(
    releases: Iterable[str],
    record: Sequence[Activation],
    *,
    live: str | None,
    keep: int,
    keep_for_seconds: float,
    now: float,
) -> list[str]:
    """Return the releases that may go, oldest first.

    These stay: the live one and the one before it; the last `keep` that were once live; what was live within
    `keep_for_seconds`, since pages that print its URLs may still be open; what hosts that were left out may still
    serve; and the last `keep` bad ones, which somebody may want to look at. Releases that were never live go when something newer is live, or as many
    newer ones are sealed.
    """
    last_live: dict[str, float] = {}
    ended: dict[str, float] = {}
    for activation, following in zip(record, [*record, None][1:], strict=True):
        last_live[activation.release] = activation.at
        ended[activation.release] = following.at if following else now
    there = sorted(releases)
    once_live = sorted(set(there) & set(last_live), key=lambda name: last_live[name])
    marked = bad(record)
    staged = [name for name in there if name not in last_live and (live is None or name > live)]
    kept = {live, previous(record, live, there) if live else None, *left_behind(record).values()}
    kept |= {name for name, end in ended.items() if now - end < keep_for_seconds}
    wrong = [name for name in once_live if name in marked]
    for some, count in ((once_live, keep), (wrong, keep), (staged, max(keep, STAGED_KEPT))):
        kept.update(some[max(0, len(some) - count) :])
    return [name for name in there if name not in kept]
