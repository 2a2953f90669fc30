"""The tasks that look."""

from __future__ import annotations

import sys
import webbrowser
from itertools import takewhile
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument

from fab_static.errors import DISAGREE, DONE, FAILED, InventoryError
from fab_static.plan.wording import counted
from fab_static.tasks import names
from fab_static.tasks.chosen import TASK_WORDS, environment_words
from fab_static.tasks.ending import task_session
from fab_static.tasks.options import JSON, PATH, WAIT, WITHOUT
from fab_static.tasks.ours import OurTask, left_out, seconds, task, versions
from fab_static.tasks.printing import print_json, print_text, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fab_static import api
    from fab_static.plan.printed import Finding
    from fab_static.report.terminal import Terminal


@task(help={"project_path": PATH, "json": JSON})
def plan(c: Context, project_path: str | None = None, json: bool = False) -> None:
    """Look · Show what a deploy would do; writes nothing.

    fab production plan
    fab production plan --json | jq .invalidation
    """
    show_plan(project_path, as_json=json)


def show_plan(project_path: str | None, *, as_json: bool) -> None:
    """Show what a deploy would do, or print it as JSON."""
    from fab_static.report import found

    tell(lambda session: session.plan(project_path=project_path), found.show_plan, as_json=as_json)


@task(
    help={
        "repair": "first bring hosts that were away, or whose files were changed, to where the others are",
        "without": WITHOUT,
        "wait": "with --repair: " + WAIT,
        "json": JSON,
    }
)
def status(
    c: Context,
    repair: bool = False,
    without: str | None = None,
    wait: str = "0",
    json: bool = False,
) -> None:
    """Look · Show what is live on each host, and drift.

    fab production status
    fab production status --json | jq -r .live
    fab production status --repair            after a host was away

    It compares sizes and times, and reads no file: `verify` reads every byte. `missing` and `changed` count
    files that are not as they were sealed. `manifest` and `versions` name the bytes of the offline manifest and
    of resource_versions.yml: all hosts should have the same.

    Exits 0 when all agree and answer, 1 when a host cannot be reached, 5 when hosts disagree.
    """

    def find(session: api.Session) -> Mapping[str, object]:
        if repair:
            session.repair(wait_seconds=seconds(wait), **left_out(without))
        return session.status(**left_out(without))

    def show(terminal: Terminal, found: Mapping[str, object]) -> None:
        from fab_static.report.status import show_status

        show_status(terminal, found, **left_out(without))

    found = tell(find, show, as_json=json)
    # not above: all that connects comes with it, and the first line would wait for that
    from fab_static.looking.status import agreement

    code = {"agreed": DONE, "silent": FAILED, "disagree": DISAGREE}[agreement(found)]
    if code:
        raise Exit(code=code)


@task(help={"json": JSON})
def releases(c: Context, json: bool = False) -> None:
    """Look · Show the releases that hosts hold, newest first.

    fab production releases

    The state is live, previous (a rollback goes there), kept (it was live), staged (built, and never live) or
    bad (a rollback left it, so no rollback goes there unasked).
    """
    from fab_static.report.found import show_releases

    tell(lambda session: session.releases(), show_releases, as_json=json)


class ReleasesByPlace(OurTask):
    """`diff [A B]`, `report [RELEASE]`: Invoke has no optional positionals, so those given are positional."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the arguments for the command line at hand."""
        known = {*TASK_WORDS, *environment_words()}
        prefix = names.prefix_of(sys.argv[1:], known)
        after = sys.argv[1:]
        while after and after[0] != prefix + self.name:
            after = after[1:]
        given = list(
            takewhile(
                lambda word: not word.startswith("-") and word.removeprefix(prefix) not in known,
                after[1:],
            )
        )
        places = [name for name in self.help if name in ("old", "new", "release")]
        self.positional = places[: len(given)]
        return super().get_arguments(ignore_unknown_help)


@task(
    klass=ReleasesByPlace,
    help={
        "old": "a release (default: the one before the live one)",
        "new": "a release (default: the live one)",
        "json": JSON,
    },
)
def diff(c: Context, old: str | None = None, new: str | None = None, json: bool = False) -> None:
    """Look · Show what differs between two releases.

    fab production diff                       the live one against the one before
    fab production diff 20261121T090000Z-aa01bb02 20261122T170102Z-3f9c1a7b
    fab production diff --new 20261122T170102Z-3f9c1a7b
    """
    from fab_static.report.found import show_difference

    tell(lambda session: session.diff(old, new), show_difference, as_json=json)


@task(
    klass=ReleasesByPlace,
    help={
        "release": "a release (default: whatever ran last)",
        "index": "write one page over all runs that this machine keeps, with the trend",
        "open": "open it in the browser",
    },
)
def report(c: Context, release: str | None = None, index: bool = False, open: bool = False) -> None:
    """Look · Name the HTML report of a deploy or rollback.

    fab production report --open
    fab production report 20261122T170102Z-3f9c1a7b
    fab production report --index --open      all runs that this machine keeps
    """
    with task_session() as session:
        if index and release:
            raise InventoryError(
                "the page over all runs is of no single release",
                where="report --index",
                mend=f"leave out {release}, or --index",
            )
        page = session.report_index() if index else session.report(release)
        print_text(f"{page}\n")
        if open:
            webbrowser.open(page.as_uri())


@task(help={"json": JSON})
def check(c: Context, json: bool = False) -> None:
    """Look · See whether all is there that a deploy needs.

    fab production check
    """
    from fab_static.report.found import show_findings

    def find(session: api.Session) -> list[Finding]:
        if not json:
            print_text(f"{versions()}\n")  # at once: hosts take a while
        return session.check()

    findings = tell(find, show_findings, as_json=json)
    from fab_static.doctor.findings import is_well  # not above: the first line would wait for it

    if not is_well(findings):
        raise Exit(code=FAILED)


@task(positional=["url"], help={"url": "a static URL, or a key of the manifest", "json": JSON})
def why(c: Context, url: str, json: bool = False) -> None:
    """Look · Show all that is known of a URL, or of a key.

    fab production why /static/js/shop.js?version=1a2b3c4
    fab production why 3f9c1a7b2d4e           the key of an OfflineGenerationError

    Exits 1 where no release that is kept has the file, or the key and no template asks for it. Of a URL: its version, the phase and source file that made it, its bytes on each host, the releases
    that hold it. Of a key: the block that renders it, and the nearest one that was built.
    """
    from fab_static.report.found import show_why

    known = tell(lambda session: session.why(url), show_why, as_json=json)
    if known and not known["in_release"] and not (known["releases"] or known.get("asked_by")):
        raise Exit(code=FAILED)  # nobody knows it


@task(
    help={
        "steal": "take the lock away from whoever holds it",
        "because": "why; it is recorded in the log on the build host",
        "json": JSON,
    }
)
def unlock(c: Context, steal: bool = False, because: str = "", json: bool = False) -> None:
    """Look · Show who holds the lock, or take it away.

    fab production unlock
    fab production unlock --steal --because "the CI machine is gone"
    """
    with task_session(as_json=json) as session:
        holder = session.unlock(steal=steal, because=because)
        if json:
            print_json({"lock": holder}, session)
        elif holder is None:
            session.show.say("nobody holds the lock")
        else:
            verb = "was taken from" if steal else "is held by"
            session.show.say(
                f"the lock {verb} {holder['owner']}, at {holder['phase']}, last heard of "
                f"{counted(round(holder['silent_seconds']), 'second')} ago"
            )
