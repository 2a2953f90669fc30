"""What each build phase left in the static root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import Listing

HELD = 3  # listings in memory: one of 20,000 files takes 8 MB


class DamagedError(ReleaseError):
    """The build host cannot read what a phase left: that phase must run again."""


def read(deploy: Deployment, sha256: str) -> Listing:
    """Return the listing that the build host keeps as this object.

    One that was read a moment ago is not asked for again: its name stands for its bytes.

    Raises:
        DamagedError: it is damaged, or gone.
    """
    held = deploy.journal.listings
    found = held.pop(sha256, None)
    if found is None and sha256 in deploy.carrying.listings:
        return deploy.carrying.listings[sha256][0]
    if found is None:
        with needed(deploy, sha256):
            _, data = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=sha256))
            found = deploy.build.said(f"listing {sha256}", data, Listing)
    held[sha256] = found  # the last one: the first goes when there are too many
    if len(held) > HELD:
        del held[next(iter(held))]
    return found


def learn(deploy: Deployment, name: str | None, base: str | None, told: bytes) -> None:
    """Take a listing that the host has just made, by its difference to the one that it was made of."""
    if name and base and told:
        deploy.build.learn_object(name, base, told)


@contextmanager
def needed(deploy: Deployment, *listings: str | None) -> Iterator[None]:
    """Have the phases that left these listings run again in the next build, where the host cannot read one.

    Raises:
        DamagedError: in place of the error that names a listing.
    """
    try:
        yield
    except FabStaticError as error:
        lost = {name for name in listings if name and name in f"{error.what} {error.where}"}
        if not lost:
            raise
        deploy.journal.forget(lost, saves=deploy.lock is not None)
        raise DamagedError(
            error.what,
            where=error.where,
            mend=f"build again: fab {deploy.environment.name} deploy",
        ) from error


def listing_of(deploy: Deployment, phase: str) -> Listing:
    """Return what a phase left."""
    listing = deploy.journal.phases[phase]["listing"]
    assert listing  # noqa: S101 - the journal has one of each phase that writes the static root
    return read(deploy, listing)


def after_each(deploy: Deployment) -> Iterator[tuple[str, Listing]]:
    """Yield each build phase with what it left, in the order that they ran; one that left nothing is passed over."""
    for phase in deploy.phases:
        entry = deploy.journal.phases.get(phase)
        if entry is not None and (listing := entry["listing"]):
            yield phase, read(deploy, listing)
