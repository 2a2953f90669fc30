"""Gives a host that was away, or is new, all that the others have, and then makes the live release live there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fab_static.errors import FabStaticError, ReleaseError, RemoteError
from fab_static.phases.distribute import ship_to
from fab_static.phases.gate import gate
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.flipping import Flipping, host_flip
from fab_static.phases.run.kept import once_live
from fab_static.phases.run.sharing import refuse_shared, refuse_unwritable
from fab_static.phases.run.signing import bring_trust, refuse_untrusted
from fab_static.phases.run.undoing import undo_on_failure
from fab_static.phases.verify import refuse_holes
from fab_static.plan import flip as flips
from fab_static.plan.history import Activation
from fab_static.plan.printed import Joined
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.remote import RemoteHost


def join(deploy: Deployment, hosts: Sequence[RemoteHost]) -> list[Joined]:
    """Bring hosts to where the others are: every kept release, the record, `previous` and, last, `current`.

    Needs: the lock, and a release that is live on the build host by its own record.
    Leaves: these hosts serve what the others serve; on other hosts and in caches nothing has changed.
    If it fails: the host goes on as it was. What arrived whole is kept, and not sent again.
    """
    live = _live(deploy)
    _refuse_unfit(deploy, hosts)
    release = deploy.release = deploy.seals.read(live)
    refuse_untrusted(deploy, release)
    bring_trust(deploy, hosts)
    return [_joined(deploy, host, release) for host in hosts]


def away(deploy: Deployment) -> list[RemoteHost]:
    """Return the hosts that lack a kept release, serve another one, or whose files are not as they were sealed."""
    live, kept = _live(deploy), {*once_live(deploy)}

    def is_away(host: RemoteHost) -> bool:
        state = deploy.states[host]
        if state["current"] != live or not kept <= {*state["releases"]}:
            return True
        return not _is_whole(deploy, host, deploy.seals.read(live), reads=False)

    return [host for host, wrong in deploy.on(deploy.hosts(), is_away).items() if wrong]


def _live(deploy: Deployment) -> str:
    """Return the release that a host gets: the one that was made live everywhere last.

    Raises:
        ReleaseError: nothing is live, or another release is live on the build host than the record says.
    """
    live, there = deploy.needs_live(), deploy.states[deploy.build]["current"]
    live = deploy.recorded_live or live
    if there not in (live, None):  # none: it is new itself, as a CI runner is
        name = deploy.environment.name
        raise ReleaseError(
            f"{there} is live on {deploy.build.name}, and {live} by the record: nobody knows which "
            "of them a host is to serve",
            where=f"{deploy.build.name}: {deploy.build.layout.deploy_to}/current",
            mend=f"bring hosts together first: fab {name} rollback --to {live} --repair",
            instead=f"rollback --to {live} --repair",
        )
    return live


def _refuse_unfit(deploy: Deployment, hosts: Sequence[RemoteHost]) -> None:
    """Refuse hosts that cannot be written to, or have a folder in common with another."""
    asked = deploy.on(deploy.hosts(), lambda host: host.ask(verbs.FACTS)[0])
    refuse_unwritable({host: asked[host] for host in hosts})
    refuse_shared(deploy, asked)


def _joined(deploy: Deployment, host: RemoteHost, release: Release) -> Joined:
    was = deploy.states[host]["current"]
    record = once_live(deploy)
    given = {name: one for name, one in record.items() if _given(deploy, host, name, release)}
    if "web" in host.roles:
        gate(deploy, release, [host])
    _flip(deploy, host, release, [_entry(one) for one in given.values()])
    deploy.states[host] = host.ask(verbs.STATE)[0]
    changed = "was live there already" if was == release.id else "is live there now"
    deploy.show.say(f"{host.name} has {', '.join(given)}; {release.id} {changed}")
    return Joined(
        host=host.name,
        was=was,
        live=release.id,
        previous=deploy.states[host]["previous"],
        releases=[*given],
    )


def _given(deploy: Deployment, host: RemoteHost, name: str, live: Release) -> bool:
    """Give a host one release, verified; an earlier one that nobody can give is told of, and left out."""
    try:
        release = live if name == live.id else deploy.seals.read(name)
        refuse_untrusted(deploy, release)
        _give(deploy, host, release)
    except FabStaticError as error:
        if name == live.id:
            raise
        deploy.show.warn(
            f"{host.name} cannot be given {name}, which open pages may ask for: {error.what}"
        )
        return False
    return True


def _give(deploy: Deployment, host: RemoteHost, release: Release) -> None:
    is_there = release.id in deploy.states[host]["releases"]
    # reading its bytes marks the wrong ones: what is handed over then is what it lacks
    if is_there and _is_whole(deploy, host, release, reads=True):
        return
    ship_to(deploy, release, deploy.holders, [host])
    refuse_holes(deploy, host, release)


def _is_whole(deploy: Deployment, host: RemoteHost, release: Release, *, reads: bool) -> bool:
    """Tell whether a host has a release as it was sealed: by sizes and times or, where it `reads`, by every byte."""
    seal, roles = deploy.seals.sha256(release), list(host.roles)
    gone = "static" in roles and not reads
    request = asks.Verify(
        release=release.id, roles=roles, seal=seal, bytes=reads, signed=True, gone=gone
    )
    try:
        answer, _ = host.ask(verbs.VERIFY, request)
    except FabStaticError as error:
        if isinstance(error, RemoteError) and not error.is_refusal:
            raise
        return False  # its seal is another one, or its signature
    return not (answer["missing"] or answer["changed"])


def _flip(
    deploy: Deployment, host: RemoteHost, release: Release, record: Sequence[asks.Lived]
) -> None:
    """Move the links of one host, `current` last; it goes back on its own where nobody confirms that."""
    entry = {"by": deploy.operator, "joined": True}
    flip = replace(host_flip(deploy, host, release.id, entry), joins=record)
    reloads = "web" in host.roles and flip.current != release.id
    steps = (flips.Move((host.name,), reloads), flips.Confirm((host.name,)))
    nothing = flips.Forgetting({}, {}, by_tag=False)
    flipping = Flipping(deploy, flips.Flip(release.id, steps, {host.name: flip}, nothing), release)
    if deploy.lock:
        deploy.lock.prove()
    with undo_on_failure(deploy) as undo, flipping.kept_alive():
        flipping.move(undo, [host.name], reloads=reloads)
        flipping.confirm()


def _entry(one: Activation) -> asks.Lived:
    """Return the line that a host's record gets of what was live elsewhere."""
    entry = asks.Lived(event="activate", release=one.release, at=one.at, joined=True)
    if one.rolled_back:
        entry["rolled_back"] = one.rolled_back
    if one.revision:
        entry["revision"] = one.revision
    return entry
