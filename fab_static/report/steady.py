"""A show that never fails: how a run is shown does not decide how it ends (DESIGN, G9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from fab_static.show import Show
from fab_static.timeline import Timeline


class Steady:
    """Shows through another; an exception of that one is lost, and the work goes on.

    A flip that is half done must not end because a line about it could not be printed.
    """

    def __init__(self, show: Show) -> None:
        self._show = show

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show that a phase runs, and how it ended."""
        shown: AbstractContextManager[None] | None = None
        try:
            shown = self._show.phase(name)
            shown.__enter__()
        except Exception:
            shown = None
        try:
            yield
        except BaseException as error:
            _leave(shown, error)
            raise
        _leave(shown, None)

    def say(self, text: str) -> None:
        """Tell a fact."""
        _anyway(lambda: self._show.say(text))

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""
        _anyway(lambda: self._show.warn(text))

    def output(self, host: str, data: bytes) -> None:
        """Show what a command prints."""
        _anyway(lambda: self._show.output(host, data))

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show how far each host is."""
        _anyway(lambda: self._show.follow(timeline, hosts))

    def log_to(self, path: Path) -> None:
        """Write all of it to this file too.

        Raises:
            OSError: the file cannot be written; whoever asks for a log is told that there is none.
        """
        self._show.log_to(path)


def _leave(shown: AbstractContextManager[None] | None, error: BaseException | None) -> None:
    if shown is not None:
        kind, trace = (type(error), error.__traceback__) if error else (None, None)
        _anyway(lambda: shown.__exit__(kind, error, trace))


def _anyway(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        return  # whatever a show raises: there is nobody left to tell
