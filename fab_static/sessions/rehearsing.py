"""What `rollback --check` proves: that the rollback would work, with what it would ship first."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.errors import ReleaseError
from fab_static.phases.gate import gate
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import named, records, shares
from fab_static.phases.run.publication import Publication
from fab_static.phases.verify import holes, refuse_unvouched
from fab_static.plan.layout import wants_signature
from fab_static.plan.publication import object_item
from fab_static.plan.release import Release
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost
from fab_static.sessions.running import Run


def rehearse(deploy: Deployment, names: Sequence[str]) -> None:
    """Prove that these phases of a rollback would work. Ships nothing, and changes nothing.

    Raises:
        FabStaticError: they would not; it says why.
    """
    if "distribute" in names:
        Run(deploy).one("verify", _shipped_first)
    else:
        Run(deploy).all(("verify",))


def _shipped_first(deploy: Deployment) -> None:
    """Do what `verify` does, where the rollback would ship first what hosts and bucket lack."""
    release = deploy.current_release()
    refuse_unvouched(deploy, release)
    whole = deploy.on(deploy.hosts(), lambda host: _is_whole(deploy, host, release))
    _foresee_hosts(deploy, release, [host for host in deploy.hosts() if not whole[host]])
    if deploy.origin:
        _foresee_bucket(deploy, deploy.origin, release)
    asked = deploy.hosts("web") or (deploy.build,)
    later = [host.name for host in asked if not whole[host]]
    if later:
        deploy.show.say(
            f"{', '.join(later)}: pages there are checked when the release has come, before it goes live"
        )
    if len(later) < len(asked):
        gate(deploy, release, [host for host in deploy.hosts("web") if whole[host]] or None)


def _is_whole(deploy: Deployment, host: RemoteHost, release: Release) -> bool:
    """Tell whether a host holds all of a release; whatever it lacks would be shipped to it."""
    if release.id not in deploy.states[host]["releases"]:
        return False
    try:
        found = holes(deploy, host, release)
    except ReleaseError as error:  # its release.json is gone, or is not what was sealed
        if wants_signature(error.where):
            raise
        return False
    return not (found["missing"] or found["changed"])


def _foresee_hosts(deploy: Deployment, release: Release, hosts: Sequence[RemoteHost]) -> None:
    """Say what would be shipped to these hosts.

    Raises:
        RemoteError: nothing holds some of it.
    """
    if not hosts:
        return
    wanted = release.objects_of_each({host.roles for host in hosts})

    def lacked(host: RemoteHost) -> dict[str, int]:
        absent = host.lacks(records(wanted[host.roles]))
        return release.to_send(named(absent), host.roles)

    lacking = deploy.on(hosts, lacked)
    for host, objects in lacking.items():
        left = {one: size for one, size in objects.items() if not _is_in_hub(deploy, one, size)}
        shares(records(left), [host], deploy.holders)
    count = sum(map(len, lacking.values()))
    size = sum(sum(objects.values()) for objects in lacking.values())
    deploy.show.say(
        f"the rollback would first ship {counted(count, 'object')}, {counted(size, 'byte')} "
        f"to {', '.join(host.name for host in hosts)}"
    )


def _is_in_hub(deploy: Deployment, sha256: str, size: int) -> bool:
    """Tell whether hosts would fetch an object from a bucket that holds it already."""
    return deploy.hub is not None and not deploy.hub.must_be_put([object_item(sha256, size)])


def _foresee_bucket(deploy: Deployment, bucket: Publication, release: Release) -> None:
    """Say what would be put into the bucket.

    Raises:
        ReleaseError: a URL would change its bytes.
        RemoteError: nothing holds some of it.
    """
    lacking = bucket.lacks(release)
    bucket.refuse_contradictions(lacking)
    objects = bucket.must_be_sent(lacking)
    shares(records(objects), [], deploy.holders)
    if lacking:
        size = sum(objects.values())
        deploy.show.say(
            f"the rollback would first put {counted(len(lacking), 'object')}, {counted(size, 'byte')} "
            f"into {bucket.name}"
        )
