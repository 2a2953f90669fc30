"""What `prepare --from` takes, and what it refuses before anything is contacted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fab_static.errors import InventoryError
from fab_static.phases.export import export
from fab_static.sessions.taking import again, opened, refuse_source
from tests.unit.signing import inventory, key
from tests.unit.site import NEW, Site


def test_a_release_comes_from_another_environment_of_the_same_app(site: Site) -> None:
    here = site.session.environment
    refuse_source(here, replace(here, name="ci"))
    with pytest.raises(InventoryError, match="cannot be promoted from itself"):
        refuse_source(here, here)
    with pytest.raises(InventoryError, match="ci deploys the app blog, and staging the app shop"):
        refuse_source(here, replace(here, name="ci", app="blog"))


def test_an_archive_of_another_app_is_refused_before_anything_is_contacted(
    site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "shop.release"
    deploy = site.deployment()
    export(deploy, deploy.seals.read(NEW), file, None)
    other = replace(site.session.environment, app="blog")
    site.asked.clear()
    with pytest.raises(InventoryError, match="is of the app shop"), opened(str(file), other, None):
        pass
    assert site.asked == []


def test_an_archive_is_verified_on_every_host_as_a_build_is(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "shop.release"
    settings = {"STATIC_URL": "/static/", "STATIC_CDN": "", "COMPRESS_URL": None}
    release = site.hold("20261124T170102Z", b"built", settings=settings)
    export(site.deployment(), release, file, None)
    assert site.session.prepare(archive=str(file)).id == release.id
    assert {host for host, verb in site.asked if verb == "verify"} == set(site.hosts)


def test_the_command_that_takes_it_once_more_names_what_it_takes() -> None:
    """`fab production prepare` alone would build a release there."""
    assert again("staging", None) == "prepare --from staging"
    assert again("./my shop.release", "R1") == "prepare --from './my shop.release' --release R1"


def test_a_signer_that_is_not_here_is_refused_before_anything_is_contacted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    site.open(inventory(site.folder, site.folder / "nowhere"))
    for run in (site.session.deploy, site.session.prepare, site.session.sign):
        site.asked.clear()
        with pytest.raises(InventoryError, match="nothing can be signed with"):
            run()
        assert site.asked == []
    site.open(inventory(site.folder, None, key(site.folder, "anna")))
    (site.folder / "allowed_signers").unlink()
    site.asked.clear()
    with pytest.raises(InventoryError, match="the list of allowed signers cannot be read"):
        site.session.rollback()
    assert site.asked == []
