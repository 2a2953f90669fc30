"""The doctor for CDNs against the strict CloudFront: each finding, and its cure."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from demo.cloudfront import CACHING_OPTIMIZED, CloudFront, behaviour
from fab_static.doctor.cdn import preflight
from fab_static.doctor.cdn_settings import of_settings
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3, Cdn

PATHS = ("/static/js/app.js", "/static/css/site.css")


@pytest.fixture
def cloudfront(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with CloudFront() as made:
        yield made


def findings(
    cloudfront: CloudFront, origin: S3 | None = None, **config: Any
) -> list[dict[str, Any]]:
    distribution = cloudfront.add_distribution(**config)
    cdn = Cdn(distribution.id, endpoint_url=cloudfront.endpoint)
    found = list(of_settings(cdn, PATHS, origin))
    assert all(one["mend"] for one in found if not one["ok"])
    assert distribution.invalidations == []
    return found


def bad(cloudfront: CloudFront, origin: S3 | None = None, **config: Any) -> dict[str, str]:
    """Return subject -> what of all that is bad."""
    found = findings(cloudfront, origin, **config)
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


@pytest.mark.parametrize(
    "denied", ["GetDistributionConfig", "ListInvalidations", "GetInvalidation"]
)
def test_rights_that_a_deploy_does_without_do_not_stop_it(
    cloudfront: CloudFront, denied: str
) -> None:
    cloudfront.denied.add(denied)
    told: list[str] = []
    deploy = deployment(cloudfront, told)
    preflight(deploy, goes_live=True)
    assert len(told) == (denied == "GetDistributionConfig")
    url = "/static/js/app.js"
    expected = None if denied == "GetDistributionConfig" else True
    assert deploy.caching.keys_on_other_queries(url) is expected


def deployment(
    cloudfront: CloudFront,
    told: list[str] | None = None,
    origin: S3 | None = None,
    phases: tuple[str, ...] = ("collectstatic", "resource_static"),
    **config: Any,
) -> Any:
    """Return what preflight looks at, with nothing live yet."""
    cdn = Cdn(cloudfront.add_distribution(**config).id, endpoint_url=cloudfront.endpoint)
    return SimpleNamespace(
        environment=SimpleNamespace(cdn=cdn, origin=origin, build=SimpleNamespace(phases=phases)),
        show=SimpleNamespace(warn=([] if told is None else told).append),
        live=None,
        recorded_live=None,
        last_live=None,
        build=SimpleNamespace(name="build1"),
        facts=lambda _: {"static_url": "https://cdn.example/static/"},
        caching=None,
    )


def test_without_the_right_to_invalidate_a_deploy_stops_before_anything_is_published(
    cloudfront: CloudFront,
) -> None:
    cloudfront.denied.add("CreateInvalidation")
    with pytest.raises(CdnError) as caught:
        preflight(deployment(cloudfront), goes_live=True)
    assert "allow cloudfront:CreateInvalidation" in caught.value.mend


@pytest.mark.parametrize(
    ("query", "names"), [("none", []), ("whitelist", ["v"]), ("allExcept", ["version"])]
)
def test_a_deploy_is_refused_where_versions_share_a_cache_entry(
    cloudfront: CloudFront, query: str, names: list[str]
) -> None:
    """Visitors of new pages would get old scripts for as long as CloudFront keeps them."""
    mixing = default(cloudfront.add_cache_policy(query, names))
    with pytest.raises(CdnError) as caught:
        preflight(deployment(cloudfront, **mixing), goes_live=True)
    assert caught.value.what == (
        "behaviour Default (*), which /static/js/app.js falls to, does not hold the query's `version`: "
        "old bytes would be served under new URLs"
    )
    assert caught.value.mend.startswith("use a cache policy whose query strings are all")
    preflight(deployment(cloudfront, **mixing), goes_live=False)
    preflight(deployment(cloudfront, phases=("collectstatic",), **mixing), goes_live=True)


def test_a_deploy_is_refused_where_legacy_settings_leave_versions_out(
    cloudfront: CloudFront,
) -> None:
    forwarded = {"QueryString": False, "Cookies": {"Forward": "none"}}
    mixing = default(ForwardedValues=forwarded, MinTTL=0)
    with pytest.raises(CdnError, match="does not hold the query's `version`"):
        preflight(deployment(cloudfront, **mixing), goes_live=True)


ARN = "arn:aws:cloudfront::123456789012:function/version"
FUNCTION = {
    "FunctionAssociations": {
        "Quantity": 1,
        "Items": [{"EventType": "viewer-request", "FunctionARN": ARN}],
    }
}


def test_a_bucket_whose_function_is_not_associated_is_found_and_refused(
    cloudfront: CloudFront,
) -> None:
    origin = S3("shop", version_function=True)
    found = bad(cloudfront, origin)
    assert found["version function"].startswith(
        "behaviour Default (*), which /static/css/site.css falls to, runs no function on viewer requests"
    )
    with pytest.raises(CdnError) as caught:
        preflight(deployment(cloudfront, origin=origin), goes_live=True)
    assert caught.value.mend.startswith("associate the one that `fab … cdn-function` prints")


def test_a_function_makes_versions_exact_whatever_the_cache_key_holds(
    cloudfront: CloudFront,
) -> None:
    origin = S3("shop", version_function=True)
    running = default(cloudfront.add_cache_policy("none"), **FUNCTION)
    assert bad(cloudfront, origin, **running) == {}
    (one, _) = [
        one
        for one in findings(cloudfront, origin, **running)
        if one["subject"] == "version function"
    ]
    assert one["what"].endswith(f"runs {ARN} on viewer requests")
    preflight(deployment(cloudfront, origin=origin, **running), goes_live=True)
    assert "cache key" in bad(cloudfront, S3("shop"), **running)


def test_tags_that_nobody_reads_are_found(cloudfront: CloudFront) -> None:
    origin = S3("shop", cache_tags=True)
    assert "are read from no header" in bad(cloudfront, origin)["cache tags"]
    other = bad(cloudfront, origin, CacheTagConfig={"HeaderName": "Cache-Tag"})["cache tags"]
    assert other.startswith("are read from cache-tag, and the bucket's objects carry x-amz-meta-")
    right = {"HeaderName": "x-amz-meta-cache-tag"}
    assert "cache tags" not in bad(cloudfront, origin, CacheTagConfig=right)
