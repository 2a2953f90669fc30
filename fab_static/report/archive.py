"""What the operator's machine keeps of each run: its log, its summary, its report.

$XDG_STATE_HOME/fab_static/<app>/<environment>/20261122T170102Z-deploy.log, .json, .html
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fab_static.report.pieces import Summary

KEPT = 100  # runs
_NAME = re.compile(r"\d{8}T\d{6}Z-.+")
_STAMP = len("20261122T170102Z")


@dataclass(frozen=True)
class Kept:
    """A run as it is kept: its name, its summary where there is a whole one, and which files there are."""

    name: str
    summary: Summary | None
    endings: frozenset[str]


class Archive:
    """The kept runs of one environment of one app."""

    def __init__(
        self, app: str, environment: str, environ: Mapping[str, str] | None = None
    ) -> None:
        """Find the folder.

        Raises:
            OSError: there is neither XDG_STATE_HOME nor a home folder.
        """
        state = (os.environ if environ is None else environ).get("XDG_STATE_HOME") or ""
        # a relative one is to be ignored (XDG Base Directory Specification)
        base = Path(state) if state.startswith("/") else _home() / ".local" / "state"
        self.folder = base / "fab_static" / app / environment

    def begin(self, task: str, now: datetime | None = None) -> Path:
        """Return where a run's files go, without their endings; older runs than the last 100 go.

        Raises:
            OSError: the folder cannot be made or written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        runs = self.runs()
        for run in runs[KEPT - 1 :]:
            for file in self.folder.glob(run.name + ".*"):
                with suppress(OSError):  # a folder, or another user's: it is in nobody's way
                    file.unlink()
        stamp = name_of(task, now)
        names = {run.name for run in runs}
        name = next(
            name
            for name in (stamp, *(f"{stamp}-{count}" for count in range(2, KEPT)))
            if name not in names
        )
        return self.folder / name

    def runs(self) -> list[Path]:
        """Return the runs, newest first: paths without an ending.

        Of those that began in one second the newest is the one written last, whatever its task is called.
        """
        written: dict[Path, int] = {}
        try:
            for file in self.folder.iterdir():
                # the page over all runs stands here too
                if file.suffix and _NAME.fullmatch(file.stem):
                    run = file.with_suffix("")
                    written[run] = max(written.get(run, 0), file.lstat().st_mtime_ns)
        except OSError:  # none yet, or this machine keeps none
            return []
        return sorted(written, key=lambda run: (run.name[:_STAMP], written[run], run), reverse=True)

    def kept(self) -> Iterator[Kept]:
        """Yield all runs, newest first, those without a summary too."""
        summaries = dict(self.summaries())
        for run in self.runs():
            endings = (".html", ".log")
            there = frozenset(one for one in endings if run.with_suffix(one).exists())
            yield Kept(run.name, summaries.get(run), there)

    def summaries(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the runs that left a summary, newest first, with it; a damaged one is passed over."""
        for run in self.runs():
            try:
                summary = json.loads(run.with_suffix(".json").read_text("utf-8"))
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(summary, dict):
                yield run, summary


def last_time(archive: Archive, task: str) -> float | None:
    """Return the seconds that the last run of a task took which ended well, or None if none is kept.

    Of a task that makes releases live, one that found nothing new does not count, if another is kept: it
    says nothing of how long work takes.
    """
    found: float | None = None
    for _, known in archive.summaries():
        seconds = known.get("seconds")
        if known.get("task") != task or known.get("exit_code") != 0:
            continue
        if not isinstance(seconds, int | float):
            continue
        if known.get("difference") or known.get("outcome") != "live":
            return seconds
        found = seconds if found is None else found
    return found


def name_of(task: str, now: datetime | None = None) -> str:
    """Return the name of a run that begins now: 20261122T170102Z-deploy."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{task}"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:  # HOME is not set, and the system does not know the user
        raise OSError("neither HOME nor XDG_STATE_HOME is set") from error
