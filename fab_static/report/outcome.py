"""The last table of a run, host by host; of a large fleet a line, and the hosts that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fab_static.plan.ending import NOTHING
from fab_static.plan.wording import counted, sized
from fab_static.report.terminal import Terminal

if TYPE_CHECKING:
    from fab_static.plan.printed import Outcome

MOST_ROWS = 12  # of more hosts, those that differ are shown


def show_outcomes(terminal: Terminal, found: Sequence[Outcome], release: str) -> None:
    """Print what is live on each host, how long it was at work, and what was sent to it."""
    if terminal.is_quiet:
        return
    rows = list(found)
    if len(rows) > MOST_ROWS:
        same = [one for one in rows if _is_live(one, release)]
        rows = [one for one in rows if not _is_live(one, release)]
        if same:
            terminal.text(_of_all(same, release))
    if rows:
        terminal.table(
            ("host", "roles", "live", "seconds", "sent", "state"),
            [
                (
                    one["host"],
                    " ".join(one["roles"]) or "-",
                    "-" if one["is_left_out"] else one["live"] or NOTHING,
                    f"{one['seconds']:.1f}" if one["seconds"] else "-",
                    sized(one["sent"]) if one["sent"] else "-",
                    _state(one, release),
                )
                for one in rows
            ],
        )


def _is_live(one: Outcome, release: str) -> bool:
    return not one["is_left_out"] and one["live"] == release


def _state(one: Outcome, release: str) -> str:
    """Return a sign and a word: no state is told by a colour."""
    if one["is_left_out"]:
        return "! left out"
    return "✓ live" if _is_live(one, release) else "✗ differs"


def _of_all(rows: Sequence[Outcome], release: str) -> str:
    """Return in a line what is the same on many hosts."""
    slowest = max(rows, key=lambda one: one["seconds"])
    sent = sum(one["sent"] for one in rows)
    text = f"✓ {counted(len(rows), 'host')}: {release} is live on each; {sized(sent)} sent in all"
    return text + f", {slowest['host']} took longest: {slowest['seconds']:.1f} s"
