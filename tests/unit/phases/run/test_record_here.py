"""A build host that does not last, and runs that die: what the bucket keeps is enough for the next one (G5, G6)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from fab_static.aws import s3_requests
from fab_static.errors import DeployLockedError, FabStaticError
from fab_static.phases.run import bucket_lock
from fab_static.phases.run.record_here import bring_here
from fab_static.plan.bucket_record import RECORD
from tests.strict_s3 import REGION, StrictS3
from tests.unit.site import NEW, OLD, ScriptedHost, Site

KEY = f"shop/static/{RECORD}"
LOGO = "shop/static/logo.svg"
INVENTORY = """\
origin: {{s3: {{bucket: shop, prefix: static/, region: {region}}}, endpoint_url: "{url}"}}
release: {{record: bucket}}
"""


@pytest.fixture
def shop(site: Site, store: StrictS3) -> Site:
    """The site, of which a bucket keeps the record from now on; NEW is live in the bucket, too."""
    another_runner(site, store, keeps=True)
    site.session.rollback(NEW)
    return site


def another_runner(site: Site, store: StrictS3, *, keeps: bool = False) -> None:
    """Begin a job on a runner whose disk is empty."""
    if not keeps:
        shutil.rmtree(site.folder / "build1", ignore_errors=True)
    site.open(INVENTORY.format(region=REGION, url=store.url))


def record(store: StrictS3) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.body(KEY))
    return found


def is_live(site: Site, store: StrictS3, name: str) -> bool:
    """Tell whether hosts and bucket are of this release, and the record and `status` say so."""
    assert site.live() == dict.fromkeys(site.hosts, name)
    assert store.body(LOGO) == (b"new" if name == NEW else b"old")
    another_runner(site, store)
    status = site.session.status()
    assert status["agreed"], status
    return (status["live"], record(store)["current"]) == (name, name)


def test_the_first_run_copies_up_what_the_build_host_has(site: Site, store: StrictS3) -> None:
    """An environment that had its record on a disk loses no history."""
    another_runner(site, store, keeps=True)
    known = site.deployment().record
    site.session.rollback(NEW)
    another_runner(site, store)
    deploy = site.deployment()
    assert deploy.record[: len(known)] == known
    assert sorted(record(store)["releases"]) == [OLD, NEW]
    assert deploy.seals.read(OLD, deploy.build).id == OLD


def test_an_empty_build_host_is_given_all_that_a_run_needs(shop: Site, store: StrictS3) -> None:
    another_runner(shop, store)
    shop.session.rollback()
    assert is_live(shop, store, OLD)
    shop.session.rollback(NEW)
    assert is_live(shop, store, NEW)


def test_who_looks_at_an_empty_build_host_writes_nothing(shop: Site, store: StrictS3) -> None:
    another_runner(shop, store)
    before = dict(store.objects)
    assert [one["state"] for one in shop.session.releases()] == ["live", "previous"]
    assert shop.session.diff()["changed"] == ["logo.svg"]
    deploy = shop.deployment()
    assert deploy.object(deploy.seals.read(NEW).files["logo.svg"].sha256) == b"new"
    assert not (shop.folder / "build1").exists()
    assert store.objects == before


def test_a_runner_that_missed_runs_forgets_what_it_had(shop: Site, store: StrictS3) -> None:
    """Its disk lasted, and another runner deployed meanwhile."""
    kept = shop.folder / "kept"
    shutil.copytree(shop.folder / "build1", kept, symlinks=True)
    another_runner(shop, store)
    shop.session.rollback()
    shutil.rmtree(shop.folder / "build1")
    kept.rename(shop.folder / "build1")
    another_runner(shop, store, keeps=True)
    assert shop.session.status()["live"] == OLD
    shop.session.rollback(NEW)
    assert is_live(shop, store, NEW)


def test_a_log_of_another_history_is_set_aside(shop: Site, store: StrictS3) -> None:
    log = shop.folder / "build1/log.jsonl"
    log.write_text('{"event": "activate", "release": "20201121T170102Z-00000000", "at": 1.0}\n')
    another_runner(shop, store, keeps=True)
    shop.session.rollback()
    assert [*log.parent.glob("log.jsonl?*")]
    assert is_live(shop, store, OLD)


def test_a_runner_that_lost_its_lock_flips_nothing(shop: Site, store: StrictS3) -> None:
    """The thief makes the record his own first of all: who was robbed can write none any more."""
    another_runner(shop, store)

    def stolen() -> None:
        store.objects[KEY].body = json.dumps({**record(store), "run": "a thief's"}).encode()

    shop.hosts["edge1"].after["verify"] = stolen
    with pytest.raises(DeployLockedError) as caught:
        shop.session.rollback()
    assert caught.value.what == (
        "this deploy does not hold the lock any more: another run has written the record since"
    )
    assert shop.live() == dict.fromkeys(shop.hosts, NEW)
    assert store.body(LOGO) == b"new"


class Died(BaseException):
    """The runner is gone: nothing of it does anything any more."""


def dying_at(count: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Kill the runner before its request of this number, to the store or a host; return how many it made."""
    asked = 0

    def lives() -> None:
        nonlocal asked
        asked += 1
        if count and asked >= count:
            raise Died

    def of(real: Any) -> Any:
        def wrapped(*words: Any, **more: Any) -> Any:
            lives()
            return real(*words, **more)

        return wrapped

    monkeypatch.setattr(s3_requests.Requests, "_send", of(s3_requests.Requests._send))
    monkeypatch.setattr(ScriptedHost, "ask", of(ScriptedHost.ask))
    return lambda: asked


