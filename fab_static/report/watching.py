"""What a browser shows of a run while it runs: how far each host is, the timeline, the last lines, then the report.

The page only looks. `Watched` stands between a run and its terminal, and notes what the run tells. Nothing here
waits for a viewer, so nobody who watches can hold a deploy up (DESIGN, G9).
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fab_static.report import pieces, spans
from fab_static.report.amounts import size
from fab_static.report.pieces import asset
from fab_static.report.standing import columns_of, since, spans_of, state_of
from fab_static.show import Show
from fab_static.timeline import RUNNING, Span, Timeline

LINES = 200  # of what the run told, that a page which opens late gets
SCRIPTS = ("chart.umd.js", "report.js", "watch.js")


@dataclass
class Seen:
    """What a viewer has by now."""

    spans: int = 0  # those before this one have ended, and the viewer has them
    lines: int = 0


class Watching:
    """What viewers are told of one run."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._news = threading.Condition()
        self._timeline = Timeline()
        self._hosts: Sequence[str] = ()
        self._lines: deque[str] = deque(maxlen=LINES)
        self._count = 0
        self._report: str | None = None
        self._ended: str | None = None

    # ---- what the run tells

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show this timeline from now on."""
        self._timeline, self._hosts = timeline, hosts

    def line(self, text: str) -> None:
        """Note a line of what the run tells; its secrets are blanked out already."""
        with self._news:
            self._lines.append(text)
            self._count += 1

    def report(self, page: str, path: str | None = None) -> None:
        """Have the page turn into the report; its first words say that the run has ended, and where the report is.

        The server ends with the command: nobody can load this page again.
        """
        where = f"The report is kept: {pieces.path(path)}" if path else "The report is not kept."
        words = f"The run has ended, and this address with it. {where}"
        line = f'<p class="box note" role="status">{words}</p>'
        with self._news:
            self._report = page.replace("<header>", f"<header>\n{line}", 1)
            self._news.notify_all()

    def end(self, words: str) -> None:
        """Say that the command has ended, where no report was made."""
        with self._news:
            self._ended = words
            self._news.notify_all()

    # ---- what a viewer gets

    def page(self) -> str:
        """Return the page that a viewer opens."""
        scripts = {name.partition(".")[0]: asset(name) for name in SCRIPTS}
        return pieces.page("watch.html", self._title, **scripts)

    def wait(self, seconds: float) -> None:
        """Wait for the end of the run, for as long at most."""
        with self._news:
            if not self._report and not self._ended:
                self._news.wait(seconds)

    def news(self, seen: Seen) -> tuple[str, str, bool]:
        """Return an event's name, its data as JSON, and whether it is the last one."""
        if self._report is not None:
            return "report", json.dumps({"page": self._report}), True
        if self._ended is not None:
            return "end", json.dumps({"words": self._ended}), True
        return "news", json.dumps(self._state(seen)), False

    def _state(self, seen: Seen) -> dict[str, object]:
        timeline, hosts = self._timeline, self._hosts
        noted, now = timeline.spans, timeline.now
        first, seen.spans = seen.spans, _ended_before(noted, seen.spans)
        with self._news:
            lines = (
                list(self._lines)[-(self._count - seen.lines) :] if self._count > seen.lines else []
            )
            seen.lines = self._count
        columns = columns_of(timeline.planned)
        running = timeline.running
        return {
            "phase": running.phase.replace("_", "-") if running else "",
            "clock": since(timeline),
            "columns": [name for name, _ in columns],
            "hosts": list(hosts),
            "cells": [[_cell(noted, host, phases, now) for _, phases in columns] for host in hosts],
            "from": first,
            "spans": [spans.bar(one, timeline.began) for one in timeline.to_json()[first:]],
            "seconds": round(now - timeline.began, 1),
            "lines": lines,
        }


def _ended_before(noted: Sequence[Span], first: int) -> int:
    """Return the number of the first span that has not ended: those before it change no more."""
    return next((at for at in range(first, len(noted)) if noted[at].ended is None), len(noted))


def _cell(noted: Iterable[Span], host: str, phases: Sequence[str], now: float) -> dict[str, object]:
    """Return how far a host is: its state, and words for it."""
    own = spans_of(noted, host, phases)
    state = state_of(own)
    sending = next((one for one in own if one.outcome == RUNNING and one.to_send), None)
    if sending:
        share = min(1.0, sending.sent / sending.to_send)
        return {
            "state": state,
            "share": round(share, 3),
            "words": f"{share:.0%} of {size(sending.to_send)}",
        }
    words = f"{sum(span.seconds(now) for span in own):.1f} s" if state else "·"
    return {"state": state, "words": words}


def policy() -> str:
    """Return the Content-Security-Policy of the page and of the report: their own scripts and styles, nothing else."""
    scripts = " ".join(map(_hash, SCRIPTS))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash('report.css')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(name: str) -> str:
    """Return the hash of an asset as the templates embed it, a newline before and after it."""
    digest = hashlib.sha256(f"\n{asset(name)}\n".encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


class Watched:
    """Shows through another, and tells a page of it.

    Args:
        show: the other one.
        watching: what is told.
        clean: blanks secrets out.
    """

    def __init__(self, show: Show, watching: Watching, clean: Callable[[str], str]) -> None:
        self._show = show
        self._watching = watching
        self._clean = clean

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show that a phase runs, and how it ended."""
        self._note(name)
        try:
            with self._show.phase(name):
                yield
        except BaseException:
            self._note(f"{name} failed")
            raise
        self._note(f"{name} done")

    def say(self, text: str) -> None:
        """Tell a fact."""
        self._show.say(text)
        self._note("  " + text)

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""
        self._show.warn(text)
        self._note("  " + text)

    def output(self, host: str, data: bytes) -> None:
        """Show what a command prints: in the terminal alone."""
        self._show.output(host, data)

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show how far each host is."""
        self._show.follow(timeline, hosts)
        self._anyway(lambda: self._watching.follow(timeline, hosts))

    def log_to(self, path: Path) -> None:
        """Write all of it to this file too."""
        self._show.log_to(path)

    def _note(self, text: str) -> None:
        self._anyway(lambda: self._watching.line(self._clean(text)))

    def _anyway(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            return  # whatever becomes of the page, the run goes on
