"""Asks URLs over HTTP as a browser does: many at once, over connections that are kept."""

from __future__ import annotations

import http.client
import threading
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit

MAX_REDIRECTS = 5
USER_AGENT = "fab_static probe"

try:
    import brotli  # type: ignore[import-not-found, unused-ignore]  # optional: br is asked for where it is there
except ImportError:
    brotli = None

ENCODINGS = ("identity", "gzip", "br") if brotli else ("identity", "gzip")


@dataclass(frozen=True)
class Answer:
    """What a server said; where `status` is a text, it says why there was no answer. Header names are lower case."""

    status: int | str
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""

    @property
    def content_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def body(self) -> bytes:
        """The body, decoded.

        Raises:
            ValueError: it is not encoded as its header says, or as nobody asked.
        """
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        try:
            if encoding == "gzip":
                return zlib.decompress(self.raw, wbits=31)
            if encoding == "br" and brotli:
                return bytes(brotli.decompress(self.raw))
        except (zlib.error, getattr(brotli, "error", zlib.error)) as error:
            raise ValueError(f"its body is not {encoding}: {error}") from error
        if encoding not in ("", "identity"):
            raise ValueError(f"its body is encoded as {encoding}, which was not asked for")
        return self.raw


class Browser:
    """Keeps a connection for each thread and server, while the `with` block runs.

    Proxies are those of the environment (HTTPS_PROXY, NO_PROXY), as everywhere in Python.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._proxies = urllib.request.getproxies()
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        for connection in self._opened:
            connection.close()

    def get(
        self,
        url: str,
        *,
        encoding: str = "identity",
        origin: str | None = None,
        follow: bool = False,
        holds: str | None = None,
    ) -> Answer:
        """Return the answer of a URL; never raises.

        Args:
            url: http or https; a name in it may hold a space or an umlaut, as pages may print it.
            encoding: Accept-Encoding.
            origin: the page's scheme and host, as a browser says it when it asks for a font.
            follow: go where redirects lead.
            holds: Available-Dictionary: which bytes of it the browser has (RFC 9842).
        """
        headers = {"Accept-Encoding": encoding, "User-Agent": USER_AGENT}
        if origin:
            headers["Origin"] = origin
        if holds:
            headers["Available-Dictionary"] = holds
        answer = Answer("nothing")
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(url, headers)
            location = answer.headers.get("location")
            if not (follow and answer.status in (301, 302, 303, 307, 308) and location):
                break
            url = urljoin(url, location)
        return answer

    def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            # as browsers do it; what is encoded stays
            parts = urlsplit(quote(url, safe="%/:?#[]@!$&'()*+,;=~"))
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            for attempt in (1, 2):
                connection, prefix, is_new = self._connection(parts.scheme, parts.netloc)
                try:
                    connection.request("GET", prefix + target, headers=dict(headers))
                    said = connection.getresponse()
                    body = said.read()
                except (ConnectionError, http.client.HTTPException):
                    connection.close()
                    if is_new or attempt == 2:
                        raise
                    continue  # the server had ended an idle connection
                except OSError:
                    connection.close()
                    raise
                break
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Answer(f"nothing: {error or type(error).__name__}")
        return Answer(said.status, {name.lower(): value for name, value in said.getheaders()}, body)

    def _connection(self, scheme: str, netloc: str) -> tuple[http.client.HTTPConnection, str, bool]:
        """Return a connection, what stands before the path on it, and whether it is a new one."""
        kept: dict[tuple[str, str], tuple[http.client.HTTPConnection, str]]
        kept = self._local.__dict__.setdefault("kept", {})
        key = (scheme, netloc)
        if key in kept:
            connection, prefix = kept[key]
            return connection, prefix, connection.sock is None
        if scheme not in ("http", "https"):
            raise ValueError(f"{scheme}://{netloc} is neither http nor https")
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        host = netloc.rpartition("@")[2]
        proxy = self._proxies.get(scheme)
        prefix = ""
        if proxy and not urllib.request.proxy_bypass(host):
            there = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            server = f"{there.hostname}:{there.port or 80}"
            connection = kind(server, timeout=self._timeout)
            if scheme == "https":
                connection.set_tunnel(
                    host, headers=_proxy_authorization(there.username, there.password)
                )
            else:
                prefix = f"http://{host}"
        else:
            connection = kind(host, timeout=self._timeout)
        kept[key] = (connection, prefix)
        self._opened.append(connection)
        return connection, prefix, True


def _proxy_authorization(user: str | None, password: str | None) -> dict[str, str]:
    if not user:
        return {}
    text = f"{unquote(user)}:{unquote(password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(text.encode()).decode()}"}
