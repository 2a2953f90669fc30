"""Preloads in a real browser: whatever is preloaded is fetched once, so the page's own request takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright

from fab_static.plan.preloads import in_order, preload_of

LINKS = in_order(
    [
        preload_of("/a.css"),
        preload_of("/f.woff2"),
        preload_of("/plain.js"),
        *(preload_of(url, is_module=True) for url in ("/module.js", "/shared.js")),
    ]
)
HEAD = "".join(one.html() for one in LINKS)
FILES = {
    "/": (
        "text/html",
        f"<!doctype html><head>{HEAD}<link rel=icon href=data:,><link rel=stylesheet href=/a.css>"
        "<script type=module crossorigin src=/module.js></script><script src=/plain.js></script></head>"
        "<body style='font-family: X'>abc",
    ),
    "/a.css": ("text/css", "@font-face { font-family: X; src: url(f.woff2) }"),
    "/f.woff2": ("font/woff2", "no font, and fetched all the same"),
    "/module.js": ("text/javascript", "import '/shared.js'"),
    "/shared.js": ("text/javascript", "document.title = 'ran'"),
    "/plain.js": ("text/javascript", "1"),
}


@pytest.fixture
def asked() -> Iterator[tuple[str, Counter[str]]]:
    counted: Counter[str] = Counter()

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            counted[self.path] += 1
            kind, text = FILES[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "no-store")  # else a second request would not be seen
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", counted
    server.shutdown()
    server.server_close()


def test_what_is_preloaded_is_fetched_once(asked: tuple[str, Counter[str]]) -> None:
    url, counted = asked
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(url, wait_until="networkidle")
        page.wait_for_function("document.title === 'ran'")
        browser.close()
    assert counted == dict.fromkeys(FILES, 1)
