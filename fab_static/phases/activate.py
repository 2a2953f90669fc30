"""Phase activate."""

from __future__ import annotations

from contextlib import suppress

from fab_static.phases.invalidate import begin
from fab_static.phases.run import record_here
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.flipping import Flipping, worked_out
from fab_static.phases.run.locking import proved
from fab_static.phases.run.undoing import Undo, undo_on_failure
from fab_static.phases.run.web_checks import unwell_before
from fab_static.plan.flip import Confirm, Forget, Move, Publish, Step
from fab_static.plan.wording import counted


def activate(deploy: Deployment) -> None:
    """Make the release live: static hosts and the bucket first, then web hosts batch by batch, the build host last.

    Needs: the lock, which it proves before anything flips; every host holds and has verified all of it: a
    host without the files would answer 404.
    Leaves: current -> releases/<id>, previous -> what was live; on web hosts the project's offline
    manifest and resource versions are links into current, and the web processes were reloaded.
    If it fails: every host already flipped is put back; what could not be is named (exit 5). If we die:
    every host that was not told that all have flipped goes back on its own within confirm_timeout. What
    CloudFront may have fetched meanwhile is invalidated once more, or noted for the next command.
    """
    release = deploy.current_release()
    is_settled = not any(state["unsettled"] for state in deploy.states.values())
    if is_settled and deploy.live == deploy.recorded_live == release.id:
        deploy.show.say(f"release {release.id} is live on every host already")
        if deploy.origin and deploy.lock:
            deploy.lock.prove()
        if deploy.origin and (mended := deploy.origin.make_live(release)):
            deploy.show.say(f"{mended} keys of {deploy.origin.name} were written again")
        return
    unwell = unwell_before(deploy)
    flip = worked_out(deploy, release)
    # before the flip: an operator who dies in it leaves the next one word. It stays noted when the flip
    # fails, since a CDN may have fetched the new bytes meanwhile. Nothing flips before the build host has
    # taken it, and so has said that the lock is ours
    with proved(deploy, "activate"):
        deploy.journal.note_flip(flip.forgetting)
    record_here.begin(deploy, release, flip.hosts[deploy.build.name].entry)
    flipping = Flipping(deploy, flip, release, unwell)
    try:
        with undo_on_failure(deploy) as undo, flipping.kept_alive():
            for step in flip.steps:
                _take(step, flipping, deploy, undo)
    except BaseException:
        if deploy.is_flipped:  # a signal, once all was done
            raise
        # it must not hide why the flip failed; the journal has the word
        with suppress(Exception):
            deploy.journal.undone()
            # a host that could not be put back may serve the other bytes still: ask once more when it can
            begin(deploy, None if deploy.left else deploy.live)
        raise
    deploy.look_again()
    record_here.save(deploy)
    deploy.show.say(f"release {release.id} is live on {counted(len(deploy.hosts()), 'host')}")


def _take(step: Step, flipping: Flipping, deploy: Deployment, undo: Undo) -> None:
    match step:
        case Move(hosts, reloads):
            flipping.move(undo, hosts, reloads=reloads)
        case Publish():
            flipping.publish(undo)
        case Forget():
            begin(deploy, deploy.current_release().id)
        case Confirm():
            flipping.confirm()
