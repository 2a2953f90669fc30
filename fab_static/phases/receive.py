"""Receives: takes the release that an archive holds, instead of building one."""

from __future__ import annotations

import time

from fab_static.errors import InventoryError
from fab_static.phases.run.archive import Archive
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import Holder
from fab_static.phases.run.taking import take


def refuse_other(archive: Archive, app: str, release: str | None) -> None:
    """Refuse the archive of another app, or of another release than the one asked for.

    Raises:
        InventoryError: it is of another; nothing was contacted.
    """
    if archive.marker.app != app:
        raise InventoryError(
            f"the archive is of the app {archive.marker.app}, and this environment deploys {app}",
            where=archive.name,
            mend="name an archive of the same app",
        )
    if release not in (None, archive.marker.release):
        raise InventoryError(
            f"the archive holds release {archive.marker.release}, not {release}",
            where=archive.name,
            mend="name the archive of that release, or leave --release out",
        )


def receive(deploy: Deployment, archive: Archive) -> None:
    """Make the release that an archive holds the one at hand here.

    Needs: an archive of this app, checked to its last byte.
    Leaves: releases/<id>, the same id, on every host; the journal has it as the release sealed last.
    If it fails: nothing that is live has changed. Every setting that is baked into the release and is
    another one here is named.
    """
    started = time.monotonic()
    holders: list[Holder] = [archive, *deploy.holders]
    take(
        deploy,
        archive.release,
        sealed_in=archive.marker.environment,
        seal=archive.seal,
        beside=archive.beside,
        holders=holders,
        versions_file=archive.marker.versions_file,
        at=started,
    )
