"""What is asked of CloudFront for what a flip changed, against the strict CloudFront."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from demo.cloudfront import CloudFront, Distribution, behaviour
from fab_static.errors import CdnError
from fab_static.phases.invalidate import begin, invalidate
from fab_static.phases.run.forgetting import forgotten
from fab_static.phases.run.journal import Journal
from fab_static.plan import record as records
from fab_static.plan.cdn.cache_tags import tag_of
from fab_static.plan.cdn.queries import ANY_QUERY
from fab_static.plan.inventory import S3, Cdn
from fab_static.plan.release import File, Release

NAMES = ("20261122T170102Z-0000000a", "20261123T170102Z-0000000b")
TAGS = {"CacheTagConfig": {"HeaderName": "x-amz-meta-cache-tag"}}


class BuildHost:
    """Keeps what it is told."""

    name = "build1"

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(
        self, verb: Any, request: Any = None, body: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        self.asked.append((verb.name, request))
        return {}, body

    def later(self, verb: Any, body: bytes = b"") -> None:
        self.ask(verb, body=body)

    @property
    def noted(self) -> int:
        return sum(more["entry"]["paths"] for command, more in self.asked if command == "note")


def release(contents: dict[str, str], name: str = NAMES[0]) -> Release:
    """Return a release of these files, path -> version; scripts are versioned."""
    return Release(
        id=name,
        app="shop",
        environment="production",
        revision=None,
        created_at="",
        created_by="",
        settings={"STATIC_URL": "/static/"},
        phases=(),
        files={path: File(version * 9, 1, version) for path, version in contents.items()},
        versions={path: one for path, one in contents.items() if path.endswith(".js")},
        named=(),
        offline_manifest=None,
        versions_sha256=None,
    )


OLD = release({"a.js": "aaaaaa1", "img/a.svg": "aaaaaa1", "img/a.svgz": "aaaaaa1", "b.png": "1"})
NEW = release({"a.js": "aaaaaa2", "img/a.svg": "aaaaaa2", "img/a.svgz": "aaaaaa1", "b.png": "1"}, NAMES[1])  # fmt: skip


def deployment(
    cloudfront: CloudFront,
    known: Distribution,
    *changed: str,
    origin: S3 | None = None,
    live: Release = NEW,
    before: Release = OLD,
    wait: float = 30,
) -> Any:
    """Return a deploy after its flip, with these paths to be forgotten under any query."""
    host = BuildHost()
    releases = {one.id: one for one in (live, before)}
    record = [{"event": "activate", "release": one.id, "at": 1.0} for one in (before, live)]
    told: list[str] = []
    journal = Journal(host, to_invalidate=dict.fromkeys(changed, ANY_QUERY))  # type: ignore[arg-type]
    return SimpleNamespace(
        environment=SimpleNamespace(
            name="production",
            cdn=Cdn(known.id, endpoint_url=cloudfront.endpoint, timeout=2, wait=wait),
            origin=origin,
        ),
        journal=journal,
        options={},
        told=told,
        show=SimpleNamespace(say=told.append, warn=told.append),
        build=host,
        states={host: {"previous": before.id, "releases": [*releases], "record": record}},
        log=records.read(record),
        live=live.id,
        recorded_live=live.id,
        lock=None,
        caching=None,
        current_release=lambda: live,
        seals=SimpleNamespace(read=lambda name: releases[name]),
    )


def keyed_on(cloudfront: CloudFront, *names: str) -> Distribution:
    policy = cloudfront.add_cache_policy("whitelist" if names else "none", names)
    return cloudfront.add_distribution(DefaultCacheBehavior=behaviour(policy))


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (("version",), ["/static/img/a.svg"]),
        ((), ["/static/img/a.svg"]),
        (("version", "v"), ["/static/img/a.svg*"]),
    ],
)
def test_query_variants_are_asked_for_only_where_the_cache_tells_them_apart(
    cloudfront: CloudFront, names: tuple[str, ...], paths: list[str]
) -> None:
    known = keyed_on(cloudfront, *names)
    invalidate(deployment(cloudfront, known, "img/a.svg"))
    (asked,) = cloudfront.invalidations(known.id)
    assert asked == paths
    assert cloudfront.calls.count("GetDistributionConfig") == 1
    assert cloudfront.calls.count("GetCachePolicy") == 1
    assert cloudfront.calls.count("CreateInvalidation") == 1


@pytest.mark.parametrize("operation", ["GetDistributionConfig", "GetCachePolicy"])
def test_without_the_right_to_see_the_cache_key_any_query_is_asked_for_and_that_is_said(
    cloudfront: CloudFront, operation: str
) -> None:
    cloudfront.denied.add(operation)
    known = keyed_on(cloudfront, "version")
    deploy = deployment(cloudfront, known, "img/a.svg")
    invalidate(deploy)
    assert any(path.endswith("*") for path in cloudfront.invalidations(known.id)[0])
    assert "AccessDenied" in deploy.told[0]
    assert deploy.journal.to_invalidate == {}


def test_a_bucket_with_tags_forgets_by_tag_what_was_given_out_with_tags(
    cloudfront: CloudFront,
) -> None:
    known = cloudfront.add_distribution(**TAGS)
    deploy = deployment(cloudfront, known, "img/a.svg", origin=S3("shop", cache_tags=True))
    deploy.journal.by_tag = True
    invalidate(deploy)
    (asked,) = cloudfront.invalidations(known.id)
    assert asked == ["#" + tag_of("img/a.svg")]


@pytest.mark.parametrize("lacking", ["tags in the cache", "tags in the settings", "the right"])
def test_where_tags_are_not_sure_paths_are_asked_for(cloudfront: CloudFront, lacking: str) -> None:
    known = cloudfront.add_distribution(**({} if lacking == "tags in the settings" else TAGS))
    if lacking == "the right":
        cloudfront.denied.add("GetDistributionConfig")
    deploy = deployment(cloudfront, known, "img/a.svg", origin=S3("shop", cache_tags=True))
    deploy.journal.by_tag = lacking != "tags in the cache"
    invalidate(deploy)
    (asked,) = cloudfront.invalidations(known.id)
    assert all(path.startswith("/static/img/a.svg") for path in asked)


def test_wildcards_that_others_have_in_progress_are_left_room_for(cloudfront: CloudFront) -> None:
    """Fourteen of fifteen are taken: who asked for two would be refused, and wait."""
    files = {f"{folder}/{n}.png": "aaaaaa1" for folder in "xyz" for n in range(40)}
    known = cloudfront.add_distribution()
    cloudfront.invalidate_elsewhere(known, [f"/f{n}/*" for n in range(14)], 10_000)
    live = release(files, NAMES[1])
    deploy = deployment(cloudfront, known, *files, live=live, before=OLD, wait=0)
    begin(deploy, live.id)
    assert cloudfront.calls.count("CreateInvalidation") == 1
    asked = cloudfront.invalidations(known.id)[-1]
    assert sum(path.endswith("*") for path in asked) == 1
    assert "requests" in deploy.journal.invalidation


def test_an_earlier_flips_request_is_found_again_and_paid_once(cloudfront: CloudFront) -> None:
    known = keyed_on(cloudfront, "version")
    deploy = deployment(cloudfront, known, "img/a.svg")
    begin(deploy, deploy.live)
    invalidate(deploy)
    assert cloudfront.paths_charged == deploy.build.noted == 1
    assert cloudfront.calls.count("CreateInvalidation") == 1


def test_what_was_forgotten_can_be_asked_for_again(cloudfront: CloudFront) -> None:
    """A CDN kept old bytes although it was told: `invalidate` said that there was nothing to do (fleet A2)."""
    deploy = deployment(cloudfront, keyed_on(cloudfront, "version"), "img/a.svg")
    invalidate(deploy)
    invalidate(deploy)
    assert deploy.told[-1] == (
        "no URL keeps its name with other bytes; nothing to invalidate. To ask CloudFront once more for what "
        "earlier flips changed: fab production invalidate --again"
    )
    deploy.options = {"again": True}
    invalidate(deploy)
    assert cloudfront.calls.count("CreateInvalidation") == 2
    assert cloudfront.paths_charged == 2
    assert deploy.journal.to_invalidate == {}


def test_what_was_asked_while_a_host_could_not_be_put_back_is_asked_again(
    cloudfront: CloudFront,
) -> None:
    """It may have served the other bytes until it could."""
    deploy = deployment(cloudfront, keyed_on(cloudfront, "version"), "img/a.svg")
    begin(deploy, None)
    invalidate(deploy)
    assert deploy.build.noted == 2
    assert cloudfront.calls.count("CreateInvalidation") == 2


def test_a_path_that_is_refused_is_named_and_the_others_are_forgotten(
    cloudfront: CloudFront,
) -> None:
    known = cloudfront.add_distribution()
    deploy = deployment(cloudfront, known, "b.png")
    deploy.journal.invalidation = {
        "live": deploy.live,
        "changed": {"b.png": None},
        "reference": "r",
        "batches": [["/static/b.png", "/static/~c.png"]],
    }
    with pytest.raises(CdnError) as caught:
        invalidate(deploy)
    assert caught.value.what == (
        "CloudFront takes no path such as /static/~c.png; all others are invalidated"
    )
    assert "fab production invalidate" in caught.value.mend
    assert cloudfront.invalidations(known.id) == [["/static/b.png"]]


def test_the_month_is_warned_of_before_anything_is_asked_for(cloudfront: CloudFront) -> None:
    known = keyed_on(cloudfront, "version")
    deploy = deployment(cloudfront, known, "b.png")
    deploy.log = records.Record((records.Invalidated("I1", 799, time.time()),))
    seen: list[tuple[str, bool]] = []
    deploy.show.warn = lambda text: seen.append((text, "CreateInvalidation" in cloudfront.calls))
    invalidate(deploy)
    ((text, had_asked),) = seen
    assert text.startswith("799 invalidation paths this month, 800 with these: AWS gives 1,000")
    assert not had_asked
    assert deploy.told[-1] == (
        "CloudFront counts 1 path: $0. This app has used 800 of the account's 1,000 free paths this month"
    )


def test_an_invalidation_that_does_not_end_names_the_command_that_waits_on(
    cloudfront: CloudFront,
) -> None:
    cloudfront.completes_after = 1000
    known = keyed_on(cloudfront, "version")
    deploy = deployment(cloudfront, known, "b.png", wait=0.2)
    with pytest.raises(CdnError) as caught:
        invalidate(deploy)
    assert "is not completed after 0.2 seconds" in caught.value.what
    assert caught.value.mend.startswith("wait on: fab production invalidate (it asks for the same")
    assert deploy.journal.to_invalidate == {"b.png": ANY_QUERY}
    cloudfront.clock.sleep(1000)
    invalidate(deploy)
    assert cloudfront.paths_charged == 1


def test_a_bucket_forgets_a_version_that_comes_back_and_no_other(cloudfront: CloudFront) -> None:
    """Pages of a release that went stay open: the bucket gave them new bytes under the old version."""
    known = cloudfront.add_distribution()
    plain = deployment(cloudfront, known, origin=S3("shop"))
    again = {"img/a.svg": ANY_QUERY}
    assert forgotten(plain, NEW, OLD) == {**again, "a.js": frozenset({"version=aaaaaa1"})}
    never_live = replace(NEW, versions={"a.js": "aaaaaa3"})
    assert forgotten(plain, OLD, never_live) == again
    exact = deployment(cloudfront, known, origin=S3("shop", version_function=True))
    assert forgotten(exact, NEW, OLD) == again
    hosts = deployment(cloudfront, known)
    assert forgotten(hosts, NEW, OLD) == again


def test_a_version_that_only_an_undone_flip_printed_is_forgotten_when_it_comes(
    cloudfront: CloudFront,
) -> None:
    deploy = deployment(cloudfront, cloudfront.add_distribution(), origin=S3("shop"))
    deploy.states[deploy.build]["record"] = [
        {"event": "activate", "release": OLD.id, "at": 1.0},
        {"event": "activate", "release": NEW.id, "at": 2.0},
        {"event": "undo", "release": NEW.id, "at": 3.0},
    ]
    assert forgotten(deploy, OLD, NEW)["a.js"] == {"version=aaaaaa2"}


def test_a_cloudfront_that_hangs_in_a_flip_is_given_up_at_its_first_silence(
    cloudfront: CloudFront,
) -> None:
    """Hosts are of two releases meanwhile."""
    known = keyed_on(cloudfront, "version")
    deploy = deployment(cloudfront, known, "b.png")
    deploy.environment.cdn = replace(deploy.environment.cdn, timeout=0.2)
    cloudfront.script("GetDistributionConfig", *["hang"] * 9)
    begin(deploy, deploy.live)
    assert set(cloudfront.calls) == {"GetDistributionConfig"}
    assert deploy.told[-1].endswith("it is asked again once hosts have settled")
    cloudfront.mend()
    invalidate(deploy)
    assert cloudfront.invalidations(known.id) == [["/static/b.png"]]
