"""A CloudFront that does as it is told: answers, denies, throttles, hangs up, never answers."""

from __future__ import annotations

import html
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUSY = b"<ErrorResponse><Error><Code>Throttling</Code><Message>slowly</Message></Error></ErrorResponse>"
DENIED = (
    b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
)
CONFIG = b"""\
<DistributionConfig><Comment>chaos</Comment><Enabled>true</Enabled><DefaultCacheBehavior>
<ForwardedValues><QueryString>true</QueryString></ForwardedValues>
</DefaultCacheBehavior></DistributionConfig>"""
DONE = b"<Invalidation><Id>I1</Id><Status>Completed</Status></Invalidation>"

HANG_SECONDS = 120.0  # longer than anybody waits


class CloudFront:
    """The server; `mode` says how it takes invalidations."""

    def __init__(self) -> None:
        self.mode = "answers"
        self._turned = threading.Event()  # those who wait for an answer are let go
        self.failures = 0  # so far, in this mode
        self.forgotten: list[
            tuple[float, str]
        ] = []  # when, and which path a cache was told to forget
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Return its URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def turn(self, mode: str) -> None:
        """Behave otherwise from now on."""
        self.mode, self.failures = mode, 0
        self._turned.set()
        self._turned = threading.Event()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloudfront = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200, CONFIG if self.path.endswith("/config") else DONE)

            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                mode = cloudfront.mode
                if mode == "never answers":
                    cloudfront._turned.wait(HANG_SECONDS)
                    self.close_connection = True
                elif mode == "denies":
                    cloudfront.failures += 1
                    self._answer(403, DENIED)
                elif mode.endswith("twice") and cloudfront.failures < 2:
                    cloudfront.failures += 1
                    if mode.startswith("throttles"):
                        self._answer(429, BUSY)
                    else:
                        self.close_connection = True
                else:
                    now = time.monotonic()
                    paths = re.findall("<Path>(.*?)</Path>", asked)
                    cloudfront.forgotten += [(now, html.unescape(path)) for path in paths]
                    self._answer(201, DONE)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                del words

        return Handler
