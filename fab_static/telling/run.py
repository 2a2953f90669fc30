"""Tells of a run: its log, its summary, its report, hooks, a webhook.

Nothing here decides how the run ends (DESIGN, G9). What goes wrong here is told in one line, and the others are
told anyway. The exit code stays the run's own. Only a before_deploy hook may refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from fab_static.errors import DONE, FAILED, LIVE_BUT, DisagreementError, FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.downloads import Point
from fab_static.plan.ending import Ending
from fab_static.plan.wording import first_line
from fab_static.report import html
from fab_static.report.archive import Archive, last_time, name_of
from fab_static.report.downloads import point_of
from fab_static.report.pieces import Summary
from fab_static.report.secrets import Secrets, every_text
from fab_static.telling import hooks, notify
from fab_static.telling import page as page_of
from fab_static.telling.summary import summary

HISTORY = 20  # deploys


class Telling:
    """Who is told of one run.

    Args:
        deploy: the run.
        task: the word it was started by.
        folder: of the fabfile, in which hooks run.
        secrets: what nobody may see.
        webhook: its URL.
        spell: writes commands in a text as they are called in this fabfile.
        tells_others: run hooks and tell the webhook; a phase alone only keeps its log.
        on_report: is given the report, an HTML page, and the path where it is kept, if it is.
    """

    def __init__(
        self,
        deploy: Deployment,
        task: str,
        *,
        folder: Path,
        secrets: Secrets,
        webhook: str | None = None,
        spell: Callable[[str], str] = str,
        tells_others: bool = True,
        on_report: Callable[[str, str | None], None] | None = None,
    ) -> None:
        self._deploy = deploy
        self._task = task
        self._folder = folder
        self._secrets = secrets
        self._webhook = webhook
        self._spell = spell
        self._tells_others = tells_others
        self._on_report = on_report
        self._name = name_of(task)
        self.has_begun = False
        self._has_ended = False
        self._kept: Path | None = None  # where this run's files go, without an ending

    def began(self) -> None:
        """Begin the log, and run the hooks that may stop a deploy.

        Raises:
            BuildError: such a hook failed.
        """
        self.has_begun = True
        with self._anyway("no log is kept of this run"):
            environment = self._deploy.environment
            archive = Archive(environment.app, environment.name)
            self._deploy.timeline.last_time = last_time(archive, self._task)
            kept = archive.begin(self._task)
            self._deploy.show.log_to(kept.with_suffix(".log"))
            self._kept, self._name = kept, kept.name
        if self._task in ("deploy", "prepare"):
            self._run_hooks(self._summary("before_deploy", "started"), must=True)

    def ended(self, error: BaseException | None, find_ending: Callable[[], Ending | None]) -> None:
        """Keep the summary and the report, run the hooks, tell the webhook.

        Args:
            error: what the run ended with, or None if it went well, or only something after the flip failed.
            find_ending: returns what is live, what was undone, what to run next.
        """
        self._has_ended = True
        ending: Ending | None = None
        with self._anyway("how this run ended could not be put into words"):
            ending = find_ending()
        with self._anyway("nobody could be told of this run"):
            self._tell(error, ending)

    # ---- inside

    def _tell(self, error: BaseException | None, ending: Ending | None) -> None:
        deploy = self._deploy
        is_live = deploy.stays or (
            error is None and deploy.release is not None and deploy.live == deploy.release.id
        )
        if is_live:
            known = self._summary("after_activate", "live", error, ending)
        elif error is not None:
            known = self._summary("after_failure", "failed", error, ending)
        else:
            known = self._summary("", "done", error, ending)
        self._keep_report(known)
        with self._anyway("the summary of this run could not be kept"):
            if self._kept:
                with self._kept.with_suffix(".json").open("w", encoding="utf-8") as file:
                    file.writelines(_in_lines(known))
        self._run_hooks(known, must=False)
        with self._anyway("notify.webhook could not be told"):
            if self._tells_others and self._webhook and known["event"]:
                why_not = notify.post(self._webhook, known)
                if why_not:
                    deploy.show.warn(f"notify.webhook could not be told: {why_not}")

    @contextmanager
    def _anyway(self, what: str) -> Iterator[None]:
        """Let nothing that goes wrong in the block change how the run ends: say it in a line."""
        try:
            yield
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            self._deploy.show.warn(f"{what}: {error.strerror or error}{where}")
        except Exception as error:
            self._deploy.show.warn(f"{what}: {type(error).__name__}: {first_line(str(error))}")
        except KeyboardInterrupt:
            if not self._has_ended:  # before anything is done it stops the run
                raise
            self._deploy.show.warn(f"{what}: you interrupted it")

    def _summary(
        self,
        event: str,
        outcome: str,
        error: BaseException | None = None,
        ending: Ending | None = None,
    ) -> dict[str, Any]:
        before: Mapping[str, Any] | None = None
        with self._anyway("the run before this one could not be read"):
            before = self._summary_of_what_was_live() if outcome in ("live", "done") else None
        known = summary(
            self._deploy,
            task=self._task,
            event=event,
            outcome=outcome,
            error=_words(error) if error else None,
            before=before,
            anyway=self._anyway,
        )
        known["downloads_history"] = []
        with self._anyway("what earlier deploys cost visitors could not be read"):
            known["downloads_history"] = self._history(known)
        if outcome != "started":
            known["exit_code"] = exit_code(error, self._deploy)
            known["interrupted"] = isinstance(error, KeyboardInterrupt)
            known["ending"] = dict(ending.words()) if ending else None
        if outcome == "live" and error is not None:
            known["error"] = None
            known["failed_after_flip"].append(_broke_off(error, ending))
        if self._kept:
            known["log"] = str(self._kept.with_suffix(".log"))
        cleaned: dict[str, Any] = every_text(
            known, lambda text: self._spell(self._secrets.clean(text))
        )
        return cleaned

    def _summary_of_what_was_live(self) -> dict[str, Any] | None:
        """Return the newest kept summary of the run that made live what was live when this one began."""
        environment, release = self._deploy.environment, self._deploy.was_live
        if not release:
            return None
        runs = Archive(environment.app, environment.name).summaries()
        known = (one for _, one in runs if one.get("outcome") == "live")
        return next((one for one in known if one.get("release") == release), None)

    def _history(self, known: Summary) -> list[Point]:
        """Return what the last deploys cost visitors, this one last, as this machine has kept it."""
        found = [point_of(known)]
        if found[0]:
            environment = self._deploy.environment
            runs = Archive(environment.app, environment.name).summaries()
            found += islice(filter(None, (point_of(one) for _, one in runs)), HISTORY - 1)
        return [one for one in reversed(found) if one]

    def _keep_report(self, known: dict[str, Any]) -> None:
        with self._anyway("no report could be made of this run"):
            log = self._kept and self._kept.with_suffix(".log")
            more = page_of.more(self._deploy, known, log, self._anyway)
            page = partial(self._page, known, more)
            with self._anyway("the report could not be kept"):
                if self._kept:
                    known["report"] = str(_written(self._kept.with_suffix(".html"), page()))
            with self._anyway("whoever watches could not be shown the report"):
                if self._on_report:
                    self._on_report(b"".join(page()).decode(), known["report"])
            known["report_at"] = self._put_report(page)

    def _page(self, known: Summary, more: html.More) -> Iterator[bytes]:
        """Yield the report, a row at a time: it may tell of thousands of files."""
        for line in html.lines(known, more):
            # a name that is not text has lone surrogates: UTF-8 has none
            yield self._spell(line).encode("utf-8", "backslashreplace")

    def _put_report(self, page: Callable[[], Iterable[bytes]]) -> str | None:
        """Put the report into the bucket that the inventory names; return its URL there, or None."""
        place = self._deploy.environment.report
        if place is None:
            return None
        with self._anyway(f"the report could not be put to {place}"):
            name = f"{self._name}.html"
            why_not = notify.put_report(place, name, b"".join(page()))
            if why_not:
                self._deploy.show.warn(f"the report could not be put to {place}: {why_not}")
                return None
            self._deploy.show.say(f"the report is at {place}{name}")
            return f"{place}{name}"
        return None

    def _run_hooks(self, known: Mapping[str, Any], *, must: bool) -> None:
        if not self._tells_others or not known["event"]:
            return
        deploy = self._deploy
        if must:
            hooks.run(deploy.environment, self._folder, deploy.show, known, must=True)
            return
        with self._anyway(f"the hooks {known['event']} could not be run"):
            hooks.run(deploy.environment, self._folder, deploy.show, known, must=False)


def _in_lines(value: object, levels: int = 2) -> Iterator[str]:
    """Yield JSON in pieces, with a line for each part of the outer levels: json.dump yields each value, and takes long."""
    if not levels or not isinstance(value, dict):
        yield json.dumps(value)
        return
    separator = "{\n"
    for key, item in value.items():
        yield f"{separator}{json.dumps(key)}: "
        yield from _in_lines(item, levels - 1)
        separator = ",\n"
    yield "\n}" if value else "{}"


def _written(path: Path, pieces: Iterable[bytes]) -> Path:
    """Write a file, and return where it is; nothing is left of one that broke off."""
    try:
        with path.open("wb") as file:
            file.writelines(pieces)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def exit_code(error: BaseException | None, deploy: Deployment | None) -> int:
    """Return the code with which a run ends: after the flip it is live, whatever else went wrong.

    Args:
        error: what it ended with, or None if it went well, or only something after the flip failed.
        deploy: the run, or None if it ended before it began.
    """
    if isinstance(error, DisagreementError):
        return error.exit_code
    if deploy and (deploy.stays if error else deploy.after_flip):
        return LIVE_BUT
    if error is None:
        return DONE
    return error.exit_code if isinstance(error, FabStaticError) else FAILED


def _words(error: BaseException) -> str:
    """Return what a run ended with, as somebody reads it who knows no Python."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted: Ctrl-C, or a signal that ends the program"
    text = str(error)
    if isinstance(error, FabStaticError) and text:
        return text
    return f"{type(error).__name__}: {text or 'it says no more'}"


def _broke_off(error: BaseException, ending: Ending | None) -> dict[str, str]:
    """Return what ended a run whose release is live, as `failed_after_flip` has it."""
    if isinstance(error, FabStaticError):
        return {"what": error.what, "where": error.where, "mend": error.mend}
    what = str(error) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        what = "interrupted after the release went live"
    return {
        "what": what,
        "where": "this machine",
        "mend": ending.next if ending else "run it again",
    }
