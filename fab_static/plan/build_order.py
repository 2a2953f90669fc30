"""What each build phase reads and writes -> their order, and what a rerun makes stale.

The order follows from the data. django-compressor's keys are hashes of the rendered block, and the `static` tag
prints `?version=…` into blocks. So all versions must stand before `compress` runs, those of bundles too; else
every such page raises OfflineGenerationError. A test holds the order below to what is read and written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BuildPhase:
    """One step of a build: the command that does it, what it reads and what it writes."""

    name: str
    command: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def management_command(self) -> str:
        """The Django command that must exist in the project."""
        return self.command.split()[1]


# the app that has a management command, as INSTALLED_APPS names it
APPS = {
    "collectstatic": "django.contrib.staticfiles",
    "compilejsi18n": "statici18n",
    "compress": "compressor",
    **dict.fromkeys(
        ("fix_less_imports_collectstatic", "resource_static", "build_requirejs"),
        "fab_static.django_app",
    ),
}


@dataclass(frozen=True)
class OwnPhase:
    """A phase of the project's own: a line that a shell runs in the checkout.

    `writes` are files and folders of the checkout that it makes; `reads` are globs of what it makes them of. Both
    are relative to `project.path`.
    """

    name: str
    run: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


PHASES = {
    phase.name: phase
    for phase in (
        BuildPhase("collectstatic", "manage.py collectstatic --noinput", ("sources",), ("files",)),
        BuildPhase(
            "fix_less_imports", "manage.py fix_less_imports_collectstatic", ("files",), ("less",)
        ),
        BuildPhase("compilejsi18n", "manage.py compilejsi18n", ("files",), ("catalogues",)),
        BuildPhase(
            "resource_static",
            "manage.py resource_static",
            ("files", "less", "catalogues"),
            ("versions",),
        ),
        BuildPhase(
            "build_requirejs",
            "manage.py build_requirejs",
            ("files", "versions"),
            ("bundles", "versions of bundles"),
        ),
        BuildPhase(
            "compress",
            "manage.py compress --force",
            ("less", "versions", "bundles", "versions of bundles"),
            ("offline manifest",),
        ),
    )
}
BUILD_PHASES = tuple(PHASES)
# where STATICI18N_ROOT is a folder that finders read: collectstatic collects the catalogues
WRITES_SOURCES = BuildPhase("compilejsi18n", "manage.py compilejsi18n", (), ("sources",))
CATALOGUES_FIRST = (WRITES_SOURCES.name, *(name for name in PHASES if name != WRITES_SOURCES.name))


def order_of(configured: Iterable[str], *, catalogues_are_sources: bool = False) -> tuple[str, ...]:
    """Return all build phases in the order that follows from what they read and write in a project.

    Those of the project's own stand where the inventory has them: after the phase that they follow there.

    Args:
        configured: the phases that this environment builds with, as the inventory lists them.
        catalogues_are_sources: compilejsi18n writes into a folder that finders read.
    """
    listed = tuple(configured)
    is_first = catalogues_are_sources and {"compilejsi18n", "collectstatic"} <= set(listed)
    order = list(CATALOGUES_FIRST if is_first else BUILD_PHASES)
    at = 0
    for name in listed:
        if name not in PHASES:
            order.insert(at, name)
        at = order.index(name) + 1
    return tuple(order)


def is_of_sources(phase: str, order: Sequence[str]) -> bool:
    """Tell whether a phase works on what collectstatic collects, and not on the static root."""
    return order.index(phase) < order.index("collectstatic")


def before(phase: str, configured: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    """Return the configured phases before this one that work on the static root, in order."""
    wanted = set(configured)
    earlier = order[: order.index(phase)]
    return tuple(name for name in earlier if name in wanted and not is_of_sources(name, order))


def stale(
    ran: Mapping[str, int], configured: Iterable[str], order: Sequence[str] = BUILD_PHASES
) -> tuple[str, ...]:
    """Return the build phases that must run before a release can be sealed, in order.

    All phases work on one static root, each on what the one before left there; so a rerun takes away
    what any later one did.

    Args:
        ran: phase -> when it last succeeded, as a number that grows with each run.
        configured: the phases that this environment builds with.
        order: of all phases.
    """
    wanted = set(configured)
    phases = [name for name in order if name in wanted]
    last = 0
    for at, name in enumerate(phases):
        if ran.get(name, -1) < last:
            return tuple(phases[at:])
        last = ran[name]
    return ()


def command_missing(command: str, phase: str, inventory: str) -> tuple[str, str]:
    """Return what is wrong where a project lacks a phase's management command, and the cure.

    Args:
        command: the management command.
        phase: the phase that wants it.
        inventory: the file that has the phase.
    """
    app = APPS.get(command)
    cure = f'add "{app}"' if app else "add the app that has it"
    return (
        f"the project has no management command {command}",
        f"{cure} to INSTALLED_APPS, or take {phase} out of build.phases in {inventory}",
    )
