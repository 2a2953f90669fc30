"""A run's summary -> one HTML file that needs nothing else: no network, no other file.

What the charts show stands in the page as text too, so it can be read, searched, printed and heard
without them. The charts are Chart.js (assets/chart.umd.js, MIT, from npm), embedded as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import chain, islice

from fab_static.errors import DISAGREE
from fab_static.plan.wording import counted
from fab_static.report import pictures, pieces, spans
from fab_static.report.downloads import visitors, weights
from fab_static.report.pictures import Pictures
from fab_static.report.pieces import Summary, asset

MOST_FILES = 5_000  # rows of the table of files: a page of 2 MB, which a browser lays out at once


@dataclass(frozen=True)
class More:
    """What the page shows beyond the summary: the last lines of a failed run's log, and images."""

    log: Sequence[str] = ()
    pictures: Pictures = field(default_factory=Pictures)


def report(summary: Summary, more: More = More()) -> str:
    """Return the page for a summary, as `fab_static.telling.summary` makes it."""
    return "".join(lines(summary, more))


def lines(summary: Summary, more: More = More()) -> Iterator[str]:
    """Yield the same page piece by piece: a row of a table, say. None ends inside a word."""
    others = {"pictures": pictures.section(more.pictures), "log": _log(more.log)}
    made = (
        (name, title, section(summary) if section else others[name])
        for name, title, section in SECTIONS
    )
    sections = [(name, title, body) for name, title, body in made if body]
    title = f"{summary['app']} · {summary['environment']} · {summary['task']}"
    items = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in sections)
    before, behind = pieces.around_main(
        "report.html",
        f"{title} · {summary['started_at']}",
        head=_head(summary, title),
        nav=f"<ul>{items}</ul>",
        made=escape(pieces.when(summary["started_at"])),
        # "<" would end the script, or begin a comment in it
        data=json.dumps(_data(summary)).replace("<", "\\u003c"),
        chart=asset("chart.umd.js"),
        script=asset("report.js"),
    )
    yield before
    for name, title, body in sections:
        yield f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>\n'
        yield from [body] if isinstance(body, str) else body
        yield "</section>\n"
    yield behind


# ---- sections


def _head(summary: Summary, title: str) -> str:
    words, style = _how_it_ended(summary)
    is_another = summary["previous"] != summary["release"]
    facts = (
        ("Release", pieces.code(summary["release"])),
        (_of_the_one_before(summary), pieces.code(is_another and summary["previous"])),
        ("Revision", pieces.code((summary["revision"] or "")[:12])),
        ("Who", escape(str(summary["operator"]))),
        ("When", escape(pieces.when(summary["started_at"]))),
        ("Took", f"{summary['seconds']:.1f} s"),
        ("Commits", _commits(summary)),
    )
    return (
        f"<h1>{escape(title)}</h1>\n"
        f'<p class="outcome {style}">{escape(words)}</p>\n'
        + pieces.facts((name, value) for name, value in facts if value)
        + "".join(_boxes(summary, style))
    )


def _of_the_one_before(summary: Summary) -> str:
    """Return what the release is called that was live before the run."""
    is_still_live = summary["outcome"] != "live" and summary.get("exit_code") != DISAGREE
    return "Live" if is_still_live else "Before it"


def _commits(summary: Summary) -> str:
    """Return the commits since the revision that was live before."""
    commits = summary.get("commits") or []
    lines = "<br>".join(escape(line) for line in commits)
    return f"{lines}<br>after {pieces.code(summary['since'][:7])}" if commits else ""


def _boxes(summary: Summary, style: str) -> Iterator[str]:
    """Yield a box for how the run ended, where that was not well, and for each thing that went wrong."""
    ending = summary.get("ending")
    if ending and style != "good":
        text = "\n".join(
            f"{word}: {ending[word]}"
            for word in ("live", "undone", "next")
            if not ending[word].startswith("nothing:")
        )
        yield f'<pre class="box note">{escape(text)}</pre>'
    if summary["error"]:
        yield f'<pre class="box">{escape(summary["error"])}</pre>'
    for one in summary["failed_after_flip"]:
        text = f"{one['what']}\nwhere: {one['where']}\nmend: {one['mend']}"
        yield f'<pre class="box note">{escape(text)}</pre>'


def _how_it_ended(summary: Summary) -> tuple[str, str]:
    """Return what stands at the top, and how it looks: good, bad or note."""
    outcome, release = str(summary["outcome"]), summary["release"]
    interrupted = bool(summary.get("interrupted"))
    if outcome == "live":
        if interrupted:
            return f"{release} is live, but the run was interrupted after the flip", "note"
        if summary["failed_after_flip"]:
            return f"{release} is live, but something failed after the flip", "note"
        if release == summary["previous"]:
            return f"{release} is live, as before: no file has changed", "good"
        return f"{release} is live", "good"
    if outcome == "done":
        return "done; nothing went live", "good"
    if summary.get("exit_code") == DISAGREE:
        return "failed; hosts may serve different releases now", "bad"
    what = "interrupted" if interrupted else "failed"
    undone = (summary.get("ending") or {}).get("undone", "")
    if undone.startswith("the flip of"):
        when = "after" if summary["probe"] else "during"  # which found the release wrong
        return f"{what} {when} the flip, which was undone; what was live before is live", "bad"
    return f"{what}; what was live before is live", "bad"


def _log(lines: Sequence[str]) -> str:
    """Return the last lines of the log, as they stand there."""
    if not lines:
        return ""
    text = escape("\n".join(lines))
    label = f"The last {counted(len(lines), 'line')} of the log"
    return f'<pre class="log" tabindex="0" role="region" aria-label="{label}">{text}</pre>'


