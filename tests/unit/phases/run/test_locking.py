"""Which lock an environment has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.phases.run.bucket_lock import BucketLock
from fab_static.phases.run.lock import Lock
from fab_static.phases.run.locking import holder_of, lock_of
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
