"""What each build phase left in the static root, and what is done where the build host lost it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import HELD, DamagedError, after_each, listing_of, read
from fab_static.phases.seal import seal
from fab_static.plan.wire.kept import Listing
from fab_static.remote import Ran
from tests.unit.site import Site

Build = Callable[..., Deployment]
PHASES = ("collectstatic", "resource_static", "compress")


def test_phases_come_in_the_order_in_which_the_project_runs_them(shop: Site, build: Build) -> None:
    found = list(after_each(build()))
    assert [phase for phase, _ in found] == [*PHASES]
    assert found[0][1]["files"].keys() == {"logo.svg", "site.css"}
    assert found[-1][1]["files"].keys() > {"logo.svg", "site.css", "CACHE/manifest.json"}


def test_a_phase_that_has_not_run_yet_is_passed_over(shop: Site, build: Build) -> None:
    assert [phase for phase, _ in after_each(build("collectstatic"))] == ["collectstatic"]


def test_a_listing_is_asked_for_once_and_few_are_held(shop: Site, build: Build) -> None:
    """Memory does not grow with the number of phases."""
    deploy = build()
    assert listing_of(deploy, "compress") is listing_of(deploy, "compress")
    names = [str(deploy.journal.phases[phase]["listing"]) for phase in PHASES]
    deploy.journal.listings = {str(at): Listing(files={}, extra={}) for at in range(HELD)}
    for name in names:
        read(deploy, name)
        assert len(deploy.journal.listings) == HELD
    assert [*deploy.journal.listings][-1] == names[-1]


def test_what_a_phase_has_left_is_told_with_its_name(shop: Site, build: Build) -> None:
    """It is not asked for: a trip for each phase, and nearly the same bytes again."""
    deploy = build()
    sent = deploy.build.requests
    list(after_each(deploy))
    first = 1  # what it was made of nobody had: it is read
    assert deploy.build.requests <= sent + first


def changed(kept: Path) -> None:
    kept.chmod(0o644)
    kept.write_text('{"files": {}, "extra": {}}')


def lose(site: Site, deploy: Deployment, phase: str, how: Callable[[Path], None]) -> str:
    name: str = deploy.journal.phases[phase]["listing"]
    how(site.folder / "build1" / "objects" / name[:2] / name)
    return name


def test_a_listing_with_other_bytes_is_refused_and_who_only_looks_changes_no_journal(
    shop: Site, build: Build
) -> None:
    """A release would be sealed from it."""
    deploy = build()
    name = lose(shop, deploy, "compress", changed)
    with pytest.raises(DamagedError) as caught:
        listing_of(deploy, "compress")
    assert str(caught.value) == (
        f"object {name} is damaged\n"
        f"  where: build1: {shop.folder}/build1/objects/{name[:2]}/{name}\n"
        "  mend:  build again: fab staging deploy"
    )
    assert shop.deployment().journal.phases.keys() == {*PHASES}


def always_recorded(site: Site) -> None:
    """Have the build host find that no phase would read anything else than in its last run."""
    for name, command in list(site.project.commands.items()):

        def run(root: Path, command: Any = command) -> Ran:
            command(root)
            return Ran(0, "", token="t")

        site.project.commands[name] = run


@pytest.mark.parametrize("how", [changed, Path.unlink], ids=["changed", "gone"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_deploy_that_the_error_names_mends_it(
    shop: Site, build: Build, phase: str, how: Callable[[Path], None]
) -> None:
    """Each deploy failed as the one before, for ever, and each said "build again: deploy"."""
    always_recorded(shop)
    deploy = build()
    shop.hosts["build1"].before["recall"] = lambda: ({"token": "t"}, b"")
    lose(shop, deploy, phase, how)

    def deployed() -> Deployment:
        deploy = shop.deployment(lock=SimpleNamespace(check=lambda: None))
        deploy._facts = dict.fromkeys(shop.hosts.values(), shop.project.settings["build1"])
        build(deploy=deploy)
        seal(deploy)
        return deploy

    try:
        mended = deployed()
    except DamagedError:
        mended = deployed()
    assert listing_of(mended, phase)["files"]
