"""One environment, opened: its inventory, its secrets, its connections, and every task that only looks."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fab_static.errors import FabStaticError, InventoryError, ReleaseError
from fab_static.looking.status import status
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import static_url_of
from fab_static.plan.ending import Ending
from fab_static.plan.ids import PREVIOUS, completed, may_name
from fab_static.plan.inventory import Environment
from fab_static.plan.inventory import without as hosts_left_out
from fab_static.remote import Fleet
from fab_static.report.steady import Steady
from fab_static.sessions.ending import ending_of
from fab_static.sessions.environments import read_environment
from fab_static.sessions.epoch import sealed_at
from fab_static.sessions.secrets import secrets_among
from fab_static.show import Show
from fab_static.telling.webhook import hidden, webhook
from fab_static.timeline import Timeline

if TYPE_CHECKING:  # `status` starts sooner without
    from fab_static.plan.printed import Difference, Finding, ReleaseLine
    from fab_static.plan.release import Release
    from fab_static.report.archive import Archive

# Each task but `status` imports what it needs itself: `status` starts sooner.


class Quiet:
    """Shows nothing."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Show nothing."""
        del name
        return nullcontext()

    def say(self, text: str) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Show nothing."""

    def output(self, host: str, data: bytes) -> None:
        """Show nothing."""

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show nothing."""

    def log_to(self, path: Path) -> None:
        """Write nothing."""


