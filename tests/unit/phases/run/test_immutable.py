"""Names that caches keep for good: those by the record, those that the inventory names, none of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fab_static.errors import ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.immutable import names_for_good
from fab_static.plan.inventory.environment import Build
from tests.unit.site import NEW, OLD, Site, file_of

CHUNK = "dist/a-1a2b3c4d.js"
FILES = {
    CHUNK: file_of(b"a"),
    "dist/b.js": file_of(b"b"),
    "dist/b.js.map": file_of(b"map"),
    "logo.svg": file_of(b"another"),
    "site.css": file_of(b"body {}"),
}


def of(site: Site, *globs: str, hashed: tuple[str, ...] = ()) -> tuple[Deployment, set[str]]:
    """Return a run whose inventory names these globs, and what caches may keep of FILES."""
    deploy = site.deployment()
    deploy.environment = replace(deploy.environment, build=Build(immutable=globs))
    return deploy, names_for_good(deploy, FILES, hashed)


def told(deploy: Deployment) -> list[str]:
    warned: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    return warned


def test_names_by_the_record_and_by_the_inventory_are_for_good(site: Site) -> None:
    deploy, names = of(site, "site.*", hashed=(CHUNK,))
    assert names == {CHUNK, "site.css"}
    assert told(deploy) == []


def test_a_source_map_is_for_good_where_the_glob_says_so(site: Site) -> None:
    """Another comment makes another map, of a script that is the same."""
    assert of(site, "dist/**")[1] == {CHUNK, "dist/b.js"}
    assert of(site, "dist/*.map")[1] == {"dist/b.js.map"}


def test_what_the_inventory_names_and_other_releases_have_otherwise_is_refused(site: Site) -> None:
    with pytest.raises(ReleaseError) as caught:
        of(site, "*.svg")
    assert caught.value.what == (
        "1 file has other bytes than before under a name that never changes; browsers keep the old ones "
        f"for a year:\n    logo.svg: other in {OLD}, {NEW}"
    )
    assert "build.immutable must name no others" in caught.value.mend


def test_a_hashed_name_that_a_kept_release_has_otherwise_is_none(site: Site) -> None:
    deploy, names = of(site, hashed=("logo.svg", CHUNK))
    assert names == {CHUNK}
    assert told(deploy)[0].startswith(
        "browsers will not keep logo.svg: releases that are kept have"
    )


def test_a_glob_that_matches_nothing_is_told(site: Site) -> None:
    deploy, names = of(site, "webpack/**")
    assert (names, told(deploy)) == (
        set(),
        ["build.immutable: no file of the release is webpack/**"],
    )


def test_the_host_is_not_asked_of_what_the_live_release_calls_so(site: Site) -> None:
    site.make_live(site.hold("20261123T170102Z", b"another", named=("logo.svg",)).id)
    site.asked.clear()
    assert of(site, hashed=("logo.svg",))[1] == {"logo.svg"}
    assert ("build1", "other_bytes") not in site.asked
