"""Has hosts fetch what they lack from a bucket, by presigned URLs: nothing of it passes the operator's machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from fab_static.host.agent.protocol import TICKET, marked
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.lending import MUCH, lend
from fab_static.phases.run.publication import Publication
from fab_static.plan.publication import Item, tickets
from fab_static.plan.putting import batches
from fab_static.plan.wire import verbs
from fab_static.plan.wire.urls import FetchUrls, Lent
from fab_static.remote import RemoteHost

if TYPE_CHECKING:
    from fab_static.aws.s3 import Bucket

URL_SECONDS = 3600  # how long a host may take to begin the last object of a batch
FRESH_SECONDS = 900  # how old the URLs of a batch are at most when a host is given them


def fetch_from(
    deploy: Deployment,
    hub: Publication,
    items: Sequence[Item],
    lacking: Mapping[RemoteHost, Mapping[str, int]],
) -> dict[RemoteHost, str]:
    """Have each host fetch what it lacks; return the hosts that could not, and why."""
    takers = sum(len(objects) * TICKET.size >= MUCH for objects in lacking.values())
    lent = partial(lend, deploy, hosts=takers)
    signed = [Signed(hub.bucket, batch, lent) for batch in batches(items)]

    def fetched(host: RemoteHost) -> None:
        for one in signed:
            wanted = {item.sha256 for item in one.items if item.sha256 in lacking[host]}
            if wanted:
                host.ask(verbs.FETCH_URLS, *one.request(wanted))

    hosts = [host for host, objects in lacking.items() if objects]
    cannot = {host: hub.unreached[host] for host in hosts if host in hub.unreached}
    failures = deploy.fleet.attempt([host for host in hosts if host not in cannot], fetched)[1]
    return cannot | {host: error.what for host, error in failures.items()}


@dataclass
class Signed:
    """One batch of objects, and the URLs of all: signed when a host is the first to need them, and again when old.

    `lend` takes the tickets of all, and returns where they lie if hosts are to fetch those, too.
    """

    bucket: Bucket
    items: Sequence[Item]
    lend: Callable[[bytes], Lent | None] = lambda _tickets: None
    _at: float | None = None
    _urls: list[str] = field(default_factory=list)
    _tickets: dict[str, bytes] = field(default_factory=dict)
    _lent: Lent | None = None
    _signing: threading.Lock = field(default_factory=threading.Lock)

    def request(self, wanted: Collection[str]) -> tuple[FetchUrls, bytes]:
        """Return how a host is asked to fetch these, by their SHA-256s, and the body of that."""
        with self._signing:
            if self._at is None or time.monotonic() - self._at > FRESH_SECONDS:
                self._sign()
            urls, signed, lent = self._urls, self._tickets, self._lent
        if lent and len(wanted) * TICKET.size >= MUCH:
            return FetchUrls(urls=urls, lent=lent), marked([*signed], wanted)
        own = b"".join(ticket for sha256, ticket in signed.items() if sha256 in wanted)
        return FetchUrls(urls=urls), own

    def _sign(self) -> None:
        self._at = time.monotonic()
        urls = self.bucket.presign((item.key for item in self.items), seconds=URL_SECONDS)
        found = tickets(dict(zip((item.sha256 for item in self.items), urls, strict=True)))
        sizes = {item.sha256: item.size for item in self.items}
        self._urls = list(found)
        self._tickets = {
            sha256: TICKET.pack(bytes.fromhex(sha256), sizes[sha256], at, signature)
            for at, signatures in enumerate(found.values())
            for sha256, signature in signatures.items()
        }
        self._lent = self.lend(b"".join(self._tickets.values()))
