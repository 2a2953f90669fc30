"""Acts. One file a phase; each is given a Deployment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from fab_static.plan.build_order import BUILD_PHASES

if TYPE_CHECKING:
    from fab_static.phases.run.deployment import Deployment

Phase = Callable[["Deployment"], None]

BUILD = BUILD_PHASES
PREPARE = ("seal", "distribute", "verify")
AFTER_FLIP = ("invalidate", "probe", "prune")  # what fails here leaves the release live
GO_LIVE = ("activate", *AFTER_FLIP)  # visitors see no change before `activate`
TAKING = ("promote", "receive")  # in place of building
EVERYTHING = (*BUILD, *PREPARE, *GO_LIVE)
# the files are still there: only names move
ROLLBACK = ("verify", "activate", "invalidate", "probe")


class _Phases(dict[str, Phase]):
    """The phases by their names, each loaded when it is first asked for.

    `fab --list` and `fab <environment> status` run none, and start in a fraction of the time.
    """

    def __missing__(self, name: str) -> Phase:
        if name in (*EVERYTHING, *TAKING):
            phase: Phase = getattr(import_module(f"{__name__}.{name}"), name)
        else:  # one of the project's own
            phase = partial(import_module(f"{__name__}.own_phase").own_phase, name=name)
        self[name] = phase
        return phase


PHASES = _Phases()


def documentation(name: str) -> str:
    """Return a phase's docstring as it was compiled; its module is not run for that."""
    module = f"{__name__}.{name}"
    spec = find_spec(module)
    code = spec.loader.get_code(module) if spec and spec.loader else None  # type: ignore[attr-defined]
    for one in code.co_consts if code else ():
        if isinstance(one, CodeType) and one.co_name == name:
            return cleandoc(FunctionType(one, {}).__doc__ or "")
    return ""
