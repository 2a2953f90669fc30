"""Copies of the cache are asked for where a build asked it, and left where it lacks some; they fail no build."""

from __future__ import annotations

from fab_static.phases.run.carried_copies import bring_copies, leave_copies
from fab_static.phases.run.carrying import Carrying
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import carried
from fab_static.plan.release import Encoded
from fab_static.plan.wire import verbs
from tests.strict_s3 import Fault, StrictS3
from tests.unit.phases.run.test_carried import opened, store
from tests.unit.site import Site, file_of

assert store  # a fixture
SHEET, COPY = b"body { color: red }\n" * 100, b"copy"
WANTED = {file_of(SHEET).sha256: ["gz"]}
MADE = {file_of(SHEET).sha256: {"gz": Encoded(file_of(COPY).sha256, len(COPY)), "br": None}}


def asking(site: Site, **more: object) -> Deployment:
    """Return a run that has looked into the cache; the build host has a sheet and its copy."""
    deploy: Deployment = site.deployment(carrying=Carrying(builds=[]), **more)
    for data in (SHEET, COPY):
        deploy.build.ask(verbs.PUT_OBJECT, body=data)
    return deploy


def test_what_one_run_leaves_another_brings(shop: Site, store: StrictS3) -> None:
    opened(shop, store)
    leave_copies(asking(shop), MADE)
    written = store.writes
    deploy = asking(shop)
    bring_copies(deploy, WANTED)
    assert deploy.carrying.copies
    copies = {MADE[sha256]["gz"] for sha256 in WANTED}
    assert {Encoded(*one["gz"]) for one in deploy.carrying.copies["copies"].values()} == copies
    leave_copies(deploy, MADE)
    assert store.writes == written, "nothing is new"
    assert deploy.show.warned == []  # type: ignore[attr-defined]


def test_nothing_is_asked_where_no_phase_asked_or_the_cache_is_to_be_verified(
    shop: Site, store: StrictS3
) -> None:
    bring_copies(shop.deployment(), WANTED)
    opened(shop, store)
    bring_copies(asking(shop, reuse="verify"), WANTED)
    for deploy in (shop.deployment(), asking(shop, by_itself=True)):
        leave_copies(deploy, MADE)
    bring_copies(shop.deployment(), WANTED)
    assert store.asked == []


def test_a_cache_that_may_not_be_written_or_read_is_told_once(shop: Site, store: StrictS3) -> None:
    opened(shop, store)
    deploy = asking(shop)
    store.faults = [Fault("PUT", "", 403, "AccessDenied", times=99)]
    for _ in range(2):
        leave_copies(deploy, MADE)
    assert len(deploy.show.warned) == 1  # type: ignore[attr-defined]
    store.faults = [Fault("LIST", "copies", 403, "AccessDenied", times=99)]
    store.buckets = set()
    deploy = asking(shop)
    bring_copies(deploy, WANTED)
    (told,) = deploy.show.warned  # type: ignore[attr-defined]
    assert told.startswith("copies are made again: ")


def test_a_record_that_is_none_of_ours_is_as_none(shop: Site, store: StrictS3) -> None:
    opened(shop, store)
    leave_copies(asking(shop), MADE)
    (key,) = [key for key in store.objects if "/copies/" in key]
    store.objects[key].body = b"strange"
    deploy = asking(shop)
    bring_copies(deploy, WANTED)
    assert deploy.carrying.copies == {"format": carried.FORMAT, "copies": {}, "packs": {}}
    leave_copies(deploy, MADE)
    (newest, *_) = sorted(key for key in store.objects if "/copies/" in key)
    assert carried.read_copies(store.body(newest))
