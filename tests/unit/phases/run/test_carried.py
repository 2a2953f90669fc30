"""What other machines have built is taken where it is proved, and never decides whether a build goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

import pytest

from fab_static.phases.run import listings
from fab_static.phases.run.carried import known_elsewhere, leave
from fab_static.phases.run.carrying import Carrying
from fab_static.plan import carried
from fab_static.plan.carried import Build
from fab_static.plan.wire import verbs
from tests.strict_s3 import REGION, StrictS3
from tests.unit.phases.run.builds import Build as Building
from tests.unit.site import Site

OBJECT = "a" * 64


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictS3]:
    with StrictS3("shop") as store:
        store.sign_in(monkeypatch)
        yield store


def opened(site: Site, store: StrictS3) -> None:
    """Have the inventory name a cache."""
    s3 = f"{{bucket: shop, region: {REGION}}}"
    phases = "build: {phases: [collectstatic, resource_static, compress]}"
    site.open(f"{phases}\ncache: {{s3: {s3}, endpoint_url: '{store.url}'}}")


def a_build(**extra: object) -> Build:
    listing = {"files": {}, "extra": extra}
    left = {"listing": "one", "base": None, "record": "0" * 16}
    record = {"token": "0" * 16, "inputs": []}
    found: object = {
        "format": carried.FORMAT,
        "given": "f" * 64,
        "steps": {"collectstatic": {"left": left, "record": record, "places": {}}},
        "listings": {"one": listing},
        "packs": {},
    }
    read = carried.read(carried.written(found))  # type: ignore[arg-type]
    assert read
    return read


def test_where_no_cache_is_named_nothing_is_asked_and_nothing_left(
    shop: Site, build: Building
) -> None:
    deploy = shop.deployment(carrying=Carrying(has_run=True))
    assert known_elsewhere(deploy, "collectstatic", None) is None
    leave(deploy)
    assert deploy.show.said == deploy.show.warned == []  # type: ignore[attr-defined]


def test_a_phase_by_hand_and_a_rebuild_ask_for_nothing(shop: Site, store: StrictS3) -> None:
    opened(shop, store)
    for more in ({"by_itself": True}, {"reuse": "no"}):
        assert known_elsewhere(shop.deployment(**more), "collectstatic", None) is None
    assert store.asked == []


def test_a_bucket_that_is_not_there_is_told_once_and_asked_once(
    shop: Site, store: StrictS3
) -> None:
    opened(shop, store)
    store.buckets = set()
    deploy = shop.deployment()
    assert known_elsewhere(deploy, "collectstatic", None) is None
    asked = len(store.asked)
    assert known_elsewhere(deploy, "compress", "collectstatic") is None
    assert len(store.asked) == asked
    (told,) = deploy.show.warned  # type: ignore[attr-defined]
    assert told.startswith("collectstatic is not taken from the cache: ")


def test_a_build_that_would_write_elsewhere_is_not_taken(shop: Site, store: StrictS3) -> None:
    opened(shop, store)
    deploy = shop.deployment()
    deploy.carrying.builds = [a_build(**{"{home}/.bashrc": [OBJECT, 3, "0123456"]})]
    answer = {"chosen": 0, "why": "", "places": {"home": "/home/ada"}}
    shop.hosts["build1"].before["unpack"] = lambda: (answer, b"")
    assert known_elsewhere(deploy, "collectstatic", None) is None
    assert "collectstatic" not in deploy.journal.phases
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        "collectstatic is not taken from the cache: it would write /home/ada/.bashrc"
    ]


def test_phases_share_what_is_judged_and_gathered(shop: Site, store: StrictS3) -> None:
    """Each phase of a large project names the same ten thousand files as the one before it."""
    opened(shop, store)
    deploy = shop.deployment()
    data = b"a();"
    kept = [sha256(data).hexdigest(), len(data), "0123456"]
    found = a_build()
    found["listings"]["one"]["files"]["a.js"] = kept  # type: ignore[assignment]
    of_compress = {**found["steps"]["collectstatic"]["left"], "base": "one"}
    found["steps"]["compress"] = {**found["steps"]["collectstatic"], "left": of_compress}
    deploy.carrying.builds = [found]
    deploy.build.ask(verbs.PUT_OBJECT, body=data)
    host = shop.hosts["build1"]
    host.before["unpack"] = lambda: ({"chosen": 0, "why": "", "places": {}}, b"")
    host.before["recall"] = lambda: ({"token": "0" * 16}, b"")
    shop.asked.clear()
    first = known_elsewhere(deploy, "collectstatic", None)
    assert first
    assert first.entry
    deploy.journal.phases["collectstatic"] = first.entry
    second = known_elsewhere(deploy, "compress", "collectstatic")
    assert second
    assert second.listing == first.listing
    verbs_asked = [verb for _, verb in shop.asked]
    assert (verbs_asked.count("put_object"), verbs_asked.count("gather")) == (1, 1)
    assert "read_object" not in verbs_asked
    assert listings.read(deploy, first.listing)["files"] == {"a.js": kept}


def test_what_was_left_in_the_journal_stays_where_the_cache_knows_no_better(
    shop: Site, store: StrictS3, build: Building
) -> None:
    opened(shop, store)
    deploy = build(deploy=shop.deployment())
    before = dict(deploy.journal.phases)
    deploy.carrying.builds = [a_build()]
    answer = {"chosen": 0, "why": "", "places": {}}
    host = shop.hosts["build1"]
    host.before["unpack"] = lambda: (answer, b"")
    host.before["recall"] = lambda: ({"why": "a.js has changed"}, b"")
    assert known_elsewhere(deploy, "collectstatic", None) is None
    assert deploy.journal.phases == before
    assert "not in the cache: a.js has changed" in deploy.show.said  # type: ignore[attr-defined]


def test_records_that_cannot_go_elsewhere_are_told_and_nothing_is_sent(
    shop: Site, store: StrictS3, build: Building
) -> None:
    opened(shop, store)
    deploy = shop.deployment()
    host = shop.hosts["build1"]
    why = {"collectstatic": "it asked the network"}
    answer = {"places": {}, "given": "f" * 64, "why": why, "named": {}}
    host.before["pack"] = lambda: (answer, json.dumps({}).encode())
    build(deploy=deploy)
    assert deploy.carrying.has_run
    assert "collectstatic stays out of the cache: it asked the network" in deploy.show.said  # type: ignore[attr-defined]
    assert store.objects == {}
