"""A phase of the project's own stands at its place among the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.own_phase import own_phase
from fab_static.phases.run.deployment import Deployment
from fab_static.remote import Ran
from tests.unit.site import Site

Build = Callable[..., Deployment]
LINE = "npm run build"
VITE = f"{{name: vite, run: '{LINE}', writes: [assets/dist], reads: ['frontend/**']}}"


@pytest.fixture
def dist(shop: Site) -> Path:
    """Where a bundler writes; its phase stands before collectstatic."""
    shop.open(f"build: {{phases: [{VITE}, collectstatic]}}")
    folder = shop.project.folder / "build1" / "assets" / "dist"

    def bundles(_: Path) -> Ran:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.js").write_text("app")
        return Ran(0, "", token="t")

    shop.project.commands[LINE] = bundles
    return folder


def test_it_runs_its_line_before_what_it_writes_is_collected(
    shop: Site, build: Build, dist: Path
) -> None:
    build()
    assert shop.project.ran == [LINE, "manage.py collectstatic --noinput"]
    entry = shop.deployment().journal.phases["vite"]
    assert (entry["is_own"], entry["listing"]) == (True, None)
    assert entry["wrote"]
    assert (dist / "app.js").exists()


def test_where_nothing_that_it_reads_has_changed_its_folder_is_what_it_made_and_nothing_else(
    shop: Site, build: Build, dist: Path
) -> None:
    """A chunk of an earlier run that stayed there would be collected."""
    build()
    shop.project.ran.clear()
    (dist / "app.js").write_text("half of an ap")
    (dist / "old-chunk.js").write_text("")
    shop.hosts["build1"].before["recall"] = lambda: ({"token": "t"}, b"")
    deploy = shop.deployment()
    own_phase(deploy, "vite")
    assert shop.project.ran == []
    assert {path.name: path.read_text() for path in dist.iterdir()} == {"app.js": "app"}


def test_a_line_that_makes_nothing_of_what_it_says_has_not_run(shop: Site, dist: Path) -> None:
    shop.project.commands[LINE] = lambda _: None
    deploy = shop.deployment()
    with pytest.raises(BuildError) as caught:
        own_phase(deploy, "vite")
    assert str(caught.value) == (
        "vite ended well, and has not made assets/dist\n"
        f"  where: build1: {shop.project.folder}/build1\n"
        "  mend:  correct its `writes` in the inventory, or see what its line does: it is in the log"
    )
    assert "vite" not in shop.deployment().journal.phases
    assert not dist.exists()


def test_files_that_git_tracks_are_not_its_to_put_back(shop: Site, dist: Path) -> None:
    """Putting back what it made would undo what somebody has written (G10)."""
    tracked: Any = Ran(0, "assets/dist/a.js\0assets/dist/b.js\0")
    shop.hosts["build1"].before["run"] = lambda: tracked
    with pytest.raises(BuildError) as caught:
        own_phase(shop.deployment(), "vite")
    assert caught.value.what.endswith(
        "`writes` holds 2 files that git tracks, and putting back what vite made would put back these:\n"
        "    assets/dist/a.js\n    assets/dist/b.js"
    )
    assert caught.value.where == "inventories/staging.yml: build.phases, vite"
    assert shop.project.ran == []
    assert not dist.exists()
