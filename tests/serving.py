"""An HTTP server for tests that many ask at once."""

from __future__ import annotations

from http.server import ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Keeps callers waiting where five would be the most: on a busy machine others were answered after a minute."""

    request_queue_size = 128
