"""What every phase is given: the environment, its fleet, the journal, the lock, and the release at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol, TypeVar

from fab_static.errors import DisagreementError, FabStaticError, ReleaseError
from fab_static.phases.caching import Caching
from fab_static.phases.journal import Journal
from fab_static.phases.lock import Lock
from fab_static.phases.project import (
    ProjectOnHost,
    manifest_path,
    staticfiles_manifest_path,
)
from fab_static.phases.publication import Publication
from fab_static.plan import release as releases
from fab_static.plan.inventory import Environment
from fab_static.plan.release import Activation, Release
from fab_static.remote import Fleet, Head, RemoteHost
from fab_static.timeline import Timeline
from fab_static.wording import counted

T = TypeVar("T")
# no: everything is run; verify: everything is run, and compared with what would have been used again
Reuse = Literal["yes", "no", "verify"]


class Named(Protocol):
    """What is flipped and can be put back: a host, or a bucket."""

    @property
    def name(self) -> str:
        """How the operator knows it."""


N = TypeVar("N", bound=Named)


class Show(Protocol):
    """How the operator is told; report/ has the real one."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Show that a phase runs, and how it ended."""

    def say(self, text: str) -> None:
        """Tell a fact."""

    def warn(self, text: str) -> None:
        """Tell something that should be looked at."""

    def output(self, host: str, data: bytes) -> None:
        """Show what a command prints, with secrets blanked out."""

    def follow(self, timeline: Timeline, hosts: Sequence[str]) -> None:
        """Show how far each host is, from this timeline."""

    def log_to(self, path: Path) -> None:
        """Write all of it to this file too."""


