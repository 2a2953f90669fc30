"""A store of one thing, on any Python that a host may have: no bucket's client is needed for it."""

import hashlib
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer


class Shelf:
    """What the operator has lent; `lent` says where it lies. `shown` are other bytes in its place."""

    def __init__(self, body, *, status=200, shown=None):
        data = zlib.compress(body)
        self.asked = 0
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                shelf.asked += 1
                self.send_response(status)
                self.end_headers()
                self.wfile.write(data if shown is None else shown)

            def log_message(self, *_words):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.lent = {
            "url": f"http://127.0.0.1:{self._server.server_port}/lent?X-Amz-Signature=secret",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
