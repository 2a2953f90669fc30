"""Phase collectstatic."""

from __future__ import annotations

from fab_static.errors import BuildError
from fab_static.phases.run.building import build_phase
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.static_root import (
    compare_with_finders,
    of_collectstatic,
    refuse_faulty_sources,
)
from fab_static.plan.wire import questions


def collectstatic(deploy: Deployment) -> None:
    """Collect files into an empty static root.

    Needs: the project's finders and storages.
    Leaves: every file as its app ships it, nothing of an earlier build, nothing left out.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """
    try:
        build_phase(
            deploy,
            "collectstatic",
            compare=lambda: compare_with_finders(deploy),
            will_ask=lambda: [
                deploy.project(deploy.build).to_ask(questions.COLLECTED, of_collectstatic(deploy))
            ],
        )
    except BuildError as error:
        if deploy.static_root:  # else it did not come to run
            refuse_faulty_sources(deploy, error)
        raise
