"""Phase build_requirejs."""

from __future__ import annotations

from fab_static.phases.run.building import build_phase
from fab_static.phases.run.deployment import Deployment


def build_requirejs(deploy: Deployment) -> None:
    """Bundle RequireJS modules, merge their versions.

    Needs: modules, and resource_versions.yml.
    Leaves: bundles, their config and source maps; resource_versions.yml with their versions, no name lost.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """
    build_phase(deploy, "build_requirejs")
