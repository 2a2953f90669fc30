"""What `releases` tells of a scripted fleet on which OLD was live, and NEW is."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

from tests.unit.site import NEW, OLD, Site

STAGED = "20261123T170102Z-40b46b94"
OLDER = "20261120T170102Z-c6411c8e"


def states(site: Site) -> dict[str, str]:
    return {one["id"]: one["state"] for one in site.session.releases()}


def test_releases_are_told_newest_first_each_with_what_it_is(site: Site) -> None:
    site.hold(STAGED, b"new")
    assert [*states(site).items()] == [(STAGED, "staged"), (NEW, "live"), (OLD, "previous")]


def test_a_release_that_a_rollback_put_out_of_service_is_bad(site: Site) -> None:
    site.session.rollback()
    assert states(site) == {NEW: "bad", OLD: "live"}
    site.session.rollback(NEW)  # on purpose: it is live, and what it replaced was no mistake
    assert states(site) == {NEW: "live", OLD: "previous"}


def test_what_was_live_before_the_previous_release_is_kept(site: Site) -> None:
    site.session.rollback()
    site.session.rollback(NEW)
    site.hold(STAGED, b"new")
    site.session.rollback(STAGED)
    assert states(site) == {STAGED: "live", NEW: "previous", OLD: "kept"}


def test_a_release_that_only_one_host_holds_is_told_too(site: Site) -> None:
    site.hold(STAGED, b"new")
    for name in ("build1", "edge1", "edge2", "web1"):
        shutil.rmtree(site.folder / name / "releases" / STAGED)
    (one, *_) = site.session.releases()
    assert one == {
        "id": STAGED,
        "state": "staged",
        "revision": None,
        "created_at": "2026-11-22T17:01:02Z",
        "created_by": "anna@desk",
        "sealed_in": "staging",
        "files": 2,
        "bytes": 10,
    }


def test_a_seal_that_cannot_be_read_is_told_and_keeps_no_other_release_back(site: Site) -> None:
    seal = site.folder / "edge1" / "releases" / OLD / "release.json"
    seal.chmod(0o644)
    seal.write_text("{")
    warned: list[str] = []
    site.session._show = SimpleNamespace(warn=warned.append)  # type: ignore[assignment]
    assert states(site) == {NEW: "live", OLD: "previous"}
    assert warned[0].startswith("edge1: release.json is not JSON")
