"""A task for each phase alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, Unpack

from invoke.context import Context

from fab_static.phases import BUILD, EVERYTHING, documentation
from fab_static.plan.spelling import task_name
from fab_static.tasks import together
from fab_static.tasks.ending import task_session
from fab_static.tasks.options import PATH, QUIET, VERBOSE, WAIT
from fab_static.tasks.ours import OurTask, folded, seconds

Body = Callable[..., None]


def phase_task(name: str) -> OurTask:
    """Return the task that runs one phase, with the phase's own documentation."""
    is_own = name not in EVERYTHING
    words = documentation("own_phase" if is_own else name).splitlines()
    builds = (_building, {"project_path": PATH}) if is_own or name in BUILD else (_alone, {})
    make, options = _WITH_OPTIONS.get(name, builds)
    body = make(name)
    at = "of your own" if is_own else str(EVERYTHING.index(name) + 1)
    example = f"fab staging {task_name(name)}"
    body.__doc__ = folded("\n".join([f"Phase {at} · {words[0]}", *words[1:], "", example]))
    known = {"wait": WAIT, "verbose": VERBOSE, "quiet": QUIET, **options}
    return OurTask(body, name=task_name(name), help=known)


# Invoke reads the options of a task from the parameters of its function: one function for each set of options


def _alone(name: str) -> Body:
    def alone(c: Context, wait: str = "0", verbose: bool = False, quiet: bool = False) -> None:
        _run(name, wait, verbose, quiet)

    return alone


def _building(name: str) -> Body:
    def build(
        c: Context,
        project_path: str | None = None,
        wait: str = "0",
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        _run(name, wait, verbose, quiet, project_path=project_path)

    return build


def _verifying(name: str) -> Body:
    def audited(
        c: Context,
        audit: bool = False,
        here: bool = False,
        release: str | None = None,
        project_path: str | None = None,
        project_python: str | None = None,
        wait: str = "0",
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        of_here = {"project_path": project_path, "project_python": project_python}
        with task_session(verbose=verbose, quiet=quiet) as session:
            if here:
                session.verify_here(release, **of_here)
                return
            given = {"release": release, **of_here}
            error = together.problem(
                name, [one for one, value in given.items() if value is not None]
            )
            if error:  # of a task that Python calls: the command line is judged before
                raise error
            session.phase(name, wait_seconds=seconds(wait), options={"audit": audit})

    return audited


def _invalidating(name: str) -> Body:
    def again(
        c: Context,
        again: bool = False,
        wait: str = "0",
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        _run(name, wait, verbose, quiet, options={"again": again})

    return again


class _More(TypedDict, total=False):
    project_path: str | None
    options: dict[str, bool]


def _run(name: str, wait: str, verbose: bool, quiet: bool, **more: Unpack[_More]) -> None:
    with task_session(verbose=verbose, quiet=quiet) as session:
        session.phase(name, wait_seconds=seconds(wait), **more)


# phases with an option of their own, and what it does
_WITH_OPTIONS: dict[str, tuple[Callable[[str], Body], dict[str, str]]] = {
    "verify": (
        _verifying,
        {
            "audit": "list the bucket, too, and compare it with its manifest",
            "here": "ask the project on this machine, where an image is made of it",
            "release": "with --here: which release (default: the one that `prepare` left)",
            "project_path": "with --here: where the project is on this machine",
            "project_python": "with --here: its interpreter on this machine",
        },
    ),
    "invalidate": (
        _invalidating,
        {"again": "ask again for all that kept releases have under the same name with other bytes"},
    ),
}
