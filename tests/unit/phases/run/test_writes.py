"""What a phase of the project's own makes in the checkout is kept, and put back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from fab_static.errors import BuildError, FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import DamagedError
from fab_static.phases.run.writes import (
    differing,
    keep,
    made_by_builds,
    put_back,
    refuse_unfit,
)
from fab_static.plan.build_order import OwnPhase
from tests.unit.site import Site

OWN = OwnPhase("vite", "npm run build", writes=("dist", "stats.json"))


@pytest.fixture
def code(site: Site) -> Path:
    folder = site.project.folder / "build1"
    (folder / "dist").mkdir()
    (folder / "dist" / "app.js").write_text("app")
    (folder / "stats.json").write_text("{}")
    return folder


def kept(deploy: Deployment, own: OwnPhase = OWN) -> str:
    listing = keep(deploy, own)
    assert listing is not None
    return listing


def test_files_and_folders_are_as_they_were_kept(site: Site, code: Path) -> None:
    deploy = site.deployment()
    listing = kept(deploy)
    (code / "dist" / "app.js").unlink()
    (code / "dist" / "other.js").write_text("")
    (code / "stats.json").write_text("changed")
    put_back(deploy, listing)
    assert {path.name for path in (code / "dist").iterdir()} == {"app.js"}
    assert (code / "stats.json").read_text() == "{}"


def test_what_lies_in_the_static_root_is_kept_with_all_that_is_there(site: Site) -> None:
    site.project.settings["build1"]["static_root"] = f"{site.project.folder}/build1/static"
    deploy = site.deployment()
    assert keep(deploy, OwnPhase("sprites", "make", writes=("static/sprites",))) is None


def test_a_phase_before_collectstatic_must_not_write_where_that_begins_anew(site: Site) -> None:
    site.open("build: {phases: [{name: vite, run: make, writes: [static/js]}, collectstatic]}")
    site.project.settings["build1"]["static_root"] = f"{site.project.folder}/build1/static"
    deploy = site.deployment()
    with pytest.raises(BuildError) as caught:
        refuse_unfit(deploy, deploy.environment.build.own["vite"])
    assert caught.value.what == (
        "vite writes static/js, which lies in STATIC_ROOT, and collectstatic empties that after it"
    )


def test_a_link_that_leads_out_of_the_checkout_is_not_followed(
    site: Site, code: Path, tmp_path: Path
) -> None:
    """Putting back would empty what it leads to (G8)."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "precious").write_text("")
    deploy = site.deployment()
    listing = kept(deploy)
    for path in (code / "dist").iterdir():
        path.unlink()
    (code / "dist").rmdir()
    (code / "dist").symlink_to(theirs)
    with pytest.raises(FabStaticError, match="dist leads out of the checkout"):
        put_back(deploy, listing)
    assert (theirs / "precious").exists()


def test_what_builds_make_in_the_checkout_is_known(site: Site, code: Path) -> None:
    site.open("build: {phases: [{name: vite, run: x, writes: [assets/dist]}, collectstatic]}")
    made = made_by_builds(site.deployment())
    facts = site.deployment().facts(site.deployment().build)
    assert made == [str(code / "assets/dist"), facts["static_root"], facts["resource_versions"]]


def test_files_that_two_runs_made_otherwise_are_named(site: Site, code: Path) -> None:
    deploy = site.deployment()
    then = kept(deploy)
    (code / "dist" / "app.js").write_text("another")
    (code / "dist" / "new.js").write_text("")
    now = kept(deploy)
    assert differing(deploy, then, now) == ["dist/app.js", "dist/new.js"]
    assert differing(deploy, then, then) == differing(deploy, None, now) == []


def test_what_the_build_host_has_lost_is_made_anew_by_the_next_deploy(
    site: Site, code: Path
) -> None:
    """Else each deploy fails as the one before, and each says "build again: deploy"."""
    deploy = site.deployment(lock=SimpleNamespace(check=lambda: None))
    listing = kept(deploy)
    deploy.journal.done("vite", seconds=1.0, is_own=True, wrote=listing)
    (site.folder / "build1" / "objects" / listing[:2] / listing).unlink()
    with pytest.raises(DamagedError) as caught:
        put_back(deploy, listing)
    assert caught.value.mend == "build again: fab staging deploy"
    assert "vite" not in site.deployment().journal.phases
    assert (code / "dist" / "app.js").exists()
