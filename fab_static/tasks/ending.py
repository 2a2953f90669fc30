"""How a task begins, and how each of its ends becomes words and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from invoke.exceptions import Exit

from fab_static import interruption
from fab_static.errors import (
    BAD_INPUT,
    DISAGREE,
    DONE,
    FAILED,
    LIVE_BUT,
    LOCKED,
    FabStaticError,
    InventoryError,
)
from fab_static.tasks.chosen import chosen_session, spell

if TYPE_CHECKING:
    from fab_static import api
    from fab_static.phases.run.deployment import Deployment
    from fab_static.plan.ending import Ending
    from fab_static.report.terminal import Terminal


EXIT_CODES = {
    DONE: "done",
    FAILED: "failed; what was live before is live on every host",
    BAD_INPUT: "bad input (inventory, option, release name); nothing was contacted",
    LOCKED: "somebody else holds the lock: who, since when, at which phase",
    LIVE_BUT: "live, but something after the flip failed: says what to run again",
    DISAGREE: "hosts were left with different releases: names them, and the command that mends it",
}


@contextmanager
def task_session(
    *, as_json: bool = False, verbose: bool = False, quiet: bool = False
) -> Iterator[api.Session]:
    """Give a task its session, and turn how it ends into an exit code."""
    words = sys.stderr if as_json else sys.stdout
    session: api.Session | None = None
    errors = terminal_for({}, stream=sys.stderr, errors=None)
    interruption.heed()
    try:
        show = terminal_for({}, stream=words, verbose=verbose, quiet=quiet)
        session = chosen_session(show)
        errors = show.on_stream(sys.stderr)
        yield session
    except InventoryError as error:
        refuse(errors, error)
    except FabStaticError as error:
        errors.error(error)
        _end(errors, session, error)
    except _LiveButError as ended:
        _show_live_but(errors, ended.deploy)
        _end(errors, session, None)
    except KeyboardInterrupt as error:
        errors.text(
            "interrupted after the release went live"
            if _exit_code(session, error) == LIVE_BUT
            else "interrupted; what was live before is live"
        )
        _end(errors, session, error)
    except Exit:
        raise
    except Exception as error:  # a bug: it keeps its traceback, and tells what is live anyway
        errors.text(traceback.format_exc().rstrip())
        _end(errors, session, error)


def terminal_for(secrets: Mapping[str, str], **options: Any) -> Terminal:
    """Return one that speaks on standard output, where nothing else is said."""
    from fab_static.report.terminal import Terminal

    return Terminal(
        secrets, **{"stream": sys.stdout, "errors": sys.stderr, "spell": spell(), **options}
    )


def refuse(terminal: Terminal, error: InventoryError) -> NoReturn:
    """Say what is wrong with the input, and end: nothing was contacted."""
    terminal.error(error)
    _end(terminal, None, error)


def _end(terminal: Terminal, session: api.Session | None, error: BaseException | None) -> NoReturn:
    """Say what is live; end with the code that hooks and the summary were told, too."""
    terminal.ending(_ending(session))
    raise Exit(code=_exit_code(session, error)) from error


def _exit_code(session: api.Session | None, error: BaseException | None) -> int:
    from fab_static.telling.run import exit_code

    return session.exit_code(error) if session else exit_code(error, None)


def _ending(session: api.Session | None) -> Ending | None:
    """Return how the last run ended, or nothing if even that cannot be told."""
    try:
        return session.ending() if session else None
    except Exception:
        return None  # it must not hide how the run itself ended


class _LiveButError(Exception):
    """The release is live, and something after the flip failed."""

    def __init__(self, deploy: Deployment) -> None:
        self.deploy = deploy


def tell_live(session: api.Session, deploy: Deployment) -> None:
    """Say what is live now; end with exit 4 when something failed after the flip."""
    if deploy.after_flip:
        raise _LiveButError(deploy)
    if deploy.release is None:
        return
    from fab_static.report.standing import in_all  # not above: only a run has a timeline

    name = session.environment.name
    if deploy.is_flipped:
        _show_hosts(session, deploy, deploy.release.id)
        session.show.say(
            f"{deploy.release.id} is live on {name} after {in_all(deploy.timeline)}; "
            f"what changed: fab {name} report --open"
        )
        if deploy.rolled_back:
            session.show.say(f"to go forward again: fab {name} rollback --to {deploy.rolled_back}")
    elif deploy.release.id == deploy.was_live:
        session.show.say(f"{deploy.release.id} is live on {name}, as before")


def _show_hosts(session: api.Session, deploy: Deployment, release: str) -> None:
    """Show the last table: host by host, what is live and what it took."""
    from fab_static.looking.outcome import outcomes
    from fab_static.report.outcome import show_outcomes
    from fab_static.report.terminal import Terminal

    if isinstance(session.show, Terminal):
        show_outcomes(session.show, outcomes(deploy), release)


def _show_live_but(terminal: Terminal, deploy: Deployment) -> None:
    """Say what failed after the flip, and what to run again."""
    for error in deploy.after_flip:
        terminal.error(error)
    live = deploy.release.id if deploy.release else "the release"
    terminal.text(f"{live} is LIVE, but what stands above failed after it went live")
