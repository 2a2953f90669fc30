"""An HTTP origin for the demo, where nginx is not installed: the same rules, in threads.

The rules are those of fab_static/plan/nginx.py. For looking at the demo only: it
knows no ranges, no conditional requests and no limits.
"""

import argparse
import contextlib
import http.client
import itertools
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO, ClassVar
from urllib.parse import unquote, urlsplit

from fab_static.plan.content_types import TYPES, UNKNOWN
from fab_static.plan.nginx import GONE, IMMUTABLE, UNVERSIONED

NO_STORE = "no-store"
VERSION = re.compile(r"[0-9a-f]{7}")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


def candidates(deploy_to: Path, path: str, version: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that may answer, the best first, each with its Cache-Control.

    `path` is below the static root, decoded; `version` is the raw first `version` of the query.
    """
    if "\0" in path or ".." in path.split("/"):
        return
    if VERSION.fullmatch(version):
        for pool in (version, f"{version}~"):
            yield deploy_to / "pool" / pool / path, IMMUTABLE
    for pool in ("named", "named~"):
        yield deploy_to / "pool" / pool / path, NO_STORE if version else IMMUTABLE
    yield deploy_to / "current/static" / path, NO_STORE if version else UNVERSIONED
    for pool in ("gone", "gone~"):
        yield deploy_to / "pool" / pool / path, NO_STORE if version else GONE


def _version(query: str) -> str:
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "version":
            return value
    return ""


class Origin(BaseHTTPRequestHandler):
    """Serve static files; pass everything else on."""

    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # head and body in one packet: else each answer waits 40 ms for an ACK
    disable_nagle_algorithm = True
    deploy_to: ClassVar[Path | None]
    url: ClassVar[str]
    app: ClassVar[str | None]
    static_hosts: ClassVar[Sequence[str]]
    turns: ClassVar[Iterator[int]] = itertools.count()

    def do_GET(self) -> None:
        """Answer with a file, or with what the server behind answers."""
        parts = urlsplit(self.path)
        path = re.sub("/{2,}", "/", unquote(parts.path))
        if not path.startswith(self.url):
            self._pass([self.app] if self.app else [])
        elif self.deploy_to is None:
            first = next(self.turns) % max(1, len(self.static_hosts))
            self._pass([*self.static_hosts[first:], *self.static_hosts[:first]])
        else:
            below = path.removeprefix(self.url)
            self._file(candidates(self.deploy_to, below, _version(parts.query)))

    do_HEAD = do_POST = do_GET  # noqa: N815

    def _file(self, files: Iterator[tuple[Path, str]]) -> None:
        for file, cache_control in files:
            try:
                opened = file.open("rb")  # opened, not looked at: `current` may move in between
            except OSError:
                continue
            encoded = self._encoded(file)
            with opened, encoded or opened as body:
                self.send_response(200)
                self.send_header("Content-Type", TYPES.get(file.suffix, UNKNOWN))
                self.send_header("Content-Length", str(os.fstat(body.fileno()).st_size))
                self.send_header("Vary", "Accept-Encoding")
                if encoded:
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Cache-Control", cache_control)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                if self.command != "HEAD":
                    shutil.copyfileobj(body, self.wfile)
            return
        self._say(404, "not found\n")

    def _encoded(self, file: Path) -> BinaryIO | None:
        """Return the precompressed copy beside a file, opened, or None if there is none, or unwanted."""
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            with contextlib.suppress(OSError):
                return Path(f"{file}.gz").open("rb")
        return None

    def _pass(self, servers: Sequence[str]) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        for server in servers:
            connection = http.client.HTTPConnection(server, timeout=60)
            try:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                content = answer.read()
            except OSError:
                continue
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP | {"content-length"}:
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", size or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            return
        self._say(*((502, "no answer\n") if servers else (404, "not found\n")))

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", NO_STORE)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--deploy-to", type=Path)
    parser.add_argument("--url", default="/static/")
    parser.add_argument("--app", help="address:port of the server behind")
    parser.add_argument("--static-host", action="append", default=[], help="address:port")
    options = parser.parse_args()
    Origin.deploy_to, Origin.url, Origin.app = options.deploy_to, options.url, options.app
    Origin.static_hosts = options.static_host
    _Server((options.address, options.port), Origin).serve_forever()


if __name__ == "__main__":
    main()
