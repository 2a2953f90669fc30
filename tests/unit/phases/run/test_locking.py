"""Which lock an environment has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.phases.run.bucket_lock import BucketLock
from fab_static.phases.run.lock import Lock
from fab_static.phases.run.locking import holder_of, lock_of, proved
from fab_static.plan.inventory import S3, Environment, Host, Project
from tests.strict_s3 import REGION, StrictS3
from tests.unit.site import Site, taken


def test_a_build_host_that_lasts_keeps_it(site: Site) -> None:
    deploy = site.deployment()
    assert holder_of(deploy) is None
    taken(site, "compress")
    found = holder_of(deploy)
    assert found
    assert found["phase"] == "compress"
    assert type(lock_of(deploy, "deploy")) is Lock


def test_a_bucket_keeps_it_where_this_machine_may_be_a_runner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with StrictS3("shop") as store:
        store.sign_in(monkeypatch)
        runner = Host("runner", "runner", ("build",), local=True)
        place = S3("shop", "static/", REGION, store.url)
        environment = Environment("ci", "shop", "/srv", (runner,), Project("/srv"), origin=place)
        deploy: Any = SimpleNamespace(environment=environment, operator="anna@ci1")
        lock = lock_of(deploy, "deploy")
        assert type(lock) is BucketLock
        assert holder_of(deploy) is None
        lock.take()
        found = holder_of(deploy)
        lock.release()
    assert found
    assert (found["owner"], found["phase"]) == ("anna@ci1", "deploy")


@pytest.mark.parametrize(("notes", "beats"), [(None, 0), ("a bucket", 1)])
def test_a_lock_in_a_bucket_is_proved_before_the_build_host_is_asked(
    notes: str | None, beats: int
) -> None:
    """A build host that keeps no lock refuses nobody."""
    told: list[str] = []
    lock = SimpleNamespace(
        prove=lambda: told.append("proved"),
        held_at=lambda phase: {} if notes else {"token": "ours", "phase": phase},
    )
    environment, build = SimpleNamespace(notes=notes), SimpleNamespace(held=None)
    deploy: Any = SimpleNamespace(lock=lock, environment=environment, build=build)
    with proved(deploy, "activate"):
        assert told == ["proved"] * beats
        assert bool(build.held) is not bool(notes)
    assert build.held is None
