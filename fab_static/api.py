"""Every task as a plain Python call, for code deploys that hold a static deploy inside.

from fab_static import api

with api.session("production", inventories=Path("inventories")) as session:
    release = session.prepare(project_path="/srv/shop/releases/2026-11-22")
    flip_the_code()
    session.activate()
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from fab_static import interruption, names
from fab_static.doctor import bucket as bucket_doctor
from fab_static.doctor import cdn as cdn_doctor
from fab_static.doctor import check as doctor
from fab_static.errors import (
    DeployLockedError,
    FabStaticError,
    InventoryError,
    ProbeError,
    ReleaseError,
)
from fab_static.looking import why
from fab_static.looking.difference import difference, difference_of
from fab_static.looking.plan import plan
from fab_static.looking.releases import releases
from fab_static.looking.status import status
from fab_static.phases import BUILD, GO_LIVE, PHASES, PREPARE, ROLLBACK, Phase
from fab_static.phases.promote import promote
from fab_static.phases.run.building import all_stale, task_name
from fab_static.phases.run.deployment import Deployment, Reuse, Show
from fab_static.phases.run.lock import Lock
from fab_static.phases.run.project import secrets_among, static_url_of
from fab_static.phases.run.sharing import refuse_shared
from fab_static.plan import inventory
from fab_static.plan.ending import Ending
from fab_static.plan.expectations import url_path
from fab_static.plan.inventory import Environment
from fab_static.plan.release import Release, goes_back, is_id, previous
from fab_static.remote import Fleet
from fab_static.report.archive import Archive
from fab_static.report.secrets import Secrets
from fab_static.report.steady import Steady
from fab_static.telling import notify
from fab_static.telling.run import Telling, exit_code
from fab_static.timeline import Timeline
from fab_static.wording import counted

PATIENCE_SECONDS = 600  # another deploy has most likely ended by then
EVERYTHING = (*BUILD, *PREPARE, *GO_LIVE)
Confirm = Callable[[Mapping[str, Any]], bool]


class Quiet:
    """Shows nothing."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Show nothing."""
        del name
        return nullcontext()

    def say(self, text: str) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Show nothing."""

    def output(self, host: str, data: bytes) -> None:
        """Show nothing."""

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show nothing."""

    def log_to(self, path: Path) -> None:
        """Write nothing."""


