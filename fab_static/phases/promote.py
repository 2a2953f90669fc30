"""Promotes: takes the release that another environment sealed, instead of building one."""

from __future__ import annotations

import time

from fab_static.errors import ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.naming import release_named
from fab_static.phases.run.taking import take
from fab_static.plan.history import bad


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
    where = "prepare --release"
    name = release_named(source, wanted, where=where) if wanted else _live(source)
    release = source.seals.read(name)
    if name in bad(source.record):
        deploy.show.warn(f"{name} was rolled back on {source.environment.name}")
    take(
        deploy,
        release,
        sealed_in=source.environment.name,
        seal=source.seals.text(release),
        beside=source.seals.beside.get(release.id, {}),
        holders=source.holders,
        versions_file=_versions_file(source),
        at=started,
    )


def _versions_file(source: Deployment) -> str | None:
    sealed = source.journal.phases.get("seal")
    return sealed.get("versions_file") if sealed else None


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
