"""What the command line has chosen: the environment, and the session that chained tasks share."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fab_static import interruption
from fab_static.errors import InventoryError
from fab_static.plan.spelling import spelled
from fab_static.sessions.environments import environments, file_of, read_environment
from fab_static.tasks import first_line, names
from fab_static.tasks.fabric_settings import with_given, with_passphrase

if TYPE_CHECKING:
    from fab_static import api
    from fab_static.report.terminal import Terminal


CHOSEN: dict[str, Any] = {}  # environment, inventories, and the session that chained tasks share
ENVIRONMENTS: list[str] = []  # by the names of their files
TASK_WORDS: list[str] = []  # the names of our tasks


def spell() -> Callable[[str], str]:
    """Return what writes commands as they are called in this fabfile."""
    known = environment_words()
    prefix = names.prefix_of(sys.argv[1:], [*known, *TASK_WORDS])
    return names.below(prefix, known or ["staging"], TASK_WORDS)


def environment_words() -> list[str]:
    """Return the names of environments, as their files have them and as their tasks do."""
    return [*ENVIRONMENTS, *map(spelled, ENVIRONMENTS)]


def usable_words() -> list[str]:
    """Return the words by which environments are chosen: each once, and none that is a task."""
    words = dict.fromkeys(map(spelled, ENVIRONMENTS))
    return [word for word in words if word not in TASK_WORDS]


def chosen_session(show: Terminal) -> api.Session:
    """Return the session with the chosen environment; chained tasks share its connections."""
    began = time.time()  # before what follows is loaded
    if "environment" not in CHOSEN:
        raise _no_environment(CHOSEN.get("inventories", Path("inventories")))
    name = CHOSEN["environment"]
    session: api.Session | None = CHOSEN.get("session")
    if session is None or session.environment.name != name:
        environment = read_environment(name, CHOSEN["inventories"])
        first_line.say(environment)
        from fab_static import api  # not above: it takes longer than all that the line needs

        environment = with_passphrase(with_given(environment, CHOSEN.get("given")))
        session = api.Session(environment, inventories=CHOSEN["inventories"], show=show)
        session.spell = spell()
        CHOSEN["session"] = session
        atexit.register(session.close)
        atexit.register(interruption.ignore)  # is called first
    show.keep_secret(session.hidden)
    session.show, session.began = show, began
    session.forget_last()
    return session


def _no_environment(inventories: Path) -> InventoryError:
    known = environments(inventories)
    usable = [name for name in known if spelled(name) not in TASK_WORDS]
    problem = "no environment was named; there are: " + (", ".join(usable) or "none yet")
    mend = "put one before the task: fab <environment> deploy"
    for name in known:
        if name not in usable:
            problem += f'; "{name}" is a task, and cannot be an environment'
            mend += f"; rename {inventories / file_of(name, inventories)}"
    return InventoryError(problem, where="the command line", mend=mend)
