"""The terminal: phases as they run, tables, errors; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import groupby, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from fab_static.errors import LINES_SHOWN, FabStaticError
from fab_static.report.paper import Paper
from fab_static.report.secrets import Secrets
from fab_static.report.stream import Stream
from fab_static.report.table import Column

if TYPE_CHECKING:
    from fab_static.plan.ending import Ending
    from fab_static.report.live import Note
    from fab_static.timeline import Timeline

RIGHT = {  # columns of numbers
    *("objects", "bytes", "gzip", "brotli", "files", "missing", "changed", "seconds", "sent"),
    *("back, deltas", "back, Brotli", "back, gzip", "first visit"),
}
WHOLE = ("id", "live", "host")  # columns whose cells are never broken
MOST_LINE = 100_000  # bytes of one line; what prints without a newline must not fill the memory
KEPT_LINES = 10_000  # of a phase's output, until it is known whether it failed


class Terminal:
    """Speaks to the operator, as long as anybody can read it; a run never ends because nobody can.

    Args:
        secrets: their values are blanked out in everything that is shown.
        stream: where it speaks; None: nowhere.
        errors: where it says that nobody can read the stream any more.
        spell: writes commands in a text as they are called here.
        verbose: show what commands on hosts print.
        quiet: show only what went wrong.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        stream: TextIO | None,
        errors: TextIO | None = None,
        spell: Callable[[str], str] = str,
        verbose: bool = False,
        quiet: bool = False,
    ) -> None:
        self._errors = Stream(None if errors is stream else errors, lambda _: None)
        self._paper = Paper(Stream(stream, self._lost))
        self._secrets = Secrets(secrets)
        self._spell = spell
        self._verbose = verbose
        self._quiet = quiet
        self._rest: dict[str, bytes] = {}
        self._output: deque[tuple[str, str]] = deque(maxlen=KEPT_LINES)  # of the phase that runs
        self._notes: list[Note] = []  # of the phase that runs, where its table stands
        self._has_table = False
        self._log = _Log()
        self._timeline: Timeline | None = None
        self._hosts: Sequence[str] = ()

    def keep_secret(self, secrets: Mapping[str, str]) -> None:
        """Blank out these values from now on."""
        self._secrets = Secrets(secrets)

    def clean(self, text: str) -> str:
        """Return the text without secrets and without what would move a terminal's cursor."""
        return self._spell(self._secrets.clean(text))

    @property
    def is_quiet(self) -> bool:
        """Whether only what went wrong is shown."""
        return self._quiet

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show this timeline from now on, as a table that stands below the lines, on a terminal."""
        self._timeline, self._hosts = timeline, hosts

    def log_to(self, path: Path) -> None:
        """Write all that is shown, and all that commands on hosts print, to this file too."""
        self._log.begin(path, self.warn)

    def on_stream(self, stream: TextIO | None) -> Terminal:
        """Return one that speaks on another stream, and writes to the same log."""
        other = Terminal({}, stream=stream, quiet=self._quiet)
        other._secrets, other._log, other._spell = self._secrets, self._log, self._spell
        return other

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show that a phase runs, and how it ended after how long."""
        started = time.monotonic()
        self._output.clear()
        if self._is_live and not self._verbose:  # the table's headline says it
            self._log.write(name)
        else:
            self._line(name, "bold")
        try:
            with self._table():
                yield
        except BaseException as error:
            self._flush()
            self._show_what_was_printed()
            how = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            self._line(f"{name} {how} after {_seconds(started)}", "bold red", important=True)
            self._show_notes()
            raise
        self._flush()
        self._line(f"{name} done in {_seconds(started)}", "cyan")
        self._show_notes()

    def say(self, text: str) -> None:
        """Tell a fact."""
        self._note("  " + self.clean(text))

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""
        self._note("! " + self.clean(text), "yellow", important=True)

    def output(self, host: str, data: bytes) -> None:
        """Take what a command prints on a host, whole lines at a time: shown, or kept until it fails."""
        *lines, rest = (self._rest.pop(host, b"") + data).split(b"\n")
        self._rest[host] = rest[: MOST_LINE + 1]
        for line in lines:
            text = f"  {host}: {self._readable(line)}"
            if self._verbose:
                self._line(text, "dim", important=True)
            else:
                self._log.write(text)
                self._output.append((host, self.clean(line.decode(errors="replace"))))

    def _readable(self, line: bytes) -> str:
        text = self.clean(line[:MOST_LINE].decode(errors="replace"))
        if len(line) <= MOST_LINE:
            return text
        return text[: max(0, len(text) - self._secrets.longest)] + " …"  # no half of a secret

    def error(self, error: FabStaticError) -> None:
        """Show an error: what, where, how to mend it."""
        self._flush()
        self._log.write(
            self.clean(f"error: {error.what}\n  where: {error.where}\n  mend:  {error.mend}")
        )
        for word, style, text in (
            ("error:", "bold red", error.what),
            ("  where:", "dim", error.where),
            ("  mend: ", "dim", error.mend),
        ):
            self._paper.line((word, style), " ", self.clean(text))

    def ending(self, ending: Ending | None) -> None:
        """Show how a run ended: what is live where, what was undone, the one command to run next."""
        for word, text in ending.words() if ending else ():
            if word == "undone" and ending and not ending.undone:
                continue  # what is live says all
            self._log.write(self.clean(f"  {word}: {text}"))
            self._paper.line((f"  {word}:", "dim"), " ", self.clean(text))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        is_listing: bool = False,
    ) -> None:
        """Print a table; a row may lack its last cells. A listing has one line a row in a pipe."""
        cells = [[self.clean(cell) for cell in row] for row in rows]
        self._paper.table(
            [
                Column(name, list(column), name in RIGHT, name in WHOLE)
                for name, *column in zip_longest(columns, *cells, fillvalue="")
            ],
            is_listing=is_listing,
        )

    def text(self, text: str = "", style: str = "") -> None:
        """Print a line as it is."""
        self._paper.line((self.clean(text), style))

    def _lost(self, why: str) -> None:
        """Tell on standard error, and in the log, that nothing can be shown any more."""
        text = f"what happens cannot be shown here any more ({why}); the run goes on"
        self._log.write(text)
        self._errors.write(text + "\n")
        self._errors.flush()

    @property
    def _is_live(self) -> bool:
        return (
            self._paper.is_terminal
            and not self._paper.is_dumb
            and not self._quiet
            and self._timeline is not None
        )

    @contextmanager
    def _table(self) -> Iterator[None]:
        """Let the table of hosts stand below what is printed, and take it away again."""
        timeline = self._timeline
        if timeline is None or not self._is_live:
            yield
            return

        # not above: rich takes longer to load than all that `status` needs
        from fab_static.report.live import standing

        table = standing(self._paper.stream, timeline, self._hosts, self._notes)
        with table as write, self._paper.above(write):
            self._has_table = not self._verbose  # else notes stand among what commands print
            try:
                yield
            finally:
                self._has_table = False

    def _show_what_was_printed(self) -> None:
        """Show what the commands of a failed phase printed, where the error cannot hold it all.

        Without the frames of tracebacks, which the log has.
        """
        from fab_static.plan import failures  # not above: only where one is

        for host, pairs in groupby(self._output, key=itemgetter(0)):
            lines = failures.lines_of("\n".join(text for _, text in pairs))
            for text in lines if len(lines) > LINES_SHOWN else ():
                self._paper.line((f"  {host}: {text}", "dim"))
        self._output.clear()

    def _flush(self) -> None:
        for host in list(self._rest):
            if self._rest[host]:
                self.output(host, b"\n")

    def _note(self, text: str, style: str = "", *, important: bool = False) -> None:
        """Write a line; or keep it, where the table shows it, until it can stand below how its phase ended."""
        if self._has_table:
            self._log.write(text)
            self._notes.append((text, style))
        else:
            self._line(text, style, important=important)

    def _show_notes(self) -> None:
        for note in self._notes:
            self._paper.line(note)
        self._notes.clear()

    def _line(self, text: str, style: str = "", *, important: bool = False) -> None:
        self._log.write(text)
        if self._quiet and not important:
            return
        # a log without a terminal is read later: when did it happen?
        stamp = "" if self._paper.is_terminal else f"{datetime.now():%H:%M:%S} "
        self._paper.line(stamp, (text.replace("\n", f"\n{stamp}"), style))


class _Log:
    """A file of lines with the time of day; nothing until it is begun, or once it cannot be written."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None
        self._warn: Callable[[str], None] | None = None

    def begin(self, path: Path, warn: Callable[[str], None]) -> None:
        self._end()
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._warn = warn

    def write(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(f"{datetime.now():%H:%M:%S} {text}\n")
        except (OSError, ValueError) as error:  # the disk is full, or is gone
            name = self._file.name
            self._end()
            if self._warn:
                self._warn(f"the log ends here: {getattr(error, 'strerror', '') or error}: {name}")

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # of the lines that a full disk did not take
                file.close()


def _seconds(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
