"""What the doctor makes of an edge's answers, each played by a browser of the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fab_static.doctor.cdn_answers import of_answers
from fab_static.doctor.cdn_settings import ALLOW_ALL_QUERIES
from fab_static.phases.run.browser import Answer
from fab_static.plan.inventory import S3
from tests.releases import sealed

CDN = "https://d111.cloudfront.net"
PAGE = "https://shop.example.com/cart/"
RELEASE = sealed(
    {"css/site.css": "b" * 1000, "js/small.js": "s", "font.woff2": "f"},
    versioned=["css/site.css", "js/small.js", "font.woff2"],
    settings={"STATIC_URL": "/static/"},
)
NO_STORE = Answer(404, {"cache-control": "no-store"})
HIT, MISS = {"x-cache": "Hit from cloudfront"}, {"x-cache": "RefreshHit from cloudfront"}


class Edge:
    """A browser whose answers the test gives: to what is missing, to a made-up version, to a file."""

    def __init__(self) -> None:
        self.missing = NO_STORE
        self.made_up: list[Answer] = [Answer(200, MISS)] * 3
        self.css = Answer(200, {"content-encoding": "br"})
        self.font = Answer(200, {"access-control-allow-origin": "*"})
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get(self, url: str, **headers: str) -> Answer:
        self.asked.append((url, headers))
        if "no-such-file" in url:
            return self.missing
        if headers.get("encoding"):
            return self.css
        return self.font if headers.get("origin") else self.made_up.pop(0)

    def found(
        self, origin: S3 | None = None, *, pages: tuple[str, ...] = (PAGE,)
    ) -> dict[str, dict[str, Any]]:
        """Return subject -> finding."""
        found = list(of_answers(self, CDN, RELEASE, pages, origin))  # type: ignore[arg-type]
        assert all(one["mend"] for one in found if not one["ok"])
        return {one["subject"]: one for one in found}


def bad(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {subject: one["what"] for subject, one in found.items() if not one["ok"]}


def test_an_edge_that_is_well_is_asked_for_one_url_of_each_kind() -> None:
    edge = Edge()
    found = edge.found()
    assert bad(found) == {}
    assert [*found] == ["missing files", "cache key", "unknown versions", "compression", "CORS"]
    versions = [url.partition("?version=")[2] for url, _ in edge.asked if "css?" in url]
    assert versions[0] != versions[1] == versions[2]
    assert RELEASE.versions["css/site.css"] == versions[3]


def test_an_edge_that_does_not_answer_is_told_and_asked_no_more() -> None:
    edge = Edge()
    edge.missing = Answer("no route to host")
    assert bad(edge.found()) == {"HTTP": "answers no route to host"}
    assert len(edge.asked) == 1


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(404), 'answer 404 with Cache-Control "": caches may keep that'),
        (
            Answer(404, {"cache-control": "max-age=60"}),
            'answer 404 with Cache-Control "max-age=60": caches may keep that',
        ),
        (Answer(403), "answer 403, which CloudFront keeps whatever the origin says"),
        (
            Answer(200, {"content-type": "text/html; charset=utf-8"}),
            "a file that nobody has answers 200, as text/html: what is missing looks as if it were there",
        ),
    ],
)
def test_what_is_missing_must_be_told_as_missing_and_not_be_kept(answer: Answer, what: str) -> None:
    edge = Edge()
    edge.missing = answer
    assert bad(edge.found()) == {"missing files": what}


def test_a_bucket_says_nothing_of_caching_what_it_lacks() -> None:
    edge = Edge()
    edge.missing = Answer(404)
    assert bad(edge.found(S3("shop"))) == {}


def test_versions_that_share_a_cache_entry_are_found() -> None:
    edge = Edge()
    edge.made_up[1] = Answer(200, HIT)
    found = edge.found()
    assert bad(found)["cache key"].startswith("two made-up versions share a cache entry")
    assert found["cache key"]["mend"] == ALLOW_ALL_QUERIES


def test_an_unknown_version_that_is_kept_is_found_but_for_a_bucket() -> None:
    """A host that is not published yet would fill the cache with what it has; a bucket has one of each."""
    edge, bucket = Edge(), Edge()
    edge.made_up[2] = bucket.made_up[2] = Answer(200, HIT)
    assert bad(edge.found())["unknown versions"].startswith("are kept, and so would be the bytes")
    assert bad(bucket.found(S3("shop"))) == {}


@pytest.mark.parametrize(("status", "is_well"), [(200, False), (404, True)])
def test_a_version_function_is_one_that_knows_no_made_up_version(
    status: int, is_well: bool
) -> None:
    edge = Edge()
    edge.made_up = [Answer(status, HIT)]
    found = edge.found(S3("shop", version_function=True))
    assert found["version function"]["ok"] is is_well


def uncompressed(edge: Edge) -> None:
    edge.css = Answer(200)


def without_leave(edge: Edge) -> None:
    edge.font = Answer(200, {"access-control-allow-origin": "https://other.example.com"})


@pytest.mark.parametrize(
    ("breaks", "subject", "what"),
    [
        (uncompressed, "compression", "/static/css/site.css?version={} comes uncompressed"),
        (
            without_leave,
            "CORS",
            "/static/font.woff2?version={} comes without leave for pages of https://shop.example.com: "
            "browsers throw the font away",
        ),
    ],
)
def test_what_browsers_need_of_a_file_is_looked_at(
    breaks: Callable[[Edge], None], subject: str, what: str
) -> None:
    edge = Edge()
    breaks(edge)
    version = RELEASE.versions["css/site.css" if "css" in what else "font.woff2"]
    assert bad(edge.found()) == {subject: what.format(version)}


def test_the_pages_own_host_may_be_the_one_that_is_given_leave() -> None:
    edge = Edge()
    edge.font = Answer(200, {"access-control-allow-origin": "https://shop.example.com"})
    assert edge.found()["CORS"]["ok"]
    assert "CORS" not in Edge().found(pages=())
