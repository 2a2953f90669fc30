"""What the terminal writes on: lines with styles, where somebody sees them; plain lines elsewhere.

rich draws the table of hosts that moves while a deploy runs (report/live.py). It takes longer to load than all that
`status` needs of ours, so lines and tables are written here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest

from fab_static.report.stream import Stream
from fab_static.report.table import Column, laid_out, width_of

Part = str | tuple[str, str]  # a text, or a text and its style
# ECMA-48, "Select graphic rendition"
ATTRIBUTES = {"bold": "1", "dim": "2"}
# red, cyan and yellow: who cannot tell red from green tells these apart; words and signs say the same
COLOURS = {"red": "31", "yellow": "33", "cyan": "36"}
WIDEST = 1000  # columns of a listing where there is no terminal
LOG_WIDTH = 100  # columns, where there is no terminal
TAB = 8
INDENT = 4  # columns before what goes on in the next line, at least
COMMAND = re.compile(r"(?<=: )fab(-static)? [^;,\n]+")  # which somebody copies
GLUE = "\0"  # stands for a space at which no line is broken; nothing that is shown holds one


class Paper:
    """A stream that lines and tables are written on.

    It heeds what terminals and people set: TERM, NO_COLOR (https://no-color.org), FORCE_COLOR
    (https://force-color.org), TTY_COMPATIBLE, COLUMNS.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._above: Callable[[Sequence[Part]], None] | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether somebody sees it, now."""
        compatible, forced = os.environ.get("TTY_COMPATIBLE"), os.environ.get("FORCE_COLOR")
        if compatible in ("0", "1"):
            return compatible == "1"
        return self.stream.isatty() if forced is None else forced != ""

    @property
    def is_dumb(self) -> bool:
        """Whether it is a terminal that knows neither styles nor a cursor."""
        return self.is_terminal and os.environ.get("TERM", "").lower() in ("dumb", "unknown")

    @property
    def width(self) -> int:
        """How many columns it has."""
        if not self.is_terminal:
            return LOG_WIDTH
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit() and int(columns):
            return int(columns)
        return next((width for width in map(_columns, range(3)) if width), 80)

    def line(self, *parts: Part) -> None:
        """Write a line."""
        whole = list(_without_tabs(parts))
        if self.is_terminal:
            whole = _between_words(whole, self.width)
        if self._above:
            self._above(whole)
            return
        self.stream.write("".join(map(self._styled, whole)) + "\n")
        self.stream.flush()

    def table(self, columns: Sequence[Column], *, is_listing: bool = False) -> None:
        """Write a table; of a listing, each row is one line where a program may read it."""
        rule = "─" if self.stream.encoding.lower().startswith("utf") else "-"
        width = WIDEST if is_listing and not self.is_terminal else self.width
        style = "bold"
        for text in laid_out(columns, width, rule=rule):
            style = "" if set(text) == {rule} else style  # what stands above it are the names
            self.line((text.rstrip(), style))

    @contextmanager
    def above(self, write: Callable[[Sequence[Part]], None]) -> Iterator[None]:
        """Have something else write the lines meanwhile, above what it keeps in its place."""
        self._above = write
        try:
            yield
        finally:
            self._above = None

    def _styled(self, part: Part) -> str:
        text, style = part if isinstance(part, tuple) else (part, "")
        codes = [ATTRIBUTES[word] for word in style.split() if word in ATTRIBUTES]
        if not os.environ.get("NO_COLOR"):
            codes += [COLOURS[word] for word in style.split() if word in COLOURS]
        if not text or not codes or not self.is_terminal or self.is_dumb:
            return text
        before = f"\x1b[{';'.join(codes)}m"
        return "\n".join(f"{before}{line}\x1b[0m" if line else "" for line in text.split("\n"))


def _without_tabs(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts of a line with spaces for tabs: a style may begin between two of its columns."""
    before = ""
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        whole = (before + text).expandtabs(TAB)
        yield whole[len(before) :], style
        before = whole


def _between_words(parts: Sequence[Part], width: int) -> list[Part]:
    """Return the parts of a line, broken between words where it is wider than the terminal.

    A word that is wider stays whole: a path is copied in one piece. So does a command that fits a line.
    """
    found: list[Part] = []
    whole = "".join(part if isinstance(part, str) else part[0] for part in parts)
    indents = map(_indent, whole.split("\n"))
    indent = next(indents)
    at = 0
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        pieces = re.split(r"(\n|(?<=\S) (?=\S))", COMMAND.sub(partial(_glued, width), text))
        shown = ""
        for piece, gap in zip_longest(pieces[::2], pieces[1::2], fillvalue=""):
            size = width_of(piece)
            if shown.endswith(" ") and at + size > width:
                shown = shown[:-1] + "\n" + indent
                at = len(indent)
            shown += piece + gap
            at += size + len(gap)
            if gap == "\n":
                at, indent = 0, next(indents)
        found.append((shown.replace(GLUE, " "), style))
    return found


def _indent(line: str) -> str:
    """Return what stands before the rest of a line: it stands further in than its beginning."""
    return " " * max(INDENT, len(line) - len(line.lstrip(" ")) + 2)


def _glued(width: int, command: re.Match[str]) -> str:
    fits = INDENT + width_of(command[0]) <= width
    return command[0].replace(" ", GLUE) if fits else command[0]


def _columns(number: int) -> int:
    """Return how many columns the terminal behind a file's number has; 0 where it is not one."""
    try:
        return os.get_terminal_size(number).columns
    except (OSError, ValueError):
        return 0
