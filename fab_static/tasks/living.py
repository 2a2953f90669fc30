"""The tasks that make a release live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from invoke.context import Context

from fab_static.plan.ending import after_prepare
from fab_static.plan.spelling import spelled
from fab_static.sessions.environments import environments
from fab_static.tasks.ending import task_session, tell_live
from fab_static.tasks.looking import show_plan
from fab_static.tasks.options import (
    GO_BACK,
    JSON,
    OVER_BUDGET,
    PATH,
    QUIET,
    REBUILD,
    VERBOSE,
    VERIFY,
    WAIT,
    WEB,
    WITHOUT,
    YES,
)
from fab_static.tasks.ours import allowed, left_out, seconds, task
from fab_static.tasks.printing import confirmation, print_json
from fab_static.tasks.watching import watched

if TYPE_CHECKING:
    from fab_static import api
    from fab_static.phases.run.deployment import Deployment, Reuse


@task(
    help={
        "dry_run": "the same as `plan`: nothing is written anywhere",
        "resume": "run only what is stale: after a failure, or after a phase by hand",
        "rebuild": REBUILD,
        "verify_cache": VERIFY,
        "project_path": PATH,
        "without": WITHOUT,
        "wait": WAIT,
        "yes": YES,
        "over_budget": OVER_BUDGET,
        "rollback_on_probe_failure": GO_BACK,
        "web": WEB,
        "verbose": VERBOSE,
        "quiet": QUIET,
        "json": "with --dry-run: " + JSON,
    }
)
def deploy(
    c: Context,
    dry_run: bool = False,
    resume: bool = False,
    rebuild: bool = False,
    verify_cache: bool = False,
    project_path: str | None = None,
    without: str | None = None,
    wait: str = "0",
    yes: bool = False,
    over_budget: bool = False,
    rollback_on_probe_failure: bool = False,
    web: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Live · Build, ship and make live: everything.

    fab staging deploy
    fab staging deploy --resume               after a failure, or a phase by hand
    fab production deploy --without edge2     while edge2 is down
    fab production deploy --wait 600 --yes    in CI
    """
    if dry_run:
        show_plan(project_path, as_json=json)
        return
    _make_live(
        _How("deploy", yes, web, verbose, quiet),
        lambda session, confirm: session.deploy(
            resume=resume,
            reuse=_reuse(rebuild=rebuild, verify_cache=verify_cache),
            project_path=project_path,
            wait_seconds=seconds(wait),
            confirm=confirm,
            rollback_on_probe_failure=rollback_on_probe_failure,
            **allowed(without, over_budget=over_budget),
        ),
    )


