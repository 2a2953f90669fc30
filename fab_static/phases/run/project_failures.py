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

# how the system says why a program does not start (strerror of EACCES and ENOENT)
_DENIED, _ABSENT = "Permission denied", "No such file"


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
    for path, cannot_start in ((project.path, _no_folder), (project.python, _no_python)):
        if ran.code == 127 and ran.output.startswith(f"{path}: "):
            return cannot_start(project, ran.output.removeprefix(f"{path}: ").strip())
    if ran.timed_out:
        limit = environment.ssh.command_timeout
        return BuildError(
            f"{text} was ended after {limit:g} seconds",
            where=where,
            mend="find out what it waits for, or raise ssh.command_timeout",
        )
    shown = "".join(f"\n    {line}" for line in failures.shown(ran.output))
    return BuildError(
        f"{text} failed with exit code {ran.code}"
        + (f":{shown}" if shown else " and printed nothing"),
        where=where,
        mend=failures.cure(ran.output, project.path, ran.code),
    )


def _no_folder(project: ProjectOnHost, why: str) -> BuildError:
    path = project.path
    if why.startswith(_DENIED):
        return BuildError(
            f"the folder {path} cannot be entered there: {why}",
            where=project.host.name,
            mend=f"let {_user(project)} enter it and each folder above it; which one is closed is shown there by: "
            f"namei -l {path}",
        )
    return BuildError(
        f"there is no folder {path}",
        where=project.host.name,
        mend="check the project out there, or correct project.path in the inventory",
    )


def _no_python(project: ProjectOnHost, why: str) -> BuildError:
    """Return that the interpreter cannot start; why is told, unless it is simply not there."""
    python = project.python
    what = f"the project's Python {python} cannot be started there"
    if why.startswith(_ABSENT):
        mend = "make the virtual environment there, or correct project.python in the inventory"
    else:
        what += f": {why}"
        mend = f"see there what {python} --version says"
    if why.startswith(_DENIED):
        mend = (
            "add EXEC: to the rule of ssh.become in sudoers"
            if "noexec" in why
            else f"let {_user(project)} run it; the file or folder that is closed, also where a link leads, is "
            f"shown there by: namei -l {python}"
        )
    return BuildError(what, where=project.host.name, mend=mend)


def _user(project: ProjectOnHost) -> str:
    return str(project.host.hello["user"])
