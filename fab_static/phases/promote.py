"""Promotes: takes the release that another environment sealed, instead of building one."""

from __future__ import annotations

import time

from fab_static.errors import ReleaseError
from fab_static.phases.distribute import ship
from fab_static.phases.run.audit import refuse_contradictions
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import baked_settings, manifest_path
from fab_static.plan.baked import Baked
from fab_static.plan.history import bad
from fab_static.plan.promotion import obstacles
from fab_static.plan.release import Release
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost


def promote(deploy: Deployment, source: Deployment, wanted: str | None) -> None:
    """Make the very release that another environment sealed the one at hand here.

    Needs: both environments' hosts. `source` is only read, and its lock is not taken. Should it prune the
        release meanwhile, the copy ends, and nothing of it is kept under the release's name.
    Leaves: releases/<id>, the same id, on every host here; the journal has it as the release sealed last.
    If it fails: nothing that is live has changed, here or there. Every setting that is baked into the
    release and is another one here is named.

    Args:
        deploy: the environment that gets it.
        source: the environment that sealed it.
        wanted: a release of the source; None: the one that is live there.
    """
    started = time.monotonic()
    source.look()
    name = wanted or _live(source)
    release = source.read_release(name)
    if name in bad(source.record):
        deploy.show.warn(f"{name} was rolled back on {source.environment.name}")
    _refuse_obstacles(deploy, source, release)
    live = deploy.last_live
    if live and live != name:
        refuse_contradictions(deploy, deploy.read_release(live), release)
    deploy.show.say(
        f"release {name} of {source.environment.name}: {counted(len(release.files), 'file')}"
    )
    deploy.take_seal(release, source)
    ship(deploy, release, (source.build, *source.hosts("static")))
    deploy.release = release
    deploy.journal.release = name
    sealed = source.journal.phases.get("seal")
    deploy.journal.done(
        "seal",
        at=time.time(),
        seconds=round(time.monotonic() - started, 3),
        by=deploy.operator,
        release=name,
        project_path=deploy.project_path,
        versions_file=sealed.get("versions_file") if sealed else None,
        promoted_from=source.environment.name,
    )


def _live(source: Deployment) -> str:
    """Return the release that is live on all of the source's hosts.

    Raises:
        ReleaseError: there is none, or a flip is under way.
    """
    halfway = any(state["provisional"] for state in source.states.values())
    if source.live and not halfway:
        return source.live
    name = source.environment.name
    if source.recorded_live or halfway:
        raise ReleaseError(
            f"the hosts of {name} do not agree about what is live",
            where=f"current on every host of {name}",
            mend=f"see fab {name} status, or name the release: --release ID",
        )
    raise ReleaseError(
        f"nothing is live on {name} yet",
        where=f"every host of {name}",
        mend=f"deploy there first: fab {name} deploy; or name a release: --release ID",
    )


def _refuse_obstacles(deploy: Deployment, source: Deployment, release: Release) -> None:
    def settings(host: RemoteHost) -> Baked:
        facts = deploy.facts(host)
        asked = baked_settings(facts)
        if "web" in host.roles:
            compress = facts["compress"]
            is_read = compress and compress["enabled"] and compress["offline"]
            asked["offline_manifest"] = manifest_path(facts) if is_read else None
        return asked

    asked = deploy.on(deploy.hosts("build", "web"), settings)
    lines = obstacles(release, {host.name: found for host, found in asked.items()})
    if lines:
        here, there = deploy.environment.name, source.environment.name
        count = "a setting" if len(lines) == 1 else f"{len(lines)} settings"
        raise ReleaseError(
            f"{count} of {there} went into release {release.id}, and {here} has another:\n"
            + "\n".join(f"    {line}" for line in lines),
            where=f"the seal of {there} against the project on the hosts of {here}",
            mend=f"set it alike in both, or build for {here}: fab {here} prepare",
        )