def read_environment(name: str, inventories: Path) -> Environment:
    """Return the environment that inventories/<name>.yml describes.

    Raises:
        InventoryError: there is none, it cannot be read, or it has problems: all of them are listed.
    """
    known = environments(inventories)
    if name not in known:  # as the command line spells it
        name = next((one for one in known if names.spelled(one) == name), name)
    for path in (inventories / f"{name}.yml", inventories / f"{name}.yaml"):
        if path.exists():
            break
    else:
        raise InventoryError(
            f'there is no environment "{name}"; there are: {", ".join(known) or "none yet"}',
            where=str(inventories),
            mend=f"write {inventories / name}.yml; inventories/example.yml documents every key",
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(
            f"the inventory cannot be read: {error}", where=str(path), mend="mend the file"
        ) from error
    environment = inventory.parse(text, name=name, source=str(path))
    try:
        return inventory.beside(environment, path.parent.absolute())
    except RuntimeError as error:  # pathlib: HOME is not set, and the system does not know the user
        raise InventoryError(
            f"~ cannot be found: {error}",
            where=f"{path}: ssh",
            mend="set HOME, or write the whole paths of ssh.identity and ssh.known_hosts",
        ) from error


def environments(inventories: Path) -> list[str]:
    """Return the names of all environments: one file each, the documenting example left out."""
    found = {path.stem for ending in ("yml", "yaml") for path in inventories.glob(f"*.{ending}")}
    # .#staging.yml, ._staging.yml: what editors and macOS leave beside a file
    return sorted(name for name in found - {"example"} if not name.startswith("."))


def operator() -> str:
    """Return who runs this: user@machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has a number alone (OSError: Python 3.13)
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@contextmanager
def session(
    environment: str | Environment,
    *,
    inventories: Path = Path("inventories"),
    show: Show | None = None,
) -> Iterator[Session]:
    """Open a session with an environment: its connections stay open until the end.

    Raises:
        InventoryError: the inventory has problems, or a secret is not set; nothing was contacted.
    """
    opened = Session(environment, inventories=inventories, show=show)
    with opened:
        yield opened


class Session:
    """The connections to one environment, and every task as a method."""

    def __init__(
        self,
        environment: str | Environment,
        *,
        inventories: Path = Path("inventories"),
        show: Show | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Read the inventory and the secrets that it names.

        Args:
            environment: its name, or what an inventory was read as.
            inventories: the folder of the inventories.
            show: is told what happens; an exception of it changes nothing.
            environ: where secrets are taken from; None: the process's environment.
        """
        environ = os.environ if environ is None else environ  # no default: help() shows those
        if isinstance(environment, str):
            environment = read_environment(environment, inventories)
        self.environment = environment
        self.inventories = inventories
        self.folder = inventories.parent
        self.secrets, absent = secrets_among(environment.project.secrets, environ)
        self._webhook, name = notify.webhook(environment.notify.webhook, environ)
        self._absent = [*absent, *([name] if name and not self._webhook else [])]
        # what must never be shown; only `secrets` go to hosts
        self.hidden = {
            **self.secrets,
            **(notify.hidden(self._webhook) if self._webhook else {}),
        }
        self.show = show or Quiet()
        self.operator = operator()
        self.spell: Callable[[str], str] = str  # writes commands as they are called in a fabfile
        self._fleet: Fleet | None = None
        self._last: Deployment | None = None

    @property
    def show(self) -> Show:
        """Who is told what happens."""
        return self._given_show

    @show.setter
    def show(self, show: Show) -> None:
        self._given_show, self._show = show, Steady(show)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        if self._fleet:
            self._fleet.close()
            self._fleet = None

    def ending(self) -> Ending | None:
        """Return how the last run ended: what is live, what was undone, what to run next.

        None where it only looked.
        """
        deploy = self._last
        if deploy is None or deploy.command is None:
            return None
        origin = deploy.origin
        names = [host.name for host in deploy.hosts()] + ([origin.name] if origin else [])
        live: dict[str, str | None]
        if deploy.is_flipped and deploy.release:
            live = dict.fromkeys(names, deploy.release.id)
        else:
            states = deploy.states.items()
            live = {host.name: one["current"] for host, one in states if host not in deploy.left}
            if origin and origin not in deploy.left:
                live[origin.name] = origin.live
        return Ending(
            hosts=names,
            live=live,
            undone={host.name for host in deploy.undone},
            next=f"fab {self.environment.name} {self._next(deploy, deploy.command)}",
            stays=deploy.stays,
            down={host.name for host in deploy.down},
        )

    def exit_code(self, error: BaseException | None) -> int:
        """Return the code with which the last run ended, if it ended with this error."""
        return exit_code(error, self._last)

    def _next(self, deploy: Deployment, command: str) -> str:
        if deploy.left and deploy.recorded_live:
            # by name: a host may have gone back by itself by then, and all agree
            return f"rollback --to {deploy.recorded_live}"
        failed = deploy.failed_after_flip
        if deploy.stays and failed and deploy.rolled_back is None:
            return "deploy --resume" if failed[0] == "activate" else " ".join(failed)
        if deploy.instead and not deploy.stays:
            return deploy.instead
        return f"{command} --wait {PATIENCE_SECONDS}" if deploy.lock_held else command

    def forget_last(self) -> None:
        """Forget how the last run ended: another task begins, and may end before its own run begins."""
        self._last = None

    # ---- looking

    def status(self) -> dict[str, Any]:
        """Return what is live on each host, as `status --json` prints it."""
        return status(self._deployment(secrets=False))

    def releases(self) -> list[dict[str, Any]]:
        """Return every release, newest first, as `releases --json` prints it."""
        return releases(self._deployment(secrets=False))

    def diff(self, old: str | None = None, new: str | None = None) -> dict[str, Any]:
        """Return what differs between two releases."""
        for name in (old, new):
            self._check_id(name)
        return difference(self._deployment(secrets=False), old, new)

    def plan(self, *, project_path: str | None = None) -> dict[str, Any]:
        """Return what a deploy would do, as `plan --json` prints it. Writes nothing anywhere."""
        return plan(self._deployment(project_path=project_path))

    def check(self) -> list[dict[str, Any]]:
        """Return the doctor's findings, as `check --json` prints them."""
        deploy = self._deployment()
        deploy.reuse = "no"  # it is asked because something may be wrong
        return [*doctor.check(deploy), *bucket_doctor.check(deploy)]

    def static_url(self) -> str:
        """Return the path of the project's STATIC_URL, as the first host says that has the project.

        Raises:
            UnsetError: the project has none.
            FabStaticError: none of them can be asked; the last one says why.
        """
        deploy = self._deployment(secrets=False)
        *others, last = deploy.hosts("build", "web")
        for host in others:
            try:
                facts = deploy.facts(host)
            except FabStaticError:
                continue  # the next one may answer
            return url_path(static_url_of(facts, host.name))
        return url_path(static_url_of(deploy.facts(last), last.name))

    def why(self, what: str) -> dict[str, Any]:
        """Return everything known of a static URL, or of an offline manifest's key."""
        return why.why(self._deployment(), what)

    def report(self, release: str | None = None) -> Path:
        """Return the report of the last run, or of the last one that made a release live.

        Raises:
            ReleaseError: this machine keeps none.
        """
        self._check_id(release)
        try:
            archive = Archive(self.environment.app, self.environment.name)
        except OSError as error:
            raise ReleaseError(
                f"no report is kept here: {error}",
                where="this machine",
                mend="set XDG_STATE_HOME to a folder that lasts",
            ) from error
        for run, known in archive.summaries():
            page = run.with_suffix(".html")
            if page.exists() and release in (None, known.get("release")):
                return page
        raise ReleaseError(
            f"no report of {release} is kept here" if release else "no report is kept here yet",
            where=str(archive.folder),
            mend="reports are kept on the machine that ran the deploy, of its last 100 runs",
        )

    # ---- acting

    def deploy(
        self,
        *,
        resume: bool = False,
        reuse: Reuse = "yes",
        project_path: str | None = None,
        wait_seconds: float = 0,
        confirm: Confirm | None = None,
        rollback_on_probe_failure: bool = False,
    ) -> Deployment:
        """Do everything, from collectstatic to prune; with `resume` only what is stale.

        Args:
            resume: leave out what an earlier deploy, or a phase by hand, has done already.
            reuse: of build phases, and of answers of the project, while nothing that they read has
                changed; "verify" runs everything, and fails where what would have been used differs.
            project_path: another checkout than the inventory's.
            wait_seconds: how long to wait for another deploy to end.
            confirm: is shown the plan before anything goes live, and says whether it may; None: it may.
            rollback_on_probe_failure: go back to what was live when the probe finds something wrong.

        Returns:
            What was done. `after_flip` holds what failed once the release was live.

        Raises:
            FabStaticError: it failed, and what was live before is live on every host.
            DisagreementError: hosts were left with different releases.
            DeployLockedError: somebody else deploys.
        """
        deploy = self._deployment(project_path=project_path)
        deploy.reuse = reuse
        with self._told(deploy, "deploy", wait_seconds):
            names = self._to_resume(deploy) if resume else self._configured(EVERYTHING)
            if not names:
                self._show.say("nothing is stale; the last deploy went to its end")
            self._check(deploy, names)
            names = self._in_order(deploy, names)
            self._run(deploy, names, confirm, goes_back=rollback_on_probe_failure)
        return deploy

    def prepare(
        self,
        *,
        promote_from: str | Environment | None = None,
        release: str | None = None,
        reuse: Reuse = "yes",
        project_path: str | None = None,
        wait_seconds: float = 0,
    ) -> Release:
        """Do all that no visitor can see: build, seal, distribute, verify.

        Args:
            promote_from: take what this environment sealed instead of building: the very same release.
            release: which of its releases; None: the one that is live there.
            reuse: as in `deploy`.
            project_path: another checkout than the inventory's.
            wait_seconds: how long to wait for another deploy to end.

        Raises:
            InventoryError: no such environment or release id, or one of another app.
            ReleaseError: a setting that is baked into that release is another one here.
        """
        if promote_from is not None:
            with self._source(promote_from, release) as source:
                return self._promote(source, release, project_path, wait_seconds)
        if release is not None:
            raise InventoryError(
                "a release is only named where it comes from another environment",
                where="prepare --release",
                mend="say which: --from staging; to go back to a release: "
                f"fab {self.environment.name} rollback --to {release}",
            )
        deploy = self._deployment(project_path=project_path)
        deploy.reuse = reuse
        with self._told(deploy, "prepare", wait_seconds):
            names = self._configured((*BUILD, *PREPARE))
            self._check(deploy, names)
            self._run(deploy, self._in_order(deploy, names), None)
        return deploy.current_release()

    def activate(
        self,
        *,
        wait_seconds: float = 0,
        confirm: Confirm | None = None,
        rollback_on_probe_failure: bool = False,
    ) -> Deployment:
        """Make live what `prepare` left: verify once more, flip, invalidate, probe, prune; see `deploy`."""
        deploy = self._deployment()
        with self._told(deploy, "activate", wait_seconds):
            deploy.current_release()
            self._check(deploy, ("verify", *GO_LIVE))
            goes_back = rollback_on_probe_failure
            self._run(deploy, ("verify", *GO_LIVE), confirm, goes_back=goes_back)
        return deploy

    def phase(
        self,
        name: str,
        *,
        project_path: str | None = None,
        wait_seconds: float = 0,
        options: Mapping[str, Any] | None = None,
    ) -> Deployment:
        """Run one phase by itself; it says which later phases it has made stale."""
        deploy = self._deployment(project_path=project_path)
        deploy.by_itself = True
        deploy.options = options or {}
        with self._told(deploy, name, wait_seconds, others=False):
            self._run(deploy, (name,), None)
            if name in BUILD:
                stale = [task_name(one) for one in all_stale(deploy)]
                self._show.say(
                    f"stale now: {', '.join(stale)}. To run just those and go live: "
                    f"fab {self.environment.name} deploy --resume"
                )
        return deploy

    def rollback(
        self,
        to: str | None = None,
        *,
        check: bool = False,
        repair: bool = False,
        wait_seconds: float = 0,
        confirm: Confirm | None = None,
    ) -> Deployment:
        """Activate an earlier release: its manifests, its files, its invalidation. Never builds.

        Args:
            to: a release's id; None: the one that was live before, by record.
            check: only prove that it would work.
            repair: ship what a host lacks from one that has it, before anything else.
            wait_seconds: how long to wait for another deploy to end.
            confirm: as in `deploy`.

        Raises:
            InventoryError: `to` is no release.
            ReleaseError: there is nothing to go back to, or a host does not hold all of it.
        """
        self._check_id(to)
        deploy = self._deployment()
        with self._rolling_back(deploy, check, wait_seconds):
            deploy.release = deploy.read_release(self._rollback_target(deploy, to))
            live = deploy.live or deploy.recorded_live
            if live and goes_back(deploy.record, live, deploy.release.id):
                deploy.rolled_back = live
            if not check:
                deploy.command = f"rollback --to {deploy.release.id}"
            self._show.say(f"rolling back to {deploy.release.id}")
            names = ("verify",) if check else ROLLBACK
            if repair and not check:
                names = ("distribute", *names)
            self._run(deploy, names, None if check else confirm)
            if check:
                self._show.say(f"a rollback to {deploy.release.id} would work")
        return deploy

    def unlock(self, *, steal: bool = False, because: str = "") -> dict[str, Any] | None:
        """Return who holds the lock; with `steal` take it away, and record why.

        Raises:
            InventoryError: `steal` without a reason.
        """
        if steal and not because.strip():
            raise InventoryError(
                "a lock is only stolen for a reason, and it is recorded",
                where="unlock --steal",
                mend='say why: --because "…"',
            )
        deploy = self._deployment(secrets=False)
        head, _ = deploy.build.ask("look_at_lock")
        holder: dict[str, Any] | None = head["holder"]
        if steal and holder:
            lock = Lock(deploy.build, self.operator, "unlock")
            lock.take(steal=True)
            deploy.build.ask(
                "note",
                entry={
                    "event": "steal",
                    "by": self.operator,
                    "because": because,
                    "from": holder["owner"],
                    "phase": holder["phase"],
                },
            )
            lock.release()
        return holder

    # ---- inside

    def _deployment(self, *, project_path: str | None = None, secrets: bool = True) -> Deployment:
        if project_path is not None and not project_path.startswith("/"):
            raise InventoryError(
                f'"{project_path}" is relative; a checkout on the hosts needs its whole path',
                where="--project-path",
                mend="write the whole path from /",
            )
        if secrets and self._absent:
            raise InventoryError(
                f"{', '.join(self._absent)} not set in your environment",
                where=f"inventories/{self.environment.name}.yml: project.secrets",
                mend=f"export {self._absent[0]}=… before you run fab",
            )
        if self._fleet is None:
            self._fleet = Fleet(self.environment)
        self._last = Deployment(
            self.environment,
            self._fleet,
            self._show,
            self.operator,
            secrets=self.secrets,
            project_path=project_path,
        )
        return self._last

    @contextmanager
    def _source(self, environment: str | Environment, release: str | None) -> Iterator[Deployment]:
        """Open the environment that a release is promoted from, to read it."""
        here = self.environment
        with Session(environment, inventories=self.inventories, show=self.show) as other:
            there = other.environment
            if there.name == here.name:
                raise InventoryError(
                    f"{here.name} cannot be promoted from itself",
                    where="prepare --from",
                    mend=f"name another environment, or build: fab {here.name} prepare",
                )
            if there.app != here.app:
                raise InventoryError(
                    f"{there.name} deploys the app {there.app}, and {here.name} the app {here.app}",
                    where="prepare --from",
                    mend="name an environment of the same app",
                )
            other._check_id(release)
            yield other._deployment(secrets=False)

    def _promote(
        self, source: Deployment, release: str | None, project_path: str | None, wait_seconds: float
    ) -> Release:
        deploy = self._deployment(project_path=project_path)
        with self._told(deploy, "prepare", wait_seconds):
            names = ("promote", "distribute", "verify")
            self._check(deploy, names)
            self._run_one(
                deploy, "promote", None, run=partial(promote, source=source, wanted=release)
            )
            self._run(deploy, names[1:], None)
        return deploy.current_release()

    def _check_id(self, name: str | None) -> None:
        if name is not None and not is_id(name):
            raise InventoryError(
                f'"{name}" is no release; ids look like 20261122T170102Z-3f9c1a7b',
                where="the release named",
                mend=f"choose one of: fab {self.environment.name} releases",
            )

    def _configured(self, names: Sequence[str]) -> tuple[str, ...]:
        wanted = self.environment.build.phases
        return tuple(name for name in names if name not in BUILD or name in wanted)

    def _in_order(self, deploy: Deployment, names: Sequence[str]) -> tuple[str, ...]:
        """Return phases in the order that follows from what they read and write in this project."""
        if not {*names} & {*BUILD}:
            return tuple(names)
        return (
            *(name for name in deploy.order if name in names),
            *(name for name in names if name not in BUILD),
        )

    def _to_resume(self, deploy: Deployment) -> tuple[str, ...]:
        """Return the phases that the last deploy left undone, or that a phase by hand made stale."""
        journal, configured = deploy.journal, self.environment.build.phases
        later = (*PREPARE, *GO_LIVE)
        if not journal.is_sealed(configured, deploy.order):
            return (*journal.stale(configured, deploy.order), *later)
        last = journal.ran["seal"]
        for at, name in enumerate(later):
            entry = journal.phases.get(name)
            if entry is None or entry["release"] != journal.release or entry["ran"] < last:
                return later[at:]
            last = entry["ran"]
        return ()

    @contextmanager
    def _rolling_back(self, deploy: Deployment, check: bool, wait_seconds: float) -> Iterator[None]:
        """Hold the lock and tell of the run; a rehearsal only looks."""
        if check:
            deploy.look()
            yield
            return
        with self._told(deploy, "rollback", wait_seconds):
            yield

    def _rollback_target(self, deploy: Deployment, to: str | None) -> str:
        held = {name for state in deploy.states.values() for name in state["releases"]}
        if to is not None:
            if to not in held:
                raise InventoryError(
                    f"there is no release {to}",
                    where="releases/ on every host",
                    mend=f"choose one of: fab {self.environment.name} releases",
                )
            return to
        recorded = deploy.recorded_live
        if deploy.went_back and deploy.live:
            self._show.warn(
                f"an unfinished flip was put back; {deploy.live} is live everywhere again"
            )
            return deploy.live
        if deploy.live is None and recorded is not None:
            self._show.warn("hosts disagree; they go back to the release that was live everywhere")
            return recorded
        live = deploy.live or recorded
        target = previous(deploy.record, live, held) if live else None
        if target is None:
            raise ReleaseError(
                f"there is no release older than {live} to roll back to"
                if live
                else "nothing is live yet, so there is nothing to roll back",
                where="the record on " + deploy.build.name,
                mend=f"deploy a good revision instead: fab {self.environment.name} deploy",
                instead="deploy",
            )
        return target

    def _check(self, deploy: Deployment, names: Sequence[str]) -> None:
        """Find out what can be known to fail before anything is built or sent."""
        if not names:
            return
        self._show.say(f"{counted(len(deploy.hosts()), 'host answers', 'hosts answer')}")
        asked = deploy.on(deploy.hosts(), lambda host: host.ask("facts")[0])
        for host, facts in asked.items():
            if not facts["writable"]:
                raise ReleaseError(
                    f"the user {host.hello['user']} may not write below {host.layout.deploy_to}",
                    where=host.name,
                    mend=f"make the folder there: sudo install -d -o {host.hello['user']} "
                    f"{host.layout.deploy_to}",
                )
        refuse_shared(deploy, asked)
        roles = ("build", "web") if {*names} & {*BUILD, "promote"} else ("web",)
        deploy.on(deploy.hosts(*roles), deploy.facts)
        if "invalidate" in names:
            cdn_doctor.preflight(deploy, goes_live="activate" in names)

    def _run(
        self,
        deploy: Deployment,
        names: Sequence[str],
        confirm: Confirm | None,
        *,
        goes_back: bool = False,
    ) -> None:
        """Run phases in order; what fails after the flip is collected, and the rest goes on.

        Args:
            deploy: what to work on.
            names: the phases.
            confirm: as in `deploy`.
            goes_back: when the probe finds something wrong, what was live before is made live again.
        """
        is_live = False
        before = deploy.live or deploy.recorded_live
        known = deploy.journal.phases
        deploy.timeline.expect(
            names, {name: known[name]["seconds"] for name in names if name in known}
        )
        self._show.follow(deploy.timeline, [host.name for host in deploy.hosts()])
        for name in names:
            flipped = is_live or (name in ("invalidate", "probe", "prune") and len(names) > 1)
            try:
                self._run_one(deploy, name, confirm)
            except FabStaticError as error:
                if not (flipped or deploy.is_flipped):
                    raise
                deploy.after_flip.append(error)
                deploy.failed_after_flip.append(task_name(name))
                if isinstance(error, DeployLockedError):
                    return  # another may deploy by now: nothing more is done
                if goes_back and isinstance(error, ProbeError):
                    self._go_back(deploy, before, error)
            is_live = is_live or name == "activate"

    def _go_back(self, deploy: Deployment, before: str | None, found: ProbeError) -> None:
        """Make live again what was live before the release that the probe found wrong.

        Raises:
            ProbeError: what the probe found, once the earlier release is live.
            DisagreementError: hosts were left with different releases.
        """
        wrong = deploy.current_release()
        if before is None or before == wrong.id:
            self._show.warn("there is nothing to go back to: no other release was live before")
            return
        self._show.warn(f"the probe failed; going back to {before}")
        deploy.release, deploy.rolled_back, deploy.is_flipped = None, wrong.id, False
        deploy.withdrawn = wrong
        try:
            failed = self._make_live_again(deploy, before)
        except BaseException as error:
            if deploy.is_flipped or deploy.left:
                raise
            # the wrong one is live still
            deploy.release, deploy.is_flipped, deploy.withdrawn = wrong, True, None
            deploy.command = f"rollback --to {before}"
            if not isinstance(error, FabStaticError):
                raise
            deploy.after_flip.append(error)
            return
        finally:
            if deploy.withdrawn and deploy.is_flipped:
                deploy.undone.update((*deploy.hosts(), *([deploy.origin] if deploy.origin else [])))
                if deploy.command == "activate":  # it would make the wrong one live again
                    deploy.command = "deploy"
        also = "".join(f"; then this failed: {error.what}" for error in failed)
        mend = f"mend what the probe found, then deploy again; {wrong.id} is marked bad"
        if failed:
            mend += f"; and now: {failed[0].mend}"
        deploy.after_flip.clear()
        raise ProbeError(
            f"{found.what}\nso {before}, which was live before, is live again on every host{also}",
            where=found.where,
            mend=mend,
        )

    def _make_live_again(self, deploy: Deployment, before: str) -> list[FabStaticError]:
        """Make an earlier release live; return what failed once it was.

        Raises:
            FabStaticError: it could not be made live.
        """
        failed: list[FabStaticError] = []
        for name in ROLLBACK:
            try:
                deploy.release = deploy.release or deploy.read_release(before)
                self._run_one(deploy, name, None)
            except FabStaticError as error:
                if not deploy.is_flipped:
                    raise
                failed.append(error)
        return failed

    def _run_one(
        self,
        deploy: Deployment,
        name: str,
        confirm: Confirm | None,
        *,
        run: Phase | None = None,
    ) -> None:
        """Run one phase, and note in the journal that it was done."""
        if deploy.lock:
            deploy.lock.phase = task_name(name)
            deploy.lock.prove()
        if name == "activate":
            self._confirm(deploy, confirm)
        started = time.monotonic()
        at_build = name in (*BUILD, "seal", "promote")
        with (
            deploy.timeline.phase(name),
            self._show.phase(task_name(name)),
            deploy.timeline.on(deploy.build.name) if at_build else nullcontext(),
        ):
            (run or PHASES[name])(deploy)
        if not at_build and deploy.lock:
            deploy.journal.done(
                name,
                at=time.time(),
                seconds=round(time.monotonic() - started, 3),
                by=self.operator,
                release=deploy.release and deploy.release.id,
            )

    def _confirm(self, deploy: Deployment, confirm: Confirm | None) -> None:
        release = deploy.current_release()
        if confirm is None or deploy.live == release.id:
            return
        live = deploy.live or deploy.recorded_live
        if not confirm(difference_of(deploy, live, release)):
            raise ReleaseError(
                f"not confirmed; {live or 'nothing'} stays live",
                where=f"fab {self.environment.name}",
                mend=f"go live later with: fab {self.environment.name} activate",
            )

    @contextmanager
    def _locked(self, deploy: Deployment, phase: str, wait_seconds: float) -> Iterator[None]:
        """Hold the lock, knowing the state of every host."""
        deploy.command = " ".join(
            [task_name(phase)]
            + (["--project-path", deploy.project_path] if deploy.project_path else [])
        )
        deploy.reach()
        lock = Lock(deploy.build, self.operator, phase)
        with self._released(deploy, lock):
            try:
                lock.take(wait_seconds=wait_seconds)
            except DeployLockedError:
                deploy.lock_held = True
                raise
            if lock.took_over:
                self._show.warn(
                    f"the lock of {lock.took_over['owner']} at {lock.took_over['phase']} was left "
                    "behind by a deploy that died; going on"
                )
            deploy.lock = lock
            deploy.look()
            deploy.settle()
            if deploy.recorded_live and deploy.live is None:
                self._show.warn("hosts disagree about what is live; this run brings them together")
            yield

    @contextmanager
    @interruption.whole
    def _released(self, deploy: Deployment, lock: Lock) -> Iterator[None]:
        """Release the lock in the end, if it was taken."""
        try:
            yield
        finally:
            deploy.lock = None
            try:
                lock.release()
            except Exception as error:  # must hide neither how it ended nor an exit 5
                why = error.what if isinstance(error, FabStaticError) else repr(error)
                self._show.warn(
                    f"{deploy.build.name}: the lock could not be released ({why}); it is marked "
                    "abandoned, or expires within a minute"
                )

    @contextmanager
    def _told(
        self, deploy: Deployment, phase: str, wait_seconds: float, *, others: bool = True
    ) -> Iterator[None]:
        """Hold the lock, and tell of the run: others are told how it ended once the lock is released.

        Keeps the run's log, summary and report. None of it decides how the run ends.
        """
        telling = Telling(
            deploy,
            task_name(phase),
            folder=self.folder,
            secrets=Secrets(self.hidden),
            webhook=self._webhook,
            spell=self.spell,
            tells_others=others,
        )
        with interruption.heeded():
            try:
                with self._locked(deploy, phase, wait_seconds):
                    telling.began()
                    yield
            except BaseException as error:
                if telling.has_begun:
                    deploy.instead = error.instead if isinstance(error, FabStaticError) else None
                    telling.ended(error, self.ending)
                raise
            telling.ended(None, self.ending)
