"""What an image must carry: the manifests of a release, where the project in it reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import InventoryError, ReleaseError
from fab_static.phases import export_manifests as module
from fab_static.phases.export_manifests import export_manifests
from tests.unit.site import NEW, VERSIONS, Site


def test_they_stand_where_a_checkout_has_them(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "image"
    (folder / "mine").mkdir(parents=True)
    deploy = site.deployment()
    written = export_manifests(deploy, deploy.seals.read(NEW), folder)
    assert written == ["resource_versions.yml"]
    assert (folder / "resource_versions.yml").read_bytes() == VERSIONS
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "resource_versions.yml"]


def test_one_that_is_read_outside_the_checkout_is_named(site: Site, tmp_path: Path) -> None:
    site.project.settings["web1"]["resource_versions"] = "/etc/versions.yml"
    deploy = site.deployment()
    with pytest.raises(ReleaseError, match=r"/etc/versions\.yml lies outside the checkout"):
        export_manifests(deploy, deploy.seals.read(NEW), tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_a_failure_leaves_the_folder_as_it_was(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, _: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    deploy = site.deployment()
    release = deploy.seals.read(NEW)
    (tmp_path / "image").mkdir()
    monkeypatch.setattr(module.Path, "write_bytes", full)
    with pytest.raises(InventoryError, match="No space left on device"):
        export_manifests(deploy, release, tmp_path / "image")
    assert list((tmp_path / "image").iterdir()) == []
