"""Fetches objects from a store such as S3, over HTTP."""

from __future__ import annotations

import contextlib
import queue
import threading
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.objects import has_object, object_writer
from fab_static.host.agent.protocol import PIECE, TICKET
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

FETCHERS = 16  # at once: hides the store's distance
FETCH_ATTEMPTS = 4
FETCH_SECONDS = 20.0  # for an answer to begin, or to go on


def fetch_urls(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Fetch objects over HTTP, many at once. Body: their tickets; `urls` are templates of the URLs.

    URLs are secrets: whoever has one may read. No error names more of them than the server.
    """
    host = agent.host
    claim(host)
    waiting: queue.SimpleQueue[tuple[str, int, str]] = queue.SimpleQueue()
    for raw, size, at, signature in TICKET.iter_unpack(body):
        sha256 = raw.hex()
        if not has_object(host, sha256, size):
            path = sha256[:2] + "/" + sha256
            url = head["urls"][at].replace("{object}", path)
            waiting.put((sha256, size, url.replace("{signature}", signature.hex())))
    failed: list[Exception] = []

    def work() -> None:
        fetcher = Fetcher(host)
        with contextlib.closing(fetcher):
            while not failed:
                try:
                    sha256, size, url = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    fetcher.fetch(sha256, size, url)
                except Exception as error:
                    failed.append(error)

    count = waiting.qsize()
    threads = [threading.Thread(target=work) for _ in range(min(FETCHERS, count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return {"stored": count}, b""


class Fetcher:
    """Fetches objects from one server, over one connection that stays open."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._connection: Any = None

    def fetch(self, sha256: str, size: int, url: str) -> None:
        import http.client
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        for attempt in range(1, FETCH_ATTEMPTS + 1):
            try:
                self._fetch(parts, sha256, size)
                return
            except RefusedError as error:
                self.close()
                if attempt == FETCH_ATTEMPTS or error.kind == "denied":
                    raise
            # never the exception's own words: they may hold the URL
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if isinstance(error, OSError) and error.filename:  # a full disk, say
                    raise
                if attempt == FETCH_ATTEMPTS:
                    why = getattr(error, "strerror", None) or type(error).__name__
                    raise RefusedError(
                        "the store cannot be reached: " + str(why).lower(),
                        str(parts.hostname),
                        "see whether this host reaches it (a firewall? a proxy?)",
                    ) from None
            time.sleep(0.1 * 2**attempt)

    def _fetch(self, parts: Any, sha256: str, size: int) -> None:
        answer = self._ask(parts)
        if answer.status != 200:
            answer.read(65536)
            raise RefusedError(
                "the store answered " + str(answer.status),
                str(parts.hostname),
                "see whether the operator's credentials may read the bucket, and have not expired",
                "host" if answer.status in (429, 500, 502, 503, 504) else "denied",
            )
        with object_writer(self.host, sha256, size) as writer:
            for piece in iter(lambda: answer.read(PIECE), b""):
                writer.write(piece)

    def _ask(self, parts: Any) -> Any:
        import http.client

        if self._connection is None:
            secure = parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(parts.hostname, parts.port, timeout=FETCH_SECONDS)
        self._connection.request("GET", parts.path + "?" + parts.query)
        return self._connection.getresponse()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
