"""Fetches objects from a store such as S3, by presigned URLs."""

from __future__ import annotations

import contextlib
import zlib
from collections import deque
from urllib.parse import urlsplit

from fab_static.host.agent.bucket_line import PASSING, BucketLine, on_lines
from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.objects import has_object, object_writer
from fab_static.host.agent.protocol import PIECE, TICKET, picked
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPResponse
    from typing import Callable, TypeVar

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent

    T = TypeVar("T")

FETCHERS = 16  # at once: hides the store's distance
FETCH_ATTEMPTS = 4


def fetch_urls(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Fetch objects over HTTP, many at once; `urls` are templates of their URLs.

    Body: their tickets; or, where a list of tickets is `lent`, which of that list.
    """
    host = agent.host
    claim(host)
    tickets = TICKET.iter_unpack(lent(head["lent"]) if "lent" in head else body)
    waiting: deque[tuple[str, int, str]] = deque()
    for raw, size, at, signature in picked([*tickets], body) if "lent" in head else tickets:
        sha256 = raw.hex()
        if not has_object(host, sha256, size):
            url = head["urls"][at].replace("{object}", sha256[:2] + "/" + sha256)
            waiting.append((sha256, size, url.replace("{signature}", signature.hex())))
    count = len(waiting)

    def fetch(line: BucketLine, one: tuple[str, int, str]) -> None:
        sha256, size, url = one

        def keep(answer: HTTPResponse) -> None:
            with object_writer(host, sha256, size) as writer:
                for piece in iter(lambda: answer.read(PIECE), b""):
                    writer.write(piece)

        fetched(line, url, keep)

    on_lines(FETCHERS, waiting, fetch)
    return {"stored": count}, b""


def lent(at: Head) -> bytes:
    """Return a body that many hosts are sent alike: it lies in the store under a URL, deflated.

    It is refused where its bytes have another SHA-256 than the operator says.
    """

    def known(answer: HTTPResponse) -> bytes:
        data = answer.read(at["size"] + 1)
        if begun_sha256(data).hexdigest() != at["sha256"]:
            raise RefusedError("the store has other bytes there", "the store", "see who wrote them")
        return data

    with contextlib.closing(BucketLine()) as line:
        return zlib.decompress(fetched(line, at["url"], known))


def fetched(line: BucketLine, url: str, take: Callable[[HTTPResponse], T]) -> T:
    """Ask for what lies under a URL, and return what `take` makes of the answer; what passes is tried again."""

    def once(_: bool) -> T:
        answer = line.ask("GET", url)
        if answer.status != 200:
            raise RefusedError(
                "the store answered " + str(answer.status),
                str(urlsplit(url).hostname),
                "see whether the operator's credentials may read it",
                "host" if answer.status in PASSING else "denied",
            )
        return take(answer)

    return line.tried(FETCH_ATTEMPTS, url, once)
