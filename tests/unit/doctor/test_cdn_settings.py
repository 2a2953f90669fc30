"""The doctor for CDNs against the strict CloudFront: each finding of its settings, and its cure."""

from __future__ import annotations

from typing import Any

import pytest

from demo.cloudfront import CACHING_OPTIMIZED, CloudFront, behaviour
from fab_static.doctor.cdn_settings import of_settings
from fab_static.plan.inventory import S3, Cdn
from tests.unit.doctor.distributions import PATHS, bad, default, findings


def test_a_good_distribution_is_well(cloudfront: CloudFront) -> None:
    found = findings(cloudfront)
    assert [one for one in found if not one["ok"]] == []
    assert {one["subject"] for one in found} == {"CloudFront", "cache key", "errors"}


@pytest.mark.parametrize(
    ("query", "names", "is_well"),
    [
        ("all", [], True),
        ("none", [], False),
        ("whitelist", ["version"], True),
        ("whitelist", ["v"], False),
        ("allExcept", ["v"], True),
        ("allExcept", ["version"], False),
    ],
)
def test_the_four_modes_of_a_cache_policy(
    cloudfront: CloudFront, query: str, names: list[str], is_well: bool
) -> None:
    policy = cloudfront.add_cache_policy(query, names)
    assert ("cache key" not in bad(cloudfront, **default(policy))) is is_well


def test_the_managed_policy_that_everybody_takes_breaks_versions(cloudfront: CloudFront) -> None:
    found = bad(cloudfront, **default(CACHING_OPTIMIZED))
    assert "old bytes would be served under new URLs" in found["cache key"]
    assert "keeps everything for 1 s at least" in found["minimum TTL"]


@pytest.mark.parametrize(("keys", "is_well"), [((), True), (("version",), True), (("v",), False)])
def test_forwarded_values_as_they_were_before_policies(
    cloudfront: CloudFront, keys: tuple[str, ...], is_well: bool
) -> None:
    forwarded: dict[str, Any] = {"QueryString": True, "Cookies": {"Forward": "none"}}
    forwarded["QueryStringCacheKeys"] = {"Quantity": len(keys), "Items": list(keys)}
    found = bad(cloudfront, **default(ForwardedValues=forwarded, MinTTL=0))
    assert ("cache key" not in found) is is_well
    assert "does not compress with br" in found["compression"]


def test_the_behaviour_of_the_static_files_is_looked_at_and_not_the_default(
    cloudfront: CloudFront,
) -> None:
    ignoring = {**behaviour(cloudfront.add_cache_policy("none")), "PathPattern": "*.css"}
    found = bad(cloudfront, CacheBehaviors={"Quantity": 1, "Items": [ignoring]})
    assert found["cache key"].startswith("behaviour *.css, which /static/css/site.css falls to,")


def test_errors_that_stay_or_hide_are_found(cloudfront: CloudFront) -> None:
    stays = {"ErrorCode": 404, "ErrorCachingMinTTL": 300}
    found = bad(cloudfront, CustomErrorResponses={"Quantity": 1, "Items": [stays]})
    assert found["errors"] == "a 404 is cached for 300 s: a file asked for too early stays missing"
    hides = {"ErrorCode": 404, "ResponseCode": "200", "ResponsePagePath": "/index.html"}
    found = bad(cloudfront, CustomErrorResponses={"Quantity": 1, "Items": [hides]})
    assert "a 404 is answered as 200 with /index.html" in found["errors"]


def test_compression_failover_and_a_disabled_distribution(cloudfront: CloudFront) -> None:
    group = {
        "Id": "static",
        "FailoverCriteria": {"StatusCodes": {"Quantity": 2, "Items": [404, 500]}},
        "Members": {"Quantity": 0, "Items": []},
    }
    found = bad(
        cloudfront,
        **default(Compress=False),
        Enabled=False,
        OriginGroups={"Quantity": 1, "Items": [group]},
    )
    assert "does not compress with br nor gzip" in found["compression"]
    assert "asks its second origin not on 502, 503, 504" in found["failover"]
    assert found["CloudFront"] == "the distribution is disabled"


def test_a_policy_that_gives_leave_is_told(cloudfront: CloudFront) -> None:
    policy = cloudfront.add_response_headers_policy(["https://shop.example"])
    found = findings(cloudfront, **default(ResponseHeadersPolicyId=policy))
    (leave, _) = [one for one in found if one["subject"] == "CORS"]
    assert leave["what"].endswith("gives leave to https://shop.example")


