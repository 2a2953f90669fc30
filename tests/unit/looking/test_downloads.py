"""What visitors download, asked of pages that a server answers on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fab_static.looking.downloads import downloads_of
from tests.unit.site import NEW, OLD, Site

PAGE = b'<link rel=stylesheet href="/static/site.css?version=1234567"><img src="/static/logo.svg"><img src="/up.png">'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_pages_are_asked_which_files_they_name(site: Site, url: str) -> None:
    site.open(f'probe: {{pages: ["{url}/", "{url}/gone"]}}')
    (page,) = site.session.diff()["downloads"]["pages"]
    size = len(b"a newer logo") if page["first"]["br"] > 100 else page["returning"]["br"]
    assert page["page"] == f"{url}/"
    assert [one["path"] for one in page["files"]] == ["logo.svg"]
    assert page["returning"] == {"deltas": size, "br": size, "gzip": size}
    assert page["first"]["br"] > page["returning"]["br"]


def test_before_the_flip_the_pages_of_what_is_live_tell_what_to_expect(
    site: Site, url: str
) -> None:
    site.open(f'probe: {{pages: ["{url}/"]}}')
    found = site.session.diff(NEW, OLD)["downloads"]
    assert (found["old"], found["new"], found["expected"]) == (NEW, OLD, True)
    assert [one["path"] for one in found["pages"][0]["files"]] == ["logo.svg"]


def test_after_the_flip_what_the_probe_met_is_used_and_nobody_is_asked(site: Site) -> None:
    site.open('probe: {pages: ["http://127.0.0.1:9/"]}')
    deploy = site.deployment()
    deploy.release = deploy.seals.read(NEW)
    deploy.probed = {"asked": 1, "problems": [], "pages": {"https://shop/": ["site.css"]}}
    found = downloads_of(deploy, deploy.seals.read(OLD), deploy.release)
    (page,) = found["pages"]
    assert (page["page"], page["returning"]["br"], found["expected"]) == ("https://shop/", 0, False)  # type: ignore[index]


def test_pages_that_do_not_answer_leave_the_blocks_of_templates(site: Site) -> None:
    site.open('probe: {pages: ["http://127.0.0.1:9/"]}')
    assert site.session.diff()["downloads"]["pages"] == []
