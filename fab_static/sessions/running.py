"""Runs phases, one after another; what fails after the flip is collected, and the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from fab_static.errors import DeployLockedError, FabStaticError, ProbeError, ReleaseError
from fab_static.phases import AFTER_FLIP, BUILD, PHASES, ROLLBACK, TAKING, Phase
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.locking import proving_itself
from fab_static.phases.run.revisions import built
from fab_static.phases.run.sharing import refuse_shared, refuse_unwritable
from fab_static.phases.run.signing import refuse_unnamed_signers
from fab_static.plan.budget import Budget
from fab_static.plan.spelling import task_name
from fab_static.plan.wire import verbs
from fab_static.plan.wording import counted, indented
from fab_static.sessions import Confirm

if TYPE_CHECKING:
    from fab_static.plan.downloads import Downloads

SHOWN = 10  # pages named in one message
# what these do on hosts that keep no lock cannot be taken back: the lock is proved before they begin
PROVED = ("promote", "prune")
PROVES = "activate"  # so is it here, with what it notes before it flips


def check(deploy: Deployment, names: Sequence[str]) -> None:
    """Find out what can be known to fail before anything is built or sent."""
    if not names:
        return
    own = deploy.environment.build.own
    found = built(deploy) if {*names} & {*BUILD, *own} else None
    answer = counted(len(deploy.hosts()), "host answers", "hosts answer")
    deploy.show.say(f"{answer}; {found.words(deploy.build.name)}" if found else answer)
    if found:
        deploy.built = found
        for line in found.lines():
            deploy.show.say(line)
    asked = deploy.on(deploy.hosts(), lambda host: host.ask(verbs.FACTS)[0])
    refuse_unwritable(asked)
    refuse_shared(deploy, asked)
    if {"seal", "activate"} <= {*names}:
        refuse_unnamed_signers(deploy)
    roles = ("build", "web") if {*names} & {*BUILD, *own, *TAKING} else ("web",)
    deploy.on(deploy.hosts(*roles), deploy.facts)
    if "invalidate" in names and deploy.environment.cdn:
        from fab_static.doctor.cdn import preflight  # not above: it loads all that is known of CDNs

        preflight(deploy, goes_live="activate" in names)


class Run:
    """Runs the phases of one deployment."""

    def __init__(
        self,
        deploy: Deployment,
        confirm: Confirm | None = None,
        *,
        goes_back: bool = False,
        budget: Budget | None = None,
    ) -> None:
        """Begin with no phase done.

        Args:
            deploy: what to work on.
            confirm: is asked before anything goes live; None: it may.
            goes_back: when the probe finds something wrong, what was live before is made live again.
            budget: what pages may cost visitors; None: anything.
        """
        self._budget = budget if budget and budget.is_set else None
        self._deploy = deploy
        self._confirm = confirm
        self._goes_back = goes_back

    def all(self, names: Sequence[str]) -> None:
        """Run phases in order; what fails after the flip is collected, and the rest goes on."""
        deploy, is_live = self._deploy, False
        before = deploy.last_live
        known = deploy.journal.phases
        deploy.timeline.expect(
            names, {name: known[name]["seconds"] for name in names if name in known}
        )
        deploy.show.follow(deploy.timeline, [host.name for host in deploy.hosts()])
        for at, name in enumerate(names):
            deploy.to_come = tuple(names[at + 1 :])
            flipped = is_live or (name in AFTER_FLIP and len(names) > 1)
            try:
                self.one(name, goes_on=name != names[-1])
            except FabStaticError as error:
                if not (flipped or deploy.is_flipped):
                    raise
                deploy.after_flip.append(error)
                deploy.failed_after_flip.append(task_name(name))
                if isinstance(error, DeployLockedError):
                    return  # another may deploy by now: nothing more is done
                if self._goes_back and isinstance(error, ProbeError):
                    self._go_back(before, error)
            is_live = is_live or name == "activate"

    def one(self, name: str, run: Phase | None = None, *, goes_on: bool = False) -> None:
        """Run one phase, and note in the journal that it was done.

        Where the run goes on, the next phase hears whether that could be noted: nothing waits for it here.
        """
        deploy = self._deploy
        if deploy.lock:
            deploy.lock.phase = task_name(name)
            if name in PROVED:
                deploy.lock.prove()
        if name == "activate":
            self._ask()
        started = time.monotonic()
        at_build = name in (*BUILD, *deploy.environment.build.own, "seal", *TAKING)
        with (
            nullcontext() if name in (*PROVED, PROVES) else proving_itself(deploy, task_name(name)),
            deploy.timeline.phase(name),
            deploy.show.phase(task_name(name)),
            deploy.timeline.on(deploy.build.name) if at_build else nullcontext(),
        ):
            (run or PHASES[name])(deploy)
        if not at_build and deploy.lock:
            deploy.journal.done(
                name,
                at=time.time(),
                seconds=round(time.monotonic() - started, 3),
                by=deploy.operator,
                release=deploy.release.id if deploy.release else None,
            )
        if not goes_on:
            deploy.build.settle()

    def _ask(self) -> None:
        """Ask whether the release may go live, with what changes for visitors.

        Raises:
            ReleaseError: it may not, or costs visitors too much.
        """
        deploy, confirm = self._deploy, self._confirm
        release = deploy.current_release()
        if deploy.live == release.id or not (confirm or self._budget):
            return
        from fab_static.looking.difference import difference_of  # not above: most runs ask nothing

        live = deploy.last_live
        difference = difference_of(deploy, live, release)
        if self._budget:
            self._refuse_dear(difference["downloads"], self._budget)
        if confirm and not confirm(difference):
            words = (deploy.goes_back and deploy.command) or "activate"
            raise ReleaseError(
                f"not confirmed; {live or 'nothing'} stays live",
                where=f"fab {deploy.environment.name}",
                mend=f"go live later with: fab {deploy.environment.name} {words}",
                instead=words,
            )

    def _refuse_dear(self, found: Downloads, budget: Budget) -> None:
        """Refuse a release that costs visitors more than the budget; or warn, where that is asked for.

        Raises:
            ReleaseError: naming the pages, and their dearest files.
        """
        from fab_static.plan.downloads import over  # not above: few inventories have a budget

        deploy, lines = self._deploy, over(found, budget)
        if not lines:
            return
        name = deploy.environment.name
        what = f"{counted(len(lines), 'page costs', 'pages cost')} visitors more than the budget:\n"
        what += indented(lines, SHOWN)
        if budget.warns:
            deploy.show.warn(what)
            return
        raise ReleaseError(
            what,
            where=f"budget in inventories/{name}.yml, for browsers with {budget.browser}",
            mend=f"make these files smaller, or raise the budget; to go live anyway: fab {name} activate "
            "--over-budget",
            instead="activate --over-budget",
        )

    def _go_back(self, before: str | None, found: ProbeError) -> None:
        """Make live again what was live before the release that the probe found wrong.

        Raises:
            ProbeError: what the probe found, once the earlier release is live.
            DisagreementError: hosts were left with different releases.
        """
        deploy = self._deploy
        wrong = deploy.current_release()
        if before is None or before == wrong.id:
            deploy.show.warn("there is nothing to go back to: no other release was live before")
            return
        deploy.show.warn(f"the probe failed; going back to {before}")
        deploy.release, deploy.rolled_back, deploy.is_flipped = None, wrong.id, False
        deploy.withdrawn = wrong
        try:
            with deploy.timeline.going_back():
                failed = self._make_live_again(before)
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
        deploy.after_flip.clear()
        raise _went_back(found, before, wrong.id, failed)

    def _make_live_again(self, before: str) -> list[FabStaticError]:
        """Make an earlier release live; return what failed once it was.

        Raises:
            FabStaticError: it could not be made live.
        """
        deploy = self._deploy
        failed: list[FabStaticError] = []
        for name in ROLLBACK:
            try:
                deploy.release = deploy.release or deploy.seals.read(before)
                Run(deploy).one(name)
            except FabStaticError as error:
                if not deploy.is_flipped:
                    raise
                failed.append(error)
        return failed


def _went_back(
    found: ProbeError, before: str, wrong: str, failed: Sequence[FabStaticError]
) -> ProbeError:
    """Return what the probe found, with what is live now."""
    also = "".join(f"; then this failed: {error.what}" for error in failed)
    mend = f"mend what the probe found, then deploy again; {wrong} is marked bad"
    if failed:
        mend += f"; and now: {failed[0].mend}"
    return ProbeError(
        f"{found.what}\nso {before}, which was live before, is live again on every host{also}",
        where=found.where,
        mend=mend,
    )
