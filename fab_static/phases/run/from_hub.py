"""Has hosts fetch what they lack from a bucket, by presigned URLs: nothing of it passes the operator's machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fab_static.errors import FabStaticError
from fab_static.host.agent.protocol import TICKET
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.publication import Publication
from fab_static.plan.publication import Item, tickets
from fab_static.plan.putting import batches
from fab_static.plan.wire import asks, verbs
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
) -> dict[RemoteHost, FabStaticError]:
    """Have each host fetch what it lacks; return the hosts that could not, and why."""
    signed = [Signed(hub.bucket, batch) for batch in batches(items)]

    def fetched(host: RemoteHost) -> None:
        for one in signed:
            wanted = [item for item in one.items if item.sha256 in lacking[host]]
            if wanted:
                urls, body = one.request(wanted)
                host.ask(verbs.FETCH_URLS, asks.FetchUrls(urls=urls), body)

    hosts = [host for host, objects in lacking.items() if objects]
    return deploy.fleet.attempt(hosts, fetched)[1]


@dataclass
class Signed:
    """One batch of objects, and the URLs of all: signed when a host is the first to need them, and again when old."""

    bucket: Bucket
    items: Sequence[Item]
    _at: float | None = None
    _urls: list[str] = field(default_factory=list)
    _signatures: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _signing: threading.Lock = field(default_factory=threading.Lock)

    def request(self, wanted: Sequence[Item]) -> tuple[list[str], bytes]:
        """Return the URLs, as templates, and the tickets by which a host fetches these."""
        with self._signing:
            if self._at is None or time.monotonic() - self._at > FRESH_SECONDS:
                self._sign()
            urls, signatures = self._urls, self._signatures
        return urls, b"".join(
            TICKET.pack(bytes.fromhex(item.sha256), item.size, *signatures[item.sha256])
            for item in wanted
        )

    def _sign(self) -> None:
        self._at = time.monotonic()
        urls = self.bucket.presign((item.key for item in self.items), seconds=URL_SECONDS)
        found = tickets(dict(zip((item.sha256 for item in self.items), urls, strict=True)))
        self._urls = list(found)
        self._signatures = {
            sha256: (at, signature)
            for at, signatures in enumerate(found.values())
            for sha256, signature in signatures.items()
        }
