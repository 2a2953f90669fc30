"""Every task as a plain Python call, for code deploys that hold a static deploy inside.

from fab_static import api

with api.session("production", inventories=Path("inventories")) as session:
    release = session.prepare(project_path="/srv/shop/releases/2026-11-22")
    flip_the_code()
    session.activate()

Over 400 lines because every task is a method of one class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fab_static.errors import InventoryError
from fab_static.phases import BUILD, EVERYTHING, GO_LIVE, PREPARE, ROLLBACK
from fab_static.plan.spelling import task_name
from fab_static.sessions import Confirm
from fab_static.sessions.ending import PATIENCE_SECONDS
from fab_static.sessions.environments import environments, read_environment
from fab_static.sessions.looking import Looking, Quiet, operator
from fab_static.show import Show

if TYPE_CHECKING:
    from fab_static.phases.run.deployment import Deployment, Reuse
    from fab_static.plan.inventory import Environment
    from fab_static.plan.printed import Joined
    from fab_static.plan.release import Release
    from fab_static.plan.wire.answers import Holder

# Each method imports what acts itself: `status` starts sooner.

__all__ = [
    "EVERYTHING",
    "PATIENCE_SECONDS",
    "Confirm",
    "Quiet",
    "Session",
    "environments",
    "operator",
    "read_environment",
    "session",
]


@contextmanager
def session(
    environment: str | Environment,
    *,
    inventories: Path = Path("inventories"),
    show: Show | None = None,
) -> Iterator[Session]:
    """Open a session with an environment: its connections stay open until the end.

    Args:
        environment: its name, or what an inventory was read as.
        inventories: the folder of the inventories.
        show: is told what happens; None: nothing is shown. It has the methods of `fab_static.show.Show`:
            `phase(name)` is a context manager around each phase; `say(text)` and `warn(text)` get a line;
            `output(host, data)` gets what commands on hosts print; `follow(timeline, hosts)` and
            `log_to(path)` may do nothing. What it raises changes nothing. In a terminal, give
            `fab_static.report.terminal.Terminal({}, stream=sys.stdout)`.

    Raises:
        InventoryError: the inventory has problems, or a secret is not set; nothing was contacted.
    """
    opened = Session(environment, inventories=inventories, show=show)
    with opened:
        yield opened


class Session(Looking):
    """The connections to one environment, and every task as a method."""

    def deploy(
        self,
        *,
        resume: bool = False,
        reuse: Reuse = "yes",
        project_path: str | None = None,
        wait_seconds: float = 0,
        confirm: Confirm | None = None,
        rollback_on_probe_failure: bool = False,
        over_budget: bool = False,
        without: Sequence[str] = (),
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
            over_budget: only warn where a page costs more than `budget` in the inventory.
            without: hosts to leave out; the next deploy with them brings them up to date.

        Returns:
            What was done. `after_flip` holds what failed once the release was live.

        Raises:
            FabStaticError: it failed, and what was live before is live on every host.
            DisagreementError: hosts were left with different releases.
            DeployLockedError: somebody else deploys.
        """
        from fab_static.sessions import choosing
        from fab_static.sessions.running import Run, check

        deploy = self._deployment(project_path=project_path, without=without)
        deploy.reuse = reuse
        with self._told(deploy, "deploy", wait_seconds, signs=True):
            names = (
                choosing.to_resume(deploy) if resume else choosing.configured(deploy, EVERYTHING)
            )
            if not names:
                self._show.say("nothing is stale; the last deploy went to its end")
            with deploy.timeline.phase("check"):
                check(deploy, names)
            names = choosing.in_order(deploy, names)
            budget = choosing.budget(deploy, over_budget=over_budget)
            Run(deploy, confirm, goes_back=rollback_on_probe_failure, budget=budget).all(names)
        return deploy

    def prepare(
        self,
        *,
        promote_from: str | Environment | None = None,
        archive: str | None = None,
        release: str | None = None,
        reuse: Reuse = "yes",
        project_path: str | None = None,
        wait_seconds: float = 0,
        without: Sequence[str] = (),
    ) -> Release:
        """Build and ship without changing what visitors get: build, seal, distribute, verify.

        Args:
            promote_from: take what this environment sealed instead of building: the very same release.
            archive: take the release of this file, URL or `s3://bucket/key` instead of building; see `export`.
            release: which of the environment's releases; None: the one that is live there.
            reuse: as in `deploy`.
            project_path: another checkout than the inventory's.
            wait_seconds: how long to wait for another deploy to end.
            without: as in `deploy`.

        Raises:
            InventoryError: no such environment or release id, or one of another app; or a damaged archive.
            ReleaseError: a setting that is baked into that release is another one here.
        """
        from fab_static.phases.run.archive_places import shown
        from fab_static.sessions import choosing
        from fab_static.sessions.running import Run, check
        from fab_static.sessions.taking import again, opened, promoted, received

        if promote_from is not None:
            with self._source(promote_from, release) as source:
                here = self._deployment(project_path=project_path, without=without)
                here.command = again(source.environment.name, release)
                with self._told(here, "prepare", wait_seconds):
                    return promoted(here, source, release)
        if archive is not None:
            here = self._deployment(project_path=project_path, without=without)
            here.command = again(shown(archive), release)
            with (
                opened(archive, self.environment, release) as held,
                self._told(here, "prepare", wait_seconds),
            ):
                return received(here, held)
        if release is not None:
            raise InventoryError(
                "a release is only named where it comes from another environment",
                where="prepare --release",
                mend="say which: --from staging; to go back to a release: "
                f"fab {self.environment.name} rollback --to {release}",
            )
        deploy = self._deployment(project_path=project_path, without=without)
        deploy.reuse = reuse
        with self._told(deploy, "prepare", wait_seconds, signs=True):
            names = choosing.configured(deploy, (*BUILD, *PREPARE))
            with deploy.timeline.phase("check"):
                check(deploy, names)
            Run(deploy).all(choosing.in_order(deploy, names))
        return deploy.current_release()

    def activate(
        self,
        *,
        wait_seconds: float = 0,
        confirm: Confirm | None = None,
        rollback_on_probe_failure: bool = False,
        over_budget: bool = False,
        without: Sequence[str] = (),
    ) -> Deployment:
        """Make live what `prepare` left: verify once more, flip, invalidate, probe, prune; see `deploy`."""
        from fab_static.sessions import choosing
        from fab_static.sessions.running import Run, check

        deploy = self._deployment(without=without)
        with self._told(deploy, "activate", wait_seconds):
            release = deploy.current_release().id
            choosing.tell_of_later_builds(deploy)
            names = choosing.shipped_first(deploy, release, ("verify", *GO_LIVE))
            with deploy.timeline.phase("check"):
                check(deploy, names)
            budget = choosing.budget(deploy, over_budget=over_budget)
            Run(deploy, confirm, goes_back=rollback_on_probe_failure, budget=budget).all(names)
        return deploy

    def verify_here(
        self,
        release: str | None = None,
        *,
        project_path: str | None = None,
        project_python: str | None = None,
    ) -> Release:
        """Ask the gate on this machine, where an image is made: would its pages find all of a release?

        Args:
            release: its id; None: the one that `export` would write.
            project_path: where the project is on this machine; None: as the inventory says.
            project_python: its interpreter on this machine; None: the inventory's.

        Raises:
            ReleaseError: the project lacks the release's manifests, or its pages would name other URLs.
            BuildError: a page would miss a compress block.
            ManifestError: a page would miss an entry of a bundler.
        """
        from fab_static.sessions import here

        self._check_id(release)
        source = self._deployment(secrets=False)
        with (
            here.environment_here(self.environment, project_python) as environment,
            Session(environment, inventories=self.inventories, show=self.show) as other,
        ):
            deploy = other._deployment(project_path=project_path)
            return here.verify_here(deploy, source, release)

    def phase(
        self,
        name: str,
        *,
        project_path: str | None = None,
        wait_seconds: float = 0,
        options: Mapping[str, Any] | None = None,
    ) -> Deployment:
        """Run one phase alone; it says which later phases it has made stale."""
        from fab_static.sessions.running import Run

        own = self.environment.build.own
        if name not in (*EVERYTHING, *own):
            raise InventoryError(
                f"{self.environment.name} has no phase {name}",
                where="build.phases in its inventory",
                mend="add it there, or choose an environment that has it"
                + (f"; its own phases are {', '.join(own)}" if own else ""),
            )
        deploy = self._deployment(project_path=project_path)
        deploy.by_itself = True
        deploy.options = options or {}
        with self._told(deploy, name, wait_seconds, others=False, signs=name == "seal"):
            Run(deploy).all((name,))
            if name in (*BUILD, *own):
                from fab_static.phases.run.building import all_stale

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
        without: Sequence[str] = (),
    ) -> Deployment:
        """Activate an earlier release: its manifests, its files, its invalidation. Never builds.

        Args:
            to: a release's id; None: the one that was live before, by record.
            check: only prove that it would work, and say what it would ship first; nothing is shipped.
            repair: ship what a host lacks from one that has it, before anything else.
            wait_seconds: how long to wait for another deploy to end.
            confirm: as in `deploy`.
            without: as in `deploy`.

        Raises:
            InventoryError: `to` is not a release.
            ReleaseError: there is nothing to go back to, or a host does not hold all of it.
        """
        from fab_static.phases.run.foreseeing import foresee_rollback
        from fab_static.phases.run.record_here import lay_out
        from fab_static.plan.history import goes_back
        from fab_static.sessions import choosing
        from fab_static.sessions.rehearsing import rehearse
        from fab_static.sessions.running import Run

        self._check_id(to)
        deploy = self._deployment(without=without)
        repairing = " --repair" if repair else ""
        if to and not check:
            deploy.command = f"rollback --to {to}{repairing}"
        with self._rolling_back(deploy, check, wait_seconds):
            target = choosing.rollback_target(deploy, to)
            if check:
                lay_out(deploy, target)
            foresee_rollback(deploy, target)
            deploy.release = deploy.seals.read(target)
            live = deploy.last_live
            if live and goes_back(deploy.record, live, deploy.release.id):
                deploy.rolled_back = live
            if not check:
                deploy.command = f"rollback --to {deploy.release.id}{repairing}"
            self._show.say(f"rolling back to {deploy.release.id}")
            names = choosing.shipped_first(deploy, deploy.release.id, ROLLBACK)
            if repair and "distribute" not in names:
                names = ("distribute", *names)
            if check:
                rehearse(deploy, names)
                self._show.say(f"a rollback to {deploy.release.id} would work")
            else:
                Run(deploy, confirm).all(names)
        return deploy

    def join(
        self, host: str, *, wait_seconds: float = 0, without: Sequence[str] = ()
    ) -> tuple[Joined, str | None]:
        """Give a host that was away, or is new, all that the others have; then make it serve what they serve.

        Args:
            host: one of the inventory, or `name=address`: then it is one for this run.
            wait_seconds: how long to wait for a deploy to end.
            without: as in `deploy`.

        Returns:
            What it has now, and the inventory's line of a host that is not in it so.
        """
        from fab_static.phases.join import join
        from fab_static.plan.inventory.joining import joining, line

        environment, meant = joining(self.environment, host)
        deploy = self._deployment(without=without, among=environment)
        deploy.command = f"join {host}"
        with self._told(deploy, "join", wait_seconds, others=False):
            there = next(one for one in deploy.hosts() if one.name == meant.name)
            (joined,) = join(deploy, [there])
        return joined, None if meant in self.environment.hosts else line(meant)

    def repair(self, *, wait_seconds: float = 0, without: Sequence[str] = ()) -> list[Joined]:
        """Do for every host that was away, or whose files are not as they were sealed, what `join` does for one."""
        from fab_static.phases.join import away, join

        deploy = self._deployment(without=without)
        deploy.command = "status --repair"
        with self._told(deploy, "repair", wait_seconds, others=False):
            hosts = away(deploy)
            if not hosts:
                self._show.say("every host has all that it should")
            return join(deploy, hosts) if hosts else []

    def sign(self, release: str | None = None, *, wait_seconds: float = 0) -> Release:
        """Sign a release that hosts keep already; None: the one sealed last."""
        from fab_static.phases.sign import sign_named

        self._check_id(release)
        deploy = self._deployment(secrets=False)
        with self._told(deploy, "sign", wait_seconds, others=False, signs=True):
            return sign_named(deploy, release)

    def unlock(self, *, steal: bool = False, because: str = "") -> Holder | None:
        """Return who holds the lock; with `steal` take it away, and record why.

        Raises:
            InventoryError: `steal` without a reason.
        """
        from fab_static.phases.run.locking import holder_of, lock_of
        from fab_static.phases.run.record_here import note

        if steal and not because.strip():
            raise InventoryError(
                "a lock is only stolen for a reason, and it is recorded",
                where="unlock --steal",
                mend='say why: --because "…"',
            )
        deploy = self._deployment(secrets=False)
        holder = holder_of(deploy)
        if steal and holder:
            lock = lock_of(deploy, "unlock")
            try:
                lock.take(steal=True)
                line = {
                    "event": "steal",
                    "by": self.operator,
                    "because": because,
                    "from": holder["owner"],
                    "phase": holder["phase"],
                }
                note(deploy, line, lock.token)
            finally:
                lock.release()
        return holder

    # ---- inside

    @contextmanager
    def _source(self, environment: str | Environment, release: str | None) -> Iterator[Deployment]:
        """Open the environment that a release is promoted from, to read it."""
        from fab_static.sessions.taking import refuse_source

        if isinstance(environment, str):
            environment = read_environment(environment, self.inventories)
        refuse_source(self.environment, environment)
        source = replace(environment, fills_others=self.environment.has_bucket)
        with Session(source, inventories=self.inventories, show=self.show) as other:
            other._check_id(release)
            yield other._deployment(secrets=False)

    @contextmanager
    def _rolling_back(self, deploy: Deployment, check: bool, wait_seconds: float) -> Iterator[None]:
        """Hold the lock and tell of the run; a rehearsal only looks."""
        if check:
            deploy.look()
            yield
            return
        with self._told(deploy, "rollback", wait_seconds):
            yield

    def _told(
        self,
        deploy: Deployment,
        phase: str,
        wait_seconds: float,
        *,
        others: bool = True,
        signs: bool = False,
    ) -> AbstractContextManager[None]:
        """Hold the lock and tell of the run: others are told how it ended once that is released."""
        from fab_static.report.secrets import Secrets
        from fab_static.sessions.holding import refuse_unusable, told
        from fab_static.telling.run import Telling

        refuse_unusable(deploy.environment, signs=signs)
        self._show.follow(deploy.timeline, [host.name for host in deploy.hosts()])
        telling = Telling(
            deploy,
            task_name(phase),
            folder=self.folder,
            secrets=Secrets(self.hidden),
            webhook=self._webhook,
            spell=self.spell,
            on_report=self.on_report,
            tells_others=others,
        )
        return told(telling, deploy, phase, wait_seconds, self.ending)
