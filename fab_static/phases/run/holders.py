"""What holds the objects of a release, a host or an archive, and which of them gives which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import RECORD
from fab_static.plan.wire import answers, asks, verbs
from fab_static.plan.wire.verbs import Verb
from fab_static.plan.wording import counted
from fab_static.remote import Head, RemoteHost

Frame = tuple[Head, bytes]


class Source(Protocol):
    """What objects are read from."""

    def packs(self, verb: Verb[asks.Nothing, answers.Nothing], body: bytes) -> Iterable[Frame]:
        """Yield the frames of a stream of objects."""

    def objects(self, wanted: bytes) -> Iterable[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes."""

    def close_agent(self) -> None:
        """Let go of it."""


class Holder(Protocol):
    """What may hold objects of a release: a host, or an archive."""

    @property
    def name(self) -> str:
        """How the operator knows it."""

    @property
    def cure(self) -> str:
        """What to do where nothing holds an object."""

    def lacks(self, wanted: bytes) -> bytes:
        """Return the records of those objects that it does not hold."""

    def objects(self, wanted: bytes) -> Iterable[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes; meanwhile it is asked nothing else."""

    def sibling(self) -> Source:
        """Return what its objects are read from, beside whatever else it is asked."""


def records(objects: Mapping[str, int], *, in_order: bool = False) -> bytes:
    """Return objects, SHA-256 -> size, as agents read them; with `in_order`, sorted by name."""
    found = bytearray()  # a list of so many records is twice as large as all of them
    for sha256 in sorted(objects) if in_order else objects:
        found += RECORD.pack(bytes.fromhex(sha256), objects[sha256])
    return bytes(found)


def named(wanted: bytes) -> dict[str, int]:
    """Return the objects, SHA-256 -> size, that records name."""
    return {raw.hex(): size for raw, size in RECORD.iter_unpack(wanted)}


def sources(
    wanted: bytes, hosts: Sequence[RemoteHost], holders: Sequence[Holder]
) -> list[tuple[Source, bytes]]:
    """Return what the objects are read from, beside whatever else their holders are asked; see `shares`."""
    return [(holder.sibling(), part) for holder, part in shares(wanted, hosts, holders)]


def shares(
    wanted: bytes,
    hosts: Sequence[RemoteHost],
    holders: Sequence[Holder],
    *,
    whole: Collection[Holder] = (),
    lends_first: bool = False,
) -> list[tuple[Holder, bytes]]:
    """Return what holds the objects, each with the records of those that it gives: most often one has all.

    Args:
        wanted: the objects' records.
        hosts: that they are for.
        holders: who may hold them, the first one first.
        whole: those of the holders that are known to hold them all, and need not be asked.
        lends_first: all is read before anything goes to these hosts: then one of them may hold what another lacks.

    Raises:
        RemoteError: one of the objects is nowhere.
    """
    found: list[tuple[Holder, bytes]] = []
    left = wanted
    for holder in holders:
        if holder in hosts and not lends_first:
            continue
        absent = b"" if holder in whole else holder.lacks(left)
        if len(absent) < len(left):
            found.append((holder, _without(left, absent)))
        left = absent
        if not left:
            return found
    names = [host.name for host in hosts] or ["the bucket"]
    raise RemoteError(
        f"no host has {counted(len(left) // RECORD.size, 'object')} that {', '.join(names)} "
        + ("lack" if len(names) > 1 else "lacks"),
        where=f"{holders[0].name}: objects/",
        mend=holders[0].cure,
    )


def _without(wanted: bytes, absent: bytes) -> bytes:
    if not absent:
        return wanted
    out = set(RECORD.iter_unpack(absent))
    return b"".join(RECORD.pack(*one) for one in RECORD.iter_unpack(wanted) if one not in out)


def frames_of(lent: Sequence[tuple[Source, bytes]]) -> Iterator[Frame]:
    """Yield the frames of all that was lent, one source after the other."""
    for source, part in lent:
        yield from source.packs(verbs.FETCH, part)
