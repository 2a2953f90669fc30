"""A bucket as a holder of a release's objects: an empty build host, a new host and an archive are given them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256 as sha256_of

from fab_static.errors import CdnError
from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.phases.run.archive import frame
from fab_static.phases.run.publication import Publication
from fab_static.plan.bucket_record import places
from fab_static.plan.wire import answers, asks
from fab_static.plan.wire.verbs import Verb
from fab_static.remote import Head


class LackingError(CdnError):
    """The bucket does not hold an object that it should hold."""


class InBucket:
    """What a bucket holds for good, by SHA-256."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication

    @property
    def name(self) -> str:
        """How the operator knows it."""
        return self._publication.name

    @property
    def cure(self) -> str:
        """What to do where nothing holds an object."""
        return f"build them again: fab {self._publication.environment.name} deploy"

    @cached_property
    def _places(self) -> Mapping[str, str]:
        return places(self._publication.manifest)

    def lacks(self, wanted: bytes) -> bytes:
        """Return the records of those objects that it does not hold."""
        return b"".join(
            RECORD.pack(raw, size)
            for raw, size in RECORD.iter_unpack(wanted)
            if raw.hex() not in self._places
        )

    def sibling(self) -> InBucket:
        """Return what its objects are read from."""
        return self

    def close_agent(self) -> None:
        """Let go of nothing: it has no agent."""

    def packs(
        self, verb: Verb[asks.Nothing, answers.Nothing], body: bytes
    ) -> Iterator[tuple[Head, bytes]]:
        """Yield the objects as the frames in which a host sends them."""
        del verb
        for raw, size in RECORD.iter_unpack(body):
            pack = RECORD.pack(raw, size) + self.object(raw.hex())
            for at in range(0, len(pack), PIECE):
                yield frame(pack[at : at + PIECE], deflate=False)

    def objects(self, wanted: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield objects, SHA-256 and bytes; in memory is one at a time."""
        for raw, _ in RECORD.iter_unpack(wanted):
            yield raw.hex(), self.object(raw.hex())

    def object(self, sha256: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            LackingError: the bucket does not hold it, or holds other bytes in its place.
        """
        key = self._places.get(sha256)
        found = self._publication.bucket.get(key) if key else None
        if found is None or sha256_of(found[0]).hexdigest() != sha256:
            raise LackingError(
                f"the bucket {'holds other bytes in the place of' if found else 'lacks'} object {sha256}",
                where=f"{self.name}{key or ''}",
                mend=f"fab {self._publication.environment.name} verify --audit, then deploy",
            )
        return found[0]
