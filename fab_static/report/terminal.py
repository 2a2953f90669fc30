"""The terminal: phases as they run, tables, errors; plain lines where there is no terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fab_static.errors import FabStaticError

_ANSI = re.compile(r"(?:\x1b\[|\x9b)[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal:
    """Speaks to the operator. Secrets' values are blanked out in everything that is shown."""

    def __init__(
        self, secrets: Mapping[str, str], *, stream: IO[str] | None = None, verbose: bool = False
    ) -> None:
        self.console = Console(
            file=stream, highlight=False, soft_wrap=True, markup=False, emoji=False
        )
        if not self.console.is_terminal:
            self.console.width = 100  # a log's
        self._names: dict[str, str] = {}
        self._secret = re.compile("(?!)")
        self.keep_secret(secrets)
        self._verbose = verbose
        self._rest: dict[str, bytes] = {}

    def keep_secret(self, secrets: Mapping[str, str]) -> None:
        """Blank out these values from now on."""
        self._names = {}
        for name, value in secrets.items():
            # as it is shown, and line by line: a private key has many lines
            for text in (value, *value.splitlines()):
                text = _plain(text)
                if text.strip() and (text == _plain(value) or len(text) >= 4):
                    self._names[text] = name
        longest = sorted(self._names, key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, longest)) or "(?!)")

    def clean(self, text: str) -> str:
        """Return the text without secrets and without what would move a terminal's cursor."""
        # plain first: `grep --color` would tear a secret into parts
        return self._secret.sub(lambda found: f"[{self._names[found[0]]}]", _plain(text))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show that a phase runs, and how it ended after how long."""
        started = time.monotonic()
        self._line(name, "bold")
        try:
            yield
        except BaseException:
            self._flush()
            self._line(f"{name} failed after {_seconds(started)}", "bold red")
            raise
        self._flush()
        self._line(f"{name} done in {_seconds(started)}", "green")

    def say(self, text: str) -> None:
        """Tell a fact."""
        self._line("  " + self.clean(text))

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""
        self._line("  " + self.clean(text), "yellow")

    def output(self, host: str, data: bytes) -> None:
        """Show what a command prints on a host, whole lines at a time."""
        *lines, self._rest[host] = (self._rest.pop(host, b"") + data).split(b"\n")
        if self._verbose:
            for line in lines:
                self._line(f"  {host}: {self.clean(line.decode(errors='replace'))}", "dim")

    def error(self, error: FabStaticError) -> None:
        """Show an error: what, where, how to mend it."""
        self._flush()
        for word, style, text in (
            ("error:", "bold red", error.what),
            ("  where:", "dim", error.where),
            ("  mend: ", "dim", error.mend),
        ):
            self.console.print(Text.assemble((word, style), " ", self.clean(text)))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            right = column in ("objects", "bytes", "files", "missing", "changed")
            table.add_column(
                column,
                justify="right" if right else "left",
                overflow="fold",
                no_wrap=column in ("id", "live", "host"),
            )
        for row in rows:
            table.add_row(*(Text(self.clean(cell)) for cell in row))
        self.console.print(table, soft_wrap=False)

    def text(self, text: str) -> None:
        """Print a line as it is."""
        self.console.print(self.clean(text))

    def _flush(self) -> None:
        for host in list(self._rest):
            if self._rest[host]:
                self.output(host, b"\n")

    def _line(self, text: str, style: str = "") -> None:
        # a log without a terminal is read later: when did it happen?
        stamp = "" if self.console.is_terminal else f"{datetime.now():%H:%M:%S} "
        self.console.print(Text.assemble(stamp, (text, style)))


def _plain(text: str) -> str:
    return _CONTROL.sub("", _ANSI.sub("", text))


def _seconds(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def show_status(terminal: Terminal, status: Mapping[str, Any]) -> None:
    """Print what `status` found."""
    if status["agreed"]:
        live = status["live"] or "nothing yet"
        terminal.text(f"{status['app']} {status['environment']}: live is {live} on every host")
        before = {host["previous"] for host in status["hosts"] if host["previous"]}
        if before:
            terminal.text(f"before it: {', '.join(sorted(before))}")
    else:
        terminal.text(f"{status['app']} {status['environment']}: HOSTS DISAGREE")
    terminal.table(
        ("host", "roles", "live", "missing", "changed", "manifest", "versions"),
        [
            (
                host["host"],
                " ".join(host["roles"]),
                host["live"] or ("-" if host["reachable"] else "unreachable"),
                str(host["missing"]),
                str(host["changed"]),
                (host["offline_manifest_sha256"] or "-")[:8],
                (host["versions_sha256"] or "-")[:8],
            )
            for host in status["hosts"]
        ],
    )
    for host in status["hosts"]:
        if host["error"]:
            terminal.text(f"{host['host']}: {host['error']}")
        if host["provisional"]:
            terminal.text(
                f"{host['host']}: its flip to {host['live']} is not confirmed; unless a deploy is at "
                "work, it goes back by itself"
            )
    lock = status["lock"]
    if lock:
        terminal.text(f"locked by {lock['owner']} since {lock['since']}, now at {lock['phase']}")
    damaged = [host["host"] for host in status["hosts"] if host["missing"] or host["changed"]]
    name = status["environment"]
    if damaged:
        terminal.text(f"{', '.join(damaged)}: not as sealed; mend it with: fab {name} deploy")
    if not status["agreed"]:
        terminal.text(f"bring the hosts together with: fab {name} rollback, or fab {name} deploy")


def show_releases(terminal: Terminal, releases: Sequence[Mapping[str, Any]]) -> None:
    """Print the releases, newest first."""
    terminal.table(
        ("id", "state", "revision", "created", "by", "files", "bytes"),
        [
            (
                one["id"],
                one["state"],
                (one["revision"] or "-")[:10],
                one["created_at"].replace("T", " ").rstrip("Z"),
                one["created_by"],
                f"{one['files']:,}",
                f"{one['bytes']:,}",
            )
            for one in releases
        ],
    )


def show_plan(terminal: Terminal, plan: Mapping[str, Any]) -> None:
    """Print what a deploy would do."""
    live = plan["live"] or "nothing"
    terminal.text(f"live now: {live}. Nothing below has been done.")
    terminal.table(
        ("phase", "runs", "why"),
        [(one["name"], "yes" if one["will_run"] else "no", one["why"]) for one in plan["phases"]],
    )
    if not plan["exact"]:
        terminal.text("files as collectstatic would collect them; later phases change some:")
    show_files(terminal, plan["files"])
    terminal.table(
        ("host", "objects", "bytes"),
        [(one["host"], f"{one['objects']:,}", f"{one['bytes']:,}") for one in plan["hosts"]],
    )
    show_invalidation(terminal, plan["invalidation"])


def show_files(terminal: Terminal, files: Mapping[str, Sequence[str]], most: int = 20) -> None:
    """Print the files added, changed and removed; of each kind the first few."""
    for kind, sign in (("added", "+"), ("changed", "~"), ("removed", "-")):
        paths = files[kind]
        terminal.text(f"{len(paths):,} files {kind}" + (":" if paths else ""))
        for path in paths[:most]:
            terminal.text(f"  {sign} {path}")
        if len(paths) > most:
            terminal.text(f"  … and {len(paths) - most:,} more")


def show_invalidation(terminal: Terminal, invalidation: Mapping[str, Any]) -> None:
    """Print what CloudFront would be asked to forget, and the price."""
    paths = invalidation["paths"]
    if not paths:
        terminal.text("CloudFront keeps all it has: no URL keeps its name with other bytes")
        return
    terminal.text(f"CloudFront forgets {len(paths)} paths, at most ${invalidation['price_usd']:g}:")
    for path in paths[:20]:
        terminal.text(f"  {path}")
    if len(paths) > 20:
        terminal.text(f"  … and {len(paths) - 20} more")


def show_difference(terminal: Terminal, difference: Mapping[str, Any]) -> None:
    """Print what differs between two releases."""
    terminal.text(f"{difference['old'] or 'nothing'} -> {difference['new']}")
    show_files(terminal, difference)
    show_invalidation(terminal, difference["invalidation"])


def show_findings(terminal: Terminal, findings: Sequence[Mapping[str, Any]]) -> None:
    """Print the doctor's findings: what is well in a line, what is not with its cure."""
    for one in findings:
        sign = "ok " if one["ok"] else "BAD"
        terminal.text(f"{sign}  {one['where']}: {one['subject']}: {one['what']}")
        if one["mend"]:
            terminal.text(f"       mend: {one['mend']}")
    bad = sum(not one["ok"] for one in findings)
    terminal.text(f"{bad} of {len(findings)} findings need mending" if bad else "all is well")


def show_why(terminal: Terminal, known: Mapping[str, Any]) -> None:
    """Print what is known of a URL or a key."""
    terminal.text(str(known["verdict"]))
    for key, value in known.items():
        if key == "verdict" or value in (None, [], {}):
            continue
        if isinstance(value, list) and isinstance(value[0], Mapping):
            terminal.text(f"{key}:")
            for item in value:
                words = ", ".join(
                    f"{name} {text}" for name, text in item.items() if text is not None
                )
                terminal.text(f"  {words}")
        elif isinstance(value, Mapping):
            terminal.text(f"{key}:")
            for name, text in value.items():
                terminal.text(f"  {name}: {text}")
        elif isinstance(value, list):
            terminal.text(f"{key}: {', '.join(map(str, value))}")
        else:
            terminal.text(f"{key}: {value}")