@dataclass
class Deployment:
    """One run of a task: what it works on, and with."""

    environment: Environment
    fleet: Fleet
    show: Show
    operator: str  # who: user@machine
    secrets: Mapping[str, str] = field(default_factory=dict)
    project_path: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    by_itself: bool = False  # one phase, as a task of its own
    reuse: Reuse = "yes"  # of what the project was asked and ran before, while nothing that it reads has changed
    lock: Lock | None = None
    release: Release | None = None
    rolled_back: str | None = None  # the release that this activation puts out of service
    was_live: str | None = None  # when the run began
    states: dict[RemoteHost, Head] = field(default_factory=dict)
    journal: Journal = field(init=False)
    went_back: bool = False  # from a flip that an operator who died left unfinished
    origin: Publication | None = None  # the bucket that visitors' requests come to
    hub: Publication | None = None  # the bucket that hosts fetch from; may be the same
    caching: Caching | None = None  # the CDN's settings, where they were asked for
    is_flipped: bool = False  # every host has flipped, and was told: what fails now is no exit 1
    after_flip: list[FabStaticError] = field(default_factory=list)
    failed_after_flip: list[str] = field(default_factory=list)  # the phases
    command: str | None = None  # the words that run it again; None: it only looks
    lock_held: bool = False  # by somebody else
    undone: set[Named] = field(default_factory=set)  # flipped, and put back
    left: set[Named] = field(default_factory=set)  # flipped, and not put back
    timeline: Timeline = field(default_factory=Timeline)
    probed: dict[str, Any] | None = None  # what the probe asked: {"asked", "problems", "pages"}
    built_manifest: str | None = None  # the object that compress wrote, keys in its own order
    just_built: str | None = None  # the release whose files the build host has just been given
    _has_set_up: bool = False
    _facts: dict[RemoteHost, dict[str, Any]] = field(default_factory=dict)
    _releases: dict[str, Release] = field(default_factory=dict)

    # ---- hosts

    @property
    def build(self) -> RemoteHost:
        """The host that builds."""
        return self.fleet.build

    def hosts(self, *roles: str) -> tuple[RemoteHost, ...]:
        """Return the hosts with any of these roles; all of them where none is named."""
        return self.fleet.with_role(*roles) if roles else self.fleet.hosts

    def on(
        self, hosts: Iterable[RemoteHost], work: Callable[[RemoteHost], T]
    ) -> dict[RemoteHost, T]:
        """Do the work on all of the hosts at once; refuse when the lock was stolen."""
        if self.lock:
            self.lock.check()

        def noted(host: RemoteHost) -> T:
            with self.timeline.on(host.name):
                return work(host)

        return self.fleet.on(hosts, noted)

    def look(self) -> None:
        """Ask every host for its state, the build host for the journal, a bucket for its manifest.

        Raises:
            RemoteError: naming every host that does not answer.
            CdnError: the bucket is not there, or may not be read.
        """
        self.look_again()
        self.journal = Journal.read(self.build, self.states[self.build]["journal"])
        self.was_live = self.live or self.recorded_live
        if self.origin is None and self.environment.origin:
            self.origin = Publication(self.environment.origin, self.environment).read()
        if self.hub is None and self.environment.hub:
            same = self.environment.hub == self.environment.origin
            self.hub = (
                self.origin if same else Publication(self.environment.hub, self.environment).read()
            )

    def settle(self) -> None:
        """Bring hosts together that an operator who died left in the middle of a flip.

        Where one host was told that all had flipped, all had: the others are told too. Else, and where the
        operator was on the way back, they go back, as they would have by themselves.
        """
        halfway = {
            host: state["provisional"]
            for host, state in self.states.items()
            if state["provisional"]
        }
        if not halfway:
            return
        told = {state["current"] for state in self.states.values() if not state["provisional"]} & {
            flip["release"] for flip in halfway.values()
        }
        told -= {flip["release"] for flip in halfway.values() if flip.get("back")}

        def settled(host: RemoteHost) -> None:
            flip = halfway[host]
            if flip["release"] in told:
                host.ask("confirm", release=flip["release"])
                return
            host.ask(
                "flip_back",
                **{**flip, "confirm_timeout": self.environment.web.confirm_timeout},
            )
            if not flip["current"] or not flip["reload"]:
                return
            ran = host.run(["/bin/sh", "-c", flip["reload"]])
            if ran.code:
                self.show.warn(
                    f"{host.name}: {flip['reload']} failed: {ran.output.strip()[-1000:]}"
                )
            host.ask("confirm", release=flip["current"])

        self.on(halfway, settled)
        self.went_back = any(flip["release"] not in told for flip in halfway.values())
        self.look_again()

    def look_again(self) -> None:
        """Ask every host what is live, what was, which releases it holds, and for the record."""
        self.states = self.on(self.hosts(), lambda host: host.ask("state")[0])

    # ---- the project

    def project(self, host: RemoteHost) -> ProjectOnHost:
        """Return the Django project on a host."""
        return ProjectOnHost.on(
            host,
            self.secrets,
            self.project_path,
            recalls=self.reuse == "yes" and not self.by_itself,
            records=self.lock is not None,
            verifies=self.reuse == "verify",
        )

    def facts(self, host: RemoteHost) -> dict[str, Any]:
        """Return what the project's settings say there; asked once."""
        if host not in self._facts:
            self._facts[host] = self.project(host).ask({"ask": "settings"})
        return self._facts[host]

    def set_up_web_hosts(self) -> None:
        """Have web hosts set the project up while the build goes on: they will be asked what it covers there."""
        if self._has_set_up or self.by_itself or "compress" not in self.environment.build.phases:
            return
        self._has_set_up = True
        hosts = [host for host in self.hosts("web") if host != self.build]
        self.on(hosts, lambda host: self.project(host).set_up())

    def forget_facts(self, host: RemoteHost) -> None:
        """Have the project there asked anew: what it answered may have changed."""
        self._facts.pop(host, None)

    @property
    def _built_versions_file(self) -> str | None:
        """The name of the file that the last sealed build wrote; None where it has no versions."""
        name: str | None = self.journal.phases.get("seal", {}).get("versions_file")
        return name

    def versions_file(self, host: RemoteHost) -> str:
        """Return the file from which the project there reads its resource versions, there or to come."""
        facts = self.facts(host)
        path: str = facts["resource_versions"]
        built = self._built_versions_file
        if facts["is_versions_file_known"] or not built:
            return path
        # none is there before the first release: the build has shown which of the names it is
        return str(PurePosixPath(path).with_name(built))

    def links(self, host: RemoteHost) -> dict[str, str]:
        """Return what must be links on a web host: the project's own file -> its place in `current`.

        So the offline manifest and the resource versions of all web processes flip in one rename.
        """
        facts = self.facts(host)
        links = {}
        has_versions = self.release is not None and self.release.versions_sha256 is not None
        if has_versions or facts["is_versions_file_known"] or self._built_versions_file:
            links[self.versions_file(host)] = str(host.layout.versions)
        manifest = manifest_path(facts)
        if manifest:
            links[facts["offline_manifest"]] = str(host.layout.live_file(manifest))
        hashed_names = staticfiles_manifest_path(facts)
        if hashed_names:
            links[facts["staticfiles_manifest"]] = str(host.layout.live_file(hashed_names))
        return links

    # ---- releases

    @property
    def live(self) -> str | None:
        """The release that is live on every host and in the bucket; None where none is, or they disagree."""
        live = {state["current"] for state in self.states.values()}
        if self.origin:
            live.add(self.origin.live)
        return live.pop() if len(live) == 1 else None

    @property
    def log(self) -> list[dict[str, Any]]:
        """The entries of log.jsonl on the build host, oldest first."""
        entries: list[dict[str, Any]] = self.states[self.build]["record"]
        return entries

    @property
    def record(self) -> tuple[Activation, ...]:
        """The activations that all hosts made, oldest first: the build host flips last."""
        return record_of(self.log)

    @property
    def recorded_live(self) -> str | None:
        """The release that was last made live everywhere, by record."""
        return self.record[-1].release if self.record else None

    def read_release(self, name: str, host: RemoteHost | None = None) -> Release:
        """Return a release's seal, from this host; else from the build host or the first that has it."""
        if host is None and name in self._releases:
            return self._releases[name]
        holders = (
            [host]
            if host
            else [
                one
                for one in (self.build, *self.hosts("static"), *self.hosts("web"))
                if name in self.states[one]["releases"]
            ]
        )
        if not holders:
            raise ReleaseError(
                f"there is no release {name}",
                where="releases/ on every host",
                mend=f"choose one of: fab {self.environment.name} releases",
            )
        _, text = holders[0].ask("read_release", release=name)
        release = releases.from_json(text.decode(), where=f"{holders[0].name}: {name}")
        self._releases[name] = release
        return release

    def current_release(self) -> Release:
        """Return the release at hand: the one just sealed, or the one sealed last.

        Raises:
            ReleaseError: nothing was sealed yet.
        """
        if self.release is None:
            if self.journal.release is None:
                raise ReleaseError(
                    "no release is sealed yet",
                    where=f"{self.build.name}: {self.build.layout.deploy_to}/journal.json",
                    mend=f"build and seal one: fab {self.environment.name} prepare",
                )
            self.release = self.read_release(self.journal.release)
            if self.project_path is None:  # its web processes read the checkout it was built from
                self.project_path = self.journal.phases.get("seal", {}).get("project_path")
        return self.release

    # ---- undoing

    @contextmanager
    def undo_on_failure(self) -> Iterator[Undo]:
        """Put every flipped host back, in reverse, when the block does not end well.

        Raises:
            DisagreementError: a host could not be put back.
        """
        undo = Undo(self)
        try:
            yield undo
        except BaseException as error:
            left = undo.everything()
            if left:
                names = ", ".join(host.name for host in left)
                raise DisagreementError(
                    f"{names} could not be put back: hosts may serve different releases now. "
                    f"It began with: {_in_a_line(error)}",
                    where="; ".join(f"{host.name}: {why.what}" for host, why in left.items()),
                    mend=f"let {names} be reached again: a host that runs goes back by itself within "
                    f"{self.environment.web.confirm_timeout:g} seconds; then run what stands below",
                ) from error
            raise


