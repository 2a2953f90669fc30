"""A store that checks what it is sent, and that breaks when it is told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.cloudfront import CloudFront
from demo.cloudfront import Distribution as Known
from fab_static.aws import s3_requests
from fab_static.aws.s3 import Bucket
from tests.strict_s3 import StrictS3
from tests.unit.aws.stores import place


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody waits in a unit test."""
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_SECONDS", 0.0001)
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def running():
    with StrictS3("shop") as store:
        yield store


@pytest.fixture
def store(running, monkeypatch):
    running.objects.clear()
    running.asked.clear()
    running.faults.clear()
    for name, value in running.credentials.items():
        if value:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    return running


@pytest.fixture
def bucket(store):
    return Bucket(place(store))


@pytest.fixture(scope="module")
def one_bucket(running):
    with pytest.MonkeyPatch.context() as patch:
        running.sign_in(patch)
        return Bucket(place(running))


@pytest.fixture
def strict(store):
    """The store, whose policy may demand more; as before afterwards."""
    yield store
    store.demands, store.has_object_lock, store.is_r2 = {}, False, False


@pytest.fixture
def r2(strict):
    strict.is_r2 = True
    return strict


@pytest.fixture
def cloudfront(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with CloudFront(completes_after=5) as made:
        yield made


@pytest.fixture
def known(cloudfront: CloudFront) -> Known:
    return cloudfront.add_distribution()
