"""Pieces of the HTML report: tables, facts, and words for sizes and times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from fab_static.report.amounts import size

ASSETS = Path(__file__).parent / "assets"
Summary = Mapping[str, Any]  # as fab_static.telling.summary makes it


def asset(name: str) -> str:
    """Return a template, a script or a style sheet of the report."""
    return (ASSETS / name).read_text("utf-8")


def page(name: str, title: str, **values: str) -> str:
    """Return a whole page: the head that all have, and the body of this template. `values` are HTML already."""
    return "".join(around_main(name, title, **values))


def around_main(name: str, title: str, **values: str) -> tuple[str, str]:
    """Return the same page in two parts, without what stands between them: its `$main`."""
    before, _, behind = (asset("head.html") + asset(name)).partition("$main")
    every = {**values, "title": escape(title), "css": asset("report.css")}
    return Template(before).substitute(every), Template(behind).substitute(every)


def facts(found: Iterable[tuple[str, str]]) -> str:
    """Return facts as a list of names and values; values are HTML already."""
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in found)
    return f'<dl class="facts">{items}</dl>'


def chart(name: str, words: str) -> str:
    """Return the place of a chart, which report.js draws."""
    return (
        f'<div class="chart"><canvas id="{name}-chart" role="img" aria-label="{escape(words)}">'
        "</canvas></div>"
    )


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, name: str = ""
) -> str:
    """Return a table; a column whose name begins with # holds numbers. Cells are HTML already."""
    return "".join(table_lines(caption, columns, rows, name=name))


def table_lines(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    name: str = "",
    style: str = "wide",
) -> Iterator[str]:
    """Yield the same table row by row."""
    numbers = [column.startswith("#") for column in columns]
    head = "".join(
        f'<th scope="col"{" class=number" if number else ""}>{escape(column.lstrip("#"))}</th>'
        for column, number in zip(columns, numbers, strict=True)
    )
    mark = f' id="{name}"' if name else ""
    yield (
        f'<div class="{style}" tabindex="0" role="region" aria-label="{escape(caption)}"><table{mark}>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>"
    )
    for row in rows:
        yield "<tr>" + "".join(map(cell, row, numbers)) + "</tr>\n"
    yield "</tbody></table></div>"


def cell(text: str, number: bool) -> str:
    """Return a cell of a table."""
    return f'<td class="number">{text}</td>' if number else f"<td>{text}</td>"


def path(text: str) -> str:
    """Return a path or a URL, which may break anywhere."""
    return f'<span class="path">{escape(text)}</span>'


def code(text: object) -> str:
    """Return text as code; nothing for nothing."""
    return f"<code>{escape(str(text))}</code>" if text else ""


def value(found: object) -> str:
    """Return a setting's value as somebody reads it: lists by commas, names beside what they stand for."""
    if isinstance(found, Mapping):
        parts = (f"{escape(str(name))} {value(one)}" for name, one in sorted(found.items()))
        return "<br>".join(parts)
    if isinstance(found, list | tuple):
        return ", ".join(map(value, found))
    if isinstance(found, bool):
        return "yes" if found else "no"
    return code(found) if found not in (None, "") else "-"


def outcome(word: str) -> str:
    """Return how something ended, in its colour."""
    style = {"done": "good", "failed": "bad"}.get(word, "note")
    return f'<span class="{style}">{escape(word)}</span>'


def size_or_dash(count: int | None) -> str:
    """Return bytes in words, or a dash for none."""
    return "-" if count is None else size(count)


def change(before: int | None, now: int | None) -> str:
    """Return how a size changed, in bytes and as a share."""
    if before is None or now is None:
        return "new" if before is None else "gone"
    if before == now:
        return "same size"
    share = f" ({(now - before) / before:+.1%})" if before else ""
    return f"{'+' if now > before else '-'}{size(abs(now - before))}{share}"


def ends(first: datetime, last: datetime) -> tuple[str, str]:
    """Return what stands below the ends of an axis: days, or the times of one day."""
    form = "%Y-%m-%d %H:%M" if first.date() == last.date() else "%Y-%m-%d"
    return first.strftime(form), last.strftime(form)


def when(moment: str) -> str:
    """Return a moment as people write it."""
    return f"{datetime.fromisoformat(moment):%d %B %Y, %H:%M:%S} UTC"