@pytest.mark.parametrize(
    ("operation", "subject"),
    [
        ("GetDistributionConfig", "rights"),
        ("CreateInvalidation", "rights"),
        ("GetInvalidation", "rights"),
        ("ListInvalidations", "rights"),
        ("GetCachePolicy", "cache key"),
        ("GetResponseHeadersPolicy", "CORS"),
    ],
)
def test_each_right_that_lacks_is_named_with_its_cure(
    cloudfront: CloudFront, operation: str, subject: str
) -> None:
    policy = cloudfront.add_response_headers_policy(["*"])
    cloudfront.denied.add(operation)
    found = findings(cloudfront, **default(ResponseHeadersPolicyId=policy))
    (one, *_) = [one for one in found if not one["ok"]]
    assert one["subject"] == subject
    assert one["mend"].startswith(f"allow cloudfront:{operation} on it; docs/aws-policy.md")


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("ExpiredToken", "renew the AWS credentials"),
        ("InvalidClientTokenId", "correct the AWS credentials"),
        ("SignatureDoesNotMatch", "set this machine's clock (NTP)"),
        ("RequestTimeTooSkewed", "set this machine's clock (NTP)"),
    ],
)
def test_credentials_and_clocks_are_found(cloudfront: CloudFront, code: str, cure: str) -> None:
    cloudfront.refuses_credentials = code
    (one,) = findings(cloudfront)
    assert one["mend"].startswith(cure)


def test_no_credentials_are_found(cloudfront: CloudFront, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (one,) = findings(cloudfront)
    assert "Unable to locate credentials" in one["what"]
    assert one["mend"].startswith("give AWS credentials that are good: AWS_PROFILE")


def test_an_endpoint_that_hangs_is_found(cloudfront: CloudFront) -> None:
    cloudfront.script("GetDistributionConfig", *["hang"] * 20)
    cdn = Cdn(cloudfront.add_distribution().id, endpoint_url=cloudfront.endpoint, timeout=0.1)
    (one,) = of_settings(cdn, PATHS)
    assert one["what"].startswith("CloudFront gave no answer to get_distribution_config")
    assert one["mend"].startswith("see that the endpoint can be reached from here")


def test_a_distribution_that_is_not_there_is_found(cloudfront: CloudFront) -> None:
    cdn = Cdn("ENOTHERE", endpoint_url=cloudfront.endpoint)
    (one,) = of_settings(cdn, PATHS)
    assert one["where"] == "distribution ENOTHERE"
    assert one["mend"].startswith("correct cdn.distribution_id")


def test_tags_that_nobody_reads_are_found(cloudfront: CloudFront) -> None:
    origin = S3("shop", cache_tags=True)
    assert "are read from no header" in bad(cloudfront, origin)["cache tags"]
    other = bad(cloudfront, origin, CacheTagConfig={"HeaderName": "Cache-Tag"})["cache tags"]
    assert other.startswith("are read from cache-tag, and the bucket's objects carry x-amz-meta-")
    right = {"HeaderName": "x-amz-meta-cache-tag"}
    assert "cache tags" not in bad(cloudfront, origin, CacheTagConfig=right)


def test_of_a_distribution_that_asks_for_no_deltas_the_policy_that_it_needs_is_advised(
    cloudfront: CloudFront,
) -> None:
    """Visitors get the files that they always got: no fault, and nothing gained."""
    (told, *_) = [one for one in findings(cloudfront, deltas=3) if one["subject"] == "deltas"]
    assert told["ok"]
    assert "asks for no deltas" in told["what"]
    assert "Accept-Encoding and Available-Dictionary" in told["mend"]
    assert not [one for one in findings(cloudfront) if one["subject"] == "deltas"]


def test_a_distribution_that_gives_one_s_delta_to_all_is_found(cloudfront: CloudFront) -> None:
    policy = cloudfront.add_cache_policy("all")
    all_viewer = "216adef6-5c7f-47e4-b989-5492eafa07d3"
    found = bad(cloudfront, deltas=3, **default(policy, OriginRequestPolicyId=all_viewer))
    assert "a delta would go to browsers that cannot read it" in found["deltas"]
