"""Whether a deploy goes on before this CDN, against the strict CloudFront."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from demo.cloudfront import CloudFront
from fab_static.doctor.cdn import preflight
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3, Cdn
from tests.unit.doctor.distributions import bad, default, findings


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
