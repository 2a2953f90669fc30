"""A site whose project can be built, for tests of the phases and of what they are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fab_static.phases import PHASES
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.seal import seal
from fab_static.plan import versions
from fab_static.plan.offline_manifest import PLACEHOLDER
from fab_static.plan.wire import asks, verbs
from tests.unit.site import Site

BLOCK = "output.0123456789ab.css"
PHASES_OF_THE_SHOP = "build: {phases: [collectstatic, resource_static, compress]}"


@pytest.fixture
def shop(site: Site) -> Site:
    """The site, with a build of three phases: a logo and a stylesheet, their versions, one compress block."""
    site.open(PHASES_OF_THE_SHOP)
    project = site.project
    for name in ("build1", "web1", "web2"):
        root = project.root_on(name)
        project.settings[name].update(
            offline_manifest=str(root / "CACHE" / "manifest.json"),
            compress={
                "root": str(root),
                "output_dir": "CACHE",
                "manifest_name": "manifest.json",
                "url": "/static/",
                "enabled": True,
                "offline": True,
                "css_hashing_method": "content",
            },
        )

    def collectstatic(root: Path) -> None:
        (root / "logo.svg").write_text("logo")
        (root / "site.css").write_text("body {}")

    def resource_static(root: Path) -> None:
        found = {
            path.relative_to(root).as_posix(): versions.of(path.read_bytes())
            for path in root.rglob("*")
            if path.is_file()
        }
        (project.folder / "build1" / "resource_versions.yml").write_text(versions.write(found))

    def compress(root: Path) -> None:
        (root / "CACHE").mkdir(exist_ok=True)
        (root / "CACHE" / BLOCK).write_text("body{}")
        manifest = {"b" * 64: f'<link href="{PLACEHOLDER}CACHE/{BLOCK}">', "a" * 64: "<i></i>"}
        (root / "CACHE" / "manifest.json").write_text(json.dumps(manifest))

    project.commands = {
        "collectstatic": collectstatic,
        "resource_static": resource_static,
        "compress": compress,
    }
    return site


@pytest.fixture
def build(shop: Site) -> Callable[..., Deployment]:
    """Run phases, all of the build where none is named; return the run."""

    def run(*phases: str, deploy: Deployment | None = None) -> Deployment:
        deploy = deploy or shop.deployment()
        for name in phases or deploy.phases:
            PHASES[name](deploy)
        return deploy

    return run


@pytest.fixture
def everywhere(shop: Site, build: Callable[..., Deployment]) -> Deployment:
    """A run after the next release has come to every host; no host was asked anything since."""
    deploy = build()
    seal(deploy)
    release = deploy.current_release()
    objects = {**release.objects(("static", "web"))}
    for host in shop.hosts.values():
        for sha256 in objects:
            data = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=sha256))[1]
            host.ask(verbs.PUT_OBJECT, body=data)
        request = asks.BuildRelease(roles=list(host.roles))
        host.ask(verbs.BUILD_RELEASE, request, release.to_json().encode())
    shop.asked.clear()
    shop.project.asked.clear()
    return deploy
