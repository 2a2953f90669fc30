"""Phase resource_static."""

from __future__ import annotations

from fab_static.phases.run.building import build_phase
from fab_static.phases.run.deployment import Deployment


def resource_static(deploy: Deployment) -> None:
    """Record the version of every file.

    That is the first 7 hex digits of the SHA-1 of the bytes that are served.

    Needs: the files as they will be served.
    Leaves: resource_versions.yml.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """
    build_phase(deploy, "resource_static")
