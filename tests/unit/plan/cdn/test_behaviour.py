"""What a distribution's config makes of static URLs; the configs are in boto3's shape."""

from __future__ import annotations

from typing import Any

import pytest

from demo.cloudfront import _policy, behaviour
from fab_static.plan.cdn.behaviour import (
    behaviour_of,
    compression,
    failover,
    function_of,
    hidden_errors,
    is_in_cache_key,
    keeps_dictionaries_apart,
    keys_on_other_queries,
    least_seconds,
    long_errors,
    mixes_dictionaries,
    tag_header,
)
from fab_static.plan.cdn.cache_tags import TAG_HEADER


def policy(query: str, *names: str, **more: Any) -> Any:
    return _policy("p", query, names, **more)["CachePolicyConfig"]


def legacy(query: bool, *names: str) -> Any:
    forwarded: dict[str, Any] = {"QueryString": query, "Cookies": {"Forward": "none"}}
    if names:
        forwarded["QueryStringCacheKeys"] = {"Quantity": len(names), "Items": list(names)}
    return behaviour(None, ForwardedValues=forwarded)


@pytest.mark.parametrize(
    ("made", "chosen", "is_in_key"),
    [
        (behaviour(), policy("all"), True),
        (behaviour(), policy("none"), False),
        (behaviour(), policy("whitelist", "v", "version"), True),
        (behaviour(), policy("whitelist", "v"), False),
        (behaviour(), policy("allExcept", "utm"), True),
        (behaviour(), policy("allExcept", "version"), False),
        (behaviour(), {}, False),
        (legacy(True), None, True),
        (legacy(True, "version"), None, True),
        (legacy(True, "v"), None, False),
        (legacy(False), None, False),
        (behaviour(None), None, False),
        # moto returns ForwardedValues beside a policy: the policy decides
        ({**legacy(False), "CachePolicyId": "p"}, policy("all"), True),
    ],
)
def test_whether_version_is_in_the_cache_key(made: Any, chosen: Any, is_in_key: bool) -> None:
    assert is_in_cache_key(made, chosen) is is_in_key


@pytest.mark.parametrize(
    ("made", "chosen", "tells_apart"),
    [
        (behaviour(), policy("all"), True),
        (behaviour(), policy("none"), False),
        (behaviour(), policy("whitelist", "version"), False),
        (behaviour(), policy("whitelist", "v", "version"), True),
        (behaviour(), policy("allExcept", "utm"), True),
        (behaviour(), {}, False),
        (legacy(True), None, True),
        (legacy(True, "version"), None, False),
        (legacy(True, "version", "v"), None, True),
        (legacy(False), None, False),
    ],
)
def test_whether_a_file_may_be_cached_under_queries_that_nobody_printed(
    made: Any, chosen: Any, tells_apart: bool
) -> None:
    assert keys_on_other_queries(made, chosen) is tells_apart


ARN = "arn:aws:cloudfront::123456789012:function/version"


def test_the_function_that_sees_requests_first_and_the_header_of_tags() -> None:
    def running(event: str) -> Any:
        return {"FunctionAssociations": {"Items": [{"EventType": event, "FunctionARN": ARN}]}}

    assert function_of(running("viewer-request")) == ARN
    assert function_of(running("viewer-response")) is None
    assert function_of({"FunctionAssociations": {"Quantity": 0}}) is None
    assert tag_header({"CacheTagConfig": {"HeaderName": "X-Amz-Meta-Cache-Tag"}}) == TAG_HEADER
    assert tag_header({}) is None


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/static/js/a.js", "/static/*"),
        ("/static/a.png", "*.png"),
        ("/media/a.jpg", "media/?.jpg"),
        ("/media/ab.jpg", None),
        ("/Static/a.js", None),
        ("/static[1]/a", "/static[1]/*"),
    ],
)
def test_the_first_pattern_that_matches_decides(path: str, pattern: str | None) -> None:
    patterns = ["*.png", "/static/*", "media/?.jpg", "/static[1]/*"]
    config = {
        "DefaultCacheBehavior": behaviour(),
        "CacheBehaviors": {"Items": [{**behaviour(), "PathPattern": one} for one in patterns]},
    }
    assert behaviour_of(config, path).get("PathPattern") == pattern


def keyed(*headers: str, encodings: bool = False) -> Any:
    """Return a cache policy that holds these headers, and CloudFront's own encodings or not."""
    return {
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": encodings,
            "EnableAcceptEncodingBrotli": encodings,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {"Items": [*headers]}},
        }
    }


BOTH = ("Accept-Encoding", "Available-Dictionary")


@pytest.mark.parametrize(
    ("made", "chosen", "is_apart"),
    [
        (behaviour(Compress=False), keyed(*BOTH), True),
        (behaviour(Compress=True), keyed(*BOTH), False),
        (behaviour(Compress=False), keyed(*BOTH, encodings=True), False),
        (behaviour(Compress=False), keyed("Available-Dictionary"), False),
        (behaviour(Compress=False), policy("all"), False),
        (behaviour(None, ForwardedValues={"Headers": {"Items": ["*"]}}, Compress=False), None, True),
    ],
)  # fmt: skip
def test_deltas_go_through_where_both_headers_are_in_the_key_and_nothing_else_compresses(
    made: Any, chosen: Any, is_apart: bool
) -> None:
    assert keeps_dictionaries_apart(made, chosen) is is_apart


@pytest.mark.parametrize(
    ("request_policy", "headers", "is_mixed"),
    [
        ("216adef6-5c7f-47e4-b989-5492eafa07d3", (), True),
        ("216adef6-5c7f-47e4-b989-5492eafa07d3", ("Origin",), True),
        ("216adef6-5c7f-47e4-b989-5492eafa07d3", BOTH, False),
        ("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", (), False),
    ],
)
def test_a_header_that_goes_on_and_is_not_in_the_key_gives_one_s_delta_to_all(
    request_policy: str, headers: tuple[str, ...], is_mixed: bool
) -> None:
    """Browsers cannot read it: the page would be without its script."""
    made = behaviour(OriginRequestPolicyId=request_policy)
    assert mixes_dictionaries(made, keyed(*headers)) is is_mixed


def test_what_is_kept_compressed_failed_over_and_hidden() -> None:
    assert least_seconds(behaviour(None, MinTTL=60), None) == 60
    assert least_seconds(behaviour(), policy("all", min_ttl=5)) == 5
    assert compression(behaviour(), policy("all", brotli=False)) == ("gzip",)
    assert compression(behaviour(Compress=False), policy("all")) == ()
    assert compression(behaviour(None), None) == ("gzip",)
    group = {"Id": "static", "FailoverCriteria": {"StatusCodes": {"Items": [500, 404]}}}
    assert failover({"OriginGroups": {"Items": [group]}}, behaviour()) == {500, 404}
    assert failover({}, behaviour()) is None
    errors = [
        {
            "ErrorCode": 404,
            "ErrorCachingMinTTL": 300,
            "ResponseCode": "200",
            "ResponsePagePath": "/i",
        },
        {"ErrorCode": 503, "ErrorCachingMinTTL": 5},
        {"ErrorCode": 414, "ErrorCachingMinTTL": 999},
    ]
    config = {"CustomErrorResponses": {"Items": errors}}
    assert list(long_errors(config)) == [(404, 300)]
    assert list(hidden_errors(config)) == [(404, "/i")]
