"""The record in a bucket, as one run has it: read, brought to the build host under the lock, and written back."""

from __future__ import annotations

from hashlib import sha256 as sha256_of
from typing import TYPE_CHECKING

from fab_static.aws.refusals import RefusedError
from fab_static.errors import DeployLockedError
from fab_static.phases.run.bucket_holder import InBucket
from fab_static.phases.run.publication import Publication
from fab_static.plan.bucket_notes import FORMAT, HEADERS, read_note, text_of
from fab_static.plan.bucket_record import (
    RECORD,
    Begun,
    KeptRecord,
    KeptSeal,
    journal_for_all,
    settled,
    state_of,
)
from fab_static.plan.release import Release
from fab_static.plan.wire.answers import State
from fab_static.plan.wire.kept import beside_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fab_static.plan.wire.kept import Beside, Json


class BucketRecord:
    """The record that a bucket keeps for a build host that does not last.

    Who only looks takes what it says in place of the build host's own words. A run brings it to the build host
    first, and from then on the host speaks for itself, until `save` writes back what it says.
    """

    def __init__(self, publication: Publication) -> None:
        self.publication = publication
        self.is_here = False  # the build host's folder is as it says, or it is about to be written
        self.here: State | None = None  # what the build host says of itself
        self.note: KeptRecord | None = None  # None: there is none yet
        self.kept: dict[str, KeptSeal] = {}  # every release that the bucket holds whole
        self._etag: str | None = None

    @property
    def where(self) -> str:
        """Where it is kept, for messages."""
        return self.publication.name + RECORD

    def read(self) -> BucketRecord:
        """Read the record.

        Raises:
            CdnError: the bucket may not be read.
            ManifestError: it cannot be understood, or is another environment's.
        """
        found = self.publication.bucket.get(RECORD)
        if found is not None:
            text, self._etag = found
            environment = self.publication.environment
            self.note = read_note(
                KeptRecord,
                text,
                what="record",
                app=environment.app,
                environment=environment.name,
                where=self.where,
            )
            self.kept = dict(self.note["releases"])
        return self

    def seen_from(self, here: State, others: Collection[str | None]) -> State:
        """Return the build host's state: what the record says, in place of what stands on a host that may be empty.

        Args:
            here: what the host says of itself.
            others: what is live on each other host and in the origin, or None if that is not sure.
        """
        if self.is_here or self.note is None:
            return here
        self.here, self.note = here, settled(self.note, others)
        return state_of(self.note, here)

    # ---- releases

    def holder(self) -> InBucket:
        """Return the bucket as a holder of objects."""
        return InBucket(self.publication)

    def seal(self, name: str) -> tuple[bytes, Beside]:
        """Return the seal of a release that is kept, and what stands beside it.

        Raises:
            CdnError: the bucket does not hold it any more.
        """
        known = self.kept[name]
        return self.holder().object(known["sha256"]), beside_of(known)

    def keeps(self, release: Release, text: bytes, beside: Beside) -> None:
        """Note that the bucket holds a release whole."""
        self.kept[release.id] = {
            "sha256": sha256_of(text).hexdigest(),
            "size": len(text),
            **beside_of(beside),
            "summary": {
                "id": release.id,
                "revision": release.revision,
                "created_at": release.created_at,
                "created_by": release.created_by,
                "environment": release.environment,
                "digest": release.digest,
                "files": len(release.files),
                "bytes": sum(file.size for file in release.files.values()),
            },
        }

    def seals(self) -> set[str]:
        """Return the objects that are seals of releases that are kept."""
        return {known["sha256"] for known in self.kept.values()}

    # ---- writing

    def save(
        self,
        state: State,
        run: str,
        begun: Begun | None,
        signed: Mapping[str, Beside],
    ) -> None:
        """Write what the build host says of itself, if nobody has written since we read it.

        Args:
            state: the build host's.
            run: the lock's token.
            begun: the flip that begins now.
            signed: what was signed since, release by release.

        Raises:
            DeployLockedError: somebody has: the lock is another's, or was.
        """
        self.kept = {name: self.kept[name] for name in state["releases"] if name in self.kept}
        for name in self.kept.keys() & signed.keys():
            self.kept[name] = {**self.kept[name], **beside_of(signed[name])}
        environment = self.publication.environment
        self.write(
            KeptRecord(
                format=FORMAT,
                app=environment.app,
                environment=environment.name,
                run=run,
                current=state["current"],
                previous=state["previous"],
                journal=journal_for_all(state["journal"]),
                log=state["record"],
                releases=self.kept,
                begun=begun,
            )
        )

    def add(self, line: Json, run: str) -> None:
        """Write one line more into the log; nothing is brought to the build host for that."""
        if self.note:
            self.write({**self.note, "run": run, "log": [*self.note["log"], line]})

    def write(self, note: KeptRecord) -> None:
        """Write the record as it shall be, if nobody has written since we read it; see `save`."""
        text = text_of(note)
        if self.note is not None and text == text_of(self.note):
            return
        bucket = self.publication.bucket
        try:
            etag = bucket.put(
                RECORD, text, headers=HEADERS, if_match=self._etag, if_none_match=self._etag is None
            )
        except RefusedError as error:
            if error.status not in (404, 409, 412) or error.code == "NoSuchBucket":
                raise
            there = bucket.get(RECORD)
            if there is None or there[0] != text:
                raise DeployLockedError(
                    "this deploy does not hold the lock any more: another run has written the record since",
                    where=self.where,
                    mend=f"see who deploys now: fab {self.publication.environment.name} status",
                ) from error
            etag = there[1]  # it was us: only the answer was lost
        self._etag, self.note = etag, note
