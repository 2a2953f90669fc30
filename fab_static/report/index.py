"""All runs that this machine keeps -> one HTML page: a row for each, newest first, below pictures of the trend.

It needs no script, and nothing of the network. Summaries may be of earlier versions, or damaged: such a run has a row
with what its name tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import quote

from fab_static.plan.wording import counted
from fab_static.report import pieces
from fab_static.report.amounts import clock, size
from fab_static.report.downloads import line, point_of

if TYPE_CHECKING:
    from fab_static.plan.downloads import Point
    from fab_static.report.archive import Kept
    from fab_static.report.pieces import Summary

LEAST_REMS, REMS_EACH = 18, 2.5  # of a picture's width: bars of few runs would fill a screen
ENDS = {"live": "good", "done": "good", "failed": "bad"}
COLUMNS = (
    *("When", "What", "Ended", "#Took", "#Files", "#Returning, deltas", "#Returning, Brotli"),
    *("Who", "Release", "Log"),
)
KEYS = {"good": "went well", "note": "live, with a failure", "bad": "failed or interrupted"}


@dataclass(frozen=True)
class Run:
    """What a row says of a run, or None if its summary does not."""

    name: str  # of its files
    at: datetime
    task: str
    who: str = "-"
    ended: str = "left no summary"
    style: str = "note"
    release: str | None = None
    seconds: float | None = None
    files: int | None = None  # that it changed for visitors
    point: Point | None = None  # what a returning visitor downloads
    page: str | None = None  # its report
    log: str | None = None


def index(app: str, environment: str, kept: Iterable[Kept]) -> str:
    """Return the page over the runs of an environment; `kept` has the newest first."""
    runs = [_run(one) for one in kept]
    title = f"{app} · {environment} · all runs"
    return pieces.page(
        "index.html",
        title,
        said=_said(runs),
        trend=_trend(runs[::-1]),
        table=pieces.table("Runs that this machine keeps, newest first", COLUMNS, map(_row, runs)),
    )


def _run(kept: Kept) -> Run:
    """Return what is known of a run; of a damaged summary, what the name of its files tells."""
    stamp, _, task = kept.name.partition("-")
    known = Run(
        name=kept.name,
        at=_moment(stamp),
        task=task,
        page=f"{kept.name}.html" if ".html" in kept.endings else None,
        log=f"{kept.name}.log" if ".log" in kept.endings else None,
    )
    try:
        return _with_summary(known, kept.summary) if kept.summary else known
    except (AttributeError, KeyError, TypeError, ValueError):
        return known


def _moment(stamp: str) -> datetime:
    """Return when a run began, by the name of its files; the beginning of time for a file of somebody else's."""
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _with_summary(run: Run, summary: Summary) -> Run:
    outcome, difference = str(summary["outcome"]), summary.get("difference")
    is_partly = bool(summary.get("failed_after_flip"))
    ended = "interrupted" if summary.get("interrupted") else outcome
    release = summary.get("release")
    kinds = ("added", "changed", "removed")
    return Run(
        name=run.name,
        at=datetime.fromisoformat(summary["started_at"]).astimezone(UTC),
        task=str(summary["task"]),
        who=str(summary["operator"]),
        ended="live, with a failure" if outcome == "live" and is_partly else ended,
        style="note" if is_partly else ENDS.get(outcome, "note"),
        release=str(release) if release else None,
        seconds=float(summary["seconds"]),
        files=sum(len(difference[kind]) for kind in kinds) if difference else None,
        point=point_of(summary),
        page=run.page,
        log=run.log,
    )


