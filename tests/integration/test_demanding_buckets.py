"""Buckets that refuse what others take: a policy that demands encryption, and Cloudflare R2's habits."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.test_s3 import BucketOperator, bucketed, change
from tests.strict_s3 import OWNER, REGION, SSE, SSE_KEY, Fault, StrictS3

assert bucketed  # a fixture
KEY = f"arn:aws:kms:{REGION}:{OWNER}:key/1a2b"


@pytest.fixture
def store(bucketed: BucketOperator) -> Iterator[StrictS3]:
    """The bucket of three hosts, which is as Amazon's again afterwards."""
    yield bucketed.store
    bucketed.store.demands, bucketed.store.is_r2 = {}, False
    bucketed.write_inventory(**bucketed.extra)


def with_s3(operator: BucketOperator, **s3: str) -> None:
    origin = operator.extra["origin"]
    operator.write_inventory(
        **{**operator.extra, "origin": {**origin, "s3": {**origin["s3"], **s3}}}
    )


def test_a_policy_that_demands_kms_is_told_and_then_met_by_deploys_and_a_rollback(
    bucketed: BucketOperator, store: StrictS3
) -> None:
    """(fleet C13)."""
    store.demands = {SSE: "aws:kms", SSE_KEY: KEY}
    told = bucketed.fab("deploy", code=1).stderr
    assert "with an explicit deny in a resource-based policy (request R1)" in " ".join(told.split())
    assert "say sse: AES256, or sse: aws:kms with sse_key, beside the bucket" in " ".join(
        told.split()
    )
    bucketed.fab("check", code=1)

    with_s3(bucketed, sse="aws:kms", sse_key=KEY)
    bucketed.fab("check")
    bucketed.fab("deploy")
    change(bucketed, "#222", "second")
    bucketed.fab("deploy")
    bucketed.fab("verify", "--audit")  # an ETag is no MD5 there
    bucketed.fab("rollback")
    assert bucketed.not_as_sealed(str(bucketed.live()), live=True) == []
    assert {one.headers[SSE] for one in store.objects.values()} == {"aws:kms"}
    store.demands = {}
    store.objects.clear()


def test_r2_takes_a_deploy_and_check_has_tried_its_copies(
    bucketed: BucketOperator, store: StrictS3
) -> None:
    """(fleet C14)."""
    store.is_r2 = True
    with_s3(bucketed, region="auto")
    change(bucketed, "#333", "third")
    bucketed.fab("deploy")
    checked = json.loads(bucketed.start("check", "--json").communicate(timeout=120)[0])
    found = {one["subject"]: one["ok"] for one in checked if one["where"] == "s3://shop/static/"}
    subjects = ("S3", "S3 writing", "S3 copying", "S3 content", "S3 from the build host")
    assert found == dict.fromkeys(subjects, True)
    live = str(bucketed.live())
    store.is_r2 = False  # boto3, with which the test reads, is told another region
    assert bucketed.not_as_sealed(live, live=True) == []


def test_a_flip_that_the_bucket_alone_refused_is_told_with_the_buckets_name(
    bucketed: BucketOperator, store: StrictS3
) -> None:
    """It said "undone: the flip of " and no name (fleet C14)."""
    change(bucketed, "#444", "fourth")
    bucketed.write_inventory(**bucketed.extra)
    store.faults.append(Fault("PUT", "static/logo.svg$", 400, "InvalidArgument"))
    told = bucketed.fab("deploy", code=1).stderr
    assert "undone: the flip of s3://shop/static/\n" in told
