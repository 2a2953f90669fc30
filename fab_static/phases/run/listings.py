"""What each build phase left in the static root: {"files": {path: [sha256, size, version]}, "extra": …}."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire import asks, verbs

Listing = Mapping[str, Any]


def read(deploy: Deployment, sha256: str) -> Listing:
    """Return the listing that the build host keeps as this object."""
    _, data = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=sha256))
    listing: dict[str, Any] = json.loads(data)
    return listing


def listing_of(deploy: Deployment, phase: str) -> Listing:
    """Return what a phase left."""
    return read(deploy, deploy.journal.phases[phase]["listing"])


def after_each(deploy: Deployment) -> Iterator[tuple[str, Listing]]:
    """Yield each build phase with what it left, in the order that they ran; one that left nothing is passed over."""
    for phase in deploy.phases:
        entry = deploy.journal.phases.get(phase)
        if entry is not None and entry["listing"]:
            yield phase, read(deploy, entry["listing"])