def _said(runs: Sequence[Run]) -> str:
    """Return how many runs there are, how they ended, and how long one takes."""
    if not runs:
        return "<p>No run is kept on this machine yet.</p>"
    live = sum(run.ended.startswith("live") for run in runs)
    interrupted = sum(run.ended == "interrupted" for run in runs)
    failed = sum(run.style == "bad" and run.ended != "interrupted" for run in runs)
    took = [run.seconds for run in runs if run.seconds is not None and run.task == "deploy"]
    text = f"{counted(len(runs), 'run')}: {live} went live, {failed} failed"
    text += f", {counted(interrupted, 'was', 'were')} interrupted." if interrupted else "."
    if took:
        text += f" Half of the deploys took no more than {clock(median(took))}."
    return f"<p>{text}</p>"


def _trend(runs: Sequence[Run]) -> str:
    """Return the pictures, oldest run first: what visitors download, how long runs take, what they change."""
    pictures = (
        line([run.point for run in runs], _ends(runs), style=_style(runs)),
        _bars("Seconds of each run", runs, lambda run: run.seconds, lambda value: f"{value:.1f} s"),
        _bars(
            "Files that each run changed",
            runs,
            lambda run: run.files,
            lambda value: f"{value:,.0f}",
        ),
    )
    return "".join(pictures)


def _bars(
    title: str,
    runs: Sequence[Run],
    value_of: Callable[[Run], float | None],
    spelled: Callable[[float], str],
) -> str:
    """Return a bar for each run, and a gap for one without the value; nothing for fewer than two bars."""
    known = [
        (at, run, value) for at, run in enumerate(runs) if (value := value_of(run)) is not None
    ]
    if len(known) < 2:
        return ""
    most = max(value for *_, value in known) or 1
    first, last = _ends(runs)
    words = (
        f"{title}, {first} to {last}: at most {spelled(most)}, the last one {spelled(known[-1][2])}"
    )
    bars = "".join(
        f'<rect class="run {run.style}" x="{at * 10 + 1.5}" y="{100 - 100 * value / most:.2f}" width="7" '
        f'height="{100 * value / most:.2f}"><title>{escape(f"{run.at:%d %b %H:%M}, {run.task}: {spelled(value)}")}'
        "</title></rect>"
        for at, run, value in known
    )
    width = len(runs) * 10
    keys = "".join(
        f'<li class="{style}">{words}</li>'
        for style, words in KEYS.items()
        if any(run.style == style for _, run, _ in known)
    )
    return (
        f'<figure class="cost"{_style(runs)}><figcaption>{title} <span class="soft">at most {spelled(most)}</span></figcaption>'
        f'<svg class="trend" role="img" aria-label="{escape(words)}" viewBox="0 -2 {width} 104" '
        f'preserveAspectRatio="none" width="100%" height="90"><path class="axis" d="M0 101H{width}"/>{bars}</svg>'
        f'<p class="ends soft"><span>{first}</span><span>{last}</span></p><ul class="keys">{keys}</ul></figure>'
    )


def _ends(runs: Sequence[Run]) -> tuple[str, str]:
    return pieces.ends(runs[0].at, runs[-1].at) if runs else ("", "")


def _style(runs: Sequence[Run]) -> str:
    return f' style="max-width: {max(LEAST_REMS, REMS_EACH * len(runs)):.0f}rem"'


def _row(run: Run) -> tuple[str, ...]:
    back = run.point and run.point["returning"]
    when = f'<time datetime="{run.at:%Y-%m-%dT%H:%M:%SZ}">{run.at:%Y-%m-%d %H:%M}</time>'
    return (
        _link(run.page, when) if run.page else when,
        escape(run.task),
        f'<span class="{run.style}">{escape(run.ended)}</span>',
        "-" if run.seconds is None else f"{run.seconds:.1f} s",
        "-" if run.files is None else f"{run.files:,}",
        size(back["deltas"]) if back else "-",
        size(back["br"]) if back else "-",
        escape(run.who),
        pieces.code(run.release) or "-",
        _link(run.log, "log") if run.log else "-",
    )


def _link(file: str, words: str) -> str:
    return f'<a href="{escape(quote(file))}">{words}</a>'
