"""Lays a table out as lines of text: columns, a rule below their names, long cells on several lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

GAPS = (3, 2, 1)  # between two columns: the widest with which no word is broken
STEP = 2  # columns before what stands below the first cell of its row


@dataclass
class Column:
    """A column: its name, its cells, and how these stand."""

    name: str
    cells: Sequence[str]
    is_right: bool = False  # its cells end at the same place, as numbers do
    is_whole: bool = False  # its cells are never broken, for somebody copies them

    @property
    def width(self) -> int:
        """How wide it is where nothing has to be broken."""
        lines = [line for cell in (self.name, *self.cells) for line in cell.split("\n")]
        return max(1, *map(width_of, lines))

    @property
    def floor(self) -> int:
        """How wide it is where lines are broken between words, and paths between folders."""
        if self.is_whole:
            return self.width
        words = (word for cell in (self.name, *self.cells) for word in re.split(r"\s|(?=/)", cell))
        return max(1, *map(width_of, words))


def laid_out(columns: Sequence[Column], width: int, *, rule: str = "─") -> Iterator[str]:
    """Yield the lines of a table, the names and the rule first.

    Where words would have to be broken, each row's other cells stand below its first one: names of hosts may be long.

    Args:
        columns: each with as many cells.
        width: of the paper. The widest columns are made narrower first, where they may be broken.
        rule: what the line below the names is made of.
    """
    names, *rest = _rows(columns, width)
    yield from names
    yield rule * max(map(width_of, names))
    for lines in rest:
        yield from lines


def _rows(columns: Sequence[Column], width: int) -> Iterator[list[str]]:
    """Yield the lines of each row, the names' first."""
    first, *others = columns
    if others and _least(columns) > width > STEP:
        for own, below in zip(_rows([first], width), _rows(others, width - STEP), strict=True):
            yield [*own, *(" " * STEP + line for line in below)]
        return
    gap = _gap(columns, width)
    widths = _fitting(columns, width - gap * (len(columns) - 1))
    for cells in zip(*((column.name, *column.cells) for column in columns), strict=True):
        yield list(_row(cells, columns, widths, gap))


def _least(columns: Sequence[Column]) -> int:
    """Return how wide columns are where no word is broken and they stand as near as they may."""
    return sum(column.floor for column in columns) + GAPS[-1] * (len(columns) - 1)


def _gap(columns: Sequence[Column], width: int) -> int:
    """Return how far apart columns stand: no line is broken, or no word, or nothing helps."""
    for needed in (sum(one.width for one in columns), sum(one.floor for one in columns)):
        for gap in GAPS:
            if needed + gap * (len(columns) - 1) <= width:
                return gap
    return GAPS[0]


def _fitting(columns: Sequence[Column], most: int) -> list[int]:
    """Return the width of each column, so that all of them fit."""
    widths = [column.width for column in columns]
    for least in ([one.floor for one in columns], [1] * len(columns)):  # words break last
        while sum(widths) > most:
            wide = [
                at for at, one in enumerate(columns) if widths[at] > least[at] and not one.is_whole
            ]
            if not wide:
                break
            widths[max(wide, key=lambda at: widths[at])] -= 1
    return widths


def _row(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], gap: int
) -> Iterator[str]:
    """Yield the lines of one row."""
    broken = [list(_broken(cell, width)) for cell, width in zip(cells, widths, strict=True)]
    for at in range(max(map(len, broken))):
        parts = []
        for lines, column, width in zip(broken, columns, widths, strict=True):
            text = lines[at] if at < len(lines) else ""
            room = " " * (width - width_of(text))
            parts.append(room + text if column.is_right else text + room)
        yield (" " * gap).join(parts)


def _broken(cell: str, width: int) -> Iterator[str]:
    """Yield a cell's lines: broken between words, and inside a word that is longer than a line."""
    for text in cell.split("\n"):
        line = ""
        for word in text.split(" "):
            if line and width_of(line) + 1 + width_of(word) > width:
                yield line
                line = ""
            line = f"{line} {word}" if line else word
            *whole, line = _chopped(line, width)
            yield from whole
        yield line


def _chopped(word: str, width: int) -> Iterable[str]:
    """Return a word in pieces that are as wide as a line at most; a path is cut between its folders."""
    pieces, room = [""], width
    for letter in word:
        wide = width_of(letter)
        if wide > room and pieces[-1]:
            at = pieces[-1].rfind("/", 1) if letter != "/" else -1
            rest = pieces[-1][at:] if at > 0 else ""
            rest = rest if width_of(rest) + wide <= width else ""
            pieces[-1] = pieces[-1].removesuffix(rest)
            pieces.append(rest)
            room = width - width_of(rest)
        pieces[-1] += letter
        room -= wide
    return pieces


def width_of(text: str) -> int:
    """Return how many cells of a terminal a text takes: two for each Chinese letter, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(one) in "WF" else not combining(one) for one in text)
