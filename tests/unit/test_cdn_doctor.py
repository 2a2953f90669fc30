"""The doctor for CDNs against the strict CloudFront: each finding, and its cure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.cloudfront import CACHING_OPTIMIZED, CloudFront, behaviour
from fab_static import cdn_doctor
from fab_static.errors import CdnError
from fab_static.plan.inventory import Cdn

PATHS = ("/static/js/app.js", "/static/css/site.css")


@pytest.fixture
def cloudfront(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with CloudFront() as made:
        yield made


def findings(cloudfront: CloudFront, **config: Any) -> list[dict[str, Any]]:
    distribution = cloudfront.add_distribution(**config)
    cdn = Cdn(distribution.id, endpoint_url=cloudfront.endpoint)
    found = list(cdn_doctor.of_settings(cdn, PATHS))
    assert all(one["mend"] for one in found if not one["ok"])
    assert distribution.invalidations == []
    return found


def bad(cloudfront: CloudFront, **config: Any) -> dict[str, str]:
    """Return subject -> what of all that is bad."""
    found = findings(cloudfront, **config)
    return {one["subject"]: one["what"] for one in found if not one["ok"]}


def default(policy: str | None = None, **more: Any) -> dict[str, Any]:
    made = behaviour(policy, **more) if policy or "ForwardedValues" in more else behaviour(**more)
    return {"DefaultCacheBehavior": made}


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


def test_a_distribution_that_is_not_there_is_found(cloudfront: CloudFront) -> None:
    cdn = Cdn("ENOTHERE", endpoint_url=cloudfront.endpoint)
    (one,) = cdn_doctor.of_settings(cdn, PATHS)
    assert one["where"] == "distribution ENOTHERE"
    assert one["mend"].startswith("correct cdn.distribution_id")


@pytest.mark.parametrize(
    "denied", ["GetDistributionConfig", "ListInvalidations", "GetInvalidation"]
)
def test_rights_that_a_deploy_does_without_do_not_stop_it(
    cloudfront: CloudFront, denied: str
) -> None:
    cloudfront.denied.add(denied)
    cdn = Cdn(cloudfront.add_distribution().id, endpoint_url=cloudfront.endpoint)
    told: list[str] = []
    cdn_doctor.preflight(cdn, told.append)
    assert len(told) == (denied == "GetDistributionConfig")


def test_without_the_right_to_invalidate_a_deploy_stops_before_anything_is_published(
    cloudfront: CloudFront,
) -> None:
    cloudfront.denied.add("CreateInvalidation")
    cdn = Cdn(cloudfront.add_distribution().id, endpoint_url=cloudfront.endpoint)
    with pytest.raises(CdnError) as caught:
        cdn_doctor.preflight(cdn, lambda _: None)
    assert "allow cloudfront:CreateInvalidation" in caught.value.mend
