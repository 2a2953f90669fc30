"""The terminal: phases as they run, tables, errors; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, TextIO, cast

from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fab_static.errors import LINES_SHOWN, FabStaticError
from fab_static.plan import failures
from fab_static.plan.ending import Ending, listed
from fab_static.report import live
from fab_static.report.secrets import Secrets
from fab_static.report.stream import Stream
from fab_static.timeline import Timeline
from fab_static.wording import counted

RIGHT = ("objects", "bytes", "gzip", "brotli", "files", "missing", "changed")  # columns of numbers
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
        self.console = Console(
            file=cast("IO[str]", Stream(stream, self._lost)),
            highlight=False,
            soft_wrap=True,
            markup=False,
            emoji=False,
        )
        if not self.console.is_terminal:
            self.console.width = 100  # a log's
        self._secrets = Secrets(secrets)
        self._spell = spell
        self._verbose = verbose
        self._quiet = quiet
        self._rest: dict[str, bytes] = {}
        self._output: deque[tuple[str, str]] = deque(maxlen=KEPT_LINES)  # of the phase that runs
        self._log = _Log()
        self._timeline: Timeline | None = None
        self._hosts: Sequence[str] = ()

    def keep_secret(self, secrets: Mapping[str, str]) -> None:
        """Blank out these values from now on."""
        self._secrets = Secrets(secrets)

    def clean(self, text: str) -> str:
        """Return the text without secrets and without what would move a terminal's cursor."""
        return self._spell(self._secrets.clean(text))

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
        if self._is_live:  # the table's headline says it
            self._log.write(name)
        else:
            self._line(name, "bold")
        try:
            with self._table():
                yield
        except BaseException:
            self._flush()
            self._show_what_was_printed()
            self._line(f"{name} failed after {_seconds(started)}", "bold red", important=True)
            raise
        self._flush()
        self._line(f"{name} done in {_seconds(started)}", "green")

    def say(self, text: str) -> None:
        """Tell a fact."""
        self._line("  " + self.clean(text))

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""
        self._line("  " + self.clean(text), "yellow", important=True)

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
            self.console.print(Text.assemble((word, style), " ", self.clean(text)))

    def ending(self, ending: Ending | None) -> None:
        """Show how a run ended: what is live where, what was undone, the one command to run next."""
        for word, text in ending.words() if ending else ():
            self._log.write(self.clean(f"  {word}: {text}"))
            self.console.print(Text.assemble((f"  {word}:", "dim"), " ", self.clean(text)))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            right = column in RIGHT
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

    def _lost(self, why: str) -> None:
        """Tell on standard error, and in the log, that nothing can be shown any more."""
        text = f"what happens cannot be shown here any more ({why}); the run goes on"
        self._log.write(text)
        self._errors.write(text + "\n")
        self._errors.flush()

    @property
    def _is_live(self) -> bool:
        return (
            self.console.is_terminal
            and not self.console.is_dumb_terminal
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

        def now() -> RenderableType:
            return live.table(
                timeline, self._hosts, height=self.console.height, width=self.console.width
            )

        with Live(
            console=self.console,
            get_renderable=now,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield

    def _show_what_was_printed(self) -> None:
        """Show what the commands of a failed phase printed, where the error cannot hold it all.

        Without the frames of tracebacks, which the log has.
        """
        for host, pairs in groupby(self._output, key=itemgetter(0)):
            lines = failures.lines_of("\n".join(text for _, text in pairs))
            for text in lines if len(lines) > LINES_SHOWN else ():
                self.console.print(Text(f"  {host}: {text}", style="dim"))
        self._output.clear()

    def _flush(self) -> None:
        for host in list(self._rest):
            if self._rest[host]:
                self.output(host, b"\n")

    def _line(self, text: str, style: str = "", *, important: bool = False) -> None:
        self._log.write(text)
        if self._quiet and not important:
            return
        # a log without a terminal is read later: when did it happen?
        stamp = "" if self.console.is_terminal else f"{datetime.now():%H:%M:%S} "
        self.console.print(Text.assemble(stamp, (text, style)))


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


def show_status(terminal: Terminal, status: Mapping[str, Any]) -> None:
    """Print what `status` found."""
    terminal.text(f"{status['app']} {status['environment']}: {_what_is_live(status)}")
    if status["agreed"]:
        before = {host["previous"] for host in status["hosts"] if host["previous"]}
        if before:
            terminal.text(f"before it: {', '.join(sorted(before))}")
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
    for origin in status["origins"]:
        if origin["error"]:
            terminal.text(f"{origin['origin']}: {origin['error']}")
            continue
        terminal.text(f"{origin['origin']}: live is {origin['live'] or 'nothing yet'}")
        if origin["pending"]:
            terminal.text(
                f"{origin['origin']}: a flip to {origin['pending']} began and did not end; unless a "
                "deploy is at work, the next one mends it"
            )
        if origin["missing"]:
            terminal.text(f"{origin['origin']}: {origin['missing']} objects are missing")
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
    damaged += [origin["origin"] for origin in status["origins"] if origin["missing"]]
    name = status["environment"]
    if damaged:
        terminal.text(f"{', '.join(damaged)}: not as sealed; mend it with: fab {name} deploy")
    silent = _silent(status)
    if silent:
        terminal.text(
            f"see why {listed(silent)} cannot be reached: fab {name} check; what it missed, the next "
            "deploy or rollback gives it"
        )
    if not status["agreed"] and (not silent or len(_live_on(status)) > 1):
        terminal.text(f"bring the hosts together with: fab {name} rollback, or fab {name} deploy")


def _what_is_live(status: Mapping[str, Any]) -> str:
    """Return in words what is live where, and which hosts did not answer."""
    live, silent = _live_on(status), _silent(status)
    if status["agreed"]:
        where = "on every host and in the bucket" if status["origins"] else "on every host"
        return f"live is {next(iter(live))} {where}"
    words = "; ".join(f"{name} on {listed(some)}" for name, some in live.items())
    if len(live) == 1 and not silent:
        words = f"live is {words}, and not for good: a flip has not ended"
    elif words:
        words = f"live is {words}"
    if len(live) > 1:
        words = f"HOSTS DISAGREE: {words}"
    unreached = [f"{listed(silent)} cannot be reached"] if silent else []
    return "; ".join(filter(None, [words, *unreached]))


def _live_on(status: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the releases that are live, each with the hosts and buckets that answered so."""
    found: dict[str, list[str]] = {}
    for one in (*status["hosts"], *status["origins"]):
        if one["reachable"]:
            found.setdefault(one["live"] or "nothing yet", []).append(
                one.get("host") or one["origin"]
            )
    return found


def _silent(status: Mapping[str, Any]) -> list[str]:
    members = (*status["hosts"], *status["origins"])
    return [one.get("host") or one["origin"] for one in members if not one["reachable"]]


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
    if plan["bundles"] is None:
        terminal.text(
            f"what bundles will weigh is known once they are built: fab {plan['environment']} prepare"
        )
    else:
        show_bundles(terminal, plan["bundles"])
    show_urls(terminal, plan["urls"])
    terminal.table(
        ("host", "objects", "bytes"),
        [
            (str(one.get("host") or one["origin"]), f"{one['objects']:,}", f"{one['bytes']:,}")
            for one in (*plan["hosts"], *plan["origins"])
        ],
    )
    show_flip(terminal, plan["flip"])
    show_invalidation(terminal, plan["invalidation"])


def show_flip(terminal: Terminal, steps: Sequence[Mapping[str, Any]]) -> None:
    """Print the order in which hosts would go live."""
    terminal.text("it goes live in this order:")
    for step in steps:
        hosts = " ".join(step.get("hosts", ()))
        terminal.text(
            {
                "flip": f"  flip {hosts}" + (", reload, check" if step.get("reloads") else ""),
                "publish": f"  copy to the live keys of {step.get('bucket')}",
                "invalidate": "  ask CloudFront to forget",
                "confirm": f"  confirm: {hosts}",
            }[step["do"]]
        )


def show_files(terminal: Terminal, files: Mapping[str, Sequence[str]], most: int = 20) -> None:
    """Print the files added, changed and removed; of each kind the first few."""
    for kind, sign in (("added", "+"), ("changed", "~"), ("removed", "-")):
        paths = files[kind]
        terminal.text(f"{counted(len(paths), 'file')} {kind}" + (":" if paths else ""))
        for path in paths[:most]:
            terminal.text(f"  {sign} {path}")
        if len(paths) > most:
            terminal.text(f"  … and {len(paths) - most:,} more")


def show_bundles(terminal: Terminal, bundles: Sequence[Mapping[str, Any]], most: int = 20) -> None:
    """Print which bundles grew or shrank, and by how much as they are and as they are sent."""
    if not bundles:
        return
    terminal.text(f"{counted(len(bundles), 'bundle')} changed:")
    terminal.table(
        ("bundle", "bytes", "gzip", "brotli"),
        [
            (one["bundle"], *(_growth(one, kind) for kind in ("bytes", "gzip", "brotli")))
            for one in bundles[:most]
        ],
    )
    if len(bundles) > most:
        terminal.text(f"  … and {len(bundles) - most:,} more")


def _growth(bundle: Mapping[str, Any], kind: str) -> str:
    """Return a bundle's size now and how it changed: 12.3 kB (+1.1 kB); "-" where it has none."""
    before, now = (one and one[kind] for one in (bundle["before"], bundle["now"]))
    if bundle["now"] is None:
        return "gone" if kind == "bytes" else "-"
    if now is None:
        return "-"
    if before is None:
        return live.size(now) + (" (new)" if bundle["before"] is None else "")
    return f"{live.size(now)} ({'+' if now >= before else '-'}{live.size(abs(now - before))})"


def show_urls(terminal: Terminal, urls: Sequence[Mapping[str, str | None]], most: int = 20) -> None:
    """Print the URLs that pages print otherwise from then on."""
    if not urls:
        return
    terminal.text(f"{counted(len(urls), 'URL changes', 'URLs change')}:")
    for one in urls[:most]:
        terminal.text(f"  {one['before'] or '(none)'} -> {one['now'] or '(known once built)'}")
    if len(urls) > most:
        terminal.text(f"  … and {len(urls) - most:,} more")


def show_invalidation(terminal: Terminal, invalidation: Mapping[str, Any]) -> None:
    """Print what CloudFront would be asked to forget, and the price."""
    paths = invalidation["paths"]
    if not paths:
        terminal.text("CloudFront keeps all it has: no URL keeps its name with other bytes")
        return
    terminal.text(
        f"CloudFront forgets {counted(len(paths), 'path')}, at most ${invalidation['price_usd']:g}:"
    )
    for path in paths[:20]:
        terminal.text(f"  {path}")
    if len(paths) > 20:
        terminal.text(f"  … and {len(paths) - 20} more")


def show_difference(terminal: Terminal, difference: Mapping[str, Any]) -> None:
    """Print what differs between two releases."""
    terminal.text(f"{difference['old'] or 'nothing'} -> {difference['new']}")
    show_files(terminal, difference)
    show_bundles(terminal, difference["bundles"])
    show_urls(terminal, difference["urls"])
    show_invalidation(terminal, difference["invalidation"])


ADVICE_SHOWN = 20


def show_findings(terminal: Terminal, findings: Sequence[Mapping[str, Any]]) -> None:
    """Print the doctor's findings: what is well in a line, what is not with its cure; advice apart."""
    advice = [one for one in findings if one.get("advice")]
    rest = [one for one in findings if not one.get("advice")]
    for one in rest:
        sign = "ok " if one["ok"] else "BAD"
        terminal.text(f"{sign}  {one['where']}: {one['subject']}: {one['what']}")
        if one["mend"]:
            terminal.text(f"       mend: {one['mend']}")
    if advice:
        terminal.text("")
        terminal.text("advice; a deploy does well without it:")
        cures: dict[str, None] = {}
        for one in advice[:ADVICE_SHOWN]:
            terminal.text(f"tip  {one['where']}: {one['subject']}: {one['what']}")
            cures.update(dict.fromkeys(one["mend"].split("; ")))
        if len(advice) > ADVICE_SHOWN:
            terminal.text(
                f"     … and {len(advice) - ADVICE_SHOWN} more: check --json has them all"
            )
        for cure in cures:
            terminal.text(f"       {cure}")
        terminal.text("")
    bad = sum(not one["ok"] for one in rest)
    terminal.text(f"{bad} of {len(rest)} findings need mending" if bad else "all is well")


def show_why(terminal: Terminal, known: Mapping[str, Any]) -> None:
    """Print what is known of a URL or a key."""
    terminal.text(str(known["verdict"]))
    if "key" in known:
        _show_key(terminal, known)
    else:
        _show_path(terminal, known)


def _show_path(terminal: Terminal, known: Mapping[str, Any]) -> None:
    def short(digest: str | None) -> str:
        return digest[:12] if digest else "-"

    terminal.text(f"path: {known['path']}")
    terminal.text(f"kind: {known['kind']}")
    if known["in_release"]:
        version = known["version"] or "none"
        terminal.text(f"version: {version}, {known['size']:,} bytes, sha256 {known['sha256']}")
    for number, one in enumerate(known["phases"]):
        verb = "removed by" if one["sha256"] is None else "changed by" if number else "made by"
        if verb == "made by" and one["phase"] != "collectstatic":
            verb = "written by"
        bytes_of = "" if one["sha256"] is None else f", sha256 {short(one['sha256'])}"
        terminal.text(f"{verb}: {one['phase']}{bytes_of}")
    if known["source"]:
        terminal.text(f"source: {known['source']}")
    for path in known["shadowed"]:
        terminal.text(f"shadowed: {path}: collectstatic takes the first of this name")
    terminal.text(f"live release: {known['release']}")
    terminal.text(f"releases that hold it: {', '.join(known['releases']) or 'none'}")
    version = known["asked_version"] or known["version"]
    if version:
        held = ", ".join(known["releases_of_version"]) or "none"
        terminal.text(f"releases with version {version}: {held}")
    terminal.table(
        ("host", "current", "pool", "named", "as sealed"),
        [
            (one["host"], one["error"], "", "", "")
            if "error" in one
            else (
                one["host"],
                *(short(one[name]) for name in ("current", "pool", "named")),
                "yes" if one["as_sealed"] else "NO",
            )
            for one in known["hosts"]
        ],
    )


def _show_key(terminal: Terminal, known: Mapping[str, Any]) -> None:
    terminal.text(f"key: {known['key']}")
    terminal.text(f"live release: {known['release']}")
    for release, html in known["releases"].items():
        terminal.text(f"in {release}: {html.strip()}")
    for one in known["asked_by"]:
        within = "" if one["in"] == one["template"] else f" of {one['in']}"
        line = "" if one["line"] is None else f", line {one['line']}"
        language = f", in language {one['language']}" if one["language"] else ""
        terminal.text(
            f"rendered on {one['host']} by {one['template']}, block {one['block']}{line}{within}{language}:"
        )
        for text in one["text"].strip().splitlines()[:12]:
            terminal.text(f"    {text}")
        for text in one["nearest"]:
            terminal.text(f"  {text}")
    for one in known["unasked"]:
        terminal.text(f"{one['host']} did not answer: {one['error']}")
