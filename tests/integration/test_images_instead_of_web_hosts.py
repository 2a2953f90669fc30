"""No host has the role web: images carry the manifests. One host builds, and a bucket serves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fab_static import api
from fab_static.errors import BuildError, ReleaseError
from tests.integration.conftest import Told, on_this_machine, rendered, write_tiny
from tests.strict_s3 import REGION, StrictS3

MANIFEST = "staticfiles/CACHE/manifest.json"


@pytest.fixture(scope="module")
def store() -> Iterator[StrictS3]:
    with StrictS3("shop") as store, pytest.MonkeyPatch.context() as patch:
        for name, value in store.credentials.items():
            patch.setenv(name, value)
        yield store


@pytest.fixture(scope="module")
def opened(
    tmp_path_factory: pytest.TempPathFactory, store: StrictS3
) -> Iterator[tuple[api.Session, Told, Path]]:
    """An environment of one host that builds, and a bucket; the project is not deployed yet."""
    code = write_tiny(tmp_path_factory.mktemp("images") / "code")
    (code.parent / "inventories").mkdir()
    with on_this_machine(
        code,
        "collectstatic",
        "compress",
        hosts={"here": {"roles": ["build"]}},
        origin={
            "s3": {"bucket": "shop", "prefix": "static/", "region": REGION},
            "endpoint_url": store.url,
        },
        keep_releases=1,
        keep_for="0s",
    ) as (session, told):
        yield session, told, code


def image_of(code: Path, folder: Path, manifest: bytes | None) -> Path:
    """Make what an image would hold: the project, no static root, and a manifest."""
    image = folder / "image"
    shutil.copytree(code, image, ignore=shutil.ignore_patterns("staticfiles"))
    if manifest is not None:
        (image / MANIFEST).parent.mkdir(parents=True)
        (image / MANIFEST).write_bytes(manifest)
    return image


def test_deploys_a_rollback_and_a_prune_need_neither_a_web_host_nor_a_static_one(
    opened: tuple[api.Session, Told, Path], store: StrictS3, tmp_path: Path
) -> None:
    session, told, code = opened
    session.deploy()
    assert any("no host has the role web" in line for line in told.said)
    first = session.status()["live"]
    sealed = (code / MANIFEST).read_bytes()
    (code / "assets/site.css").write_text("body { color: #222; background: url(paper.svg) }\n")
    (code / "assets/logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' id='new'/>\n")
    session.prepare()
    assert session.status()["live"] == first
    session.activate()
    found = session.status()
    assert found["live"] != first
    assert found["agreed"]
    assert found["origins"][0]["live"] == found["live"]

    session.rollback()
    assert session.status()["live"] == first
    image = image_of(code, tmp_path, sealed)
    assert session.verify_here(project_path=str(image)).id == first, "what `export` would write"
    page = rendered(image, "tiny.settings")
    assert page.count("/static/CACHE/") == 1
    logo = store.objects["shop/static/logo.svg"]
    assert b"id='logo'" in logo.body
    for path in [piece.split('"')[0] for piece in page.split('href="/static/')[1:]]:
        assert f"shop/static/{path}" in store.objects
    session.phase("prune")
    assert session.status()["agreed"]


def test_the_gate_is_asked_where_an_image_is_made(
    opened: tuple[api.Session, Told, Path], tmp_path: Path
) -> None:
    session, told, code = opened
    session.prepare()
    release = session.releases()[0]["id"]
    good = image_of(code, tmp_path, (code / MANIFEST).read_bytes())
    assert session.verify_here(project_path=str(good), project_python=sys.executable).id == release
    assert told.said[-1] == f"the project here finds all that it names in release {release}"
    sent = f"1 object, {(good / MANIFEST).stat().st_size} bytes to 1 of 1 host"
    assert told.said[-2] == sent, "the gate reads the manifest alone"

    (good / MANIFEST).write_text("{}")
    with pytest.raises(ReleaseError) as caught:
        session.verify_here(release, project_path=str(good))
    assert f"{good / MANIFEST} is not the one of this release" in caught.value.what
    (good / MANIFEST).unlink()
    with pytest.raises(ReleaseError, match=r"manifest\.json is missing"):
        session.verify_here(release, project_path=str(good))

    page = good / "templates/page.html"
    page.write_text(page.read_text().replace("site.css", "app.css"))
    (good / "assets/app.css").write_text("p { color: red }\n")
    with pytest.raises(BuildError) as missed:
        session.verify_here(release, project_path=str(good))
    assert "page.html" in missed.value.what
    assert missed.value.where.startswith("here:")
