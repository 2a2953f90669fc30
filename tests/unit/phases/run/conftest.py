"""A strict S3 for the tests of what a bucket keeps, in which nobody waits; and a host that starts nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fab_static.aws import s3_requests
from fab_static.phases.run import bucket_lock
from fab_static.phases.run import lock as locks
from tests.strict_s3 import StrictS3
from tests.unit.phases.run.started import Started
from tests.unit.site import Site


@pytest.fixture(scope="module")
def running() -> Iterator[StrictS3]:
    with StrictS3("shop") as store:
        yield store


@pytest.fixture
def store(running: StrictS3, monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictS3]:
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_SECONDS", 0.0001)
    monkeypatch.setattr(locks, "BEAT_SECONDS", 3600.0)  # it beats when it is asked to
    monkeypatch.setattr(bucket_lock, "WATCH_SECONDS", 0.02)
    running.sign_in(monkeypatch)
    yield running
    running.objects.clear()
    running.faults.clear()
    running.ahead_seconds, running.knows_conditions = 0.0, True
    running.before = lambda method, key: None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictS3]:
    """A store that is a test's own, and that no proxy stands before."""
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_SECONDS", 0.0001)
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with StrictS3("hub") as made:
        made.sign_in(monkeypatch)
        yield made


@pytest.fixture
def started(site: Site, monkeypatch: pytest.MonkeyPatch) -> Started:
    site.open("build: {trust: [mysite.generated]}")
    return Started(monkeypatch, site.hosts["web1"])
