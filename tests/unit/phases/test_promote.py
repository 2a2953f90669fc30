"""Promotes: the release that `testing` sealed goes live on `staging`, byte for byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.phases.promote import promote
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.verify import verify
from fab_static.plan.wire import asks, verbs
from tests.unit.site import NEW, OLD, Site, file_of, flip_provisionally

TIME = "20261123T170102Z"


@pytest.fixture
def testing(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The other environment: there a release is live that `site` has not."""
    other = Site(tmp_path / "testing", monkeypatch, name="testing")
    baked = {"STATIC_URL": "/static/", "STATIC_CDN": "", "COMPRESS_URL": None, "libraries": {}}
    other.make_live(other.hold(TIME, b"tested", settings=baked).id)
    return other


def promoted(site: Site, testing: Site, wanted: str | None = None) -> Deployment:
    deploy = site.deployment()
    promote(deploy, testing.session._deployment(), wanted)
    return deploy


def refused(site: Site, testing: Site, wanted: str | None = None) -> FabStaticError:
    """Be refused: then no host here has the release, and none there was changed."""
    with pytest.raises(FabStaticError) as caught:
        promoted(site, testing, wanted)
    assert {path.name for path in site.folder.glob("*/releases/*")} == {OLD, NEW}
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    return caught.value


def test_every_host_holds_it_as_it_was_sealed_there_and_what_is_live_has_not_changed(
    site: Site, testing: Site
) -> None:
    """Also where an earlier version of the program has sealed it, which wrote the same otherwise."""
    live = testing.live()["edge1"]
    for seal in testing.folder.glob(f"*/releases/{live}/release.json"):
        seal.chmod(0o644)
        seal.write_text(json.dumps(json.loads(seal.read_text()), indent=1))
    deploy = promoted(site, testing)
    assert deploy.current_release().id == live
    for name in site.hosts:
        here, there = (
            (one.folder / name / "releases" / str(live) / "release.json").read_bytes()
            for one in (site, testing)
        )
        assert here == there
    assert (site.folder / "edge1" / "releases" / str(live) / "static" / "logo.svg").read_bytes() == b"tested"  # fmt: skip
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    verify(deploy)


def test_the_next_command_here_makes_it_live_and_knows_where_it_is_from(
    site: Site, testing: Site
) -> None:
    promoted(site, testing)
    journal = site.deployment().journal
    assert journal.promoted_from == "testing"
    assert journal.release == testing.live()["edge1"]
    assert journal.is_sealed(("collectstatic",), ("collectstatic",))  # no phase need run


def test_the_other_environment_is_only_read(site: Site, testing: Site) -> None:
    testing.asked.clear()
    promoted(site, testing)
    assert {verb for _, verb in testing.asked} <= {
        "state", "read_release", "read_object", "fetch", "missing",
    }  # fmt: skip


def test_settings_that_went_into_it_and_are_others_here_are_all_named(
    site: Site, testing: Site
) -> None:
    site.project.settings["web1"]["static_url"] = "/assets/"
    site.project.settings["web2"]["static_url"] = "/assets/"
    site.project.settings["build1"]["libraries"] = {"django": "5.2"}
    error = refused(site, testing)
    live = testing.live()["edge1"]
    assert str(error) == (
        f"2 settings of testing went into release {live}, and staging has another:\n"
        "    django is nothing in the release and '5.2' on build1\n"
        "    STATIC_URL is '/static/' in the release and '/assets/' on web1, web2\n"
        "  where: the seal of testing against the project on the hosts of staging\n"
        "  mend:  set it alike in both, or build for staging: fab staging prepare"
    )


def test_a_url_that_never_changes_gets_no_other_bytes(site: Site, testing: Site) -> None:
    """Pages of the release that is live here promise the old ones (G1)."""
    version = file_of(b"tested").version
    files = {"logo.svg": replace(file_of(b"old"), version=version), "site.css": file_of(b"body {}")}
    live = site.hold("20261122T180102Z", b"old", files=files, versions={"logo.svg": version})
    site.make_live(live.id)
    baked = testing.deployment().seals.read(str(testing.live()["edge1"])).settings
    tested = testing.hold(
        "20261124T170102Z", b"tested", settings=baked, versions={"logo.svg": version}
    )
    with pytest.raises(ReleaseError, match="but bytes changed and the version did not"):
        promoted(site, testing, tested.id)


@pytest.mark.parametrize(
    ("current", "what"),
    [
        (OLD, "the hosts of testing do not agree about what is live"),
        (None, "nothing is live on testing yet"),
    ],
)
def test_where_it_is_not_known_what_is_live_there_the_release_must_be_named(
    site: Site, testing: Site, current: str | None, what: str
) -> None:
    if current:
        flip_provisionally(testing.hosts["edge1"], current)
    else:
        for host in testing.hosts:
            for link in ("current", "previous", "log.jsonl"):
                (testing.folder / host / link).unlink(missing_ok=True)
    error = refused(site, testing)
    assert error.what == what
    assert "--release ID" in error.mend
    (tested,) = {path.name for path in testing.folder.glob("build1/releases/*")} - {OLD, NEW}
    assert promoted(site, testing, tested).current_release().id == tested


def test_a_release_that_was_rolled_back_there_is_told(site: Site, testing: Site) -> None:
    name = str(testing.live()["edge1"])
    entry = {"event": "activate", "release": NEW, "rolled_back": name, "by": "ben"}
    testing.hosts["build1"].ask(verbs.NOTE, asks.Note(entry=entry))
    here = promoted(site, testing, name)
    assert here.show.warned == [f"{name} was rolled back on testing"]  # type: ignore[attr-defined]


def test_a_copy_that_breaks_off_leaves_nothing_under_the_release_s_name(
    site: Site, testing: Site
) -> None:
    """Somebody prunes there meanwhile, or the line is cut; the next promotion goes on."""
    site.hosts["edge2"].before["store"] = site.hosts["edge2"].cut
    error = refused(site, testing)
    assert error.where == "edge2"
    site.open()
    assert promoted(site, testing).release is not None
