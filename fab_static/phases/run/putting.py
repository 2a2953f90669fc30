"""Has the build host put objects into a bucket itself: none of their bytes pass the operator's machine.

The build host gets no credentials. It gets URLs, signed a batch at a time, each for one key and for its own bytes
alone. What it cannot put, the operator puts, as usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fab_static.aws.refusals import Answer, refusal
from fab_static.host.agent.protocol import RECORD, TICKET
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import Holder, records
from fab_static.phases.run.publication import Publication
from fab_static.plan.publication import Item, object_item, object_key
from fab_static.plan.putting import SignedPut, batches, ways
from fab_static.plan.wire import answers, verbs
from fab_static.plan.wire.urls import PutUrls
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost

URL_SECONDS = 3600  # how long the build host may take to begin the last object of a batch
Put = tuple[Item, str]  # with its ETag


def put_from_build_host(
    deploy: Deployment, bucket: Publication, items: Sequence[Item], holders: Iterable[Holder]
) -> list[Put]:
    """Have the build host put what it holds of these; return what is in the bucket then, each with its ETag.

    Raises:
        CdnError: other bytes stand under a key.
        RemoteError: the build host does not answer, or holds a damaged object.
    """
    host = _build_host(holders)
    if host is None or not items or not bucket.build_host_puts:
        return []
    wanted = {item.sha256: item.size for item in items}
    absent = {raw.hex() for raw, _ in RECORD.iter_unpack(host.lacks(records(wanted)))}
    putting = Putting(deploy, bucket, host, [one for one in items if one.sha256 not in absent])
    putting.run()
    return putting.done


def _build_host(holders: Iterable[Holder]) -> RemoteHost | None:
    """Return the holder whose agent can put: a build host, of an environment that has a bucket."""
    for one in holders:
        if isinstance(one, RemoteHost) and "build" in one.roles and one.environment.has_bucket:
            return one
    return None


def tried(deploy: Deployment, bucket: Publication) -> tuple[str, str | None] | None:
    """Have the build host put an object that the bucket has: the store says that it is there, and keeps it.

    Returns:
        The build host's name, and why it could not, or None if it could. None for both where it shall not put, or
        where nothing that it holds is in the bucket yet.

    Raises:
        RemoteError: the build host does not answer.
    """
    host = _build_host(deploy.hosts("build"))
    if host is None or not bucket.build_host_puts:
        return None
    stored = {
        entry.sha256: entry.size
        for key, entry in bucket.manifest.files.items()
        if entry.sha256 and key == object_key(entry.sha256)
    }
    absent = {raw.hex() for raw, _ in RECORD.iter_unpack(host.lacks(records(stored)))}
    held = [object_item(sha256, size) for sha256, size in stored.items() if sha256 not in absent]
    if not held:
        return None
    putting = Putting(deploy, bucket, host, [min(held, key=lambda item: item.size)])
    return host.name, putting.why_not()


@dataclass
class Putting:
    """Objects on their way from the build host into a bucket."""

    deploy: Deployment
    publication: Publication
    host: RemoteHost
    items: Sequence[Item]
    done: list[Put] = field(default_factory=list)
    _why: str | None = None  # something was not put

    def run(self) -> None:
        """Have all put, batch by batch; tell what is left, and why."""
        why = self.why_not()
        done = {item.key for item, _ in self.done}
        left = [item.size for item in self.items if item.key not in done]
        if left:
            self.deploy.show.warn(
                f"{self.host.name} cannot put into {self.publication.name} ({why}); "
                f"{counted(len(left), 'object')}, {counted(sum(left), 'byte')} go through this machine"
            )

    def why_not(self) -> str | None:
        """Have all put, batch by batch; return why something was not, or None if all are in the bucket."""
        for batch in batches(self.items):
            self._put(batch)
        return None if len(self.done) == len(self.items) else self._why

    def _put(self, batch: Sequence[Item]) -> None:
        """Have these put; once more, by new URLs, where theirs had ended meanwhile."""
        while batch and self.publication.build_host_puts:
            ended = self._asked(batch)
            # all have ended at once: a clock is wrong, or the credentials have ended
            batch = ended if len(ended) < len(batch) else []

    def _asked(self, items: Sequence[Item]) -> list[Item]:
        """Have these put once; return those whose URLs had ended."""
        unreached, said = self._said(items)
        if unreached or len(said) < len(items):  # it has been given up
            self.publication.build_host_puts = False
        there, ended = [], []
        for at, answer in said.items():
            item = items[at]
            if answer.status == 200 and answer.etag:  # what gives none is not a store
                self.done.append((item, answer.etag))
            elif answer.status == 412:
                there.append(item)
            else:
                self._why = self._refused(item, answer)
                ended += [item] if "expired" in answer.words.lower() else []
        self._why = unreached or self._why
        bucket = self.publication.bucket
        self.done += bucket.each(((one, b"") for one in there), lambda one, _: bucket.etag_of(one))
        return ended

    def _refused(self, item: Item, answer: Answer) -> str:
        place, region = self.publication.place, self.publication.bucket.region
        return refusal(place, region, "PUT", item.key, answer).what

    def _said(self, items: Sequence[Item]) -> tuple[str | None, dict[int, Answer]]:
        """Have these put; return why the store could not be reached, and what it answered to which."""
        signed = self.publication.bucket.sign_puts(items, seconds=URL_SECONDS)
        request, body = _request(signed)
        ((head, data),) = self.deploy.on(
            [self.host], lambda host: host.ask(verbs.PUT_URLS, request, body)
        ).values()
        said = self.host.said("put_urls", data, dict[str, answers.StoreAnswer])
        asked = {at: said.get(str(at)) for at in range(len(items))}
        return head["unreached"], {at: _answer(one) for at, one in asked.items() if one}


def _answer(said: answers.StoreAnswer) -> Answer:
    headers = {name.lower(): value for name, value in said["headers"].items()}
    return Answer(said["status"], headers, said["body"].encode())


def _request(puts: Sequence[SignedPut]) -> tuple[PutUrls, bytes]:
    """Return what the agent is asked, and the body: of each object its ticket, its key, and a line's end."""
    found, goes = ways(puts)
    body = b"".join(
        TICKET.pack(bytes.fromhex(put.item.sha256), put.item.size, way, put.signature)
        + put.key.encode("ascii")
        + b"\n"
        for put, way in zip(puts, goes, strict=True)
    )
    return PutUrls(ways=found), body