def _bundles(summary: Summary) -> str:
    bundles = (summary["difference"] or {}).get("bundles") or []
    if not bundles:
        return ""
    sides = [side for one in bundles for side in (one["before"], one["now"]) if side]
    kinds = [
        kind
        for kind in ("bytes", "gzip", "brotli")
        if any(side[kind] is not None for side in sides)
    ]
    rows = []
    for one in bundles:
        cells = []
        for kind in kinds:
            before, now = (side and side[kind] for side in (one["before"], one["now"]))
            has_none = before is None and now is None
            cells += [pieces.size_or_dash(now), "" if has_none else pieces.change(before, now)]
        rows.append((pieces.path(one["bundle"]), *cells))
    names = {"bytes": "#Bytes", "gzip": "#gzip", "brotli": "#Brotli"}
    return pieces.table(
        "Made of many files by compress and build_requirejs: bytes on disk and as sent",
        ("Bundle", *(column for kind in kinds for column in (names[kind], "#Change"))),
        rows,
    )


def _files(summary: Summary) -> str | Iterable[str]:
    difference = summary["difference"]
    if not difference:
        return ""
    kinds = ("changed", "added", "removed")
    text = f"<p>{', '.join(f'{len(difference[kind]):,} {kind}' for kind in kinds)}.</p>"
    count = sum(len(difference[kind]) for kind in kinds)
    if not count:
        return text
    if count > MOST_FILES:
        text += f"<p>The first {MOST_FILES:,} stand below; `fab … diff` shows all.</p>"
    paths = ((kind, path) for kind in kinds for path in difference[kind])
    unversioned = frozenset(difference["unversioned"])
    sizes = difference.get("sizes", {})
    rows = (
        _row_of_file(kind, path, sizes.get(path, (None, None)), path in unversioned)
        for kind, path in islice(paths, MOST_FILES)
    )
    table = pieces.table_lines(
        "Files of the static root, against the release before",
        ("What", "File", "URL", "#Before", "#Now", "#Change"),
        rows,
        name="files-table",
        style="wide tall",
    )
    return chain([text, _search(min(count, MOST_FILES))], table)


def _row_of_file(
    kind: str, path: str, sizes: Sequence[int | None], is_unversioned: bool
) -> Sequence[str]:
    before, now = sizes
    url = "same URL" if is_unversioned else ""
    return (
        kind,
        pieces.path(path),
        url,
        pieces.size_or_dash(before),
        pieces.size_or_dash(now),
        pieces.change(before, now),
    )


def _search(rows: int) -> str:
    return (
        '<div class="search"><label for="files-search">Search the files</label>'
        '<input id="files-search" type="search" autocomplete="off" data-table="files-table" '
        f'data-count="files-count"><span id="files-count" role="status">{rows:,} of {rows:,} shown</span></div>'
    )


def _invalidation(summary: Summary) -> str:
    difference = summary["difference"]
    if not difference or not difference.get("has_cdn", True):
        return ""
    paths = difference["invalidation"]["paths"]
    if not paths:
        return "<p>Nothing: no URL keeps its name with other bytes.</p>"
    price = difference["invalidation"]["price_usd"]
    listed = "".join(f"<li><code>{escape(path)}</code></li>" for path in paths)
    return (
        f"<p>{counted(len(paths), 'path')}, at most ${price:g} beyond the month's free 1,000.</p>"
        f'<div class="paths" tabindex="0" role="region" aria-label="Paths"><ul>{listed}</ul></div>'
    )


def _probe(summary: Summary) -> str:
    probe = summary.get("probe")
    if not probe:
        return ""
    text = f"<p>{probe['asked']:,} URLs asked, {len(probe['problems'])} not as the release recorded them.</p>"
    if probe["problems"]:
        text += "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in probe["problems"]) + "</ul>"
    return text


def _environment(summary: Summary) -> str:
    hosts = pieces.table(
        "Hosts",
        ("Host", "Roles"),
        [(escape(one["host"]), escape(", ".join(one["roles"]))) for one in summary["hosts"]],
    )
    settings = [
        (pieces.code(name), pieces.value(value))
        for name, value in (summary.get("settings") or {}).items()
        if value
    ]
    if settings:
        hosts += pieces.table(
            "Settings that are baked into the files", ("Setting", "Value"), settings
        )
    if summary.get("log"):
        hosts += f"<p>Log: {pieces.code(summary['log'])}</p>"
    return hosts


SECTIONS = (
    ("downloads", "What a returning visitor downloads", visitors),
    ("pages", "What a first visit weighs", weights),
    ("bundles", "Bundles that changed", _bundles),
    ("pictures", "Images that changed", None),
    ("files", "Files that changed", _files),
    ("cdn", "What CloudFront forgets", _invalidation),
    ("log", "The end of the log", None),
    ("timeline", "What ran when", spans.section),
    ("probe", "What was asked over HTTP", _probe),
    ("environment", "Environment", _environment),
)

# ---- what the charts need


def _data(summary: Summary) -> dict[str, object]:
    start = spans.start_of(summary)
    return {
        "rows": spans.rows_of((one["host"] for one in summary["hosts"]), summary["timeline"]),
        "spans": [spans.bar(span, start) for span in summary["timeline"]],
        "seconds": summary["seconds"],
        "pages": [
            {
                "name": page["page"],
                "before": page["before"] and page["before"]["sent"],
                "now": page["sent"],
            }
            for page in summary.get("pages") or []
        ],
    }