@task(
    help={
        "from_": "ship this very release instead of building one: what an environment sealed, or an archive (a file, "
        "https://… or s3://bucket/key)",
        "release": "with --from: which of its releases (default: the one that is live there)",
        "rebuild": REBUILD,
        "verify_cache": VERIFY,
        "project_path": PATH,
        "without": WITHOUT,
        "wait": WAIT,
        "web": WEB,
        "verbose": VERBOSE,
        "quiet": QUIET,
    }
)
def prepare(
    c: Context,
    from_: str | None = None,
    release: str | None = None,
    rebuild: bool = False,
    verify_cache: bool = False,
    project_path: str | None = None,
    without: str | None = None,
    wait: str = "0",
    web: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Build and ship; visitors see no change.

    fab production prepare --project-path /srv/shop/releases/2026-11-22
    fab production prepare --from staging     the very release that is live there
    fab production prepare --from shop.release
    """
    with (
        task_session(verbose=verbose, quiet=quiet) as session,
        watched(session, "prepare", web=web, quiet=quiet),
    ):
        environment, archive = _told_apart(from_, session.inventories)
        ready = session.prepare(
            promote_from=environment,
            release=release,
            reuse=_reuse(rebuild=rebuild, verify_cache=verify_cache),
            project_path=project_path,
            wait_seconds=seconds(wait),
            **({"archive": archive} if archive else {}),
            **left_out(without),
        )
        session.show.say(f"{ready.id} is ready: {after_prepare(session.environment)}")


@task(
    help={
        "without": WITHOUT,
        "wait": WAIT,
        "yes": YES,
        "over_budget": OVER_BUDGET,
        "rollback_on_probe_failure": GO_BACK,
        "web": WEB,
        "verbose": VERBOSE,
        "quiet": QUIET,
    }
)
def activate(
    c: Context,
    without: str | None = None,
    wait: str = "0",
    yes: bool = False,
    over_budget: bool = False,
    rollback_on_probe_failure: bool = False,
    web: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Make live what `prepare` left.

    fab production activate
    """
    _make_live(
        _How("activate", yes, web, verbose, quiet),
        lambda session, confirm: session.activate(
            wait_seconds=seconds(wait),
            confirm=confirm,
            rollback_on_probe_failure=rollback_on_probe_failure,
            **allowed(without, over_budget=over_budget),
        ),
    )


@task(
    help={
        "to": "the release to make live, or what its id begins with: an earlier one or, to undo a rollback, the "
        "newer one (default: previous, the one that was live before)",
        "check": "only prove that it would work; nothing is changed",
        "repair": "first ship what a host lacks from one that has it",
        "without": WITHOUT,
        "wait": WAIT,
        "yes": YES,
        "web": WEB,
        "verbose": VERBOSE,
        "quiet": QUIET,
    }
)
def rollback(
    c: Context,
    to: str | None = None,
    check: bool = False,
    repair: bool = False,
    without: str | None = None,
    wait: str = "0",
    yes: bool = False,
    web: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Make another release live; never builds.

    fab production rollback                   to what was live before
    fab production rollback --check           would it work?
    fab production rollback --to 20261122T170102Z-3f9c1a7b
    fab production rollback --to previous
    fab production rollback --repair          first ship what a host lacks
    """
    _make_live(
        _How("rollback", yes, web, verbose, quiet),
        lambda session, confirm: session.rollback(
            to,
            check=check,
            repair=repair,
            wait_seconds=seconds(wait),
            confirm=confirm,
            **left_out(without),
        ),
    )


@task(
    positional=["host"],
    help={
        "host": "one of the inventory; or NAME=ADDRESS[:PORT], a static host that is not in it yet",
        "without": WITHOUT,
        "wait": WAIT,
        "json": JSON,
        "verbose": VERBOSE,
        "quiet": QUIET,
    },
)
def join(
    c: Context,
    host: str,
    without: str | None = None,
    wait: str = "0",
    json: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Bring a host up that is new or was away.

    fab production join edge2
    fab production join edge7=10.0.0.27 --wait 15m
    """
    with task_session(as_json=json, verbose=verbose, quiet=quiet) as session:
        joined, line = session.join(host, wait_seconds=seconds(wait), **left_out(without))
        if line:
            session.show.say(f"for inventories/{session.environment.name}.yml: {line}")
        if json:
            print_json({**joined, "inventory": line}, session)


def _told_apart(word: str | None, inventories: Path) -> tuple[str | None, str | None]:
    """Return the environment that `--from` names, or the archive; an environment is meant where both are there."""
    if word is None:
        return None, None
    known = environments(inventories)
    if word in {*known, *map(spelled, known)}:
        return word, None
    # any other word with such an ending means a file, though it is not there
    is_archive = "/" in word or word.endswith((".release", ".zst")) or Path(word).is_file()
    return (None, word) if is_archive else (word, None)


class _How(NamedTuple):
    """The options of every task that makes a release live."""

    task: str
    yes: bool
    web: bool
    verbose: bool
    quiet: bool


def _make_live(how: _How, run: Callable[[api.Session, api.Confirm | None], Deployment]) -> None:
    """Have a release made live, if the operator wants it, and say what is live then."""
    with task_session(verbose=how.verbose, quiet=how.quiet) as session:
        with watched(session, how.task, web=how.web, quiet=how.quiet):
            deploy = run(session, confirmation(session, yes=how.yes))
        tell_live(session, deploy)  # in the terminal, whose last table it is


def _reuse(*, rebuild: bool, verify_cache: bool) -> Reuse:
    if verify_cache:
        return "verify"
    return "no" if rebuild else "yes"
