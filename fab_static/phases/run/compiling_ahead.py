"""Has compress's style sheets compiled while the phases before it run: see host/project/ahead.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from fab_static.phases.run import listings, writes
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.reuse import command_of
from fab_static.phases.run.settings import manifest_path
from fab_static.plan.wire import verbs
from fab_static.plan.wire.kept import Entry
from fab_static.remote import Question

SHEETS = {".css", ".less", ".pcss", ".sass", ".scss", ".styl", ".stylus"}
LEAVES_SHEETS, LEAVES_VERSIONS = "fix_less_imports", "resource_static"


def to_compile_ahead(deploy: Deployment, name: str, worked_on: str) -> list[Question]:
    """Return how the build host is asked to compile compress's sheets while a phase runs; nothing: it is not.

    It is asked once, beside the first phase that leaves sheets as they are, where one is another than compress met
    the last time. Precompilers that are commands run freely where that compress left nothing but its own files: they
    might write others, which would be taken for this phase's. In a first build they are confined.

    Args:
        deploy: asked; notes that it has begun.
        name: the phase that is about to run.
        worked_on: the listing of the static root as it meets that.
    """
    if deploy.compiles_ahead or deploy.by_itself or deploy.reuse != "yes":
        return []
    if name == LEAVES_SHEETS or not _sheets_are_done(deploy) or not _has_versions(deploy):
        return []
    command, project = command_of(deploy, "compress"), deploy.project(deploy.build)
    if not project.is_recorded(command):
        return []
    entry = deploy.journal.phases.get("compress")
    try:
        if entry and not _would_help(deploy, entry, worked_on):
            return []
    except listings.DamagedError:
        return []
    deploy.compiles_ahead = True
    request = project.setting_up()
    request["ahead"] = {
        "words": project.command(command)[2:],
        "trust": request["record"]["trust"],
        "commands": entry is not None,
    }
    return [(verbs.SET_UP, request)]


def _sheets_are_done(deploy: Deployment) -> bool:
    """Tell whether compress comes in this run, and what makes the sheets that it reads true has run."""
    return "compress" in deploy.to_come and LEAVES_SHEETS not in deploy.to_come


def _has_versions(deploy: Deployment) -> bool:
    """Tell whether templates find versions to print: those of the last build will do, since no sheet holds one."""
    return LEAVES_VERSIONS not in deploy.phases or LEAVES_VERSIONS in deploy.journal.phases


def _would_help(deploy: Deployment, entry: Entry, worked_on: str) -> bool:
    """Tell whether a sheet is another than compress met, and compress left nothing but what it writes itself."""
    met, left = entry["base"], entry["listing"]
    if not met or not left:
        return False
    others = writes.differing(deploy, met, worked_on)
    has_sheet = any(PurePosixPath(path).suffix in SHEETS for path in others)
    return has_sheet and _are_its_own(deploy, writes.differing(deploy, met, left))


def _are_its_own(deploy: Deployment, paths: Iterable[str]) -> bool:
    """Tell whether these are files that compress writes: its manifest, and what lies in its own folder."""
    facts = deploy.facts(deploy.build)
    compress, manifest = facts["compress"], manifest_path(facts)
    if not compress:
        return False
    folder = f"{compress['output_dir']}/"
    return all(path == manifest or path.startswith(folder) for path in paths)
