"""One deploy at a time where no build host lasts: the lock as an object of a bucket.

It is taken, renewed and given back by conditional writes, so if two try at once, one wins. Whether its owner is
dead, the store's own clock says. Our clock may be wrong, and may jump.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from fab_static.aws.refusals import RefusedError
from fab_static.errors import CdnError, FabStaticError
from fab_static.phases.run import lock as locks
from fab_static.phases.run.lock import Ownership
from fab_static.plan.bucket_lock import DEAD_SECONDS, LOCK, KeptLock, holder_of
from fab_static.plan.bucket_notes import FORMAT, HEADERS, read_note, text_of
from fab_static.plan.inventory import S3, Environment
from fab_static.plan.wire import answers

if TYPE_CHECKING:
    from fab_static.aws.s3 import Seen

WATCH_SECONDS = 12.0  # two beats: so long no beat may come before a silent lock is taken
TRUSTED_SECONDS = 30.0  # after the last beat; then it is renewed before anything else is done
LOST_A_RACE = (404, 409, 412)  # somebody else wrote, or removed it, since we looked


class BucketLock(Ownership):
    """The lock that a bucket keeps."""

    def __init__(self, place: S3, environment: Environment, owner: str, phase: str) -> None:
        from fab_static.aws.s3 import Bucket  # not above: fleets without a bucket start sooner

        super().__init__(environment, owner, phase)
        self._bucket = Bucket(place)
        self._writing = threading.Lock()  # the heart and `prove` never beat at once
        self._ours: KeptLock | None = None  # as it was written last
        self._etag: str | None = None
        self._renewed_at = 0.0
        self._ahead = time.time() - _clock()  # the store's clock, less ours that goes forward alone
        self._unmoved: tuple[str, float] = ("", 0.0)  # an ETag, and since when it is the same

    @property
    def keeper(self) -> str:
        """Who keeps the lock, for messages."""
        return str(self._bucket.place)

    @property
    def where(self) -> str:
        """Where the lock is kept, for messages."""
        return f"{self._bucket.place}{LOCK}"

    @property
    def if_left(self) -> str:
        """What becomes of a lock that could not be released, for messages."""
        return "it expires within a minute"

    def held_at(self, phase: str) -> dict[str, str]:
        """Note the phase. The build host keeps no lock, and needs no words."""
        self.phase = phase
        return {}

    def holder(self) -> answers.Holder | None:
        """Return who holds the lock, or None if it is free. No right to write is needed."""
        return self._holder_in(self._seen())

    def check(self) -> None:
        """Refuse as usual; renew the lock first where no beat went through for long: this machine may have slept."""
        if self._ours and not self._lost and _clock() - self._renewed_at > TRUSTED_SECONDS:
            self._renew()
        super().check()

    # ---- what an Ownership does

    def _asked(self, *, steal: bool) -> answers.Locked:
        while True:
            seen = self._seen()
            present = self._holder_in(seen)
            if seen and present and not steal and not self._is_left(seen, present):
                return {"taken": False, "holder": present}
            self._may_be_ours = True  # whoever is interrupted here does not know
            ours = self._new()
            if self._wrote(ours, seen.etag if seen else None):
                self._refuse_a_store_without_conditions()
                return {"taken": True, "token": ours["run"], "took_over": present}
            self._may_be_ours = steal = False  # of two thieves one wins, and the other is told

    def _beaten(self) -> answers.Beat:
        with self._writing:
            assert self._ours is not None  # noqa: S101 - it was taken
            lock = self._ours
            now = self._ahead + _clock()
            if self._wrote(
                {**lock, "beat": lock["beat"] + 1, "phase": self.phase, "at": now}, self._etag
            ):
                return {"ours": True, "holder": None}
        seen = self._seen()
        thief = holder_of(self._read(seen), seen.now, seen.written) if seen else None
        return {"ours": False, "holder": thief}

    def _is_ours_after(self, error: FabStaticError) -> bool:
        del error
        return True  # whoever takes it writes it, and then no beat of ours goes through

    def _give_back(self) -> None:
        if not self._may_be_ours:
            return
        if not self._writing.acquire(timeout=locks.BEAT_SECONDS):
            raise CdnError("the store does not answer", where=self.where, mend="run it again")
        try:
            seen = self._seen()  # again: the answer to our last write may be lost
            there = self._read(seen) if seen else None
            if seen and there and self._ours and there["run"] == self._ours["run"]:
                self._wrote({**there, "beat": there["beat"] + 1, "released": True}, seen.etag)
        finally:
            self._writing.release()

    # ---- whose it is

    def _is_left(self, seen: Seen, present: answers.Holder) -> bool:
        """Tell whether the owner is dead: he was silent for long, and no beat comes while we watch.

        After the store's clock has jumped, every owner looks silent. Where the store names no times, a lock is
        left that did not change in all the time that we wait for it.
        """
        etag, since = self._unmoved
        if etag != seen.etag:
            self._unmoved = seen.etag, _clock()
        elif _clock() - since > DEAD_SECONDS:
            return True
        if not present["dead"]:
            return False
        deadline = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            self._stop.wait(min(1.0, WATCH_SECONDS / 10))
            again = self._seen()
            if again is None or again.etag != seen.etag:
                return False
        return True

    def _new(self) -> KeptLock:
        now = self._ahead + _clock()
        return KeptLock(
            format=FORMAT,
            app=self._environment.app,
            environment=self._environment.name,
            owner=self._owner,
            process=os.getpid(),
            phase=self.phase,
            run=os.urandom(8).hex(),
            since=now,
            at=now,
            beat=0,
            released=False,
        )

    # ---- the object

    def _seen(self) -> Seen | None:
        seen = self._bucket.see(LOCK)
        if seen and seen.now is not None:
            self._ahead = seen.now - _clock()
        return seen

    def _read(self, seen: Seen) -> KeptLock:
        app, name = self._environment.app, self._environment.name
        return read_note(
            KeptLock, seen.body, what="lock", app=app, environment=name, where=self.where
        )

    def _holder_in(self, seen: Seen | None) -> answers.Holder | None:
        if seen is None:
            return None
        there = self._read(seen)
        return None if there["released"] else holder_of(there, seen.now, seen.written)

    def _wrote(self, lock: KeptLock, etag: str | None) -> bool:
        """Write the lock if nobody has since; return whether it was written."""
        self._ours, text = lock, text_of(lock)
        try:
            written = self._bucket.put(
                LOCK, text, headers=HEADERS, if_match=etag, if_none_match=etag is None
            )
        except RefusedError as error:
            if error.status == 501:
                self._refuse(error)
            if error.status not in LOST_A_RACE or error.code == "NoSuchBucket":
                raise
            there = self._seen()
            if there is None or there.body != text:
                return False
            written = there.etag  # it was us: only the answer was lost
        self._etag, self._renewed_at = written, _clock()
        return True

    def _refuse_a_store_without_conditions(self) -> None:
        """Refuse a store that takes no notice of conditions: it would let two deploys go on at once."""
        assert self._ours is not None  # noqa: S101 - it was written
        try:
            ignores = self._bucket.ignores_conditions(LOCK, text_of(self._ours), headers=HEADERS)
        except RefusedError as error:
            if error.status == 501:
                self._refuse(error)
            raise
        if ignores:
            self._refuse(None)

    def _refuse(self, error: FabStaticError | None) -> NoReturn:
        said = f": {error.what}" if error else " and writes anyway"
        raise CdnError(
            f"the store does not know conditional writes{said}; two deploys at once would not see each other",
            where=self.keeper,
            mend="use a store that knows If-Match and If-None-Match (docs/s3.md); or let the build host keep "
            "the lock and the record, if it lasts: release: {record: host}",
        ) from error


def _clock() -> float:
    """Return seconds that only go forward, also while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
