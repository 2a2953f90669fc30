"""What `prepare --from` does: the release of another environment, or of an archive, in place of a build."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fab_static.errors import InventoryError
from fab_static.phases import Phase
from fab_static.phases.promote import promote
from fab_static.phases.receive import receive, refuse_other
from fab_static.phases.run import archive_places
from fab_static.phases.run.archive import Archive
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.inventory import Environment
from fab_static.plan.release import Release
from fab_static.sessions.running import Run, check


def again(source: str, release: str | None) -> str:
    """Return the words that take a release from there once more: without them `prepare` would build one."""
    words = ["prepare", "--from", source, *(["--release", release] if release else [])]
    return shlex.join(words)


def refuse_source(here: Environment, there: Environment) -> None:
    """Refuse to take a release from the environment itself, or from one of another app.

    Raises:
        InventoryError: saying which.
    """
    if there.name == here.name:
        raise InventoryError(
            f"{here.name} cannot be promoted from itself",
            where="prepare --from",
            mend=f"name another environment, or build: fab {here.name} prepare",
        )
    if there.app != here.app:
        raise InventoryError(
            f"{there.name} deploys the app {there.app}, and {here.name} the app {here.app}",
            where="prepare --from",
            mend="name an environment of the same app",
        )


@contextmanager
def opened(place: str, environment: Environment, release: str | None) -> Iterator[Archive]:
    """Open an archive of this environment's app; it is read to its end before anything is contacted."""
    with archive_places.opened(place, environment) as archive:
        refuse_other(archive, environment.app, release)
        yield archive


def promoted(deploy: Deployment, source: Deployment, release: str | None) -> Release:
    """Have the release of another environment on every host, verified."""
    return _taken(deploy, "promote", partial(promote, source=source, wanted=release))


def received(deploy: Deployment, archive: Archive) -> Release:
    """Have the release of an archive on every host, verified."""
    return _taken(deploy, "receive", partial(receive, archive=archive))


def _taken(deploy: Deployment, name: str, take: Phase) -> Release:
    names = (name, "distribute", "verify")
    check(deploy, names)
    run = Run(deploy)
    run.one(name, take)
    run.all(names[1:])
    return deploy.current_release()
