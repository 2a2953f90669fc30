"""What is said where a command of the project fails: that it cannot start, took too long, or what it printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from fab_static.errors import BuildError
from fab_static.plan import failures

if TYPE_CHECKING:
    from fab_static.phases.run.project import ProjectOnHost
    from fab_static.remote import Ran

# what is done where a phase, or the project, gives another thing than it gave of the same
REBUILD = "deploy with --rebuild until it does, and report what it reads"


def refuse_another_answer(
    project: ProjectOnHost, question: str, known: object, answer: object
) -> None:
    """Refuse to go on when the project, asked to verify, says another thing than would have been taken from it.

    Raises:
        BuildError: naming what differs.
    """
    then, now = (cast("Mapping[str, object]", one) for one in (known, answer))
    keys = [key for key in now if key != "ok" and now[key] != then.get(key)]
    if keys:
        raise BuildError(
            f"the project's answer to {question} was to be used again, but it says another thing now: "
            + ", ".join(keys),
            where=f"{project.host.name}: {project.path}",
            mend=f"what it reads was not seen, or it does not always say the same of it; {REBUILD}",
        )


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
