"""Speaks HTTP with a store such as S3: on connections that stay open, by the proxy that the environment names.

URLs are secrets: whoever has one may read or write. No error names more of them than the server.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from base64 import b64encode
from collections import deque
from functools import lru_cache
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Callable, Iterable, TypeVar
    from urllib.parse import SplitResult

    T = TypeVar("T")

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0  # for an answer to begin, or to go on
LONGEST_PAUSE_SECONDS = 5.0
PASSING = (409, 429, 500, 502, 503, 504)  # a store that is busy, or fails for a moment


class BucketLine:
    """One connection to one store; it is opened when first needed."""

    def __init__(self) -> None:
        self.has_answered = False
        self._connection: http.client.HTTPConnection | None = None
        self._more: dict[str, str] = {}  # for the proxy

    def ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] | None = None,
    ) -> http.client.HTTPResponse:
        """Send a request, and return the answer; a redirect is one, too: nobody follows it."""
        parts = urlsplit(url)
        connection = self._connection or self._opened(parts)
        at = url if self._more else parts.path + "?" + parts.query
        # a store that refuses may not read to the end; then its answer says more than the error
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, at, body, {**(headers or {}), **self._more})
        answer = connection.getresponse()
        self.has_answered = True
        return answer

    def tried(self, attempts: int, url: str, once: Callable[[bool], T]) -> T:
        """Return what a request to a URL gives; one that fails in passing is made again.

        `once` makes it, and is told whether it is for the last time.
        """
        attempt = 0
        while True:
            attempt += 1
            is_last = attempt == attempts
            try:
                return once(is_last)
            except RefusedError as error:
                self.close()
                if is_last or error.kind != "host":
                    raise
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if isinstance(error, OSError) and error.filename:  # a full disk, say
                    raise
                if is_last or (attempt == 2 and not self.has_answered):
                    raise unreached(error, url) from None
            pause(attempt)

    def _opened(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = str(parts.hostname)
        proxy = "" if proxy_bypass(host) else getproxies().get(parts.scheme, "")
        at = urlsplit(proxy if "://" in proxy else "http://" + proxy) if proxy else parts
        where = str(at.hostname), at.port or (80 if proxy else None), CONNECT_SECONDS
        made = _secure(*where) if parts.scheme == "https" else _plain(*where)
        if proxy:
            said = {"Proxy-Connection": "keep-alive"}
            if at.username:
                words = unquote(at.username) + ":" + unquote(at.password or "")
                said["Proxy-Authorization"] = "Basic " + b64encode(words.encode()).decode()
            if parts.scheme == "https":
                made.set_tunnel(host, parts.port or 443, said)
            else:
                self._more = said
        self._connection = made
        made.connect()
        made.sock.settimeout(ANSWER_SECONDS)
        return made

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _plain(host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _secure(host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    return http.client.HTTPSConnection(host, port, timeout=seconds, context=verifying())


@lru_cache(maxsize=None)
def verifying() -> ssl.SSLContext:
    """Return what verifies servers: by the host's own certificates, which take long to load."""
    import ssl  # late: not every store has TLS

    return ssl.create_default_context()


def unreached(error: Exception, url: str) -> RefusedError:
    """Return what to say of a store that did not answer."""
    # never an HTTPException's own words: they may hold the URL
    why = getattr(error, "strerror", None) or type(error).__name__
    if str(error).startswith("Tunnel"):  # what a proxy said
        why = error
    return RefusedError(
        "the store cannot be reached: " + str(why).lower(),
        str(urlsplit(url).hostname),
        "see whether this host reaches it (a firewall? a proxy?)",
        "unreached",
    )


def pause(attempt: int) -> None:
    """Wait before the next attempt; AWS calls it full jitter."""
    time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.1 * 2**attempt)))  # noqa: S311


def on_lines(most: int, waiting: deque[T], work: Callable[[BucketLine, T], None]) -> None:
    """Do the work on all that waits, on many connections at once. The first failure ends it, and is raised."""
    failed: list[Exception] = []

    def run() -> None:
        with contextlib.closing(BucketLine()) as line:
            while not failed:
                try:
                    one = waiting.popleft()
                except IndexError:
                    return
                try:
                    work(line, one)
                except Exception as error:
                    failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(min(most, len(waiting)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
