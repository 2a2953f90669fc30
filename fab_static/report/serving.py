"""Serves the page of a run to browsers on this machine: on loopback, at an address that cannot be guessed, read-only.

Each viewer has a thread of its own, which the program does not wait for. A viewer that takes nothing any more is left
after a few seconds.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fab_static.report.watching import Seen, Watching, policy

MOST_REQUESTS = 64  # at once
TICK_SECONDS = 0.5  # between two pieces of news
PATIENCE_SECONDS = 5.0  # with a request that does not come, or a viewer that takes nothing
LAST_SECONDS = 1.0  # for all viewers to take the report, once the command has ended
Request = socket.socket | tuple[bytes, socket.socket]  # as socketserver has it
Address = tuple[str, int]
NAMES = ("127.0.0.1", "localhost")


class Server:
    """Serves a run's page until it is closed.

    Raises:
        OSError: no port can be had.
    """

    def __init__(self, watching: Watching) -> None:
        self.token = secrets.token_urlsafe(24)
        self._viewers = _Viewers()
        self._server = _Bounded(watching, self.token, self._viewers)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_port}/{self.token}/"

    def close(self) -> None:
        """Let viewers take what they still get, for a second at most, and serve no more."""
        self._viewers.leave(LAST_SECONDS)
        self._server.shutdown()
        self._server.server_close()


class _Viewers:
    """Who watches, and since when one has been taking a piece of news."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: dict[
            object, float
        ] = {}  # viewer -> since when it takes a piece; 0: it takes none

    def note(self, viewer: object, since: float) -> None:
        """Note that a viewer takes a piece since then; or, with 0, that it has taken it."""
        with self._changed:
            self._busy[viewer] = since

    def left(self, viewer: object) -> None:
        """Note that a viewer is gone."""
        with self._changed:
            self._busy.pop(viewer, None)
            self._changed.notify_all()

    def leave(self, seconds: float) -> None:
        """Wait until all have left, except for those that have hung for so long."""
        until = time.monotonic() + seconds
        with self._changed:
            while (now := time.monotonic()) < until and any(
                not since or now - since < seconds for since in self._busy.values()
            ):
                self._changed.wait(0.05)


class _Bounded(ThreadingHTTPServer):
    """At most so many requests at once; others are turned away."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, watching: Watching, token: str, viewers: _Viewers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.watching, self.token, self.viewers = watching, token, viewers
        self.policy = policy()
        self._room = threading.Semaphore(MOST_REQUESTS)

    def process_request(self, request: Request, client_address: Address) -> None:
        """Answer in a thread of its own, where there is room."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Request, client_address: Address) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Request, client_address: Address) -> None:
        """Say nothing: a viewer that went away does not matter."""


class _Handler(BaseHTTPRequestHandler):
    server: _Bounded
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        """Answer with the page, or with what happens."""
        if not self._may():
            return
        if self._place() == "":
            self._answer(200, "text/html; charset=utf-8", self.server.watching.page().encode())
        elif self._place() == "events":
            self._tell()
        else:
            self._refuse(404)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the page."""
        if self._may():
            self._answer(200 if self._place() == "" else 404, "text/html; charset=utf-8", b"")

    def _no(self) -> None:
        """Refuse whatever could change something."""
        if self._may():
            self._refuse(405)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _no  # noqa: N815

    def _may(self) -> bool:
        """Tell whether the request has the token, and came by a name of this machine; else refuse it.

        Another name leads here where a web page of somebody else has its DNS answer with 127.0.0.1.
        """
        hosts = self.headers.get_all("Host") or []
        names = [host.rpartition(":")[0] or host for host in hosts]
        token = self.path.split("/")[1] if self.path.startswith("/") else ""
        has_token = hmac.compare_digest(
            token.encode("latin-1", "replace"), self.server.token.encode()
        )
        if len(names) != 1 or names[0].lower() not in NAMES:
            self._refuse(403)
        elif not has_token:
            self._refuse(404)
        else:
            return True
        return False

    def _place(self) -> str | None:
        """Return what stands after the token, or None if not even a slash does."""
        _, _, *rest = self.path.partition("?")[0].split("/")
        return "/".join(rest) if rest else None

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self._heads(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, code: int) -> None:
        self.close_connection = True
        self._answer(code, "text/plain; charset=utf-8", b"")

    def _heads(self, kind: str) -> None:
        for name, value in (
            ("Content-Type", kind),
            ("Content-Security-Policy", self.server.policy),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)

    def _tell(self) -> None:
        """Tell what happens as it happens (server-sent events), until the run has ended."""
        self.close_connection = True
        watching, seen, is_last = self.server.watching, Seen(), False
        self.server.viewers.note(self, 0)
        try:
            self.send_response(200)
            self._heads("text/event-stream; charset=utf-8")
            self.end_headers()
            while not is_last:
                event, data, is_last = watching.news(seen)
                self.server.viewers.note(self, time.monotonic())
                self.wfile.write(f"event: {event}\ndata: {data}\n\n".encode())
                self.server.viewers.note(self, 0)
                if not is_last:
                    watching.wait(TICK_SECONDS)
        except OSError:
            return  # the viewer went away, or takes nothing
        finally:
            self.server.viewers.left(self)

    def version_string(self) -> str:
        """Say no version."""
        return "fab_static"

    def log_message(self, *_: object) -> None:
        """Write no log: the address must not stand in one."""
