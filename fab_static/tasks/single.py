"""A task for each phase by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from invoke.context import Context
from invoke.tasks import Task

from fab_static.phases import BUILD, EVERYTHING, documentation
from fab_static.plan.spelling import task_name
from fab_static.tasks.ending import task_session
from fab_static.tasks.options import PATH, QUIET, VERBOSE, WAIT


def phase_task(name: str) -> Task[Any]:
    """Return the task that runs one phase, with the phase's own documentation."""
    is_own = name not in EVERYTHING
    words = documentation("own_phase" if is_own else name).splitlines()
    examples = f"fab staging {task_name(name)}"

    def alone(c: Context, wait: float = 0.0, verbose: bool = False, quiet: bool = False) -> None:
        with task_session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, wait_seconds=wait)

    def build(
        c: Context,
        project_path: str | None = None,
        wait: float = 0.0,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        with task_session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, project_path=project_path, wait_seconds=wait)

    def audited(
        c: Context,
        audit: bool = False,
        wait: float = 0.0,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        with task_session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, wait_seconds=wait, options={"audit": audit})

    def again(
        c: Context,
        again: bool = False,
        wait: float = 0.0,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        with task_session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, wait_seconds=wait, options={"again": again})

    body: Callable[..., None] = build if is_own or name in BUILD else alone
    options = {"wait": WAIT, "verbose": VERBOSE, "quiet": QUIET}
    if body is build:
        options["project_path"] = PATH
    if name == "verify":
        body = audited
        options["audit"] = "list the bucket, too, and compare it with its manifest"
    if name == "invalidate":
        body = again
        options["again"] = (
            "ask anew for all that kept releases have under the same name with other bytes"
        )
    at = "of your own" if is_own else str(EVERYTHING.index(name) + 1)
    body.__doc__ = "\n".join([f"Phase {at} · {words[0]}", *words[1:], "", examples])
    return Task(body, name=task_name(name), help=options)
