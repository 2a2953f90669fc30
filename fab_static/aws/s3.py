"""S3: puts, copies, reads, lists and deletes objects, many at once."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from hashlib import sha256 as sha256_of
from typing import TypeVar
from urllib.parse import unquote_plus

from fab_static.aws import s3_requests
from fab_static.aws.address import quoted
from fab_static.aws.many import FailedError, Room
from fab_static.aws.refusals import RefusedError, bare
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3
from fab_static.plan.publication import PROBE, PROBE_COPY, Item
from fab_static.plan.putting import SignedPut
from fab_static.workers import Workers

T = TypeVar("T")

IN_FLIGHT_BYTES = 64 * 1024 * 1024  # of bodies that wait or are sent: bounds memory
NO_ETAG = "0123456789abcdef0123456789abcdef"  # that no object has
MOST_FAILURES = 20  # then no further object is begun: what fails so often fails always


@dataclass(frozen=True)
class Head:
    """What S3 knows of an object."""

    size: int
    etag: str
    sha256: str | None  # as we noted it when we wrote it


@dataclass(frozen=True)
class Seen:
    """An object as one answer showed it."""

    body: bytes
    etag: str
    now: float | None  # by the store's clock, seconds since 1970; None: it does not say
    written: float | None  # likewise


class Bucket(s3_requests.Requests):
    """The objects of one bucket, below one prefix: every key here is relative to it."""

    def __init__(self, place: S3) -> None:
        super().__init__(place)
        self._broken_off: list[Future[None]] = []  # what was under way when `each` broke off

    # ---- one object

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return an object's bytes and ETag, or None if there is no such key.

        Raises:
            CdnError: S3 refused, or cannot be reached.
        """
        seen = self.see(key)
        return (seen.body, seen.etag) if seen else None

    def see(self, key: str) -> Seen | None:
        """Return an object, and when it was written, by the store's clock, or None if there is no such key.

        Raises:
            CdnError: as of `get`.
        """
        try:
            answer = self._ask("GET", key)
        except RefusedError as error:
            if error.code == "NoSuchKey":
                return None
            raise
        now, written = (_moment(answer.headers.get(name)) for name in ("date", "last-modified"))
        return Seen(answer.body, answer.etag, now, written)

    def head(self, key: str) -> Head | None:
        """Return what S3 knows of an object, or None if there is none."""
        try:
            answer = self._ask("HEAD", key)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        noted = answer.headers.get("x-amz-meta-sha256")
        return Head(int(answer.headers.get("content-length", 0)), answer.etag, noted)

    def put(
        self,
        key: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        sha256: str | None = None,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> str:
        """Write an object, and return its ETag.

        Raises:
            RefusedError: with code PreconditionFailed (status 412) when a condition does not hold.
            CdnError: S3 refused for another reason, or cannot be reached.
        """
        digest = sha256 or sha256_of(body).hexdigest()
        wanted = self._of_put(headers, digest)
        if (
            not self.sends_sha256
        ):  # every store knows this one, and Object Lock wants one of the two
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            wanted["Content-MD5"] = base64.b64encode(md5).decode()
        if if_match:
            wanted["If-Match"] = f'"{if_match}"'
        if if_none_match:
            wanted["If-None-Match"] = "*"
        return self._ask("PUT", key, body=body, headers=wanted, sha256=digest).etag

    def ignores_conditions(self, key: str, body: bytes, *, headers: Mapping[str, str]) -> bool:
        """Tell whether the store writes an object though a condition forbids it; `body` is what stands there.

        Raises:
            CdnError: the store refuses such a header, or cannot be reached.
        """
        for etag in (None, NO_ETAG):
            try:
                self.put(key, body, headers=headers, if_match=etag, if_none_match=etag is None)
            except RefusedError as error:
                if error.status not in (404, 412):
                    raise
            else:
                return True
        return False

    def create(self, item: Item, body: bytes) -> str:
        """Write an object that never changes, and return its ETag; where it is already, all is well.

        Raises:
            CdnError: another's bytes stand under the key, or S3 refused.
        """
        try:
            return self.put(
                item.key, body, headers=item.headers, sha256=item.sha256, if_none_match=True
            )
        except RefusedError as error:
            if error.status != 412:
                raise
        return self.etag_of(item)

    def etag_of(self, item: Item) -> str:
        """Return the ETag of an object that never changes, and that is there already.

        Raises:
            CdnError: another's bytes stand under the key, or S3 refused.
        """
        there = self.head(item.key)
        if there is None or (there.size, there.sha256) != (item.size, item.sha256):
            raise CdnError(
                "other bytes stand under this key, and a URL must never change its bytes",
                where=f"{self.place}{item.key}",
                mend="see who wrote it; delete it if nobody needs it, then deploy again",
            )
        return there.etag

    def sign_puts(self, items: Iterable[Item], *, seconds: int) -> list[SignedPut]:
        """Return what another may put each item with, for a time: it can write those bytes, once, and no others.

        Each has the headers of `create`, all of them signed: the size, the SHA-256, and the condition that
        nothing is there. The store must check SHA-256s: see `sends_sha256`.
        """
        wanted = [(item, self._of_create(item)) for item in items]
        return self.presign_puts(wanted, seconds=seconds)

    def _of_create(self, item: Item) -> dict[str, str]:
        conditions = {"If-None-Match": "*", "Content-Length": str(item.size)}
        return {**self._of_put(item.headers, item.sha256), **conditions}

    def _of_put(self, headers: Mapping[str, str], sha256: str) -> dict[str, str]:
        """Return the headers by which bytes are written, whoever sends them."""
        wanted = {**headers, **self._on_writes, "x-amz-meta-sha256": sha256}
        if self.sends_sha256:
            wanted["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        return wanted

    def copy(self, item: Item, *, source: str | None = None) -> str:
        """Copy inside the bucket, with the item's own headers; return the ETag.

        Raises:
            CdnError: the source is not there, or S3 refused.
        """
        headers = {
            **item.headers,
            **self._on_writes,
            "x-amz-copy-source": self._copy_source(str(source or item.source)),
            "x-amz-metadata-directive": "REPLACE",
            "x-amz-meta-sha256": item.sha256,
        }
        if self.place.owner:
            headers["x-amz-source-expected-bucket-owner"] = self.place.owner
        answer = self._ask("COPY", item.key, headers=headers)
        found = re.search(rb"<ETag>(.*?)</ETag>", answer.body)
        if found:
            return bare(html.unescape(found[1].decode()))
        there = self.head(item.key)  # 200 alone does not say that it was copied
        if there is None or there.sha256 != item.sha256:
            raise CdnError(
                "the store answered 200 to a copy, and has not made it",
                where=f"{self.place}{item.key}",
                mend="run it again; if it happens twice, ask those who run the store",
            )
        return there.etag

    def _copy_source(self, key: str) -> str:
        """Return the header's value as boto3 writes it: Cloudflare R2 refuses a slash before the bucket."""
        bucket = self.place.bucket
        within = "/object" if bucket.startswith("arn:") else ""
        return quoted(f"{bucket}{within}/{self.place.prefix}{key}")

    @cached_property
    def _on_writes(self) -> dict[str, str]:
        """The headers that every write carries, copies too, for what the bucket's policy demands."""
        place = self.place
        wanted = {
            "x-amz-server-side-encryption": place.sse,
            "x-amz-server-side-encryption-aws-kms-key-id": place.sse_key,
            "x-amz-acl": place.acl,
        }
        return {name: value for name, value in wanted.items() if value}

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        self._ask("DELETE", key)

    def listing(self, below: str = "") -> Iterator[tuple[str, int, str]]:
        """Yield key, size and ETag of every object below the prefix, or of those whose keys begin with `below`.

        Raises:
            CdnError: S3 refused, or cannot be reached.
        """
        token = ""
        while True:
            query = {"list-type": "2", "prefix": self.place.prefix + below, "encoding-type": "url"}
            if token:
                query["continuation-token"] = token
            page = ET.fromstring(self._ask("LIST", "", query=query).body)  # noqa: S314 - our own store's
            space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
            is_quoted = page.findtext(f"{space}EncodingType") == "url"  # not every store heeds it
            for one in page.iter(f"{space}Contents"):
                key = one.findtext(f"{space}Key") or ""
                key = unquote_plus(key) if is_quoted else key
                yield (
                    key[len(self.place.prefix) :],
                    int(one.findtext(f"{space}Size") or 0),
                    bare(one.findtext(f"{space}ETag") or ""),
                )
            token = page.findtext(f"{space}NextContinuationToken") or ""
            if not token:
                return

    def may_write(self) -> bool:
        """Find out whether objects may be written, by a write whose condition never holds.

        False: the store wrote it anyway; it does not know conditions.

        Raises:
            CdnError: they may not.
        """
        try:
            self.put(PROBE, b"fab_static", headers={}, if_match=NO_ETAG)
        except RefusedError as error:
            if error.status in (404, 412):
                return True
            raise
        return False

    def knows_conditions(self) -> bool:
        """Find out, by an object of our own, whether writes whose condition does not hold are refused.

        Raises:
            CdnError: it may not be written, or the store refuses such a header.
        """
        body = b"fab_static"
        self.put(PROBE, body, headers={})
        try:
            return not self.ignores_conditions(PROBE, body, headers={})
        finally:
            self._is_removed(PROBE)

    def may_copy(self) -> bool:
        """Find out whether objects may be copied inside the bucket, as each flip does, by a copy.

        Returns:
            Whether what this made could be removed; without s3:DeleteObject it stays.

        Raises:
            CdnError: they may not.
        """
        body, headers = b"fab_static", {"Content-Type": "text/plain", "Cache-Control": "no-store"}
        self.put(PROBE, body, headers=headers)
        try:
            self.copy(Item(PROBE_COPY, sha256_of(body).hexdigest(), len(body), headers, PROBE))
        finally:
            is_gone = self._is_removed(PROBE)
        return self._is_removed(PROBE_COPY) and is_gone

    def _is_removed(self, key: str) -> bool:
        """Delete an object; return whether that was allowed."""
        try:
            self.delete(key)
        except RefusedError as error:
            if error.status != 403:
                raise
            return False
        return True

    # ---- many objects

    def each(
        self, items: Iterable[tuple[Item, bytes]], work: Callable[[Item, bytes], str]
    ) -> list[tuple[Item, str]]:
        """Do the work on all items, many at once, and return each with its ETag.

        `items` is read no faster than bodies are sent. When this breaks off (Ctrl-C, say), no further request
        begins; `settle` waits for those under way.

        Raises:
            FailedError: some failed; it says which, and which did not.
        """
        done: list[tuple[Item, str]] = []
        failures: dict[str, CdnError] = {}
        room = Room(IN_FLIGHT_BYTES)
        stop = threading.Event()

        def one(item: Item, body: bytes) -> None:
            self.here.stop = stop
            try:
                etag = work(item, body)
            except CdnError as error:
                failures[item.key] = error
            else:
                done.append((item, etag))
            finally:
                room.leave(len(body))

        futures: list[Future[None]] = []
        with Workers(s3_requests.AT_ONCE, "fab_static s3") as workers:
            try:
                for item, body in items:
                    if len(failures) >= MOST_FAILURES:
                        break
                    room.enter(len(body))
                    futures.append(workers.submit(one, item, body))
                wait(futures)
            except BaseException:
                stop.set()
                self._broken_off = futures
                raise
        for future in futures:
            future.result()  # a bug keeps its traceback
        if failures:
            raise FailedError(self.place, failures, done)
        return done

    def settle(self) -> None:
        """Wait for the requests of an `each` that broke off, as long as one may take to be answered."""
        wait(self._broken_off, s3_requests.READ_SECONDS)
        self._broken_off = []


def _moment(text: str | None) -> float | None:
    """Return the time that a header names, as seconds since 1970, or None if it names none."""
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None