def operator() -> str:
    """Return who runs this: user@machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has a number alone (OSError: Python 3.13)
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _of_keys(environment: Environment) -> dict[str, str]:
    """Return what was typed to log in: never to be shown."""
    given = environment.ssh.given
    typed = {"the SSH passphrase": given.passphrase, "the SSH password": given.password}
    return {name: value for name, value in typed.items() if value}


class Looking:
    """The connections to one environment, and every task that changes nothing."""

    began: float | None = None  # when the command did, in seconds since 1970; None: with its run
    # is given each run's report, an HTML page, and the path where it is kept, if it is
    on_report: Callable[[str, str | None], None] | None = None

    def __init__(
        self,
        environment: str | Environment,
        *,
        inventories: Path = Path("inventories"),
        show: Show | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Read the inventory and the secrets that it names.

        Args:
            environment: its name, or what an inventory was read as.
            inventories: the folder of the inventories.
            show: is told what happens; an exception of it changes nothing.
            environ: where secrets are taken from; None: the process's environment.
        """
        environ = os.environ if environ is None else environ  # no default: help() shows those
        if isinstance(environment, str):
            environment = read_environment(environment, inventories)
        self.environment = environment
        self.inventories = inventories
        self.folder = inventories.parent
        self.secrets, absent = secrets_among(environment.project.secrets, environ)
        self._webhook, name = webhook(environment.notify.webhook, environ)
        unset = [name] if name and not self._webhook else []
        self._absent = {"project.secrets": absent, "notify.webhook": unset}  # variables, by the key
        # what must never be shown; only `secrets` go to hosts
        self.hidden = {
            **self.secrets,
            **(hidden(self._webhook) if self._webhook else {}),
            **_of_keys(environment),
        }
        self.show = show or Quiet()
        self.operator = operator()
        self.sealed_at = sealed_at(environ)
        self.spell: Callable[[str], str] = str  # writes commands as they are called in a fabfile
        self._fleet: Fleet | None = None
        self._last: Deployment | None = None

    @property
    def show(self) -> Show:
        """Who is told what happens."""
        return self._given_show

    @show.setter
    def show(self, show: Show) -> None:
        self._given_show, self._show = show, Steady(show)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        if self._fleet:
            self._fleet.close()
            self._fleet = None

    def ending(self) -> Ending | None:
        """Return how the last run ended: what is live, what was undone, what to run next.

        None where it only looked.
        """
        deploy = self._last
        if deploy is None or deploy.command is None:
            return None
        return ending_of(deploy, deploy.command)

    def exit_code(self, error: BaseException | None) -> int:
        """Return the code with which the last run ended, if it ended with this error."""
        from fab_static.telling.run import exit_code

        return exit_code(error, self._last)

    def forget_last(self) -> None:
        """Forget how the last run ended: another task begins, and may end before its own run begins."""
        self._last = None

    # ---- tasks

    def status(self, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """Return what is live on each host, but on those left out, as `status --json` prints it."""
        return status(self._deployment(secrets=False, without=without, looks=True))

    def releases(self) -> list[ReleaseLine]:
        """Return every release, newest first, as `releases --json` prints it."""
        from fab_static.looking.releases import releases

        return releases(self._deployment(secrets=False))

    def diff(self, old: str | None = None, new: str | None = None) -> Difference:
        """Return what differs between two releases."""
        from fab_static.looking.difference import difference

        for name in (old, new):
            self._check_id(name)
        return difference(self._deployment(secrets=False), old, new)

    def plan(self, *, project_path: str | None = None) -> dict[str, Any]:
        """Return what a deploy would do, as `plan --json` prints it. Writes nothing anywhere."""
        from fab_static.looking.plan import plan

        return plan(self._deployment(project_path=project_path))

    def check(self) -> list[Finding]:
        """Return the doctor's findings, as `check --json` prints them."""
        from fab_static.doctor import bucket, check

        deploy = self._deployment()
        deploy.reuse = "no"  # it is asked because something may be wrong
        return [*check.check(deploy), *bucket.check(deploy)]

    def static_url(self) -> str:
        """Return the path of the project's STATIC_URL, as the first host says that has the project.

        Raises:
            UnsetError: the project has none.
            FabStaticError: none of them can be asked; the last one says why.
        """
        from fab_static.plan.expectations import url_path

        deploy = self._deployment(secrets=False)
        *others, last = deploy.hosts("build", "web")
        for host in others:
            try:
                facts = deploy.facts(host)
            except FabStaticError:
                continue  # the next one may answer
            return url_path(static_url_of(facts, host.name))
        return url_path(static_url_of(deploy.facts(last), last.name))

    def why(self, what: str) -> dict[str, Any]:
        """Return everything known of a static URL, or of an offline manifest's key."""
        from fab_static.looking import why

        return why.why(self._deployment(), what)

    def report(self, release: str | None = None) -> Path:
        """Return the report of the last run, or of the last one that made a release live.

        Raises:
            ReleaseError: this machine keeps none.
        """
        self._check_id(release)
        archive = self._archive()
        pages = {
            run.with_suffix(".html"): known.get("release") for run, known in archive.summaries()
        }
        release = release and self._kept_here(release, [name for name in pages.values() if name])
        for page, name in pages.items():
            if page.exists() and release in (None, name):
                return page
        raise ReleaseError(
            f"no report of {release} is kept here" if release else "no report is kept here yet",
            where=str(archive.folder),
            mend="reports are kept on the machine that ran the deploy, of its last 100 runs",
        )

    def report_index(self) -> Path:
        """Write the page over all runs that this machine keeps, and return where it is.

        Raises:
            ReleaseError: it cannot be written.
        """
        from fab_static.report.index import index

        archive = self._archive()
        page = archive.folder / "index.html"
        text = index(self.environment.app, self.environment.name, archive.kept())
        try:
            page.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            page.write_bytes(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise ReleaseError(
                f"the page over all runs cannot be written: {error.strerror}",
                where=str(page),
                mend="make room there, or set XDG_STATE_HOME to a folder that may be written",
            ) from error
        return page

    def export(
        self,
        release: str | None = None,
        *,
        out: Path | None = None,
        manifests: Path | None = None,
        without_objects_of: str | None = None,
    ) -> Release:
        """Write a sealed release as one file, with which `prepare --from` needs no build; or its manifests.

        Args:
            release: its id, or what it begins with; None: the one sealed last, or the live one where that was rolled back.
            out: the file; with the ending .zst it is compressed.
            manifests: the folder that gets what an image must carry.
            without_objects_of: a release that whoever takes the file has: its objects are left out.
        """
        from fab_static.phases.export import at_hand, export
        from fab_static.phases.export_manifests import export_manifests
        from fab_static.phases.run.naming import release_named

        for name in (release, without_objects_of):
            self._check_id(name)
        deploy = self._deployment(secrets=manifests is not None)
        deploy.look()
        release, base = (
            name and release_named(deploy, name, where="export")
            for name in (release, without_objects_of)
        )
        found = deploy.seals.read(release or at_hand(deploy))
        if out:
            export(deploy, found, out, base)
        if manifests:
            export_manifests(deploy, found, manifests)
        return found

    # ---- inside

    def _archive(self) -> Archive:
        from fab_static.report.archive import Archive

        try:
            return Archive(self.environment.app, self.environment.name)
        except OSError as error:
            raise ReleaseError(
                f"no report is kept here: {error}",
                where="this machine",
                mend="set XDG_STATE_HOME to a folder that lasts",
            ) from error

    def _kept_here(self, text: str, names: Sequence[str]) -> str:
        """Return the release of a kept run that is named so; the runs are the newest first.

        Raises:
            InventoryError: none is meant, or several may be.
        """
        live = [name for name, _ in groupby(names)]
        if text == PREVIOUS:
            text = live[1] if len(live) > 1 else text
        mend = f"choose one of: fab {self.environment.name} releases"
        return completed(text, names, where="the release named", mend=mend)

    def _deployment(
        self,
        *,
        project_path: str | None = None,
        secrets: bool = True,
        without: Sequence[str] = (),
        looks: bool = False,
        among: Environment | None = None,
    ) -> Deployment:
        everybody = among or self.environment
        environment = hosts_left_out.without(everybody, without)
        missed = [] if looks else hosts_left_out.missed(everybody, without)
        for line in missed:  # by what is done without them; who only looks does nothing
            self._show.warn(line)
        if project_path is not None and not project_path.startswith("/"):
            raise InventoryError(
                f'"{project_path}" is relative; a checkout on the hosts needs its whole path',
                where="--project-path",
                mend="write the whole path from /",
            )
        if secrets:
            self._refuse_absent()
        self._last = Deployment(
            environment,
            self._fleet_of(environment),
            self._show,
            self.operator,
            secrets=self.secrets,
            project_path=project_path,
            without=tuple(without),
            sealed_at=self.sealed_at,
            timeline=Timeline(began=self.began),
        )
        return self._last

    def _refuse_absent(self) -> None:
        """Refuse to go on without a variable that the inventory names."""
        keys = [key for key, names in self._absent.items() if names]
        names = [name for names in self._absent.values() for name in names]
        if names:
            raise InventoryError(
                f"{', '.join(dict.fromkeys(names))} not set in your environment",
                where=f"inventories/{self.environment.name}.yml: {' and '.join(keys)}",
                mend=f"export {names[0]}=… before you run fab",
            )

    def _fleet_of(self, environment: Environment) -> Fleet:
        """Return the connections to these hosts; chained tasks share them, unless one leaves hosts out."""
        if self._fleet is not None and self._fleet.environment.hosts != environment.hosts:
            self.close()
        if self._fleet is None:
            self._fleet = Fleet(environment, lambda words: self._show.warn(words))
        return self._fleet

    def _check_id(self, name: str | None) -> None:
        if name is not None and not may_name(name):
            raise InventoryError(
                f'"{name}" is not a release; ids look like 20261122T170102Z-3f9c1a7b',
                where="the release named",
                mend=f"choose one of: fab {self.environment.name} releases",
            )
