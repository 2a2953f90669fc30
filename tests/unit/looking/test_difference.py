"""What `diff` tells of a scripted fleet on which OLD was live, and NEW is: they differ in logo.svg."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.looking import difference
from tests.unit.site import NEW, OLD, Site

CDN = "cdn: {distribution_id: E1, domain: d1.cloudfront.net}"


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CDN whose settings cannot be seen."""
    monkeypatch.setattr(difference, "distribution_of", lambda _: None)
    monkeypatch.setattr(difference, "see", lambda *_: None)


def ends(found: dict[str, Any]) -> tuple[str | None, str]:
    return found["old"], found["new"]


def test_without_names_the_live_release_is_told_against_the_one_before(site: Site) -> None:
    found = site.session.diff()
    assert ends(found) == (OLD, NEW)
    assert (found["added"], found["changed"], found["removed"]) == ([], ["logo.svg"], [])
    assert found["unversioned"] == ["logo.svg"]
    assert (found["urls"], found["bundles"]) == ([], [])


def test_one_name_is_told_against_the_live_release(site: Site) -> None:
    assert ends(site.session.diff(new=OLD)) == (NEW, OLD)
    assert ends(site.session.diff(old=OLD)) == (OLD, NEW)
    assert ends(site.session.diff(OLD, OLD)) == (OLD, OLD)


def test_a_first_release_adds_everything_and_nothing_is_forgotten(site: Site, see: None) -> None:
    site.open(CDN)
    deploy = site.session._deployment()
    deploy.look()
    found = difference.difference_of(deploy, None, deploy.seals.read(NEW))
    assert (found["added"], found["changed"]) == (["logo.svg", "site.css"], [])
    assert found["invalidation"] == {"paths": [], "price_usd": 0}


def test_what_a_cdn_forgets_is_told_only_where_there_is_one(site: Site, see: None) -> None:
    assert site.session.diff()["invalidation"]["paths"] == []
    site.open(CDN)
    found = site.session.diff()
    assert found["invalidation"]["paths"] == ["/static/logo.svg*"]
    assert found["invalidation"]["price_usd"] == 0.005
