"""Phase prune."""

from __future__ import annotations

from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.kept import needless
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.record_here import save
from fab_static.plan.publication import to_delete
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import counted


def prune(deploy: Deployment) -> None:
    """Remove releases that nobody needs.

    With them go the objects and pool entries that only they used.

    Needs: nothing; it goes by the record, never by file times.
    Leaves: the live release, the one before it, the last `keep_releases` that were live, and all that
    were live within `keep_for`: pages stay open that long.
    If it fails: what is live has not changed; the next prune goes on.
    """
    gone = needless(deploy)
    answers = deploy.on(
        deploy.hosts(),
        lambda host: host.ask(verbs.PRUNE, asks.Prune(releases=gone, roles=list(host.roles)))[0],
    )
    for host, answer in answers.items():
        if "odd" in answer:
            deploy.tell_odd(host, answer["odd"])
            deploy.show.warn(f"{host.name}: so nothing else is removed there")
    removed = sorted({name for answer in answers.values() for name in answer["removed"]})
    for state in deploy.states.values():
        state["releases"] = [name for name in state["releases"] if name not in removed]
    save(deploy)  # before a bucket deletes what the record must not name any more
    freed = sum(answer["freed"] for answer in answers.values())
    told = f"removed {', '.join(removed)}; {freed:,} bytes freed"
    deploy.show.say(told if removed else "nothing to remove")
    for bucket in dict.fromkeys((deploy.origin, deploy.hub)):
        if bucket and deploy.by_itself:
            _prune_bucket(deploy, bucket)
        elif bucket and removed:
            deploy.show.say(
                f"{bucket.name} keeps what they alone used until: fab {deploy.environment.name} prune"
            )


def _prune_bucket(deploy: Deployment, bucket: Publication) -> None:
    """Delete the keys that no release left uses; by its own task alone, never in a deploy.

    A deploy so needs no right to delete, and a key that goes is one that nobody printed for `keep_for`.
    """
    names = {name for state in deploy.states.values() for name in state["releases"]}
    kept = [deploy.seals.read(name) for name in sorted(names)]
    everything = {sha256 for one in kept for sha256 in one.objects(("static",))}
    is_keeper = deploy.kept is not None and bucket is deploy.kept.publication
    if deploy.kept and is_keeper:
        everything |= deploy.kept.seals()
    gone = to_delete(
        bucket.manifest,
        kept if bucket is deploy.origin else [],
        everything if bucket is deploy.hub or is_keeper else [],
    )
    bucket.delete(gone)
    if bucket is deploy.hub:
        bucket.take_back()
    deploy.show.say(
        f"{bucket.name}: deleted {counted(len(gone), 'object')} that no release uses"
        if gone
        else f"{bucket.name}: nothing to delete"
    )
