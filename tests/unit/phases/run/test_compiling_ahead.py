"""When compress's sheets are compiled ahead: beside a phase that leaves sheets as they are, and where one has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from fab_static.phases.run.compiling_ahead import to_compile_ahead
from fab_static.phases.run.deployment import Deployment, Reuse
from fab_static.phases.run.project import ProjectOnHost
from fab_static.plan.build_order import BUILD_PHASES
from fab_static.plan.wire import asks
from tests.unit.phases.run.builds import Build
from tests.unit.site import Site


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProjectOnHost, "is_recorded", lambda *_: True)


def at(deploy: Deployment, name: str, left_by: str = "collectstatic") -> list[asks.Ahead]:
    """Come to a phase of a run of all phases; return what the build host is asked to compile ahead."""
    deploy.to_come = BUILD_PHASES[BUILD_PHASES.index(name) + 1 :]
    listing = deploy.journal.phases[left_by]["listing"]
    assert listing
    questions = to_compile_ahead(deploy, name, listing)
    return [request["ahead"] for _verb, request, *_ in questions]


def with_another_sheet(shop: Site, build: Build, name: str = "site.css") -> Deployment:
    """Build, and collect another file of this name."""
    build()
    collect = shop.project.commands["collectstatic"]

    def collectstatic(root: Path) -> None:
        collect(root)
        (root / name).write_text("another")

    shop.project.commands["collectstatic"] = collectstatic
    return build("collectstatic")


WORDS = ["compress", "--force"]


def test_a_changed_sheet_is_compiled_beside_the_first_phase_that_leaves_it_as_it_is(
    shop: Site, build: Build
) -> None:
    deploy = with_another_sheet(shop, build)
    assert at(deploy, "fix_less_imports") == []
    assert at(deploy, "resource_static") == [{"words": WORDS, "trust": [], "commands": True}]
    assert at(deploy, "build_requirejs") == [], "once"


def test_nothing_is_compiled_ahead_where_no_sheet_has_changed(shop: Site, build: Build) -> None:
    assert at(with_another_sheet(shop, build, "photo.png"), "resource_static") == []


def test_a_first_build_waits_for_versions_and_confines_commands(shop: Site, build: Build) -> None:
    """Templates print versions; and a command that was never seen may write what would be taken for another phase's."""
    deploy = build("collectstatic")
    assert at(deploy, "resource_static") == []
    deploy = build("collectstatic", "resource_static")
    assert at(deploy, "build_requirejs", "resource_static") == [
        {"words": WORDS, "trust": [], "commands": False}
    ]


def test_a_compress_that_left_other_files_than_its_own_is_not_begun_ahead(
    shop: Site, build: Build
) -> None:
    compress = shop.project.commands["compress"]

    def with_a_map(root: Path) -> None:
        compress(root)
        (root / "site.css.map").write_text("{}")

    shop.project.commands["compress"] = with_a_map
    assert at(with_another_sheet(shop, build), "resource_static") == []


def test_a_phase_by_hand_compiles_nothing_but_its_own(shop: Site, build: Build) -> None:
    deploy = with_another_sheet(shop, build)
    listing = deploy.journal.phases["collectstatic"]["listing"]
    assert listing
    assert to_compile_ahead(deploy, "build_requirejs", listing) == []
    deploy.to_come = ("compress",)
    assert to_compile_ahead(replace(deploy, by_itself=True), "build_requirejs", listing) == []
    for reuse in ("no", "verify"):
        other = replace(deploy, reuse=cast("Reuse", reuse))
        assert to_compile_ahead(other, "build_requirejs", listing) == []


def test_where_a_listing_cannot_be_read_compress_compiles_all(shop: Site, build: Build) -> None:
    deploy = with_another_sheet(shop, build)
    deploy.journal.phases["compress"]["listing"] = "0" * 64
    assert at(deploy, "resource_static") == []


def test_a_line_of_a_shell_is_not_begun_ahead(
    shop: Site, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = with_another_sheet(shop, build)
    monkeypatch.setattr(ProjectOnHost, "is_recorded", lambda *_: False)
    assert at(deploy, "resource_static") == []
