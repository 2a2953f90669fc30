"""What each build phase reads and writes -> their order, and what a rerun makes stale.

The order is not a taste: django-compressor's keys are hashes of the rendered block, the `static` tag
prints `?version=…` into blocks, so the versions must stand, bundles' included, before `compress` runs;
else every such page raises OfflineGenerationError. A test holds the order below to what is read and
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def after(phase: str, configured: Iterable[str]) -> tuple[str, ...]:
    """Return the configured build phases that a rerun of this one makes stale, in order.

    All phases work on one static root, each on what the one before left there; so a rerun takes away
    what any later one did.
    """
    later = BUILD_PHASES[BUILD_PHASES.index(phase) + 1 :]
    wanted = set(configured)
    return tuple(name for name in later if name in wanted)


def stale(ran: Mapping[str, int], configured: Iterable[str]) -> tuple[str, ...]:
    """Return the build phases that must run before a release can be sealed, in order.

    Args:
        ran: phase -> when it last succeeded, as a number that grows with each run.
        configured: the phases that this environment builds with.
    """
    wanted = set(configured)
    phases = [name for name in BUILD_PHASES if name in wanted]
    last = 0
    for at, name in enumerate(phases):
        if ran.get(name, -1) < last:
            return tuple(phases[at:])
        last = ran[name]
    return ()
