"""What caches must forget of a flip, and of its way back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fab_static.phases.run.forgetting import forgetting, forgotten, planned
from fab_static.plan.cdn.queries import ANY_QUERY
from fab_static.plan.inventory import S3
from tests.unit.site import NEW, OLD, Site, flip_provisionally

THIRD = "20261123T170102Z"


def test_a_flip_and_its_way_back_forget_what_keeps_its_name_with_other_bytes(site: Site) -> None:
    deploy = site.deployment()
    found = forgetting(deploy, deploy.seals.read(OLD))
    assert found.if_it_stays == found.if_undone == {"logo.svg": ANY_QUERY}
    assert not found.by_tag


def test_where_hosts_are_of_two_releases_what_either_has_is_forgotten(site: Site) -> None:
    """The operator before died in the middle: a cache may have asked any of them (G5)."""
    third = site.hold(THIRD, css=b"p {}")
    site.make_live(third.id)
    flip_provisionally(site.hosts["edge1"], OLD)
    deploy = site.deployment()
    found = forgetting(deploy, deploy.seals.read(NEW))
    assert found.if_it_stays.keys() == {"logo.svg", "site.css"}


def test_the_first_release_forgets_nothing_and_its_way_back_all_that_it_showed(site: Site) -> None:
    """No cache keeps the 404 of before (G2)."""
    deploy = site.deployment()
    for state in deploy.states.values():
        state["current"] = None
    found = forgetting(deploy, deploy.seals.read(NEW))
    assert found.if_it_stays == {}
    assert found.if_undone.keys() == {"logo.svg", "site.css"}


def test_what_one_host_alone_has_shown_counts_as_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages were there: a bucket knows paths alone, and may have to forget a version that comes back."""
    third = site.hold(THIRD, css=b"p {}")
    flip_provisionally(site.hosts["web1"], third.id)
    unseen = site.hold("20261124T170102Z", css=b"i {}")
    deploy = site.deployment()
    deploy.environment = replace(deploy.environment, origin=S3("bucket", version_function=False))
    monkeypatch.setattr(
        "fab_static.phases.run.forgetting.to_forget", lambda *_, earlier, **__: earlier
    )
    earlier: Any = forgotten(deploy, None, deploy.seals.read(NEW))
    assert {one.id for one in earlier} == {OLD, NEW, third.id}
    assert unseen.id in deploy.states[deploy.build]["releases"]


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        ({"logo.svg": ANY_QUERY}, ("/static/logo.svg*",)),
        ({}, ()),
    ],
)
def test_cloudfront_is_asked_for_the_least_that_covers_it(
    site: Site, changed: dict[str, Any], paths: tuple[str, ...]
) -> None:
    deploy = site.deployment()
    plan = planned(deploy, deploy.seals.read(NEW), changed)
    assert plan.paths == paths
