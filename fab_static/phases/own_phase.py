"""A phase of the project's own: a bundler, say."""

from __future__ import annotations

from fab_static.phases.run import writes
from fab_static.phases.run.building import build_phase
from fab_static.phases.run.deployment import Deployment


def own_phase(deploy: Deployment, name: str) -> None:
    """Run a line of the project's own, or put back what it made of the same.

    Needs: what its line reads; in the static root what the phase before it left.
    Leaves: the files and folders that its `writes` name.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """
    own = deploy.environment.build.own[name]
    writes.refuse_unfit(deploy, own)
    build_phase(deploy, name)
