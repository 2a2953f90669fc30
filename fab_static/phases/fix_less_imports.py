"""Phase fix_less_imports."""

from __future__ import annotations

from fab_static.phases.run.building import build_phase
from fab_static.phases.run.deployment import Deployment


def fix_less_imports(deploy: Deployment) -> None:
    """Make LESS imports true in the static root.

    Needs: the files of collectstatic.
    Leaves: the same files, with `@import` paths that resolve where they now are.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """
    build_phase(deploy, "fix_less_imports")
