"""Acts. Each file is a phase, and is given a Deployment; run/ holds what phases share."""

from __future__ import annotations

from collections.abc import Callable

from fab_static.phases.activate import activate
from fab_static.phases.build_requirejs import build_requirejs
from fab_static.phases.collectstatic import collectstatic
from fab_static.phases.compilejsi18n import compilejsi18n
from fab_static.phases.compress import compress
from fab_static.phases.distribute import distribute
from fab_static.phases.fix_less_imports import fix_less_imports
from fab_static.phases.invalidate import invalidate
from fab_static.phases.probe import probe
from fab_static.phases.prune import prune
from fab_static.phases.resource_static import resource_static
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.seal import seal
from fab_static.phases.verify import verify

Phase = Callable[[Deployment], None]

BUILD: dict[str, Phase] = {
    "collectstatic": collectstatic,
    "fix_less_imports": fix_less_imports,
    "compilejsi18n": compilejsi18n,
    "resource_static": resource_static,
    "build_requirejs": build_requirejs,
    "compress": compress,
}
PREPARE: dict[str, Phase] = {"seal": seal, "distribute": distribute, "verify": verify}
# until `activate`, a visitor can see none of it
GO_LIVE: dict[str, Phase] = {
    "activate": activate,
    "invalidate": invalidate,
    "probe": probe,
    "prune": prune,
}
PHASES: dict[str, Phase] = {**BUILD, **PREPARE, **GO_LIVE}
ROLLBACK = (
    "verify",
    "activate",
    "invalidate",
    "probe",
)  # the files are still there: only names move
