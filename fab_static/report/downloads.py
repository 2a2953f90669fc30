"""The report's sections on what visitors download: a picture for each page, and the last deploys as a line.

The pictures are SVG in the page: they need no script, follow the light or dark scheme, and fit a phone. What they show
stands beside them as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from fab_static.plan.deltas import told
from fab_static.plan.downloads import PAGE, point
from fab_static.plan.wording import counted
from fab_static.report import pieces
from fab_static.report.amounts import size
from fab_static.report.pieces import Summary

if TYPE_CHECKING:
    from fab_static.plan.deltas import Made
    from fab_static.plan.downloads import Cost, Download, Part, Point
    from fab_static.plan.printed import Page

SHOWN = 12  # pages with a picture of their own; the table has all
HISTORY = 20  # deploys in the line
NAMES = {"deltas": "with deltas", "br": "with Brotli", "gzip": "with gzip"}


def visitors(summary: Summary) -> str:
    """Return what a returning visitor downloads for this deploy, page by page, and what a first visit costs."""
    found = (summary["difference"] or {}).get("downloads")
    pages: list[Download] = found["pages"] if found else []
    if not found or not pages:
        return ""
    of = "pages" if pages[0]["kind"] == PAGE else "the compress blocks of templates"
    note = ", by the pages as they were before" if found["expected"] else ""
    shown = sorted(pages, key=_heaviest_first)[:SHOWN]
    scale = max((max(_values(one["returning"] or one["first"])) for one in shown), default=0)
    return (
        f'<p class="soft">Bytes that {of} load from the static root{note}. A returning visitor holds the files of the release before.</p>'
        + '<div class="costs">'
        + "".join(_picture(one, scale) for one in shown)
        + "</div>"
        + _made(summary.get("deltas"))
        + line(
            [one for one in summary.get("downloads_history") or [] if one["returning"]][-HISTORY:]
        )
        + _all(pages)
    )


def _made(deltas: Made | None) -> str:
    """Return what the seal made for returning visitors, and how long that took."""
    return f'<p class="soft">At the seal: {escape(told(deltas))}.</p>' if deltas else ""


def _heaviest_first(page: Download) -> tuple[int, str]:
    return -(page["returning"] or page["first"])["br"], page["page"]


def _values(cost: Cost) -> list[int]:
    return [cost["deltas"], cost["br"], cost["gzip"]]


def _picture(page: Download, most: int) -> str:
    """Return a page's bars, the same scale on every page, with the numbers as text."""
    cost = page["returning"]
    who = "A returning visitor" if cost else "A first visit: nothing was live before"
    values = list(zip(NAMES.items(), _values(cost or page["first"]), strict=True))
    words = ", ".join(f"{size(value)} {name}" for (_, name), value in values)
    first = f"first visit: {size(page['first']['br'])} with Brotli" if cost else who
    bars = "".join(
        f'<rect class="bar {kind}" y="{4 + row * 18}" width="{_share(value, most)}" height="10" rx="2"/>'
        for row, ((kind, _), value) in enumerate(values)
    )
    tracks = "".join(
        f'<rect class="track" y="{4 + row * 18}" width="100%" height="10" rx="2"/>'
        for row in range(len(values))
    )
    numbers = "".join(
        f'<li class="{kind}"><b>{size(value)}</b> {name}</li>' for (kind, name), value in values
    )
    return (
        f'<figure class="cost"><figcaption>{pieces.path(page["page"])} <span class="soft">{first}</span></figcaption>'
        f'<div class="bars"><svg role="img" aria-label="{escape(f"{who}: {words}")}" width="100%" height="58">'
        f"{tracks}{bars}</svg><ul>{numbers}</ul></div></figure>"
    )


def _share(value: int, most: int) -> str:
    """Return a bar's width; what is not nothing can be seen."""
    return f"{max(100 * value / most, 0.6):.2f}%" if value and most else "0"


def point_of(summary: Summary) -> Point | None:
    """Return what a run cost visitors, or None if it made nothing live, or an earlier version kept it."""
    downloads = (summary.get("difference") or {}).get("downloads")
    if summary.get("outcome") != "live" or not downloads:
        return None
    return point(downloads, summary["started_at"])


