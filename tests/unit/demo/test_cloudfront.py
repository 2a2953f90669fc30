"""The strict CloudFront keeps CloudFront's rules; with an unmodified boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.cloudfront import CACHING_OPTIMIZED, CloudFront, Distribution, covers, is_path


@pytest.fixture(scope="module")
def cloudfront() -> Iterator[CloudFront]:
    with CloudFront(completes_after=20) as made:
        yield made


@pytest.fixture
def distribution(cloudfront: CloudFront) -> Distribution:
    return cloudfront.add_distribution()


@pytest.fixture(scope="module")
def client(cloudfront: CloudFront) -> Any:
    return boto3.client(
        "cloudfront",
        endpoint_url=cloudfront.endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def create(
    client: Any, distribution: Distribution, *paths: str, ref: str = "r", quantity: int = 0
) -> Any:
    return client.create_invalidation(
        DistributionId=distribution.id,
        InvalidationBatch={
            "Paths": {"Quantity": quantity or len(paths), "Items": list(paths)},
            "CallerReference": ref,
        },
    )["Invalidation"]


def refused(client: Any, distribution: Distribution, *paths: str, **more: Any) -> str:
    with pytest.raises(ClientError) as caught:
        create(client, distribution, *paths, **more)
    return str(caught.value.response["Error"]["Code"])


def test_an_invalidation_is_in_progress_and_then_completed(
    cloudfront: CloudFront, client: Any, distribution: Distribution
) -> None:
    made = create(client, distribution, "/a", "/b*")
    assert made["Status"] == "InProgress"
    assert made["InvalidationBatch"]["Paths"]["Items"] == ["/a", "/b*"]
    cloudfront.clock.sleep(20)
    found = client.get_invalidation(DistributionId=distribution.id, Id=made["Id"])
    assert found["Invalidation"]["Status"] == "Completed"


def test_the_list_is_newest_first_and_in_pages(client: Any, distribution: Distribution) -> None:
    made = [create(client, distribution, f"/{n}", ref=str(n))["Id"] for n in range(7)]
    pages = client.get_paginator("list_invalidations").paginate(
        DistributionId=distribution.id, PaginationConfig={"PageSize": 3}
    )
    sizes, ids = [], []
    for page in pages:
        items = page["InvalidationList"]["Items"]
        sizes.append(len(items))
        ids += [item["Id"] for item in items]
    assert ids == made[::-1]
    assert sizes == [3, 3, 1]


def test_quotas_are_of_what_is_in_progress_whoever_asked(
    cloudfront: CloudFront, client: Any, distribution: Distribution
) -> None:
    cloudfront.invalidate_elsewhere(distribution, [f"/{n}" for n in range(2999)], 30)
    cloudfront.invalidate_elsewhere(distribution, [f"/w{n}*" for n in range(14)], 30)
    create(client, distribution, "/one", "/wild*")
    assert refused(client, distribution, "/two", ref="2") == "TooManyInvalidationsInProgress"
    assert refused(client, distribution, "/wild2*", ref="3") == "TooManyInvalidationsInProgress"
    cloudfront.clock.sleep(30)
    create(client, distribution, "/two", ref="2")


def test_a_reference_stands_for_its_paths(
    cloudfront: CloudFront, client: Any, distribution: Distribution
) -> None:
    before = cloudfront.paths_charged
    first = create(client, distribution, "/a", "/b")
    assert create(client, distribution, "/b", "/a")["Id"] == first["Id"]
    assert cloudfront.paths_charged - before == 2
    assert refused(client, distribution, "/c") == "InvalidArgument"


def test_quantity_and_paths_are_looked_at(client: Any, distribution: Distribution) -> None:
    assert refused(client, distribution, "/a", quantity=2) == "InconsistentQuantities"
    assert refused(client, distribution, "a") == "InvalidArgument"
    assert refused(client, distribution, "#tag") == "InvalidArgument"
    assert distribution.invalidations == []


def test_tags_are_taken_where_a_header_is_configured(cloudfront: CloudFront, client: Any) -> None:
    tagged = cloudfront.add_distribution(CacheTagConfig={"HeaderName": "cache-tag"})
    create(client, tagged, "#r:1a2b3c4", "/a")
    assert refused(client, tagged, "#a,b", ref="2") == "InvalidArgument"


def test_a_distribution_or_invalidation_that_is_not_there(
    client: Any, distribution: Distribution
) -> None:
    for call, code in (
        (lambda: client.get_distribution_config(Id="ENONE"), "NoSuchDistribution"),
        (lambda: client.list_invalidations(DistributionId="ENONE"), "NoSuchDistribution"),
        (
            lambda: client.get_invalidation(DistributionId=distribution.id, Id="I"),
            "NoSuchInvalidation",
        ),
        (lambda: client.get_cache_policy(Id="none"), "NoSuchCachePolicy"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code


def test_configs_and_policies_come_back_as_given(cloudfront: CloudFront, client: Any) -> None:
    policy = cloudfront.add_cache_policy("whitelist", ["version", "v"], min_ttl=3, brotli=False)
    errors = {"Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 300}]}
    made = cloudfront.add_distribution(CustomErrorResponses=errors)
    assert (
        client.get_distribution_config(Id=made.id)["DistributionConfig"]["CustomErrorResponses"]
        == errors
    )
    config = client.get_cache_policy(Id=policy)["CachePolicy"]["CachePolicyConfig"]
    assert config["MinTTL"] == 3
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["EnableAcceptEncodingBrotli"] is False
    assert key["QueryStringsConfig"]["QueryStrings"]["Items"] == ["version", "v"]
    managed = client.get_cache_policy(Id=CACHING_OPTIMIZED)["CachePolicy"]["CachePolicyConfig"]
    key = managed["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}


@pytest.mark.parametrize(
    ("path", "is_right"),
    [
        ("/", True), ("/*", True), ("/a/b.png", True), ("/a.jpg?version=1a2b3c4", True), ("/a%20b.png", True),
        ("/a*b.png", True), ("/a!(1).png", True), ("a.png", False), ("", False), ("/a b", False), ("/~x", False),
        ("/%7Ex", True), ("/it's", False), ("/ü", False), ("/100%", False), ("/" + "x" * 4000, False), ("#t", False),
        ("/a#b", False), ('/"a', False), ("/a|b", False),
    ],
)  # fmt: skip
def test_the_grammar_of_paths(path: str, is_right: bool) -> None:
    assert is_path(path) is is_right


@pytest.mark.parametrize(
    ("path", "url", "is_covered"),
    [
        ("/a.png", "/a.png", True),
        ("/a.png", "/a.png?version=1", False),  # the Guide: queries must be named
        ("/a.png*", "/a.png?version=1", True),
        ("/a.js?*", "/a.js?version=1", True),
        ("/a.js?*", "/a.js.map?version=1", False),
        ("/a.js*", "/a.json", True),
        ("/A.png", "/a.png", False),
        ("/a%20b", "/a%20b", True),
        ("/a%20b", "/a b", True),
        ("/%c3%bc", "/%C3%BC", True),
        ("/a%21", "/a!", False),  # encoded without need: nothing is invalidated
        ("/%7Ex", "/~x", False),  # "~" is not supported in any form
        ("/%7Ex", "/%7Ex", False),
        ("/*", "/~x", True),
        ("/a%2A", "/a1", False),
    ],
)
def test_which_stored_urls_a_path_is_of(path: str, url: str, is_covered: bool) -> None:
    assert covers(path, url) is is_covered
