"""What is printed because it was asked for, and what is asked before anything goes live."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fab_static.errors import FabStaticError
from fab_static.report.secrets import Secrets
from fab_static.report.stream import Stream
from fab_static.tasks.ending import task_session, terminal_for

if TYPE_CHECKING:
    from fab_static import api
    from fab_static.plan.printed import Difference
    from fab_static.report.terminal import Terminal


_Found = TypeVar("_Found")


def print_json(data: Any, session: api.Session) -> None:
    """Print data as JSON, with secrets blanked out."""
    print_text(json.dumps(Secrets(session.hidden).clean_all(data), indent=2) + "\n")


def print_text(text: str) -> None:
    """Print what was asked for on standard output.

    Raises:
        FabStaticError: it cannot be written; one who reads no further has what he wants.
    """
    lost = [] if sys.stdout else ["it is closed"]
    stream = Stream(sys.stdout, lost.append)
    stream.write(text)
    stream.flush()
    if lost and lost != [os.strerror(errno.EPIPE)]:
        raise FabStaticError(
            f"standard output cannot be written: {lost[0]}",
            where="standard output",
            mend="free some space there, or write it elsewhere",
        )


def tell(
    find: Callable[[api.Session], _Found],
    show: Callable[[Terminal, _Found], None],
    *,
    as_json: bool,
) -> _Found:
    """Return what is found, having told it: JSON alone on standard output, or words."""
    with task_session(as_json=as_json) as session:
        found = find(session)
        if as_json:
            print_json(found, session)
        else:
            show(terminal_for(session.hidden), found)
    return found


def confirmation(session: api.Session, *, yes: bool) -> api.Confirm | None:
    """Return what asks the operator before anything goes live; None if the operator need not be asked."""
    if yes or not session.environment.confirm:
        return None

    def ask(difference: Difference) -> bool:
        from fab_static.report.found import show_difference

        terminal = terminal_for(session.hidden)
        show_difference(terminal, difference)
        terminal.text()
        try:
            print_text(f"make {difference['new']} live on {session.environment.name}? [y/N] ")
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except (FabStaticError, OSError, ValueError, AttributeError):
            return False  # nobody can be asked: standard input or output is closed

    return ask