def line(
    points: Sequence[Point | None], ends: tuple[str, str] | None = None, *, style: str = ""
) -> str:
    """Return deploys as two lines: what their heaviest page cost a returning visitor. Nothing for fewer than two.

    Args:
        points: each has its place, oldest first; a run without a cost leaves it empty.
        ends: what stands below the ends of the axis; None: when the first and the last point were.
        style: of the picture.
    """
    known = [(at, one, back) for at, one in enumerate(points) if one and (back := one["returning"])]
    if len(known) < 2:
        return ""
    top = max(back["br"] for *_, back in known) or 1
    lines = "".join(
        _polyline(kind, [(at + 0.5, 100 - 100 * back[kind] / top) for at, _, back in known])
        for kind in ("br", "deltas")
    )
    (_, oldest, _), (_, newest, now) = known[0], known[-1]
    first, last = ends or pieces.ends(
        *(datetime.fromisoformat(one["at"]) for one in (oldest, newest))
    )
    words = (
        f"The heaviest page of the last {len(known)} deploys, {first} to {last}: at most {size(top)} with Brotli, "
        f"now {size(now['br'])} with Brotli and {size(now['deltas'])} with deltas"
    )
    return (
        f'<figure class="cost"{style}><figcaption>What a returning visitor downloaded for the heaviest page, last {len(known)} deploys '
        f'<span class="soft">at most {size(top)}</span></figcaption>'
        f'<svg class="line" role="img" aria-label="{escape(words)}" viewBox="0 -4 {len(points)} 108" '
        f'preserveAspectRatio="none" width="100%" height="120"><path class="axis" d="M0 101H{len(points)}"/>{lines}</svg>'
        f'<p class="ends soft"><span>{first}</span><span>{last}</span></p>'
        '<ul class="keys"><li class="br">with Brotli</li><li class="deltas">with deltas</li></ul></figure>'
    )


def _polyline(kind: str, points: Sequence[tuple[float, float]]) -> str:
    places = [f"{x:g} {y:.2f}" for x, y in points]
    dots = "".join(f'<path class="dot {kind}" d="M{place}h0"/>' for place in places)
    return f'<path class="{kind}" d="M{"L".join(places)}"/>{dots}'


def _all(pages: Sequence[Download]) -> str:
    """Return the same as tables: every page, and the files that a returning visitor downloads for it."""
    table = pieces.table(
        "What visitors download, in bytes as they are sent",
        (
            "Page",
            "#Returning, deltas",
            "#Returning, Brotli",
            "#Returning, gzip",
            "#First, Brotli",
            "#First, gzip",
        ),
        [tuple(_row(page)) for page in pages],
    )
    files = "".join(
        f"<h3>{pieces.path(page['page'])}</h3>{_files(page['files'])}"
        for page in pages[:SHOWN]
        if page["files"]
    )
    return f"<details><summary>As a table ({counted(len(pages), 'row')})</summary>{table}{files}</details>"


def _row(page: Download) -> Iterator[str]:
    back = page["returning"]
    yield pieces.path(page["page"])
    yield from (size(value) for value in _values(back)) if back else ("-", "-", "-")
    yield size(page["first"]["br"])
    yield size(page["first"]["gzip"])


def _files(parts: Sequence[Part]) -> str:
    rows = [(pieces.path(one["path"]), *(size(value) for value in _values(one))) for one in parts]
    columns = ("File", "#With deltas", "#With Brotli", "#With gzip")
    return pieces.table("Files that a returning visitor downloads", columns, rows)


def weights(summary: Summary) -> str:
    """Return what the probed pages weigh for a first visit, before and now."""
    pages = summary.get("pages") or []
    if not pages:
        return ""
    text = pieces.table(
        "Scripts, stylesheets and images that each probed page names",
        ("Page", "#Requests", "#Bytes", "#Sent before", "#Sent now", "#Change"),
        map(_row_of_page, pages),
    )
    chart = pieces.chart(
        "pages", "Bytes sent per page, before and now; the table below says the same"
    )
    return chart + text + "".join(map(_assets, pages))


def _row_of_page(page: Page) -> Sequence[str]:
    before = page["before"]["sent"] if page["before"] else None
    return (
        pieces.path(page["page"]),
        str(page["requests"]),
        size(page["bytes"]),
        pieces.size_or_dash(before),
        size(page["sent"]),
        pieces.change(before, page["sent"]) if page["before"] else "-",
    )


def _assets(page: Page) -> str:
    """Return what a page names, largest first."""
    assets = sorted(page["assets"], key=lambda one: -one["sent"])
    rows = [(pieces.path(one["path"]), size(one["bytes"]), size(one["sent"])) for one in assets]
    table = pieces.table(f"What {page['page']} names", ("File", "#Bytes", "#Sent"), rows)
    return f"<details><summary>{pieces.path(page['page'])}</summary>{table}</details>"
