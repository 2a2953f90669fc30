"""The table that stands in a terminal while a task runs: hosts, and how far each is with each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fab_static.report.amounts import size
from fab_static.report.paper import Part
from fab_static.report.standing import columns_of, since, spans_of, state_of
from fab_static.report.stream import Stream
from fab_static.timeline import DONE, FAILED, RUNNING, Span, Timeline

Note = tuple[str, str]  # a text, and its style
BAR = 12  # characters
NOTES = 5  # lines of what the phase said last
ROOMY = 100  # columns; narrower terminals get the share as a number alone


@contextmanager
def standing(
    stream: Stream, timeline: Timeline, hosts: Sequence[str], notes: Sequence[Note] = ()
) -> Iterator[Callable[[Sequence[Part]], None]]:
    """Let the table stand below what is written, and take it away in the end; give what writes a line above it."""
    console = Console(
        file=cast("IO[str]", stream), highlight=False, soft_wrap=True, markup=False, emoji=False
    )

    def now() -> RenderableType:
        return table(timeline, hosts, notes, height=console.height, width=console.width)

    table_below = Live(
        now(),  # without it, rich draws nothing for an eighth of a second: the table would blink at each phase
        console=console,
        get_renderable=now,
        refresh_per_second=8,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    try:
        with table_below:
            yield lambda parts: console.print(Text.assemble(*parts))
    except KeyboardInterrupt:
        table_below.stop()  # rich does not, where it came while the table was drawn first
        console.show_cursor()  # at Ctrl-C, a terminal drops what it has not read yet
        raise


def table(
    timeline: Timeline,
    hosts: Sequence[str],
    notes: Sequence[Note] = (),
    *,
    height: int = 24,
    width: int = ROOMY,
) -> RenderableType:
    """Return what to show now: a line for the phase that runs, what it said last, and a row for each host.

    Where there are more hosts than lines, those at work and those that failed come first, and the rest
    is counted. Where columns are few, hosts' names are cut, and no number is.
    """
    columns = columns_of(timeline.planned)
    spans = [span for span in timeline.spans if span.phase in timeline.planned]
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    rows.add_column("host", min_width=6)  # it may wrap, by which rich takes room from it alone
    for name, _ in columns:
        rows.add_column(name, no_wrap=True, min_width=8)
    said = [
        Text(line, style=style, no_wrap=True, overflow="ellipsis")
        for text, style in tuple(notes)
        for line in text.split("\n")
    ][-NOTES:]
    room = max(1, height - 4 - len(said))
    shown = list(hosts)
    if len(shown) > room:
        order = {RUNNING: 0, FAILED: 1, DONE: 2, "": 3}
        shown.sort(key=lambda host: order[state_of(spans_of(spans, host))])
        shown = shown[: room - 1]
    for host in shown:
        cells = [
            _cell(spans_of(spans, host, phases), timeline.now, has_bar=width >= ROOMY)
            for _, phases in columns
        ]
        rows.add_row(Text(host, no_wrap=True, overflow="ellipsis"), *cells)
    parts: list[RenderableType] = [Text(_headline(timeline), style="bold"), *said, rows]
    if len(shown) < len(hosts):
        parts.append(Text(_counted(spans, set(hosts) - set(shown)), style="dim"))
    return Group(*parts)


def _headline(timeline: Timeline) -> str:
    phase = timeline.running
    return f"{phase.phase.replace('_', '-')} {since(timeline)}" if phase else ""


def _cell(spans: Sequence[Span], now: float, *, has_bar: bool) -> RenderableType:
    state = state_of(spans)
    if not state:
        return Text("·", style="dim")
    sending = next((span for span in spans if span.outcome == RUNNING and span.to_send), None)
    if sending is not None:
        share = min(1.0, sending.sent / sending.to_send)
        words = Text(f"{share:4.0%} of {size(sending.to_send)}", style="" if has_bar else "cyan")
        if not has_bar:
            return words
        cell = Table.grid(padding=(0, 1))
        cell.add_row(ProgressBar(1.0, share, width=BAR), words)
        return cell
    sign, style = {RUNNING: ("▸", "cyan"), DONE: ("✓", ""), FAILED: ("✗", "bold red")}[state]
    return Text(f"{sign} {sum(span.seconds(now) for span in spans):.1f} s", style=style)


def _counted(spans: Sequence[Span], hosts: Iterable[str]) -> str:
    names = {RUNNING: "at work", FAILED: "failed", DONE: "done so far", "": "not begun"}
    states = [names[state_of(spans_of(spans, host))] for host in hosts]
    return "and " + ", ".join(
        f"{states.count(name)} {name}" for name in names.values() if name in states
    )
