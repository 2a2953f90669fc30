"""The manifests of bundlers in a build: all that they name must be there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError, ManifestError
from fab_static.phases.run.bundlers import manifests_of
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import listing_of
from fab_static.plan.inventory.environment import Manifest
from fab_static.plan.release import File
from tests.unit.site import Site

Build = Callable[..., Deployment]
CHUNK = "dist/main.1a2b3c4d.js"


@pytest.fixture
def bundled(shop: Site) -> Site:
    """The shop, whose collectstatic also leaves a chunk, and a manifest beside the static root and one in it."""
    shop.open("build: {phases: [collectstatic]}")
    collect = shop.project.commands["collectstatic"]

    def collectstatic(root: Path) -> None:
        collect(root)
        (root / "dist").mkdir(exist_ok=True)
        (root / CHUNK).write_text("main")
        (root / "dist/manifest.json").write_text(json.dumps({"main": {"file": "main.1a2b3c4d.js"}}))
        own = {"main": ["main.1a2b3c4d.js"]}
        (shop.project.folder / "build1/own.json").write_text(json.dumps(own))

    shop.project.commands["collectstatic"] = collectstatic
    vite = {"path": f"{shop.project.root_on('build1')}/dist/manifest.json", "below": "dist"}
    shop.project.settings["build1"]["bundler_manifests"] = [{**vite, "reader": "django_vite"}]
    return shop


def built(site: Site, build: Build) -> Deployment:
    """Return a build whose inventory names own.json."""
    deploy = site.deployment()
    web = replace(deploy.environment.web, manifests=(Manifest("own.json", "dist"),))
    deploy.environment = replace(deploy.environment, web=web)
    return build(deploy=deploy)


def found(deploy: Deployment) -> dict[str, File]:
    listing = listing_of(deploy, "collectstatic")
    files = {path: File(*known) for path, known in listing["files"].items()}
    return manifests_of(deploy, files, listing)


def test_a_release_holds_each_under_a_name_that_is_the_same_on_all_hosts(
    bundled: Site, build: Build
) -> None:
    manifests = found(built(bundled, build))
    assert manifests.keys() == {
        "../manifests/files/own.json",
        "../manifests/static/dist/manifest.json",
    }
    assert all(file.size for file in manifests.values())


def test_one_that_names_what_is_not_there_is_refused_with_where_it_was_looked_for(
    bundled: Site, build: Build
) -> None:
    collect = bundled.project.commands["collectstatic"]

    def loses(root: Path) -> None:
        collect(root)
        (root / CHUNK).unlink()

    bundled.project.commands["collectstatic"] = loses
    with pytest.raises(ManifestError) as caught:
        found(built(bundled, build))
    assert caught.value.what == "it names 1 file that the release has not:\n    main.1a2b3c4d.js"
    assert "(now: dist)" in caught.value.mend


@pytest.mark.parametrize(
    ("reader", "is_refused"), [("web.manifests", True), ("webpack_loader", False)]
)
def test_one_that_no_phase_made_is_refused_where_the_inventory_names_it(
    bundled: Site, build: Build, reader: str, *, is_refused: bool
) -> None:
    settings: dict[str, Any] = bundled.project.settings["build1"]
    path = f"{bundled.project.folder}/build1/{'own' if is_refused else 'stats'}.json"
    settings["bundler_manifests"] = (
        [] if is_refused else [{"path": path, "below": "", "reader": reader}]
    )
    deploy = built(bundled, build)
    if is_refused:
        listing = listing_of(deploy, "collectstatic")
        listing["extra"][path] = None
        with pytest.raises(BuildError, match=r"no phase has made .*own\.json"):
            manifests_of(deploy, {}, listing)
        return
    assert found(deploy).keys() == {"../manifests/files/own.json"}
    (told,) = [one for one in deploy.show.warned if "stats.json" in one]  # type: ignore[attr-defined]
    assert "which web processes read (webpack_loader): pages that need it fail" in told
