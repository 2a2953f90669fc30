"""Takes a release that was built elsewhere: checks that it fits here, and ships it to every host."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.errors import ReleaseError
from fab_static.phases.distribute import ship
from fab_static.phases.run.audit import refuse_contradictions
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import Holder
from fab_static.phases.run.provenance import refuse_wrong_statement
from fab_static.phases.run.settings import baked_settings, manifest_path, reads_offline_manifest
from fab_static.phases.run.signing import refuse_untrusted
from fab_static.plan.baked import Baked
from fab_static.plan.promotion import obstacles
from fab_static.plan.release import Release
from fab_static.plan.wire.kept import Beside
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost


def take(
    deploy: Deployment,
    release: Release,
    *,
    sealed_in: str,
    seal: bytes,
    beside: Beside,
    holders: Sequence[Holder],
    versions_file: str | None,
    at: float,
) -> None:
    """Make a release of another environment, or of an archive, the one at hand here.

    Args:
        deploy: the environment that gets it.
        release: what is taken.
        sealed_in: the environment that it comes from.
        seal: its release.json, as it was sealed.
        beside: what stood beside that, as it came.
        holders: what has its objects.
        versions_file: the name under which its project reads resource versions; None: nobody knows.
        at: when the work began; time.monotonic().

    Raises:
        ReleaseError: a setting that is baked into the release is another one here; or what says how it was built
            is of another release; or it is signed by nobody whom this environment allows.
    """
    deploy.seals.take(release, seal, beside)
    refuse_wrong_statement(deploy, release)
    if beside.get("signature"):  # one that nobody signed may be signed here, once it has come
        refuse_untrusted(deploy, release)
    _refuse_obstacles(deploy, release, sealed_in)
    live = deploy.last_live
    if live and live != release.id:
        refuse_contradictions(deploy, deploy.seals.read(live), release)
    files = counted(len(release.files), "file")
    deploy.show.say(f"release {release.id} of {sealed_in}: {files}")
    ship(deploy, release, holders)
    deploy.release = release
    deploy.journal.sealed(
        release.id,
        at,
        by=deploy.operator,
        project_path=deploy.project_path,
        versions_file=versions_file,
        promoted_from=sealed_in,
    )


def _refuse_obstacles(deploy: Deployment, release: Release, there: str) -> None:
    def settings(host: RemoteHost) -> Baked:
        facts = deploy.facts(host)
        asked = baked_settings(facts)
        if "web" in host.roles:
            is_read = reads_offline_manifest(facts)
            asked["offline_manifest"] = manifest_path(facts) if is_read else None
        return asked

    asked = deploy.on(deploy.hosts("build", "web"), settings)
    lines = obstacles(release, {host.name: found for host, found in asked.items()})
    if lines:
        here = deploy.environment.name
        count = "a setting" if len(lines) == 1 else f"{len(lines)} settings"
        raise ReleaseError(
            f"{count} of {there} went into release {release.id}, and {here} has another:\n"
            + "\n".join(f"    {line}" for line in lines),
            where=f"the seal of {there} against the project on the hosts of {here}",
            mend=f"set it alike in both, or build for {here}: fab {here} prepare",
        )
