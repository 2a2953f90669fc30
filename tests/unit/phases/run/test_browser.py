"""The browser of the probe: connections kept, bodies decoded, no exception."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from fab_static.phases.run.browser import Answer, Browser


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    peers: ClassVar[set[Any]] = set()

    def do_GET(self) -> None:
        self.peers.add(self.client_address)
        body, headers, status = self.path.encode(), {}, 200
        if self.path.startswith("/to"):
            status, headers = 302, {"Location": "/there"}
        elif self.path == "/loop":
            status, headers = 302, {"Location": "/loop"}
        elif self.path == "/gzip":
            body, headers = gzip.compress(b"text"), {"Content-Encoding": "gzip"}
        elif self.path == "/broken":
            headers = {"Content-Encoding": "gzip"}
        elif self.path == "/zstd":
            headers = {"Content-Encoding": "zstd"}
        elif self.path == "/origin":
            body = self.headers.get("Origin", "none").encode()
        self.send_response(status)
        for name, value in {
            **headers,
            "Content-Length": str(len(body)),
            "Content-Type": "text/CSS; charset=x",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/last"

    def log_message(self, *words: Any) -> None:
        del words


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser(5) as made:
        yield made


def test_a_thousand_urls_take_as_many_connections_as_threads(browser: Browser, url: str) -> None:
    Handler.peers.clear()
    urls = [f"{url}/{n}" for n in range(1000)]
    with ThreadPoolExecutor(16) as workers:
        answers = list(workers.map(browser.get, urls))
    assert [answer.body.decode() for answer in answers] == [f"/{n}" for n in range(1000)]
    assert len(Handler.peers) <= 16


def test_a_connection_that_the_server_ended_is_opened_anew(browser: Browser, url: str) -> None:
    assert [browser.get(url + "/last").status for _ in range(3)] == [200] * 3


def test_names_are_encoded_as_browsers_do(browser: Browser, url: str) -> None:
    assert browser.get(url + "/a b/ü%20!.png?v=1").body == b"/a%20b/%C3%BC%20!.png?v=1"


def test_redirects_are_followed_where_wanted_and_not_for_ever(browser: Browser, url: str) -> None:
    assert browser.get(url + "/to").status == 302
    assert browser.get(url + "/to", follow=True).body == b"/there"
    assert browser.get(url + "/loop", follow=True).status == 302


def test_bodies_are_decoded_and_what_cannot_be_is_told(browser: Browser, url: str) -> None:
    answer = browser.get(url + "/gzip", encoding="gzip")
    assert (answer.body, answer.content_type) == (b"text", "text/css")
    for path, words in (
        ("/broken", "is not gzip"),
        ("/zstd", "encoded as zstd, which was not asked for"),
    ):
        with pytest.raises(ValueError, match=words):
            _ = browser.get(url + path).body


def test_the_pages_origin_is_sent(browser: Browser, url: str) -> None:
    assert (
        browser.get(url + "/origin", origin="https://shop.example").body == b"https://shop.example"
    )
    assert browser.get(url + "/origin").body == b"none"


@pytest.mark.parametrize(
    "bad", ["http://127.0.0.1:1/", "ftp://a/", "http://no.invalid/", "http://[/"]
)
def test_what_cannot_be_asked_says_why(browser: Browser, bad: str) -> None:
    answer = browser.get(bad)
    assert str(answer.status).startswith("nothing: ")
    assert answer.raw == Answer("").raw
