"""What is said where a command of the project fails: that it cannot start, took too long, or what it printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fab_static.errors import BuildError
from fab_static.plan import failures

if TYPE_CHECKING:
    from fab_static.phases.run.project import ProjectOnHost
    from fab_static.remote import Ran


def failure(project: ProjectOnHost, text: str, ran: Ran) -> BuildError:
    """Return why a command of the project failed, and what mends it.

    Args:
        project: in which it ran.
        text: the command, as the inventory has it.
        ran: how it ended, with what it printed.
    """
    where = f"{project.host.name}: {project.path}"
    environment = project.host.environment
    if ran.code == 127 and ran.output.startswith(f"{project.path}:"):
        return BuildError(
            f"there is no folder {project.path}",
            where=project.host.name,
            mend="check the project out there, or correct project.path in the inventory",
        )
    if ran.code == 127 and ran.output.startswith(f"{project.python}:"):
        return BuildError(
            f"the project's Python {project.python} cannot be started there",
            where=project.host.name,
            mend="make the virtual environment there, or correct project.python in the inventory",
        )
    if ran.timed_out:
        limit = environment.ssh.command_timeout
        return BuildError(
            f"{text} was ended after {limit:g} seconds",
            where=where,
            mend="find out what it waits for, or raise ssh.command_timeout",
        )
    shown = "".join(f"\n    {line}" for line in failures.shown(ran.output))
    return BuildError(
        f"{text} failed with exit code {ran.code}:{shown}",
        where=where,
        mend=failures.cure(ran.output, project.path, ran.code),
    )
