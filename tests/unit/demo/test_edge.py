"""The fake edge caches as CloudFront does, before an HTTP server that says what it is told to say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from demo.cloudfront import CloudFront
from demo.edge import Edge
from fab_static.phases.run.browser import Answer, Browser


class Origin:
    """Answers with `status`, `headers` and `body`, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer(200, "one")
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.asked.append(self.path)
                self.send_response(origin.status)
                for name, value in {
                    **origin.headers,
                    "Content-Length": str(len(origin.body)),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(origin.body)

            def log_message(self, *words: Any) -> None:
                del words

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, status: int, body: str, control: str | None = "max-age=60") -> None:
        self.status, self.body = status, body.encode()
        self.headers = {"Cache-Control": control} if control else {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


class World:
    """An origin, an edge before it, and a CloudFront that tells the edge what to forget."""

    def __init__(self) -> None:
        self.origin = Origin()
        self.cloudfront = CloudFront()
        self.distribution = self.cloudfront.add_distribution()
        self.browser = Browser(5)

    def edge(self, **more: Any) -> Edge:
        self.made = Edge(
            [self.origin.url],
            forgotten=lambda: self.cloudfront.forgotten(self.distribution.id),
            clock=self.cloudfront.clock,
            **more,
        ).__enter__()
        return self.made

    def get(self, path: str = "/a") -> Answer:
        return self.browser.get(self.made.url + path)

    def body(self, path: str = "/a") -> str:
        return self.get(path).body.decode()

    def wait(self, seconds: float) -> None:
        self.cloudfront.clock.sleep(seconds)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.cloudfront:
        yield made
        made.made.close()
    made.origin.server.shutdown()
    made.origin.server.server_close()


def test_a_fresh_copy_is_a_hit_until_its_time_is_over(world: World) -> None:
    world.edge()
    assert world.get().headers["x-cache"] == "Miss from cloudfront"
    world.origin.answer(200, "two")
    world.wait(59)
    assert world.get().headers["x-cache"] == "Hit from cloudfront"
    assert world.body() == "one"
    world.wait(2)
    assert world.body() == "two"


@pytest.mark.parametrize(
    ("control", "kept"),
    [("max-age=10, s-maxage=1000", 999), ("no-store", 0), ("private, max-age=9", 0), (None, 86399)],
)
def test_the_origins_cache_control_is_honoured(
    world: World, control: str | None, kept: int
) -> None:
    world.edge()
    world.origin.answer(200, "one", control)
    world.get()
    world.origin.answer(200, "two", control)
    if kept:
        world.wait(kept)
        assert world.body() == "one"
        world.wait(2)
    assert world.body() == "two"


def test_a_minimum_ttl_keeps_even_what_must_not_be_kept(world: World) -> None:
    world.edge(min_ttl=60)
    world.origin.answer(200, "one", "no-store")
    world.get()
    world.origin.answer(200, "two")
    assert world.body() == "one"


@pytest.mark.parametrize(("query", "shared"), [("all", False), ("none", True), (["v"], True)])
def test_the_cache_key_holds_the_queries_of_the_policy(
    world: World, query: Any, shared: bool
) -> None:
    world.edge(query=query)
    world.get("/a?version=1")
    assert world.get("/a?version=2").headers["x-cache"].startswith("Hit") is shared
    assert world.origin.asked[0] == ("/a" if shared else "/a?version=1")


@pytest.mark.parametrize(
    ("status", "control", "kept"),
    [
        (404, None, 10),
        (404, "no-store", 0),
        (403, None, 0),
        (403, "max-age=99", 99),
        (503, "no-store", 10),
    ],
)
def test_errors_are_kept_as_cloudfront_keeps_them(
    world: World, status: int, control: str | None, kept: int
) -> None:
    world.edge()
    world.origin.answer(status, "no", control)
    assert world.get().status == status
    world.origin.answer(200, "yes")
    if kept:
        world.wait(kept - 1)
        assert world.get().status == status
        world.wait(1.1)
    assert world.get().status == 200


def test_an_expired_copy_is_better_than_an_error_of_the_server(world: World) -> None:
    world.edge()
    world.get()
    world.wait(100)
    world.origin.answer(500, "broken")
    assert world.body() == "one"


def test_a_stale_copy_is_served_once_while_it_is_fetched_anew(world: World) -> None:
    world.edge(stale_window=True)
    world.origin.answer(200, "one", "max-age=10, stale-while-revalidate=30")
    world.get()
    world.origin.answer(200, "two")
    world.wait(11)
    assert [world.body(), world.body()] == ["one", "two"]


@pytest.mark.parametrize("takes_effect", ["creation", "completion"])
def test_an_invalidation_is_forgotten_when_it_takes_effect(world: World, takes_effect: str) -> None:
    world.edge()
    world.cloudfront.takes_effect = takes_effect
    world.get("/a?version=1")
    world.get("/b")
    world.origin.answer(200, "two")
    world.cloudfront.invalidate_elsewhere(world.distribution, ["/a*"], 20)
    assert world.body("/a?version=1") == ("two" if takes_effect == "creation" else "one")
    world.wait(20)
    assert world.body("/a?version=1") == "two"
    assert world.body("/b") == "one"


def test_a_missing_file_may_be_dressed_as_a_page(world: World) -> None:
    world.edge(error_pages={404: (200, b"<html>")})
    world.origin.answer(404, "no")
    answer = world.get()
    assert (answer.status, answer.content_type, answer.raw) == (200, "text/html", b"<html>")


def test_a_tag_is_of_every_variant_that_carries_it_and_of_what_was_stored_before_it_none(
    world: World,
) -> None:
    world.distribution.config["CacheTagConfig"] = {"HeaderName": "x-amz-meta-cache-tag"}
    world.edge(tag_header="x-amz-meta-cache-tag")
    world.get("/untagged")
    world.origin.headers["X-Amz-Meta-Cache-Tag"] = "abc, DEF"
    urls = ("/a", "/a?v=1", "/b")
    for url in urls:
        world.get(url)
    world.origin.answer(200, "two")
    world.cloudfront.invalidate_elsewhere(world.distribution, ["#def"], 0)
    assert [world.body(url) for url in urls] == ["two"] * 3
    assert world.body("/untagged") == "one"
