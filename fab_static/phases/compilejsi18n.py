"""Phase compilejsi18n."""

from __future__ import annotations

from fab_static.phases.run.building import build_phase
from fab_static.phases.run.deployment import Deployment


def compilejsi18n(deploy: Deployment) -> None:
    """Write the JavaScript catalogues.

    Needs: the files of collectstatic, and compiled message files.
    Leaves: jsi18n/<language>/djangojs.js.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """
    build_phase(deploy, "compilejsi18n")
