"""No release is sealed that lacks what the finders list, whoever took it out (G10)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.run.collected import hashed_names, refuse_what_is_not_held
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import listing_of
from fab_static.remote import Ran
from tests.unit.site import Site

Build = Callable[..., Deployment]


def sources(site: Site, **texts: str) -> None:
    """Have the finders list these files now: name -> what they hold."""
    place = site.project.folder / "build1" / "assets"
    site.project.answers["sources"] = {
        "files": {
            name.replace("_", "."): [hashlib.sha256(text.encode()).hexdigest(), len(text), f"{place}/{name.replace('_', '.')}"]
            for name, text in texts.items()
        },
        "below": "",
        "unjudged": None,
    }  # fmt: skip


def test_a_file_that_a_later_phase_removed_is_named_with_the_phase(
    shop: Site, build: Build
) -> None:
    shop.project.commands["resource_static"] = lambda root: (root / "logo.svg").unlink()
    sources(shop, logo_svg="logo", site_css="body {}")
    deploy = build()
    with pytest.raises(BuildError) as caught:
        refuse_what_is_not_held(deploy)
    assert caught.value.what == (
        "1 file that the finders list was removed from STATIC_ROOT after collectstatic:\n"
        "    logo.svg (resource_static)"
    )
    assert caught.value.where == f"build1: {shop.project.root}"


def test_a_source_that_a_phase_wrote_after_it_was_collected_is_named_with_the_phase(
    shop: Site, build: Build
) -> None:
    assets = shop.project.folder / "build1" / "assets"
    shop.project.settings["build1"]["real_sources"] = [str(assets)]
    shop.project.commands["resource_static"] = lambda _: Ran(
        0, "", written=(str(assets / "late.js"),)
    )
    sources(shop, logo_svg="logo", site_css="body {}", late_js="new")
    deploy = build()
    with pytest.raises(BuildError) as caught:
        refuse_what_is_not_held(deploy)
    assert caught.value.what == (
        "resource_static changed nothing in STATIC_ROOT, and wrote sources that collectstatic has collected "
        f"already:\n    {assets}/late.js"
    )
    assert caught.value.where == "build1: phase resource_static"


def test_a_source_that_somebody_edits_while_the_build_runs_is_refused(
    shop: Site, build: Build
) -> None:
    sources(shop, logo_svg="edited", site_css="body {}")
    with pytest.raises(BuildError, match=r"^something wrote sources that collectstatic has collected"):  # fmt: skip
        refuse_what_is_not_held(build())


def test_what_a_storage_of_ones_own_left_out_is_told_and_may_be_meant_so(
    shop: Site, build: Build
) -> None:
    deploy = build()
    sources(shop, logo_svg="logo", site_css="body {}", late_js="new")
    shop.project.answers["sources"]["unjudged"] = "the storage is one of yours"
    deploy.journal.phases["collectstatic"]["left_out"] = ["a.map"]
    refuse_what_is_not_held(deploy)
    (warned,) = deploy.show.warned  # type: ignore[attr-defined]
    assert warned.startswith("1 source came after collectstatic, which has not collected it:\n")
    assert warned.endswith("(the storage is one of yours, so that may be meant so)")


def test_where_nothing_is_gone_and_collectstatic_would_read_the_same_nobody_is_asked(
    shop: Site, build: Build
) -> None:
    plain = shop.project.commands["collectstatic"]

    def recorded(root: Path) -> Ran:
        plain(root)
        return Ran(0, "", token="t")

    shop.project.commands["collectstatic"] = recorded
    deploy = build()
    shop.hosts["build1"].before["recall"] = lambda: ({"token": "t"}, b"")
    shop.project.asked.clear()
    refuse_what_is_not_held(deploy)
    assert shop.project.asked == []


def test_a_build_that_collects_nothing_is_not_compared(shop: Site) -> None:
    shop.open("build: {phases: [resource_static]}")
    shop.asked.clear()
    deploy: Any = shop.deployment()
    refuse_what_is_not_held(deploy)
    assert ("build1", "sources") not in shop.project.asked


def test_names_with_hashes_are_those_of_django_s_manifest(shop: Site, build: Build) -> None:
    text = '{"paths": {"logo.svg": "logo.abc123abc123.svg"}, "version": "1.1", "hash": ""}'
    plain = shop.project.commands["collectstatic"]

    def with_names(root: Path) -> None:
        plain(root)
        (root / "staticfiles.json").write_text(text)

    shop.project.commands["collectstatic"] = with_names
    facts = shop.project.settings["build1"]
    facts["staticfiles_manifest"] = f"{shop.project.root}/staticfiles.json"
    deploy = build()
    listing = listing_of(deploy, "collectstatic")
    assert hashed_names(deploy, listing) == {"logo.svg": "logo.abc123abc123.svg"}
    facts["staticfiles_manifest"] = None
    deploy.forget_facts(deploy.build)
    assert hashed_names(deploy, listing) == {}
