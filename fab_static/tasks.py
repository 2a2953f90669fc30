"""The command line: fab <environment> <task> [options].

Reads words, clock and files, calls the api, prints, and exits with the code that says how it ended.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import sys
import traceback
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.program import Program
from invoke.tasks import Task, task

from fab_static import api, interruption, names
from fab_static.doctor.findings import is_well
from fab_static.errors import (
    BAD_INPUT,
    DISAGREE,
    DONE,
    FAILED,
    LIVE_BUT,
    LOCKED,
    FabStaticError,
    InventoryError,
)
from fab_static.looking.status import agreement
from fab_static.phases import BUILD, PHASES
from fab_static.phases.run.building import task_name
from fab_static.phases.run.deployment import Deployment, Reuse
from fab_static.phases.run.project import UnsetError
from fab_static.plan.cdn import version_function
from fab_static.plan.ending import Ending
from fab_static.plan.expectations import url_path
from fab_static.plan.nginx import nginx_server, server_names
from fab_static.report import terminal
from fab_static.report.secrets import Secrets
from fab_static.report.stream import Stream
from fab_static.report.terminal import Terminal
from fab_static.telling.run import exit_code

EXIT_CODES = {
    DONE: "done",
    FAILED: "failed; what was live before is live on every host",
    BAD_INPUT: "bad input (inventory, option, release name); nothing was contacted",
    LOCKED: "somebody else holds the lock: who, since when, at which phase",
    LIVE_BUT: "live, but something after the flip failed: says what to run again",
    DISAGREE: "hosts were left with different releases: names them, and the command that mends it",
}

_Found = TypeVar("_Found")
_CHOSEN: dict[str, Any] = {}  # environment, inventories, and the session that chained tasks share
_ENVIRONMENTS: list[str] = []  # by the names of their files


def namespace_beside(folder: Path) -> Collection:
    """Return the tasks, with one for each environment of the `inventories` folder in this folder.

    An inventory that can be no environment is refused when it is asked for; the others work.
    """
    inventories = folder / "inventories"
    collection = Collection(*TASKS)
    taken = set(collection.task_names)
    environments = api.environments(inventories)
    alike = names.alike(environments)
    for name in environments:
        if names.spelled(name) not in taken:
            collection.add_task(_environment_task(name, inventories, alike), names.spelled(name))
    _ENVIRONMENTS[:] = environments
    _CHOSEN.setdefault("inventories", inventories)
    _let_invoke_find(environments)
    return collection


def _environment_task(name: str, inventories: Path, alike: Mapping[str, list[str]]) -> Task[Any]:
    def choose(c: Context) -> None:
        same = alike.get(names.spelled(name), [])
        if same:
            error = InventoryError(
                f"{' and '.join(f'{one}.yml' for one in same)} are one word on the command line: "
                f"{names.spelled(name)}",
                where=str(inventories),
                mend="rename one of them",
            )
            _refuse(Terminal({}, stream=sys.stderr, spell=_spell()), error)
        _CHOSEN.update(environment=name, inventories=inventories)

    choose.__doc__ = f"Environment · inventories/{name}.yml"
    return Task(choose, name=names.spelled(name))


def _let_invoke_find(environments: list[str]) -> None:
    """Let `fab eu_west` and `fab eu.west` mean the task eu-west: Invoke knows names with dashes alone."""
    frame = sys._getframe()  # no other way: it has no hook between reading our tasks and its words
    while frame := frame.f_back:  # type: ignore[assignment]
        program = frame.f_locals.get("self")
        if isinstance(program, Program) and hasattr(program, "core"):
            words = program.core.unparsed
            words[:] = [names.as_spelled(word, environments) for word in words]
            return


# ---- how a task ends


@contextmanager
def _session(
    *, as_json: bool = False, verbose: bool = False, quiet: bool = False
) -> Iterator[api.Session]:
    """Give a task its session, and turn how it ends into an exit code."""
    words = sys.stderr if as_json else sys.stdout
    session: api.Session | None = None
    errors = Terminal({}, stream=sys.stderr, spell=_spell())
    interruption.heed()
    try:
        show = _terminal({}, stream=words, verbose=verbose, quiet=quiet)
        session = _chosen_session(show)
        errors = show.on_stream(sys.stderr)
        yield session
    except InventoryError as error:
        _refuse(errors, error)
    except FabStaticError as error:
        errors.error(error)
        _end(errors, session, error)
    except _LiveButError as ended:
        _show_live_but(errors, ended.deploy)
        _end(errors, session, None)
    except KeyboardInterrupt as error:
        errors.text(
            "interrupted after the release went live"
            if _exit_code(session, error) == LIVE_BUT
            else "interrupted; what was live before is live"
        )
        _end(errors, session, error)
    except Exit:
        raise
    except Exception as error:  # a bug: it keeps its traceback, and tells what is live all the same
        errors.text(traceback.format_exc().rstrip())
        _end(errors, session, error)


def _spell() -> Callable[[str], str]:
    """Return what writes commands as they are called in this fabfile."""
    tasks = _task_words()
    environments = [*_ENVIRONMENTS, *map(names.spelled, _ENVIRONMENTS)]
    prefix = names.prefix_of(sys.argv[1:], [*environments, *tasks])
    return names.below(prefix, environments or ["staging"], tasks)


def _task_words() -> list[str]:
    return [names.spelled(one.name) for one in TASKS]


def _terminal(secrets: Mapping[str, str], **options: Any) -> Terminal:
    """Return one that speaks on standard output, where nothing else is said."""
    return Terminal(
        secrets, **{"stream": sys.stdout, "errors": sys.stderr, "spell": _spell(), **options}
    )


def _chosen_session(show: Terminal) -> api.Session:
    if "environment" not in _CHOSEN:
        raise _no_environment(_CHOSEN.get("inventories", Path("inventories")))
    name = _CHOSEN["environment"]
    session: api.Session | None = _CHOSEN.get("session")
    if session is None or session.environment.name != name:
        session = api.Session(name, inventories=_CHOSEN["inventories"], show=show)
        session.spell = _spell()
        _CHOSEN["session"] = session
        atexit.register(session.close)
        atexit.register(interruption.ignore)  # is called first
    show.keep_secret(session.hidden)
    session.show = show
    session.forget_last()
    return session


def _no_environment(inventories: Path) -> InventoryError:
    tasks = _task_words()
    known = api.environments(inventories)
    usable = [name for name in known if names.spelled(name) not in tasks]
    problem = "no environment was named; there are: " + (", ".join(usable) or "none yet")
    mend = f"put one before the task: fab {usable[0] if usable else 'staging'} deploy"
    for name in known:
        if name not in usable:
            problem += f'; "{name}" is a task, and cannot be an environment'
            mend += f"; rename {inventories / name}.yml"
    return InventoryError(problem, where="the command line", mend=mend)


def _refuse(terminal: Terminal, error: InventoryError) -> NoReturn:
    terminal.error(error)
    _end(terminal, None, error)


def _end(terminal: Terminal, session: api.Session | None, error: BaseException | None) -> NoReturn:
    """Say what is live; end with the code that hooks and the summary were told, too."""
    terminal.ending(_ending(session))
    raise Exit(code=_exit_code(session, error)) from error


def _exit_code(session: api.Session | None, error: BaseException | None) -> int:
    return session.exit_code(error) if session else exit_code(error, None)


def _ending(session: api.Session | None) -> Ending | None:
    """Return how the last run ended; nothing where even that cannot be told."""
    try:
        return session.ending() if session else None
    except Exception:
        return None  # it must not hide how the run itself ended


class _LiveButError(Exception):
    """The release is live, and something after the flip failed."""

    def __init__(self, deploy: Deployment) -> None:
        self.deploy = deploy


def _is_live(session: api.Session, deploy: Deployment) -> None:
    """Say what is live now; end with exit 4 when something failed after the flip."""
    if deploy.after_flip:
        raise _LiveButError(deploy)
    if deploy.is_flipped and deploy.release:
        name = session.environment.name
        session.show.say(
            f"{deploy.release.id} is live on {name}; what changed: fab {name} report --open"
        )


def _show_live_but(terminal: Terminal, deploy: Deployment) -> None:
    """Say what failed after the flip, and what to run again."""
    for error in deploy.after_flip:
        terminal.error(error)
    live = deploy.release.id if deploy.release else "the release"
    terminal.text(f"{live} is LIVE, but what stands above failed after it went live")


def _print_json(data: Any, session: api.Session) -> None:
    _print(json.dumps(Secrets(session.hidden).clean_all(data), indent=2) + "\n")


def _print(text: str) -> None:
    """Print what was asked for on standard output.

    Raises:
        FabStaticError: it cannot be written; one who reads no further has what he wants.
    """
    lost = [] if sys.stdout else ["it is closed"]
    stream = Stream(sys.stdout, lost.append)
    stream.write(text)
    stream.flush()
    if lost and lost != [os.strerror(errno.EPIPE)]:
        raise FabStaticError(
            f"standard output cannot be written: {lost[0]}",
            where="standard output",
            mend="free some space there, or write it elsewhere",
        )


def _look(
    find: Callable[[api.Session], _Found],
    show: Callable[[Terminal, _Found], None],
    *,
    as_json: bool,
) -> _Found:
    """Return what is found, having told it: JSON alone on standard output, or words."""
    with _session(as_json=as_json) as session:
        found = find(session)
        if as_json:
            _print_json(found, session)
        else:
            show(_terminal(session.hidden), found)
    return found


def _confirm(session: api.Session, *, yes: bool) -> api.Confirm | None:
    if yes or not session.environment.confirm:
        return None

    def ask(difference: Mapping[str, Any]) -> bool:
        terminal.show_difference(_terminal(session.hidden), difference)
        try:
            _print(f"make {difference['new']} live on {session.environment.name}? [y/N] ")
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except (FabStaticError, OSError, ValueError, AttributeError):
            return False  # nobody can be asked: standard input or output is closed

    return ask


# ---- tasks

_YES = "go live without asking, where the inventory says `confirm: true`"
_WAIT = "seconds to wait for another deploy to end (default: not at all)"
_PATH = "another checkout on the hosts than the inventory's project.path"
_REBUILD = "run every phase, also those whose inputs have not changed"
_VERIFY = "run every phase, and fail where what would have been used again differs"
_VERBOSE = "show what the commands on the hosts print"
_QUIET = "show only what went wrong"
_JSON = "print JSON alone on standard output"
_GO_BACK = "make live again what was live before, when the probe finds something wrong (exit 1)"


@task(
    help={
        "dry_run": "the same as `plan`: nothing is written anywhere",
        "resume": "run only what is stale: after a failure, or after a phase by hand",
        "rebuild": _REBUILD,
        "verify_cache": _VERIFY,
        "project_path": _PATH,
        "wait": _WAIT,
        "yes": _YES,
        "rollback_on_probe_failure": _GO_BACK,
        "verbose": _VERBOSE,
        "quiet": _QUIET,
        "json": "with --dry-run: " + _JSON,
    }
)
def deploy(
    c: Context,
    dry_run: bool = False,
    resume: bool = False,
    rebuild: bool = False,
    verify_cache: bool = False,
    project_path: str | None = None,
    wait: float = 0.0,
    yes: bool = False,
    rollback_on_probe_failure: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Live · Build, ship and make live: everything.

    fab staging deploy
    fab staging deploy --resume               after a failure, or after a phase by hand
    fab production deploy --wait 600 --yes    in CI
    """
    if dry_run:
        _plan(project_path, as_json=json)
        return
    with _session(verbose=verbose, quiet=quiet) as session:
        done = session.deploy(
            resume=resume,
            reuse=_reuse(rebuild=rebuild, verify_cache=verify_cache),
            project_path=project_path,
            wait_seconds=wait,
            confirm=_confirm(session, yes=yes),
            rollback_on_probe_failure=rollback_on_probe_failure,
        )
        _is_live(session, done)


