"""What `prepare --from FILE` takes: the very release that was sealed elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import FabStaticError, InventoryError, ReleaseError
from fab_static.phases.export import export
from fab_static.phases.receive import receive, refuse_other
from fab_static.phases.run.archive_places import opened
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.verify import verify
from tests.unit.site import NEW, OLD, Site

TIME = "20261123T170102Z"
BAKED = {"STATIC_URL": "/static/", "STATIC_CDN": "", "COMPRESS_URL": None, "libraries": {}}


@pytest.fixture
def built(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """An archive of a release that `site` does not have, and its id."""
    ci = Site(tmp_path / "ci", monkeypatch, name="ci")
    release = ci.hold(TIME, b"built", settings=BAKED).id
    deploy = ci.deployment()
    export(deploy, deploy.seals.read(release), tmp_path / "shop.release", None)
    export(deploy, deploy.seals.read(release), tmp_path / "small.release", OLD)
    return tmp_path / "shop.release", release


def received(site: Site, file: Path) -> Deployment:
    deploy = site.deployment()
    with opened(str(file), deploy.environment) as archive:
        receive(deploy, archive)
    return deploy


def test_every_host_holds_it_as_it_was_sealed_and_what_is_live_has_not_changed(
    site: Site, built: tuple[Path, str]
) -> None:
    file, release = built
    deploy = received(site, file)
    assert deploy.current_release().id == release
    for name in site.hosts:
        there = file.parent / "ci" / name / "releases" / release / "release.json"
        here = site.folder / name / "releases" / release / "release.json"
        assert here.read_bytes() == there.read_bytes()
    logo = site.folder / "edge1" / "releases" / release / "static" / "logo.svg"
    assert logo.read_bytes() == b"built"
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    verify(deploy)


def test_the_next_command_makes_it_live(site: Site, built: tuple[Path, str]) -> None:
    file, release = built
    received(site, file)
    journal = site.deployment().journal
    assert (journal.release, journal.promoted_from) == (release, "ci")


def test_what_an_archive_leaves_out_comes_from_hosts_that_have_it(
    site: Site, built: tuple[Path, str]
) -> None:
    """`small.release` is without the objects of OLD, which every host here holds."""
    file, release = built
    received(site, file.with_name("small.release"))
    sheet = site.folder / "edge1" / "releases" / release / "static" / "site.css"
    assert sheet.read_bytes() == b"body {}"


def test_what_nobody_has_is_told(site: Site, built: tuple[Path, str]) -> None:
    file, release = built
    for stored in site.folder.glob("*/objects/*/*"):
        stored.unlink()
    with pytest.raises(FabStaticError) as caught:
        received(site, file.with_name("small.release"))
    assert "no host has" in caught.value.what
    assert caught.value.mend == (
        f"write an archive with all objects: fab ci export {release} --out FILE"
    )


def test_settings_that_went_into_it_and_are_others_here_are_named(
    site: Site, built: tuple[Path, str]
) -> None:
    site.project.settings["web1"]["static_url"] = "/assets/"
    file, release = built
    with pytest.raises(ReleaseError) as caught:
        received(site, file)
    assert caught.value.what == (
        f"a setting of ci went into release {release}, and staging has another:\n"
        "    STATIC_URL is '/static/' in the release and '/assets/' on web1"
    )
    assert {path.name for path in site.folder.glob("*/releases/*")} == {OLD, NEW}


def test_an_archive_of_another_app_or_release_is_bad_input(
    site: Site, built: tuple[Path, str]
) -> None:
    file, _ = built
    with opened(str(file), site.session.environment) as archive:
        with pytest.raises(InventoryError, match="is of the app shop, and this environment dep"):
            refuse_other(archive, "other", None)
        with pytest.raises(InventoryError, match=f", not {NEW}"):
            refuse_other(archive, "shop", NEW)