def die(site: Site, count: int) -> int:
    """Roll back to OLD, and die; return how many requests that made."""
    with pytest.MonkeyPatch.context() as patch:
        asked = dying_at(count, patch)
        with suppress(Died, FabStaticError):  # the latter where it ended in a thread
            site.session.rollback(OLD)
        return asked()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # they died
@pytest.mark.parametrize("then", ["rollback", "activate"])
def test_a_runner_that_dies_anywhere_is_followed_by_one_that_goes_on(
    shop: Site, store: StrictS3, then: str
) -> None:
    """At some requests of a rollback; the next runner is empty, and the lock expires."""
    another_runner(shop, store)
    whole = die(shop, 0)
    assert is_live(shop, store, OLD)
    shop.session.rollback(NEW)
    assert whole > 60
    for count in range(2 if then == "rollback" else 11, whole + 9, 18):
        another_runner(shop, store)
        die(shop, count)
        another_runner(shop, store)
        store.ahead_seconds += 100
        if then == "rollback":
            shop.session.rollback(OLD)
            assert is_live(shop, store, OLD), count
        shop.session.rollback(NEW)
        assert is_live(shop, store, NEW), count
        assert shop.session.status()["lock"] is None


def test_a_steal_is_recorded_where_the_record_is(shop: Site, store: StrictS3) -> None:
    another_runner(shop, store)
    lock = bucket_lock.BucketLock(shop.session.environment.notes, shop.session.environment, "ben", "x")  # type: ignore[arg-type]  # fmt: skip
    lock.take()
    holder = shop.session.unlock(steal=True, because="ben is gone")
    assert holder
    assert holder["owner"] == "ben"
    line = record(store)["log"][-1]
    assert (line["event"], line["because"], line["from"]) == ("steal", "ben is gone", "ben")
    assert not (shop.folder / "build1").exists()


def test_an_environment_without_such_a_bucket_has_nothing_brought(site: Site) -> None:
    deploy = site.deployment()
    before = list(site.asked)
    bring_here(deploy)
    assert deploy.kept is None
    assert site.asked == before


def test_a_record_that_cannot_be_understood_is_left_as_it_is(shop: Site, store: StrictS3) -> None:
    store.objects[KEY].body = b'{"format": 9}'
    another_runner(shop, store)
    with pytest.raises(FabStaticError, match="the record in the bucket cannot be read"):
        shop.session.rollback()
    assert store.body(KEY) == b'{"format": 9}'
