"""Phase compress: no block may be lost, though `manage.py compress` exits 0 with blocks missing (G4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.compress import compress, gaps_refused, refuse_unbuilt
from fab_static.phases.run.deployment import Deployment
from tests.unit.site import COVERED, Site

Build = Callable[..., Deployment]
GAP = {
    "engine": "django",
    "template": "page.html",
    "in": "page.html",
    "block": 0,
    "line": 3,
    "context": 0,
    "key": "f" * 64,
    "text": "<i>1</i>",
}


def answering(site: Site, **more: Any) -> list[dict[str, Any]]:
    """Have the build host's project say this of its blocks; return the questions that it gets."""
    questions: list[dict[str, Any]] = []

    def answer(_: str, question: dict[str, Any]) -> dict[str, Any]:
        questions.append(question)
        return {**COVERED, "rendered": [], "texts": {}, **more}

    site.project.answers["coverage"] = answer
    return questions


def test_the_blocks_that_were_found_are_told_and_where_they_stand_is_kept(
    shop: Site, build: Build
) -> None:
    place = {"in": "page.html", "line": 3, "block": 0, "context": 0, "keys": {"a": "b"}}
    questions = answering(shop, blocks=2, templates=1, places=[place])
    deploy = build()
    assert deploy.show.said[-1] == "2 compress blocks in 1 template"  # type: ignore[attr-defined]
    assert shop.deployment().journal.phases["compress"]["places"] == [place]
    assert questions == [
        {
            "ask": "coverage",
            "manifest": f"{shop.project.root}/CACHE/manifest.json",
            "redirect": {},
            "places": True,
            "made": True,
            "other_cdn": None,
        }
    ]


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ({"missing": [GAP]}, "page.html, block 0, line 3: its key ffffffffffff… is not in the manifest"),
        ({"failed": [{**GAP, "error": "KeyError"}]}, "cannot be rendered for its key"),
        (
            {"broken": [{"engine": "django", "template": "a.html", "error": "Invalid block tag", "has_compress": True}]},
            "a.html does not parse, and holds a compress block: Invalid block tag",
        ),
    ],
    ids=["missing", "failed", "broken"],
)  # fmt: skip
def test_a_block_that_compress_has_lost_fails_the_phase(
    shop: Site, build: Build, gap: dict[str, Any], words: str
) -> None:
    answering(shop, **gap)
    with pytest.raises(BuildError, match="a compress block would raise OfflineGenerationError") as caught:  # fmt: skip
        build()
    assert words in caught.value.what
    assert caught.value.where == "build1: phase compress"
    assert "compress" not in shop.deployment().journal.phases


def test_a_project_without_django_compressor_is_asked_of_no_block(shop: Site, build: Build) -> None:
    questions = answering(shop)
    shop.project.settings["build1"].update(compress=None, offline_manifest=None)
    compress(build("collectstatic", "resource_static"))
    assert questions == []


def test_a_build_that_says_it_knows_no_cdn_and_does_is_refused(shop: Site, build: Build) -> None:
    """Promoted to another environment, its pages would load from this one's CDN."""
    shop.project.settings["build1"]["cdn_independent"] = True
    block = {**GAP, "template": "a.html", "block": 1, "line": 5, "text": "\nsrc=//cdn/a.js\n"}
    questions = answering(
        shop, with_cdn=[block], files_with_cdn=["CACHE/a.css"], relative_inline=["9" * 64]
    )
    with pytest.raises(BuildError) as caught:
        build()
    assert caught.value.what == (
        "FAB_STATIC_CDN_IN_BLOCKS is False, but the build depends on STATIC_CDN:\n"
        "    a.html, block 1, line 5 renders the CDN:\n"
        "      src=//cdn/a.js\n"
        "    CACHE/a.css holds it\n"
        "    the inline block with the key 999999999999… has a url() that is relative to each page"
    )
    assert questions[0]["other_cdn"] == "https://any.invalid"


def test_a_build_without_this_phase_is_refused_where_pages_ask_for_blocks(
    shop: Site, build: Build
) -> None:
    shop.open("build: {phases: [collectstatic]}")
    asked = answering(shop, missing=[GAP])
    deploy = build()
    with pytest.raises(BuildError) as caught:
        refuse_unbuilt(deploy, deploy.build, "phase seal")
    assert caught.value.where == "build1: phase seal"
    assert caught.value.mend == "add compress to build.phases in the inventory"
    assert asked[-1]["manifest"] == ""  # none at all, whatever is live there
    # pages that compress as they are asked for have no manifest
    shop.project.settings["build1"]["compress"]["offline"] = False
    deploy.forget_facts(deploy.build)
    refuse_unbuilt(deploy, deploy.build, "phase seal")


def test_of_many_warnings_the_first_are_told_and_how_many_more(shop: Site, build: Build) -> None:
    gaps = [
        {
            "engine": "django",
            "template": f"{at:02}.html",
            "error": f"E: {at}",
            "has_compress": False,
        }
        for at in range(25)
    ]
    answering(shop, broken=gaps)
    warned: list[str] = build().show.warned  # type: ignore[attr-defined]
    assert [line[:7] for line in warned[:10]] == [f"{at:02}.html" for at in range(10)]
    assert warned[10:] == ["… and 15 more"]


def test_many_gaps_are_counted_and_the_first_are_shown() -> None:
    many = [{**GAP, "block": number} for number in range(25)]
    error = gaps_refused({**COVERED, "missing": many}, [], where="here", differing=["and this"])
    assert error.what.startswith("25 compress blocks would raise OfflineGenerationError:\n")
    assert "block 19" in error.what
    assert "block 21" not in error.what
    assert error.what.endswith("\n    and this")
