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
    keys_on_other_queries,
    least_seconds,
    long_errors,
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
