"""A fake CloudFront edge: a caching proxy before the real static hosts, forgetting what it is told to.

It keys on path and the queries of its cache policy, honours the origin's Cache-Control as CloudFront does
("Managing how long content stays in the cache (expiration)"), caches errors for the error TTL ("Controlling
how long CloudFront caches errors"), and says in X-Cache how it came by an answer. It exists for what only a
cache between can show: the order of phases, a `?version=` that holds other bytes, a rollback.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from demo.cloudfront import Clock, Forgotten, covers
from demo.server import Handler, Served

ERROR_TTL = 10.0  # seconds; AWS: the default
DEFAULT_TTL = 86400.0  # without any Cache-Control
MAX_TTL = 31536000.0
CACHED_ERRORS = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
NO_STORE_HONOURED = {404, 410, 414, 501}  # for other errors CloudFront overlooks it
PASSED_ON = ("Cache-Control", "Content-Type", "Content-Encoding", "ETag", "Last-Modified")
CORS = ("Access-Control-Allow-Origin",)


@dataclass(frozen=True)
class Stored:
    """An answer, as it is kept; times are the clock's."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: float  # when the origin was asked: what changed there since is not in it
    fresh_until: float
    stale_until: float
    tags: frozenset[str] = frozenset()


class Edge(Served):
    """The proxy, while the `with` block runs.

    Args:
        origins: base URLs of the static hosts, or of a bucket, asked in turn.
        forgotten: what must be forgotten by now: CloudFront.forgotten of the distribution.
        clock: CloudFront's.
        query: "all", "none", or the names of parameters in the cache key; only these go to the origin.
        min_ttl: seconds that everything is kept at least, whatever the origin says.
        error_ttl: seconds that an error is kept.
        error_pages: an error's status -> status and body to answer instead: a "404 -> 200" trap.
        stale_window: honour stale-while-revalidate.
        encodings: what the cache policy lets through of Accept-Encoding.
        tag_header: the origin's header that cache tags are taken from: CacheTagConfig.
    """

    def __init__(
        self,
        origins: Sequence[str],
        *,
        forgotten: Forgotten = list,
        clock: Clock | None = None,
        query: str | Sequence[str] = "all",
        min_ttl: float = 0.0,
        error_ttl: float = ERROR_TTL,
        error_pages: Mapping[int, tuple[int, bytes]] | None = None,
        stale_window: bool = False,
        encodings: Sequence[str] = ("gzip", "br"),
        tag_header: str | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.forgotten = forgotten
        self.query = query
        self.min_ttl = min_ttl
        self.error_ttl = error_ttl
        self.error_pages = dict(error_pages or {})
        self.stale_window = stale_window
        self.encodings = tuple(encodings)
        self.tag_header = tag_header
        self.drops_cors = False
        self.tampers: Callable[[str, bytes], bytes] = lambda url, body: body  # noqa: ARG005
        self.hits = self.misses = 0
        self._origins = itertools.cycle(origins)
        self._stored: dict[tuple[str, str], Stored] = {}
        self._lock = threading.Lock()
        self._local = threading.local()
        super().__init__(_handler(self))

    def get(self, url: str, accept_encoding: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a path and query, from the cache or an origin."""
        keyed = self._key(url)
        wanted = ",".join(one for one in self.encodings if one in accept_encoding)
        now = self.clock.now()
        with self._lock:
            stored = self._remembered((keyed, wanted))
        if stored and now < stored.fresh_until:
            return self._told(stored, "Hit from cloudfront")
        if stored and self.stale_window and now < stored.stale_until:
            self._fetch(keyed, wanted, stored)
            return self._told(stored, "Hit from cloudfront")
        return self._told(*self._fetch(keyed, wanted, stored))

    def _key(self, url: str) -> str:
        path, _, query = url.partition("?")
        if self.query != "all":
            names = () if self.query == "none" else self.query
            parts = [one for one in query.split("&") if one.partition("=")[0] in names]
            query = "&".join(parts)
        return f"{path}?{query}" if query else path

    def _remembered(self, key: tuple[str, str]) -> Stored | None:
        stored = self._stored.get(key)
        if stored and any(
            stored.asked_at <= at
            and (path[1:] in stored.tags if path[0] == "#" else covers(path, key[0]))
            for at, path in self.forgotten()
        ):
            del self._stored[key]
            return None
        return stored

    def _fetch(self, keyed: str, wanted: str, stored: Stored | None) -> tuple[Stored, str]:
        asked_at = self.clock.now()
        status, headers, body = self._ask(keyed, wanted)
        if status >= 500 and stored and stored.status < 400:
            return stored, "Error from cloudfront"  # the expired copy is better than none
        kept = self._kept_for(status, headers)
        now = self.clock.now()
        window = _seconds(headers.get("Cache-Control", ""), "stale-while-revalidate") or 0.0
        tags = frozenset(headers.get(self.tag_header or "", "").replace(" ", "").lower().split(","))
        made = Stored(status, headers, body, asked_at, now + kept, now + kept + window, tags)
        if kept > 0:
            with self._lock:
                self._stored[keyed, wanted] = made
        return made, "Error from cloudfront" if status >= 400 else "Miss from cloudfront"

    def _kept_for(self, status: int, headers: Mapping[str, str]) -> float:
        control = headers.get("Cache-Control", "").lower()
        refuses = any(word in control for word in ("no-store", "no-cache", "private"))
        named = _seconds(control, "s-maxage")
        named = _seconds(control, "max-age") if named is None else named
        if status >= 400:
            if status not in CACHED_ERRORS or (status == 403 and named is None):
                return 0.0
            if refuses and status in NO_STORE_HONOURED:
                return self.min_ttl
            return max(self.error_ttl, named or 0.0)
        if status not in (200, 206, 301, 302, 304, 307, 308) or refuses:
            return self.min_ttl if refuses else 0.0
        kept = DEFAULT_TTL if named is None else named
        return max(self.min_ttl, min(MAX_TTL, kept))

    def _ask(self, url: str, accept_encoding: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(next(self._origins))
        connections: dict[str, http.client.HTTPConnection] = self._local.__dict__
        for attempt in (1, 2):  # the origin may have ended an idle connection
            connection = connections.setdefault(
                parts.netloc, http.client.HTTPConnection(parts.netloc, timeout=20)
            )
            try:
                headers = {"Accept-Encoding": accept_encoding or "identity"}
                connection.request("GET", parts.path + url, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                if attempt == 2:
                    return 502, {"Content-Type": "text/plain"}, b"the origin does not answer"
                continue
            break
        names = PASSED_ON if self.drops_cors else PASSED_ON + CORS
        names += (self.tag_header,) if self.tag_header else ()
        kept = {name: value for name in names if (value := answer.getheader(name))}
        return answer.status, kept, self.tampers(url, body)

    def _told(self, stored: Stored, how: str) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.hits += how.startswith("Hit")
            self.misses += not how.startswith("Hit")
        status, body = self.error_pages.get(stored.status, (stored.status, stored.body))
        headers = {**stored.headers, "X-Cache": how}
        if stored.status in self.error_pages:
            headers["Content-Type"] = "text/html"
            headers.pop("Content-Encoding", None)
        if how.startswith("Hit"):
            headers["Age"] = str(int(self.clock.now() - stored.asked_at))
        return status, headers, body


def _seconds(control: str, name: str) -> float | None:
    found = re.search(rf"(?:^|[\s,]){name}\s*=\s*\"?(\d+)", control)
    return float(found[1]) if found else None


def _handler(edge: Edge) -> type[Handler]:
    class Answering(Handler):
        def answer(self) -> None:
            encoding = self.headers.get("Accept-Encoding", "")
            status, headers, body = edge.get(self.path, encoding)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

    return Answering
