"""Objects go to the cache in packs, and what a host has itself is asked of no bucket."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from fab_static.errors import CdnError, FabStaticError
from fab_static.phases.run.carried_objects import bring, send
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import carried
from fab_static.plan.carried import Build
from fab_static.plan.wire import asks, verbs
from tests.strict_s3 import StrictS3
from tests.unit.phases.run.test_carried import a_build, opened, store
from tests.unit.site import Site

__all__ = ["store"]
SMALL = [b"one", b"two", b"three"]
LARGE = b"large" * 1000


def names(*objects: bytes) -> dict[str, int]:
    return {sha256(data).hexdigest(): len(data) for data in objects}


Sent = tuple[Deployment, StrictS3, Build]


@pytest.fixture
def sent(shop: Site, store: StrictS3, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Have objects of the build host in the bucket, and not on the build host any more."""
    opened(shop, store)
    monkeypatch.setattr(carried, "SMALL", 100)
    deploy = shop.deployment()
    for data in (*SMALL, LARGE):
        deploy.build.ask(verbs.PUT_OBJECT, body=data)
    build = a_build()
    build["packs"] = send(deploy, names(*SMALL, LARGE))
    for name in names(*SMALL, LARGE):
        Path(shop.hosts["build1"].agent.host.object(name)).unlink()
    deploy.carrying.builds = [build]
    return deploy, store, build


def test_small_objects_go_in_one_pack_and_large_ones_alone(sent: Sent) -> None:
    _, store, build = sent
    (pack,) = build["packs"].values()
    assert {*pack["holds"]} == names(*SMALL).keys()
    stored = {key.rpartition("/")[2] for key in store.objects}
    assert stored == build["packs"].keys() | names(LARGE).keys()


def test_a_host_gets_what_it_lacks_and_asks_for_nothing_that_it_has(sent: Sent) -> None:
    deploy, store, _ = sent
    asked = len(store.asked)
    bring(deploy, names(*SMALL, LARGE))
    assert len(store.asked) == asked + 2
    for data in (*SMALL, LARGE):
        (name,) = names(data)
        assert deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=name))[1] == data
    bring(deploy, names(*SMALL, LARGE))
    assert len(store.asked) == asked + 2


def test_what_a_build_has_in_the_bucket_is_not_sent_again(sent: Sent) -> None:
    deploy, store, build = sent
    deploy.build.ask(verbs.PUT_OBJECT, body=b"four")
    written = store.writes
    packs = send(deploy, names(*SMALL, b"four"))
    assert store.writes == written + 1
    assert packs.keys() > build["packs"].keys(), "the next reader finds the earlier pack too"


def test_a_pack_that_does_not_hold_what_it_should_is_refused(sent: Sent) -> None:
    deploy, _, build = sent
    (pack,) = build["packs"].values()
    pack["holds"].append(*names(b"another"))
    with pytest.raises(CdnError) as caught:
        bring(deploy, names(b"another"))
    assert caught.value.what == "packs lack 1 object that they should hold"


def test_an_object_that_is_nowhere_is_refused(sent: Sent) -> None:
    deploy, _, _ = sent
    with pytest.raises(FabStaticError) as caught:
        bring(deploy, names(b"another"))
    assert caught.value.what == "the store answered 404"
