"""The build phases that are one command each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fab_static.phases.build_requirejs import build_requirejs
from fab_static.phases.collectstatic import collectstatic
from fab_static.phases.compilejsi18n import compilejsi18n
from fab_static.phases.fix_less_imports import fix_less_imports
from fab_static.phases.resource_static import resource_static
from fab_static.phases.run.deployment import Deployment
from tests.unit.site import Site

COMMANDS = {
    fix_less_imports: "manage.py fix_less_imports_collectstatic",
    compilejsi18n: "manage.py compilejsi18n",
    resource_static: "manage.py resource_static",
    build_requirejs: "manage.py build_requirejs",
}


@pytest.fixture
def all_phases(site: Site) -> Deployment:
    """A run after collectstatic, in a build of all phases."""
    site.open()
    site.project.commands["collectstatic"] = lambda root: (root / "a.less").write_text("a")
    deploy = site.deployment()
    collectstatic(deploy)
    site.project.ran.clear()
    return deploy


@pytest.mark.parametrize("phase", COMMANDS)
def test_a_phase_runs_its_command_on_what_was_collected_and_what_it_leaves_is_kept(
    site: Site, all_phases: Deployment, phase: Callable[[Deployment], None]
) -> None:
    met: list[list[str]] = []

    def command(root: Path) -> None:
        met.append([path.name for path in root.iterdir()])
        (root / "made.css").write_text("b")

    site.project.commands[COMMANDS[phase].removeprefix("manage.py ")] = command
    phase(all_phases)
    assert site.project.ran == [COMMANDS[phase]]
    assert met == [["a.less"]]
    entry = site.deployment().journal.phases[phase.__name__]
    assert entry["base"] == all_phases.journal.phases["collectstatic"]["listing"]
    assert entry["listing"] not in (None, entry["base"])
    assert entry["by"] == "anna@desk"


@pytest.mark.parametrize("phase", COMMANDS)
def test_the_inventory_may_name_another_command(
    site: Site, all_phases: Deployment, phase: Callable[[Deployment], None]
) -> None:
    name = phase.__name__
    site.open(f"build: {{commands: {{{name}: 'make {name}'}}}}")
    site.project.commands[f"make {name}"] = lambda root: (root / "b.css").write_text("b")
    phase(site.deployment())
    assert site.project.ran == [f"make {name}"]
    assert all_phases.journal.phases.keys() == {"collectstatic"}


@pytest.mark.parametrize("phase", COMMANDS)
def test_a_phase_that_died_in_the_middle_meets_the_same_files_again(
    site: Site, all_phases: Deployment, phase: Callable[[Deployment], None]
) -> None:
    """The operator's machine was switched off while the command wrote (G5)."""

    class SwitchedOff(BaseException):
        pass

    def dies(root: Path) -> None:
        (root / "a.less").write_text("half of i")
        (root / "temporary").write_text("")
        raise SwitchedOff

    command = COMMANDS[phase].removeprefix("manage.py ")
    site.project.commands[command] = dies
    with pytest.raises(SwitchedOff):
        phase(all_phases)
    met: dict[str, str] = {}
    site.project.commands[command] = lambda root: met.update(
        {path.name: path.read_text() for path in root.iterdir()}
    )
    phase(site.deployment())
    assert met == {"a.less": "a"}
