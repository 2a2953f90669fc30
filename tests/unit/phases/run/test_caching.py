"""What may be seen of a CDN's settings; where rights lack, the safe way is taken."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fab_static.errors import CdnError
from fab_static.phases.run.caching import Caching, distribution_of, see
from fab_static.plan.inventory import Cdn

DENIED = CdnError("CloudFront refused get_cache_policy", where="distribution E1", mend="allow it")


class Distribution:
    """One with a behaviour for images, whose policy keys on `version` alone, and a default one that keys on all."""

    def __init__(self, *, config: Any = ..., policies: Any = ...) -> None:
        self.asked: Counter[str] = Counter()
        self._config = CONFIG if config is ... else config
        self._policies = POLICIES if policies is ... else policies

    def check(self) -> Any:
        self.asked["config"] += 1
        if isinstance(self._config, Exception):
            raise self._config
        return self._config

    def cache_policy(self, name: str) -> Any:
        self.asked[name] += 1
        if name not in self._policies:
            raise DENIED
        return self._policies[name]


def policy(kind: str, *names: str) -> dict[str, Any]:
    strings = {"QueryStringBehavior": kind, "QueryStrings": {"Items": list(names)}}
    return {"ParametersInCacheKeyAndForwardedToOrigin": {"QueryStringsConfig": strings}}


CONFIG = {
    "CacheBehaviors": {"Items": [{"PathPattern": "/static/img/*", "CachePolicyId": "versions"}]},
    "DefaultCacheBehavior": {"CachePolicyId": "everything"},
    "CacheTagConfig": {"HeaderName": "X-Amz-Meta-Cache-Tag"},
}
POLICIES = {"versions": policy("whitelist", "version"), "everything": policy("all")}


def caching(distribution: Any) -> tuple[Caching, list[str]]:
    told: list[str] = []
    return Caching(distribution, told.append), told


def test_each_url_is_judged_by_the_policy_of_its_behaviour_and_each_is_read_once() -> None:
    distribution = Distribution()
    found, told = caching(distribution)
    for _ in range(3):
        assert found.holds_version("/static/img/a.png") is True
        assert found.keys_on_other_queries("/static/img/a.png") is False
        assert found.keys_on_other_queries("/static/a.js") is True
    assert distribution.asked == {"config": 1, "versions": 1, "everything": 1}
    assert (told, found.reads_tags) == ([], True)


def test_a_policy_that_may_not_be_read_is_told_once_and_leaves_the_answer_open() -> None:
    """None: whoever asks forgets the URL under any query."""
    found, told = caching(Distribution(policies={}))
    assert found.holds_version("/static/a.js") is None
    assert found.keys_on_other_queries("/static/a.js") is None
    assert told == [
        "CloudFront refused get_cache_policy: files are taken to be cached under any query"
    ]


def test_where_the_config_may_not_be_read_nothing_is_known() -> None:
    found, _ = caching(Distribution(config=None))
    assert found.holds_version("/static/a.js") is None
    assert not found.reads_tags


def test_a_distribution_without_a_policy_goes_by_its_older_settings() -> None:
    older = {"ForwardedValues": {"QueryString": True, "QueryStringCacheKeys": {"Items": []}}}
    found, _ = caching(Distribution(config={"DefaultCacheBehavior": older}))
    assert found.holds_version("/static/a.js") is True
    assert found.keys_on_other_queries("/static/a.js") is True


def test_who_only_looks_goes_on_where_cloudfront_cannot_be_asked() -> None:
    told: list[str] = []
    distribution: Any = Distribution(config=CdnError("no credentials", where="", mend=""))
    assert see(distribution, told.append) is None
    assert told == ["no credentials: files are taken to be cached under any query"]
    with pytest.raises(CdnError):
        caching(distribution)


@pytest.mark.parametrize(
    ("wait", "patience", "seconds"), [(600.0, None, 20.0), (5.0, None, 5.0), (0.0, 6, 60.0)]
)
def test_no_answer_is_waited_for_longer_than_the_operator_waits(
    monkeypatch: pytest.MonkeyPatch, wait: float, patience: float | None, seconds: float
) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr(
        "fab_static.aws.cloudfront.Distribution",
        lambda name, **more: made.update(more, name=name),
    )
    distribution_of(Cdn("E1", timeout=10, wait=wait), patience=patience)
    assert (made["name"], made["patience_seconds"], made["read_seconds"]) == ("E1", seconds, 10)
