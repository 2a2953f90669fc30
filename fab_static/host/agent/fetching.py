"""Fetches objects from a store such as S3, by presigned URLs."""

from __future__ import annotations

import http.client
from collections import deque
from urllib.parse import urlsplit

from fab_static.host.agent.bucket_line import PASSING, on_lines, pause, unreached
from fab_static.host.agent.claims import claim
from fab_static.host.agent.objects import has_object, object_writer
from fab_static.host.agent.protocol import PIECE, TICKET
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.bucket_line import BucketLine
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

FETCHERS = 16  # at once: hides the store's distance
FETCH_ATTEMPTS = 4


def fetch_urls(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Fetch objects over HTTP, many at once. Body: their tickets; `urls` are templates of the URLs."""
    host = agent.host
    claim(host)
    waiting: deque[tuple[str, int, str]] = deque()
    for raw, size, at, signature in TICKET.iter_unpack(body):
        sha256 = raw.hex()
        if not has_object(host, sha256, size):
            path = sha256[:2] + "/" + sha256
            url = head["urls"][at].replace("{object}", path)
            waiting.append((sha256, size, url.replace("{signature}", signature.hex())))
    count = len(waiting)
    on_lines(FETCHERS, waiting, lambda line, one: fetch(host, line, *one))
    return {"stored": count}, b""


def fetch(host: Host, line: BucketLine, sha256: str, size: int, url: str) -> None:
    """Fetch one object; what passes is tried again."""
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        try:
            stored(host, line, sha256, size, url)
            return
        except RefusedError as error:
            line.close()
            if attempt == FETCH_ATTEMPTS or error.kind != "host":
                raise
        except (http.client.HTTPException, OSError) as error:
            line.close()
            if isinstance(error, OSError) and error.filename:  # a full disk, say
                raise
            if attempt == FETCH_ATTEMPTS or (attempt == 2 and not line.has_answered):
                raise unreached(error, url) from None
        pause(attempt)


def stored(host: Host, line: BucketLine, sha256: str, size: int, url: str) -> None:
    """Ask for one object, once, and store it."""
    answer = line.ask("GET", url)
    if answer.status != 200:
        answer.read(65536)
        raise RefusedError(
            "the store answered " + str(answer.status),
            str(urlsplit(url).hostname),
            "see whether the operator's credentials may read the bucket, and have not expired",
            "host" if answer.status in PASSING else "denied",
        )
    with object_writer(host, sha256, size) as writer:
        for piece in iter(lambda: answer.read(PIECE), b""):
            writer.write(piece)