class Undo:
    """Remembers how to put back what was flipped: hosts, and a bucket."""

    def __init__(self, deploy: Deployment) -> None:
        self._deploy = deploy
        self._steps: list[tuple[Named, Callable[[], object]]] = []

    def remember(self, host: N, how: Callable[[N], object]) -> None:
        """Note how a host, or a bucket, is put back."""
        self._steps.append((host, partial(how, host)))

    def everything(self) -> dict[Named, FabStaticError]:
        """Put all back, the last one first; return those that could not be."""
        left: dict[Named, FabStaticError] = {}
        if self._steps:
            self._deploy.show.warn(
                f"putting {counted(len(self._steps), 'host')} back to what was live"
            )
        for host, how in reversed(self._steps):
            try:
                how()
                self._deploy.undone.add(host)
            except FabStaticError as error:
                left[host] = error
        self._deploy.left.update(left)
        return left


def _in_a_line(error: BaseException) -> str:
    if isinstance(error, FabStaticError):
        return f"{error.what} ({error.where})"
    return "the operator's interruption" if isinstance(error, KeyboardInterrupt) else repr(error)


def record_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Activation, ...]:
    """Return the activations of a log.jsonl that were not undone, oldest first."""
    record: list[Activation] = []
    for entry in entries:
        if entry.get("event") == "activate":
            record.append(Activation(entry["release"], entry["at"], entry.get("rolled_back")))
        elif entry.get("event") == "undo" and record and record[-1].release == entry["release"]:
            record.pop()
    return tuple(record)
