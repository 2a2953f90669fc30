"""A name that goes, and comes back with other bytes: caches must forget it in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fab_static.phases.run.forgetting import forgetting
from fab_static.plan.cdn.queries import ANY_QUERY
from fab_static.plan.inventory import S3
from fab_static.plan.publication import Manifest, visible, with_other_bytes
from fab_static.plan.release import Release
from tests.releases import sealed

A, B, C = (f"2026112{day}T170102Z-0000000{name}" for day, name in ((1, "a"), (2, "b"), (3, "c")))
FIRST = sealed({"logo.png": "one", "paper.png": "same"}, A)
WITHOUT = sealed({"paper.png": "same"}, B)
AGAIN = sealed({"logo.png": "three", "paper.png": "same"}, C)
SAME = sealed({"logo.png": "one", "paper.png": "same"}, C)


def deployment(live: Release, *, bucket: bool) -> Any:
    """Return a deploy to a fleet where a release is live, after FIRST was; a bucket still holds FIRST's names."""
    manifest = Manifest("shop", "production", release=live.id)
    for release in (FIRST, live):
        manifest = manifest.having([(item, "etag") for item in visible(release)], release.id)
    origin = SimpleNamespace(
        manifest=manifest,
        place=SimpleNamespace(cache_tags=False),
        served_otherwise=lambda _: [],
        overwritten=lambda release: {*with_other_bytes(manifest, visible(release))},
    )
    build = object()
    releases = {one.id: one for one in (FIRST, live)}
    state = {"current": live.id, "releases": [*releases], "record": []}
    return SimpleNamespace(
        environment=SimpleNamespace(origin=S3("shop") if bucket else None),
        origin=origin if bucket else None,
        build=build,
        states={build: state},
        hosts=lambda *_: [build],
        seals=SimpleNamespace(read=lambda name: releases[name]),
    )


def test_a_name_that_goes_is_forgotten() -> None:
    """Caches may keep it for a day, and it may come back with other bytes."""
    for bucket in (False, True):
        found = forgetting(deployment(FIRST, bucket=bucket), WITHOUT)
        assert found.if_it_stays == {"logo.png": ANY_QUERY}


def test_a_name_that_comes_back_with_other_bytes_is_forgotten_where_a_bucket_kept_it() -> None:
    """The bucket answers it all the time, and lets caches keep it; hosts have them ask each time."""
    assert forgetting(deployment(WITHOUT, bucket=True), AGAIN).if_it_stays == {
        "logo.png": ANY_QUERY
    }
    assert forgetting(deployment(WITHOUT, bucket=True), SAME).if_it_stays == {}
    assert forgetting(deployment(WITHOUT, bucket=False), AGAIN).if_it_stays == {}


def test_a_new_name_is_in_no_cache() -> None:
    new = sealed({"new.png": "new", "paper.png": "same"}, C)
    assert forgetting(deployment(WITHOUT, bucket=True), new).if_it_stays == {}
