"""A build phase works on what the phase before it left, and counts only when its result holds."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.run.building import build_phase
from fab_static.remote import Ran
from tests.unit.phases.run.builds import Build, appends, left
from tests.unit.site import Site


def test_a_phase_that_is_run_again_never_works_on_its_own_output(shop: Site, build: Build) -> None:
    shop.project.commands["compress"] = appends
    deploy = build()
    build("compress", "compress", deploy=deploy)
    assert (shop.project.root / "site.css").read_text() == "body {}/* once more */"


def test_nothing_that_a_later_phase_left_is_there_when_an_earlier_one_runs_again(
    shop: Site, build: Build
) -> None:
    """Collectstatic begins in an empty root; resource_static would else hash what compress wrote."""
    deploy = build()
    build("resource_static", deploy=deploy)
    assert left(shop) == {"logo.svg", "site.css"}
    assert deploy.journal.stale(deploy.phases, deploy.order) == ("compress",)


def test_what_an_earlier_build_left_is_gone_before_the_first_phase_and_noted_before(
    shop: Site, build: Build
) -> None:
    """A build that is killed in the middle must know its own leftovers from somebody's files (G10)."""
    deploy = build()
    (shop.project.root / "old.css").write_text("of a file that was removed")
    deploy.journal.static_root = None
    shop.asked.clear()
    build("collectstatic", deploy=deploy)
    assert left(shop) == {"logo.svg", "site.css"}
    changing = [verb for _, verb in shop.asked if verb in ("write_journal", "empty")]
    assert changing[:2] == ["write_journal", "empty"]


def test_a_phase_whose_ground_was_never_laid_says_what_to_run(shop: Site) -> None:
    with pytest.raises(BuildError) as caught:
        build_phase(shop.deployment(), "compress")
    assert str(caught.value) == (
        "compress works on what collectstatic leaves, and that never ran\n"
        f"  where: build1: {shop.project.root}\n"
        "  mend:  run it first: fab staging collectstatic compress"
    )
    assert caught.value.instead == "collectstatic compress"
    assert shop.project.ran == []


def test_a_command_that_the_project_lacks_is_refused_before_anything_is_emptied(
    shop: Site, build: Build
) -> None:
    deploy = build()
    del shop.project.settings["build1"]["commands"]["collectstatic"]
    deploy.forget_facts(deploy.build)
    shop.asked.clear()
    with pytest.raises(BuildError) as caught:
        build("collectstatic", deploy=deploy)
    assert caught.value.what == "the project has no management command collectstatic"
    assert caught.value.where == "build1: phase collectstatic"
    assert caught.value.mend == (
        'add "django.contrib.staticfiles" to INSTALLED_APPS, or take collectstatic out of build.phases '
        "in inventories/staging.yml"
    )
    assert "empty" not in {verb for _, verb in shop.asked}


def test_a_command_that_a_later_phase_lacks_is_told_before_the_first_runs(
    shop: Site, build: Build
) -> None:
    """A new user waited for collectstatic, to learn then that fab_static.django_app is not installed."""
    deploy = build()
    del shop.project.settings["build1"]["commands"]["compress"]
    deploy.forget_facts(deploy.build)
    with pytest.raises(BuildError) as caught:
        build("collectstatic", deploy=deploy)
    assert caught.value.where == "build1: phase compress"
    deploy.by_itself = True  # `fab staging collectstatic` needs no other
    build("collectstatic", deploy=deploy)


def test_a_phase_that_fails_has_not_run(shop: Site, build: Build) -> None:
    """`deploy --resume` goes on with it, on what was there before (G5)."""
    shop.project.commands["resource_static"] = lambda _: Ran(1, "KeyError: 'x'\n")
    with pytest.raises(BuildError, match=r"^manage.py resource_static failed with exit code 1:"):
        build()
    assert shop.deployment().journal.stale(("collectstatic", "resource_static"), ("collectstatic", "resource_static")) == ("resource_static",)  # fmt: skip


def test_a_result_that_does_not_hold_does_not_count_either(shop: Site, build: Build) -> None:
    deploy = build()
    ran = deploy.journal.ran["compress"]

    def wrong() -> dict[str, Any]:
        raise BuildError("a block is missing", where="build1", mend="mend the template")

    with pytest.raises(BuildError, match="a block is missing"):
        build_phase(deploy, "compress", check=wrong)
    assert shop.deployment().journal.ran["compress"] == ran


def test_what_a_command_warns_of_is_told_and_the_rest_is_not(shop: Site, build: Build) -> None:
    lines = "".join(f"warning: {number}\n" for number in range(22))
    shop.project.commands["compress"] = lambda _: Ran(0, f"Compressing...\n{lines}done\n")
    shop.project.settings["build1"]["compress"] = None
    deploy = build()
    told: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    assert told == [*map(str, range(20)), "… and 2 more warnings, in the log"]