@task(
    help={
        "from_": "ship the very release that this environment sealed, instead of building one",
        "release": "with --from: which of its releases (default: the one that is live there)",
        "rebuild": _REBUILD,
        "verify_cache": _VERIFY,
        "project_path": _PATH,
        "wait": _WAIT,
        "verbose": _VERBOSE,
        "quiet": _QUIET,
    }
)
def prepare(
    c: Context,
    from_: str | None = None,
    release: str | None = None,
    rebuild: bool = False,
    verify_cache: bool = False,
    project_path: str | None = None,
    wait: float = 0.0,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Build and ship; no visitor can see it.

    fab production prepare --project-path /srv/shop/releases/2026-11-22
    fab production prepare --from staging     the very release that is live there
    """
    with _session(verbose=verbose, quiet=quiet) as session:
        ready = session.prepare(
            promote_from=from_,
            release=release,
            reuse=_reuse(rebuild=rebuild, verify_cache=verify_cache),
            project_path=project_path,
            wait_seconds=wait,
        )
        session.show.say(f"{ready.id} is ready: fab {session.environment.name} activate")


@task(
    help={
        "wait": _WAIT,
        "yes": _YES,
        "rollback_on_probe_failure": _GO_BACK,
        "verbose": _VERBOSE,
        "quiet": _QUIET,
    }
)
def activate(
    c: Context,
    wait: float = 0.0,
    yes: bool = False,
    rollback_on_probe_failure: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Make live what `prepare` left.

    fab production activate
    """
    with _session(verbose=verbose, quiet=quiet) as session:
        done = session.activate(
            wait_seconds=wait,
            confirm=_confirm(session, yes=yes),
            rollback_on_probe_failure=rollback_on_probe_failure,
        )
        _is_live(session, done)


@task(
    help={
        "to": "the release to go back to (default: the one that was live before)",
        "check": "only prove that it would work; nothing is changed",
        "repair": "first ship what a host lacks from one that has it",
        "wait": _WAIT,
        "yes": _YES,
        "verbose": _VERBOSE,
        "quiet": _QUIET,
    }
)
def rollback(
    c: Context,
    to: str | None = None,
    check: bool = False,
    repair: bool = False,
    wait: float = 0.0,
    yes: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Live · Make an earlier release live again; never builds.

    fab production rollback                   to what was live before
    fab production rollback --check           would it work?
    fab production rollback --to 20261122T170102Z-3f9c1a7b
    fab production rollback --repair          first ship what a host lacks
    """
    with _session(verbose=verbose, quiet=quiet) as session:
        done = session.rollback(
            to, check=check, repair=repair, wait_seconds=wait, confirm=_confirm(session, yes=yes)
        )
        _is_live(session, done)


@task(help={"project_path": _PATH, "json": _JSON})
def plan(c: Context, project_path: str | None = None, json: bool = False) -> None:
    """Look · Show what a deploy would do; writes nothing.

    fab production plan
    fab production plan --json | jq .invalidation
    """
    _plan(project_path, as_json=json)


def _reuse(*, rebuild: bool, verify_cache: bool) -> Reuse:
    if verify_cache:
        return "verify"
    return "no" if rebuild else "yes"


def _plan(project_path: str | None, *, as_json: bool) -> None:
    _look(
        lambda session: session.plan(project_path=project_path), terminal.show_plan, as_json=as_json
    )


@task(help={"json": _JSON})
def status(c: Context, json: bool = False) -> None:
    """Look · Show what is live on each host, and drift.

    fab production status
    fab production status --json | jq -r .live

    It compares sizes and times, and reads no file: `verify` reads every byte.

    Exits 0 when all agree and answer, 1 when a host cannot be reached, 5 when hosts disagree.
    """
    found = _look(lambda session: session.status(), terminal.show_status, as_json=json)
    code = {"agreed": DONE, "silent": FAILED, "disagree": DISAGREE}[agreement(found)]
    if code:
        raise Exit(code=code)


@task(help={"json": _JSON})
def releases(c: Context, json: bool = False) -> None:
    """Look · Show the releases that hosts hold, newest first.

    fab production releases
    """
    _look(lambda session: session.releases(), terminal.show_releases, as_json=json)


class _ReleasesByPlace(Task[Any]):
    """`diff [A B]`, `report [RELEASE]`: Invoke has no optional positionals, so those given are positional."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the arguments for the command line at hand."""
        known = {*_task_words(), *_ENVIRONMENTS, *map(names.spelled, _ENVIRONMENTS)}
        prefix = names.prefix_of(sys.argv[1:], known)
        after = sys.argv[1:]
        while after and after[0] != prefix + self.name:
            after = after[1:]
        given = list(
            takewhile(
                lambda word: not word.startswith("-") and word.removeprefix(prefix) not in known,
                after[1:],
            )
        )
        places = [name for name in self.help if name in ("old", "new", "release")]
        self.positional = places[: len(given)]
        return super().get_arguments(ignore_unknown_help)


@task(
    klass=_ReleasesByPlace,
    help={
        "old": "a release (default: the one before the live one)",
        "new": "a release (default: the live one)",
        "json": _JSON,
    },
)
def diff(c: Context, old: str | None = None, new: str | None = None, json: bool = False) -> None:
    """Look · Show what differs between two releases.

    fab production diff                       the live one against the one before
    fab production diff 20261121T090000Z-aa01bb02 20261122T170102Z-3f9c1a7b
    fab production diff --new 20261122T170102Z-3f9c1a7b
    """
    _look(lambda session: session.diff(old, new), terminal.show_difference, as_json=json)


@task(
    klass=_ReleasesByPlace,
    help={
        "release": "a release (default: whatever ran last)",
        "open": "open it in the browser",
    },
)
def report(c: Context, release: str | None = None, open: bool = False) -> None:
    """Look · Name the HTML report of a deploy or rollback.

    fab production report --open
    fab production report 20261122T170102Z-3f9c1a7b
    """
    with _session() as session:
        page = session.report(release)
        _print(f"{page}\n")
        if open:
            webbrowser.open(page.as_uri())


@task(help={"json": _JSON})
def check(c: Context, json: bool = False) -> None:
    """Look · See whether all is there that a deploy needs.

    fab production check
    """
    findings = _look(lambda session: session.check(), terminal.show_findings, as_json=json)
    if not is_well(findings):
        raise Exit(code=FAILED)


@task(positional=["url"], help={"url": "a static URL, or a key of the manifest", "json": _JSON})
def why(c: Context, url: str, json: bool = False) -> None:
    """Look · Show all that is known of a URL, or of a key.

    fab production why /static/js/shop.js?version=1a2b3c4
    fab production why 3f9c1a7b2d4e           the key of an OfflineGenerationError

    Of a URL: its version, the phase and source file that made it, its bytes on each host, the releases
    that hold it. Of a key: the block that renders it, and the nearest one that was built.
    """
    _look(lambda session: session.why(url), terminal.show_why, as_json=json)


@task(
    help={
        "steal": "take the lock away from whoever holds it",
        "because": "why; it is recorded in the log on the build host",
        "json": _JSON,
    }
)
def unlock(c: Context, steal: bool = False, because: str = "", json: bool = False) -> None:
    """Look · Show who holds the lock, or take it away.

    fab production unlock
    fab production unlock --steal --because "the CI machine is gone"
    """
    with _session(as_json=json) as session:
        holder = session.unlock(steal=steal, because=because)
        if json:
            _print_json({"lock": holder}, session)
        elif holder is None:
            session.show.say("nobody holds the lock")
        else:
            verb = "was taken from" if steal else "is held by"
            session.show.say(
                f"the lock {verb} {holder['owner']}, at {holder['phase']}, last heard of "
                f"{holder['silent_seconds']:.0f} seconds ago"
            )


@task(
    help={
        "url": "STATIC_URL or its path (default: the project is asked, on a build or web host)",
        "listen": "what the server listens on: 80, 127.0.0.1:8080",
        "server_name": "the names it answers to (default: the host's address)",
        "host": "which static host (default: the first)",
    }
)
def nginx(
    c: Context,
    url: str | None = None,
    listen: str | None = None,
    server_name: str | None = None,
    host: str | None = None,
) -> None:
    """Look · Print the nginx configuration of a static host.

    fab production nginx > static.conf
    fab production nginx --server-name "10.0.0.21 static.example.com" > static.conf
    """
    with _session(as_json=True) as session:
        hosts = {one.name: one for one in session.environment.with_role("static")}
        if not hosts:
            raise InventoryError(
                "no host is a static host: a bucket is the only origin",
                where=f"fab {session.environment.name} nginx",
                mend=f"for the bucket: fab {session.environment.name} cdn-function",
            )
        if host is not None and host not in hosts:
            raise InventoryError(
                f'"{host}" is no static host; there are: {", ".join(hosts)}',
                where="--host",
                mend="name one of them",
            )
        chosen = hosts[host] if host else next(iter(hosts.values()))
        names = server_names(session.environment, chosen)
        try:
            text = nginx_server(
                session.environment.layout(chosen).deploy_to,
                listen or ("[::]:80" if names.startswith("[") else "80"),
                server_name or names,
                url=_static_url(session, url),
                precompressed=session.environment.build.precompress,
            )
        except ValueError as error:
            raise InventoryError(
                str(error), where="the command line", mend="name another"
            ) from error
        _print(text)


def _static_url(session: api.Session, url: str | None) -> str:
    """Return the path of STATIC_URL: as the command line says it, else as the project does."""
    if url is not None:
        return url_path(url)
    try:
        return session.static_url()
    except UnsetError as error:  # nothing is guessed where the project has answered
        raise UnsetError(
            error.what, where=error.where, mend=f"{error.mend}; or name the path with --url"
        ) from error
    except FabStaticError as error:
        session.show.warn(
            f"the project could not be asked for its STATIC_URL ({error.what}): /static/ is printed; "
            "name another with --url"
        )
        return "/static/"


@task(help={"url": "STATIC_URL or its path (default: the project is asked)"})
def cdn_function(c: Context, url: str | None = None) -> None:
    """Look · Print what makes ?version= exact on S3.

    fab production cdn-function > function.js
    """
    with _session(as_json=True) as session:
        try:
            _print(version_function.source(_static_url(session, url)))
        except ValueError as error:
            raise InventoryError(str(error), where="--url", mend="name another") from error


def _phase_task(name: str, run: Callable[..., Any]) -> Task[Any]:
    words = (run.__doc__ or name).splitlines()
    at = list(PHASES).index(name) + 1
    examples = f"    fab staging {task_name(name)}"

    def alone(c: Context, wait: float = 0.0, verbose: bool = False, quiet: bool = False) -> None:
        with _session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, wait_seconds=wait)

    def build(
        c: Context,
        project_path: str | None = None,
        wait: float = 0.0,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        with _session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, project_path=project_path, wait_seconds=wait)

    def audited(
        c: Context,
        audit: bool = False,
        wait: float = 0.0,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        with _session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, wait_seconds=wait, options={"audit": audit})

    def again(
        c: Context,
        again: bool = False,
        wait: float = 0.0,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        with _session(verbose=verbose, quiet=quiet) as session:
            session.phase(name, wait_seconds=wait, options={"again": again})

    body: Callable[..., None] = build if name in BUILD else alone
    options = {"wait": _WAIT, "verbose": _VERBOSE, "quiet": _QUIET}
    if name in BUILD:
        options["project_path"] = _PATH
    if name == "verify":
        body = audited
        options["audit"] = "list the bucket, too, and compare it with its manifest"
    if name == "invalidate":
        body = again
        options["again"] = (
            "ask anew for all that kept releases have under the same name with other bytes"
        )
    body.__doc__ = "\n".join([f"Phase {at} · {words[0]}", *words[1:], "", examples])
    return Task(body, name=task_name(name), help=options)


TASKS = (
    deploy,
    prepare,
    activate,
    rollback,
    plan,
    status,
    releases,
    diff,
    report,
    why,
    check,
    unlock,
    nginx,
    cdn_function,
    *(_phase_task(name, run) for name, run in PHASES.items() if name != "activate"),
)


def calling_folder() -> Path:
    """Return the folder of the fabfile that imports us: beside it stand the inventories."""
    frame = sys._getframe()  # no other way: an import has no arguments
    while frame := frame.f_back:  # type: ignore[assignment]
        file = frame.f_globals.get("__file__")
        name = frame.f_globals.get("__name__", "")
        if file and name.partition(".")[0] not in ("fab_static", "importlib"):
            folder = Path(file).resolve().parent
            # a fabfile may be a package: then the inventories stand beside its folder
            is_package = (
                not (folder / "inventories").is_dir() and (folder.parent / "inventories").is_dir()
            )
            return folder.parent if is_package else folder
    return Path.cwd()
