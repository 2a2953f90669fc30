"""What of an environment's releases one bucket holds, by its manifest, and how that changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fab_static.aws.refusals import RefusedError, UnansweredError
from fab_static.errors import CdnError, DeployLockedError, ReleaseError
from fab_static.plan import publication as plan
from fab_static.plan.inventory import S3, Environment
from fab_static.plan.publication import MANIFEST, Item, Manifest
from fab_static.plan.release import Release
from fab_static.plan.wording import counted, indented

if TYPE_CHECKING:
    from fab_static.remote import RemoteHost


class Publication:
    """One bucket, and its manifest as we know it: every change is written on the condition that we do."""

    def __init__(self, place: S3, environment: Environment) -> None:
        from fab_static.aws.s3 import Bucket  # not above: fleets without a bucket start sooner

        self.place = place
        self.environment = environment
        self.bucket = Bucket(place)
        # without checksums a URL would let any bytes be put
        self.build_host_puts = place.put_by == "build" and self.bucket.sends_sha256
        self.lends = True  # until it refuses to: see lending.py
        self.unreached: dict[RemoteHost, str] = {}  # who cannot fetch from it, and why
        self.manifest = Manifest(environment.app, environment.name)
        self._etag: str | None = None  # None: there is no manifest yet
        self._before: Manifest | None = None
        self._sent: bytes | None = (
            None  # a manifest that the store has, or has not: its answer is lost
        )
        self._begun: set[str] = set()  # keys whose last copy has not been answered

    @property
    def name(self) -> str:
        """How the operator knows it."""
        return str(self.place)

    @property
    def live(self) -> str | None:
        """The release that is live in the bucket, or None if none is, or a flip broke off."""
        return None if self.manifest.pending else self.manifest.release

    def read(self) -> Publication:
        """Read the manifest: one request, and the proof that the bucket is there and may be read.

        Raises:
            CdnError: it is not, or may not.
            ManifestError: the manifest cannot be read, or is another environment's.
        """
        found = self.bucket.get(MANIFEST)
        if found is not None:
            text, self._etag = found
            self.manifest = plan.read_manifest(
                text,
                app=self.environment.app,
                environment=self.environment.name,
                where=self.name + MANIFEST,
            )
        return self

    def save(self, manifest: Manifest) -> None:
        """Write the manifest, if nobody has since we read it.

        Raises:
            DeployLockedError: somebody has.
        """
        text = manifest.to_json().encode()
        if self._sent is not None:
            there = self.bucket.get(MANIFEST)
            if there is not None and there[0] == self._sent:
                self._etag = there[1]
        self._sent = text
        try:
            self._etag = self.bucket.put(
                MANIFEST,
                text,
                headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
                if_match=self._etag,
                if_none_match=self._etag is None,
            )
        except RefusedError as error:
            # 404: it was there, and somebody has deleted it
            if error.status not in (404, 412) or error.code == "NoSuchBucket":
                raise
            there = self.bucket.get(MANIFEST)
            if there is None or there[0] != text:
                raise DeployLockedError(
                    "somebody else has written to the bucket since this deploy looked at it",
                    where=self.name + MANIFEST,
                    mend="see who deploys, from which inventory; one bucket and prefix belongs to one "
                    f"environment. Then: fab {self.environment.name} status",
                ) from error
            self._etag = there[1]  # it was us: only the answer was lost
        self._sent = None
        self.manifest = manifest

    # ---- before the flip

    def refuse_contradictions(self, items: Iterable[Item]) -> None:
        """Refuse bytes for a key that others were promised under.

        Raises:
            ReleaseError: naming the keys.
        """
        keys = plan.with_other_bytes(self.manifest, items)
        if keys:
            raise ReleaseError(
                f"{len(keys)} keys have other bytes in the bucket, and a URL must never change its "
                "bytes:\n" + indented(keys, 20),
                where=self.name,
                mend="run resource_static after all that writes the files, then deploy again",
            )

    def fill(
        self,
        items: Sequence[Item],
        bodies: Iterable[tuple[str, bytes]],
        release: str,
        put: Sequence[tuple[Item, str]] = (),
    ) -> int:
        """Write what never changes, and note it; return how many bytes went up from here.

        Args:
            items: those that the manifest lacks.
            bodies: SHA-256 and bytes of each that `must_be_sent` names, in any order.
            release: the release they are for.
            put: what somebody else has written already, each with its ETag.
        """
        are_put = {item.key for item, _ in put}
        waiting: dict[str, list[Item]] = {}
        for item in self.must_be_put(items):
            if item.key not in are_put:
                waiting.setdefault(item.sha256, []).append(item)

        def sent() -> Iterator[tuple[Item, bytes]]:
            for sha256, body in bodies:
                for item in waiting[sha256]:
                    yield item, body

        written = [*put, *self.bucket.each(sent(), self.bucket.create)]
        # other headers for bytes that are there
        again = [(item, b"") for item in items if self._has_bytes(item)]
        written += self.bucket.each(again, lambda item, _: self.bucket.copy(item, source=item.key))
        if written:
            self.save(self.manifest.having(written, release))
        return sum(item.size for of_one in waiting.values() for item in of_one)

    def must_be_sent(self, items: Iterable[Item]) -> dict[str, int]:
        """Return the objects, SHA-256 -> size, whose bytes must go up for these items."""
        return {item.sha256: item.size for item in self.must_be_put(items)}

    def must_be_put(self, items: Iterable[Item]) -> list[Item]:
        """Return the items whose bytes the bucket does not hold under their keys."""
        return [item for item in items if not self._has_bytes(item)]

    def _has_bytes(self, item: Item) -> bool:
        known = self.manifest.files.get(item.key)
        return known is not None and known.sha256 == item.sha256

    def lacks(self, release: Release) -> list[Item]:
        """Return what must be written before a release can go live here."""
        return self.manifest.lacks(plan.hidden(release))

    # ---- the flip

    def visible(self, release: Release) -> list[Item]:
        """Return what stands under the paths of a release while it is live."""
        return plan.visible(release, tags=self.place.cache_tags)

    def served_otherwise(self, release: Release) -> list[str]:
        """Return the paths of a release that the bucket serves with other headers than it would now."""
        return plan.served_otherwise(self.manifest, self.visible(release))

    def overwritten(self, release: Release) -> set[str]:
        """Return the paths of a release under which the bucket holds other bytes now."""
        return {*plan.with_other_bytes(self.manifest, self.visible(release))}

    def make_live(self, release: Release) -> int:
        """Copy each path's live bytes to its own key, inside the bucket; return how many were copied.

        Not atomic: pages of both releases meet either's bytes under unversioned URLs for as long as it
        takes. The manifest says so before the first copy (`pending`), and what is live after the last.
        """
        items = self.manifest.lacks(self.visible(release))
        if not items and self.live == release.id:
            return 0
        before = self.manifest
        if items:
            self.save(self.manifest.beginning(release.id, items))
            self._before = before  # from here on there is something to undo
        self._settle(self._copied(items), release.id)
        self._before = before
        return len(items)

    def put_back(self, live: Release | None) -> bool:
        """Undo `make_live`: copy back what was live before; return whether there was anything to undo.

        Raises:
            CdnError: not all could be copied back; or the store never answered a copy of the flip, and
                may do it yet. The manifest goes on to say that the flip is `pending`.
        """
        before, self._before = self._before, None
        if before is None:
            return False
        self.bucket.settle()  # or a copy that is under way would come after ours
        unanswered = self._begun
        items = self.manifest.lacks(self.visible(live)) if live else []
        done = self._copied(items)
        if unanswered:
            raise CdnError(
                f"the store has not answered whether it copied {counted(len(unanswered), 'key')}, such as "
                f"{', '.join(sorted(unanswered)[:3])}: they may get their new bytes yet",
                where=self.name,
                mend="run the command again: it copies them once more",
            )
        self._settle(done, live.id if live else None)
        return True

    @property
    def live_before(self) -> str | None:
        """The release that was live when the last flip began."""
        return self._before.release if self._before else None

    def _copied(self, items: Iterable[Item]) -> list[tuple[Item, str]]:
        """Copy each item to its own key; return each with its ETag."""
        self._begun = begun = set()

        def copied(item: Item, _: bytes) -> str:
            begun.add(item.key)
            try:
                etag = self.bucket.copy(item)
            except UnansweredError:
                raise
            except CdnError:
                begun.discard(item.key)
                raise
            begun.discard(item.key)
            return etag

        return self.bucket.each(((item, b"") for item in items), copied)

    def _settle(self, done: Iterable[tuple[Item, str]], release: str | None) -> None:
        """Note that this release is live, and what its keys hold."""
        manifest = self.manifest.having(done, release or "")
        self.save(replace(manifest, release=release, pending=None))

    # ---- looking, and what may go

    def audit(self) -> dict[str, str]:
        """List the bucket, and return what is not as the manifest says: key -> in which way."""
        listed = {key: (size, etag) for key, size, etag in self.bucket.listing()}
        return plan.astray(self.manifest, listed)

    def forget(self, keys: Iterable[str]) -> None:
        """Take keys for unknown, so that the next deploy writes them again."""
        self.save(self.manifest.without(keys))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects: first from the manifest, so that nobody relies on one that is gone."""
        if not keys:
            return
        self.forget(keys)
        self._delete(keys)

    def take_back(self) -> None:
        """Delete what hosts were lent: each needed it once."""
        self._delete([key for key, _, _ in self.bucket.listing(plan.LENT)])

    def _delete(self, keys: Iterable[str]) -> None:
        def gone(item: Item, _: bytes) -> str:
            self.bucket.delete(item.key)
            return ""

        self.bucket.each(((Item(key, "", 0), b"") for key in keys), gone)
