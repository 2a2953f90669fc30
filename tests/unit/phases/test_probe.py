"""The probe against a server that says what it is told to say: nothing wrong passes for right."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import ProbeError
from fab_static.phases.probe import probe
from fab_static.plan.inventory import S3, Cdn, Host, Probe
from fab_static.plan.release import File, Release

LASTING = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"
SCRIPT = b"let x\n//# sourceMappingURL=app.js.map?version=mapmap1\n"
FILES = {
    "js/app.js": (SCRIPT, "appapp1", "text/javascript"),
    "js/app.js.map": (b"{}", "mapmap1", "application/json"),
    "css/site.css": (b"a{}", "sitesi1", "text/css"),
    "img/logo.svg": (b"<svg/>", None, "image/svg+xml"),
    "fonts/a.woff2": (b"font", None, "font/woff2"),
}
PAGE = b'<script src="/static/js/app.js?version=appapp1"></script><img src="/static/img/logo.svg">'


def release() -> Release:
    files = {
        path: File(hashlib.sha256(body).hexdigest(), len(body), version or "0000001")
        for path, (body, version, _) in FILES.items()
    }
    return Release(
        id="20261122T170102Z-3f9c1a7b", app="a", environment="e", revision=None, created_at="", created_by="",
        settings={"STATIC_URL": "/static/"}, phases=(), files=files,
        versions={path: version for path, (_, version, _) in FILES.items() if version},
        named=(), offline_manifest=None, versions_sha256=None,
    )  # fmt: skip


class Server:
    """Answers as a good static host does, but for what a test changes in `said`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.said: dict[str, tuple[int, dict[str, str], bytes]] = {"/": (200, {}, PAGE)}
        for path, (body, version, kind) in FILES.items():
            headers = {"Content-Type": kind, "Access-Control-Allow-Origin": "*"}
            plain = {**headers, "Cache-Control": SHORT}
            self.said[f"/static/{path}"] = (200, plain, body)
            if version:
                lasting = {**headers, "Cache-Control": LASTING}
                self.said[f"/static/{path}?version={version}"] = (200, lasting, body)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536

            def do_GET(self) -> None:
                server.asked.append(self.path)
                missing = (404, {"Cache-Control": "no-store"}, b"")
                status, headers, body = server.said.get(self.path, missing)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                del words

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def change(
        self, url: str, body: bytes | None = None, status: int = 200, **headers: str
    ) -> None:
        _, old, old_body = self.said.get(url, (200, {}, b""))
        new = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in {**old, **new}.items() if value}
        self.said[url] = (status, kept, old_body if body is None else body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def origin() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def cdn() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def run(
    origin: Server,
    cdn: Server,
    *,
    waiting: bool = False,
    warned: list[str] | None = None,
    bucket: S3 | None = None,
    known: list[Any] | None = None,
) -> tuple[str, int]:
    """Return what the probe found wrong ("" for nothing), and how many answers it looked at.

    With `waiting` an invalidation has not ended.
    """
    said: list[str] = []
    build = "build1"
    static = SimpleNamespace(name="edge1", host=Host("edge1", "127.0.0.1", ("static",)))
    deploy: Any = SimpleNamespace(
        environment=SimpleNamespace(
            name="staging",
            probe=Probe(pages=(f"{origin.url}/",), origin=origin.url),
            cdn=Cdn("E1", domain=cdn.url),
            origin=bucket,
        ),
        show=SimpleNamespace(say=said.append, warn=([] if warned is None else warned).append),
        build=build,
        states={build: {"previous": None, "releases": []}},
        live=None,
        journal=SimpleNamespace(
            to_invalidate={"img/logo.svg": None} if waiting else {},
            invalidation={"reference": "earlier"},
            save=lambda: None,
        ),
        release=None,
        hosts=lambda *roles: (static,),
        current_release=release,
    )
    if known is not None:
        known.append(deploy.journal)
    try:
        probe(deploy)
    except ProbeError as error:
        return error.what, 0
    return "", int(re.search(r" pages? and (\d+)", said[-1])[1])


def test_a_good_site_is_asked_at_the_origin_and_through_the_cdn(
    origin: Server, cdn: Server
) -> None:
    problem, answers = run(origin, cdn)
    assert problem == ""
    assert answers >= 24  # more where brotli is installed
    assert set(cdn.asked) == {
        "/static/js/app.js?version=appapp1",
        "/static/js/app.js.map?version=mapmap1",
        "/static/css/site.css?version=sitesi1",
        "/static/img/logo.svg",
        "/static/fonts/a.woff2",
        "/static/fab-static-probe/there-is-no-such-file.png",
        "/static/css/site.css?version=0000000",
    }
    assert set(origin.asked) == {"/", *cdn.asked}


CSS = "/static/css/site.css?version=sitesi1"
MISSING = "/static/fab-static-probe/there-is-no-such-file.png"


@pytest.mark.parametrize(
    ("url", "change", "words"),
    [
        (CSS, {"body": b"b{}"}, "answered 3 bytes that are not the recorded 3"),
        (CSS, {"status": 500}, "answered 500"),
        (CSS, {"Content_Type": "text/html"}, "browsers want text/css"),
        (CSS, {"Content_Encoding": "gzip"}, "its body is not gzip"),
        ("/static/img/logo.svg", {"Cache_Control": LASTING}, "may change under this name"),
        (MISSING, {"body": b"<html>"}, "answered 200, not 404"),
        (MISSING, {"status": 404, "Cache_Control": "max-age=9"}, "caches must not keep it"),
        ("/static/css/site.css?version=0000000", {"Cache_Control": LASTING}, "caches must not keep it"),
        ("/static/js/app.js.map?version=mapmap1", {"body": b"{1}"}, "app.js.map?version=mapmap1 answered 3"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["origin", "cdn"])
def test_each_thing_that_is_wrong_is_told_wherever_it_is(
    origin: Server, cdn: Server, where: str, url: str, change: dict[str, Any], words: str
) -> None:
    server = {"origin": origin, "cdn": cdn}[where]
    server.change(url, **change)
    problem, _ = run(origin, cdn)
    assert words in problem
    assert server.url + url.partition("?")[0] in problem


def test_a_font_that_pages_of_the_site_may_not_use_from_the_cdn_is_told(
    origin: Server, cdn: Server
) -> None:
    """From an origin it is nobody's affair: pages of the same host need no leave."""
    origin.change("/static/fonts/a.woff2", Access_Control_Allow_Origin="")
    assert run(origin, cdn)[0] == ""
    cdn.change("/static/fonts/a.woff2", Access_Control_Allow_Origin="")
    assert "a.woff2 came without leave for pages of http" in run(origin, cdn)[0]


def test_what_could_be_kept_for_ever_and_is_not_is_only_warned_of(
    origin: Server, cdn: Server
) -> None:
    """Another server than the nginx we print the configuration for may be right all the same."""
    origin.change(CSS, Cache_Control="max-age=60")
    warned: list[str] = []
    assert run(origin, cdn, warned=warned)[0] == ""
    assert warned[0].startswith("2 URLs whose bytes never change may only be kept for a while")


def test_a_cdn_that_cannot_be_reached_from_here_says_nothing_of_the_release(
    origin: Server, cdn: Server
) -> None:
    cdn.close()
    warned: list[str] = []
    assert run(origin, cdn, warned=warned)[0] == ""
    assert "cannot be reached from here" in warned[0]


def test_a_bucket_behind_the_cdn_is_held_to_what_a_bucket_can_do(
    origin: Server, cdn: Server
) -> None:
    """S3 names no Cache-Control with an error, and 403 is its word for what is missing."""
    cdn.change(MISSING, status=403, Cache_Control="")
    assert "answered 403, not 404" in run(origin, cdn)[0]
    exact = S3("shop", version_function=True)
    unknown = "/static/css/site.css?version=0000000"
    cdn.change(unknown, status=404, Cache_Control="")
    assert run(origin, cdn, bucket=exact)[0] == ""
    cdn.change(unknown, body=b"live", Cache_Control="max-age=300")
    assert "site.css?version=0000000 answered 200, not 404" in run(origin, cdn, bucket=exact)[0]
    cdn.asked.clear()
    run(origin, cdn, bucket=S3("shop"))
    assert MISSING in cdn.asked
    assert unknown not in cdn.asked


def test_nothing_is_asked_of_the_cdn_while_an_origin_is_wrong(origin: Server, cdn: Server) -> None:
    """What CloudFront fetched from a wrong host, it would keep for a year."""
    origin.change(CSS, body=b"old")
    run(origin, cdn)
    assert cdn.asked == []


def test_what_the_cdn_may_not_have_forgotten_yet_is_not_held_against_it(
    origin: Server, cdn: Server
) -> None:
    """Else a slow invalidation would roll a good release back."""
    cdn.change("/static/img/logo.svg", body=b"the old one")
    assert "logo.svg answered 11 bytes" in run(origin, cdn)[0]
    assert run(origin, cdn, waiting=True)[0] == ""


def test_a_page_that_prints_what_the_release_has_not_is_told(origin: Server, cdn: Server) -> None:
    origin.change("/", body=PAGE.replace(b"appapp1", b"abcdef0") + b'<img src="/static/gone.png">')
    problem, _ = run(origin, cdn)
    assert "is printed by a page, and the release recorded version appapp1" in problem
    assert "the release has no gone.png" in problem


def test_a_bundle_that_names_another_builds_map_is_told(origin: Server, cdn: Server) -> None:
    body = SCRIPT.replace(b"mapmap1", b"abcdef0")
    made = release()
    FILES["js/app.js"] = (body, "appapp1", "text/javascript")
    try:
        origin.change("/static/js/app.js?version=appapp1", body=body)
        problem, _ = run(origin, cdn)
    finally:
        FILES["js/app.js"] = (SCRIPT, "appapp1", "text/javascript")
    assert release() == made
    assert "which is of another build" in problem


def test_what_the_cdn_alone_answers_wrongly_is_to_be_invalidated_again(
    origin: Server, cdn: Server
) -> None:
    """The list was emptied, and `invalidate`, the cure, said that there is nothing to do (fleet A2)."""
    cdn.change("/static/img/logo.svg", b"old")
    journals: list[Any] = []
    found, _ = run(origin, cdn, known=journals)
    assert "/static/img/logo.svg answered 3 bytes that are not the recorded" in found
    assert journals[0].to_invalidate == {"img/logo.svg": None}
    assert journals[0].invalidation is None, (
        "else CloudFront takes the earlier request for this one"
    )


def test_what_a_static_host_answers_wrongly_is_no_matter_for_an_invalidation(
    origin: Server, cdn: Server
) -> None:
    origin.change("/static/img/logo.svg", b"old")
    journals: list[Any] = []
    assert run(origin, cdn, known=journals)[0]
    assert journals[0].to_invalidate == {}


def test_every_script_sheet_and_image_of_the_page_s_own_origin_is_asked_for(
    origin: Server, cdn: Server
) -> None:
    """Pages named /statics/, the release was built for /static/: all 404, and the probe passed (fleet A6)."""
    origin.change("/", PAGE.replace(b"/static/", b"/statics/"))
    warned: list[str] = []
    found, _ = run(origin, cdn, warned=warned)
    assert f"{origin.url}/statics/js/app.js?version=appapp1 answered 404" in found
    assert (
        "pages name 1 image outside STATIC_URL that cannot be had: "
        f"{origin.url}/statics/img/logo.svg answered 404"
    ) in warned
    assert f"{origin.url}/ names no file of the release: is its STATIC_URL another one?" in warned


def test_an_upload_that_is_gone_is_told_and_no_failure_of_the_release(
    origin: Server, cdn: Server
) -> None:
    """No release has brought or lost it, and going back would not bring it back."""
    origin.change("/", PAGE + b'<img src="/media/photo.jpg">')
    warned: list[str] = []
    assert run(origin, cdn, warned=warned)[0] == ""
    assert (
        "pages name 1 image outside STATIC_URL that cannot be had: "
        f"{origin.url}/media/photo.jpg answered 404"
    ) in warned


def test_what_others_serve_is_not_asked_for(origin: Server, cdn: Server) -> None:
    origin.change("/", PAGE + b'<script src="http://127.0.0.1:9/else.js"></script>')
    assert run(origin, cdn)[0] == ""


def test_a_host_where_nothing_listens_is_told_in_one_line(origin: Server, cdn: Server) -> None:
    origin.close()
    found, _ = run(origin, cdn)
    (line,) = [
        line for line in found.splitlines() if "Connection refused" in line and "/ " not in line
    ]
    assert line.strip() == f"{origin.url} answered nothing: [Errno 111] Connection refused"


def sri(body: bytes) -> str:
    return f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}"


def page_with(script: str, attributes: str) -> bytes:
    return f'<script src="{script}" {attributes}></script>'.encode()


def test_a_page_whose_integrity_is_that_of_other_bytes_is_told(origin: Server, cdn: Server) -> None:
    url = "/static/js/app.js?version=appapp1"
    origin.change("/", page_with(url, f'integrity="{sri(SCRIPT)}"'))
    assert run(origin, cdn)[0] == ""
    origin.change("/", page_with(url, f'integrity="{sri(b"other")}"'))
    problems, _ = run(origin, cdn)
    assert f"{url} is promised by {origin.url}/ as sha384-" in problems
    assert "browsers refuse it" in problems


def test_a_checked_script_of_another_host_needs_crossorigin_and_leave(
    origin: Server, cdn: Server
) -> None:
    url = f"{cdn.url}/static/js/app.js?version=appapp1"
    origin.change("/", page_with(url, f'integrity="{sri(SCRIPT)}"'))
    assert 'write crossorigin="anonymous"' in run(origin, cdn)[0]
    origin.change("/", page_with(url, f'integrity="{sri(SCRIPT)}" crossorigin'))
    assert run(origin, cdn)[0] == ""
    cdn.change("/static/js/app.js?version=appapp1", Access_Control_Allow_Origin="")
    assert "came without leave for pages of" in run(origin, cdn)[0]
