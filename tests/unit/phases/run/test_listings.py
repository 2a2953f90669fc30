"""What each build phase left in the static root."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fab_static.errors import ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import after_each, listing_of
from tests.unit.site import Site

Build = Callable[..., Deployment]


def test_phases_come_in_the_order_in_which_the_project_runs_them(shop: Site, build: Build) -> None:
    deploy = build()
    found = list(after_each(deploy))
    assert [phase for phase, _ in found] == ["collectstatic", "resource_static", "compress"]
    assert found[0][1]["files"].keys() == {"logo.svg", "site.css"}
    assert found[-1][1]["files"].keys() > {"logo.svg", "site.css", "CACHE/manifest.json"}


def test_a_phase_that_has_not_run_yet_is_passed_over(shop: Site, build: Build) -> None:
    assert [phase for phase, _ in after_each(build("collectstatic"))] == ["collectstatic"]


def test_a_listing_whose_bytes_are_not_its_name_s_is_refused(shop: Site, build: Build) -> None:
    """A release is sealed from it."""
    deploy = build()
    name = deploy.journal.phases["compress"]["listing"]
    kept = shop.folder / "build1" / "objects" / name[:2] / name
    kept.chmod(0o644)
    kept.write_text('{"files": {}, "extra": {}}')
    with pytest.raises(ReleaseError, match=f"object {name} is damaged"):
        listing_of(deploy, "compress")
