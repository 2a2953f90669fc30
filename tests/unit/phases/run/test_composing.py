"""What a build is composed of, before anything of it is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from fab_static.phases.run.composing import composed
from fab_static.phases.run.deployment import Deployment
from tests.unit.phases.conftest import BLOCK
from tests.unit.site import Site, file_of

Build = Callable[..., Deployment]


def test_a_release_that_is_composed_is_on_no_host_yet(shop: Site, build: Build) -> None:
    release = composed(build())
    assert not (shop.folder / "build1" / "releases" / release.id).exists()


def test_every_file_of_the_static_root_is_in_it(build: Build) -> None:
    files = composed(build()).files
    assert files["logo.svg"] == file_of(b"logo")
    assert files[f"CACHE/{BLOCK}"] == file_of(b"body{}")


def test_the_offline_manifest_has_its_keys_in_order(shop: Site, build: Build) -> None:
    """Equal builds give equal bytes, and so equal releases."""
    file = composed(build()).files["CACHE/manifest.json"]
    objects = shop.folder / "build1" / "objects"
    keys = [*json.loads((objects / file.sha256[:2] / file.sha256).read_text())]
    assert keys == sorted(keys)


def test_a_build_without_compress_names_no_offline_manifest(shop: Site, build: Build) -> None:
    """A manifest that lies there from an earlier build is a file like others."""
    shop.open("build: {phases: [collectstatic, resource_static]}")
    release = composed(build())
    assert release.offline_manifest is None
    assert release.named == ()


def test_source_date_epoch_stands_for_when_and_leaves_out_who_and_how_long(build: Build) -> None:
    """Two machines that build one revision seal the same bytes."""
    deploy = build()
    deploy.sealed_at = datetime(2025, 11, 24, 16, 0, tzinfo=UTC)
    release = composed(deploy)
    assert release.id.startswith("20251124T160000Z-")
    assert (release.created_at, release.created_by) == ("2025-11-24T16:00:00Z", "")
    assert {phase["seconds"] for phase in release.phases} == {0.0}
