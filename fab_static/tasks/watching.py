"""Lets browsers on this machine watch a run: `--web`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fab_static.plan.wording import first_line

if TYPE_CHECKING:
    from fab_static import api


@contextmanager
def watched(session: api.Session, task: str, *, web: bool, quiet: bool = False) -> Iterator[None]:
    """Serve a page of what runs in the block, where that is wanted; say where it is.

    Whatever becomes of the page, the run goes on (DESIGN, G9).
    """
    if not web:
        yield
        return
    # not above: only who asks for a page needs a server
    from fab_static.report.secrets import Secrets
    from fab_static.report.serving import Server
    from fab_static.report.watching import Watched, Watching

    terminal, secrets = session.show, Secrets(session.hidden)
    environment = session.environment
    watching = Watching(f"{environment.app} · {environment.name} · {task}")
    try:
        server = Server(watching)
    except OSError as error:
        terminal.warn(f"--web: no page can be served here: {error.strerror or error}")
        yield
        return
    (terminal.warn if quiet else terminal.say)(f"watch it on this machine: {server.address}")
    session.show = Watched(terminal, watching, lambda text: session.spell(secrets.clean(text)))
    session.on_report = watching.report
    try:
        yield
    except BaseException as error:
        watching.end(session.spell(secrets.clean(f"failed: {_words(error)}")))
        raise
    finally:
        session.show, session.on_report = terminal, None
        watching.end("the command has ended")
        server.close()


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return first_line(str(error)) or type(error).__name__
