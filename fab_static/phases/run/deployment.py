"""What every phase is given: the environment, its fleet, the journal, the lock, and the release at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.phases.run.carrying import Carrying
from fab_static.phases.run.seals import Seals
from fab_static.phases.run.settings import BundlerManifest, bundler_manifests, settings_of
from fab_static.plan.build_order import order_of
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.plan.wording import counted
from fab_static.remote import Fleet, RemoteHost, together
from fab_static.timeline import Timeline

if TYPE_CHECKING:
    from datetime import datetime

    from fab_static.phases.run.bucket_record import BucketRecord
    from fab_static.phases.run.caching import Caching
    from fab_static.phases.run.holders import Holder
    from fab_static.phases.run.journal import Journal
    from fab_static.phases.run.lock import Ownership
    from fab_static.phases.run.project import ProjectOnHost
    from fab_static.phases.run.publication import Publication
    from fab_static.phases.run.revisions import Built
    from fab_static.plan.deltas import Made
    from fab_static.plan.history import Activation
    from fab_static.plan.inventory import Environment
    from fab_static.plan.record import Record
    from fab_static.plan.release import Release
    from fab_static.show import Show

# What a method alone works with is imported there: `status` needs no bucket, project,
# journal, record or seal, and starts sooner.

T = TypeVar("T")
# no: everything is run; verify: everything is run, and compared with what would have been used again
Reuse = Literal["yes", "no", "verify"]


class Named(Protocol):
    """What is flipped and can be put back: a host, or a bucket."""

    @property
    def name(self) -> str:
        """How the operator knows it."""


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
    without: tuple[str, ...] = ()  # hosts that are left out: `environment` has only the others
    by_itself: bool = False  # one phase, as a task of its own
    reuse: Reuse = "yes"  # of what the project was asked and ran before, while nothing that it reads has changed
    sealed_at: datetime | None = None  # what a seal says of when, by SOURCE_DATE_EPOCH; None: now
    lock: Ownership | None = None
    release: Release | None = None
    rolled_back: str | None = None  # the release that this activation puts out of service
    was_live: str | None = None  # when the run began
    states: dict[RemoteHost, answers.State] = field(default_factory=dict)
    journal: Journal = field(init=False)
    went_back: bool = False  # from a flip that an operator who died left unfinished
    origin: Publication | None = None  # the bucket that visitors' requests come to
    hub: Publication | None = None  # the bucket that hosts fetch from; may be the same
    kept: BucketRecord | None = None  # the record, where a bucket keeps it
    caching: Caching | None = None  # the CDN's settings, where they were asked for
    is_flipped: bool = (
        False  # every host has flipped, and was told: what fails now is not an exit 1
    )
    # the release that the probe found wrong, from when another one begins to be made live in its place
    withdrawn: Release | None = None
    after_flip: list[FabStaticError] = field(default_factory=list)
    failed_after_flip: list[str] = field(default_factory=list)  # the phases
    command: str | None = None  # the words that run it again; None: it only looks
    instead: str | None = None  # those of what failed, where the same again would fail the same
    lock_held: bool = False  # by somebody else
    undone: set[Named] = field(default_factory=set)  # flipped, and put back
    left: set[Named] = field(default_factory=set)  # flipped, and not put back
    down: set[RemoteHost] = field(default_factory=set)  # did not answer when the run began
    timeline: Timeline = field(default_factory=Timeline)
    built: Built | None = None  # the revision, and the commits since what is live
    probed: dict[str, Any] | None = None  # what the probe asked: {"asked", "problems", "pages"}
    deltas: Made | None = None  # what the seal made for returning visitors
    built_manifest: str | None = None  # the object that compress wrote, keys in its own order
    to_come: tuple[str, ...] = ()  # the phases of this run after the one at hand
    static_root: str | None = None  # its real path, once it was found safe to build in
    carrying: Carrying = field(default_factory=Carrying)  # what the cache of other machines holds
    compiles_ahead: bool = False  # compress's style sheets, while other phases run
    just_built: str | None = None  # the release whose files the build host has just been given
    _has_set_up: bool = False
    _facts: dict[RemoteHost, questions.Settings] = field(default_factory=dict)
    seals: Seals = field(init=False)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seals = Seals(self)

    @property
    def stays(self) -> bool:
        """The release of this run is live on every host, whatever fails now: no exit 1."""
        return self.is_flipped and self.withdrawn is None

    @property
    def goes_back(self) -> bool:
        """It makes an earlier release live, or one that was live before."""
        return self.rolled_back is not None or (self.command or "").startswith("rollback")

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

    def reach(self, agents: Iterable[RemoteHost] = ()) -> None:
        """Connect to every host, and note which ones do not answer.

        Args:
            agents: others, of the same hosts, that are started meanwhile. Whoever needs one is told why it is not there.

        Raises:
            RemoteError: naming every host that does not answer.
        """
        hosts = self.hosts()

        def reached(host: RemoteHost) -> None:
            with self.timeline.on(host.name) if host in hosts else nullcontext():
                host.ask(verbs.PING)

        _, failures = self.fleet.attempt((*hosts, *agents), reached)
        failures = {host: why for host, why in failures.items() if host in hosts}
        self.down = set(failures)
        if failures:
            raise together(failures)

    def look(self) -> None:
        """Ask every host for its state, the build host for the journal, a bucket for its manifest.

        Raises:
            RemoteError: naming every host that does not answer.
            CdnError: the bucket is not there, or may not be read.
        """
        # not above: see there
        from fab_static.phases.run.journal import Journal

        self.look_again()
        if self.environment.notes:
            self.read_record()
        state = self.states[self.build]
        self.journal, why = Journal.read(
            self.build, state["journal"], is_ours=state["journal_is_ours"]
        )
        if why:
            self.tell_odd(self.build, [why])
        self.was_live = self.last_live
        self._read_buckets()

    def read_record(self) -> None:
        """Read the record where a bucket keeps it; who only looks then goes by that.

        Raises:
            CdnError: the bucket is not there, or may not be read.
        """
        from fab_static.phases.run.bucket_record import BucketRecord  # not above: see there

        self._read_buckets()
        keeper = self.hub or self.origin
        if self.kept is None and keeper:
            self.kept = BucketRecord(keeper).read()
        self._go_by_record()

    def _go_by_record(self) -> None:
        if not self.kept or self.build not in self.states:
            return
        others = {
            None if state["provisional"] else state["current"]
            for host, state in self.states.items()
            if host != self.build
        }
        others |= {self.origin.live} if self.origin else set()
        self.states[self.build] = self.kept.seen_from(self.states[self.build], others)

    def _read_buckets(self) -> None:
        from fab_static.phases.run.publication import Publication  # not above: see there

        if self.origin is None and self.environment.origin:
            self.origin = Publication(self.environment.origin, self.environment).read()
        if self.hub is None and self.environment.hub:
            same = self.environment.hub == self.environment.origin
            self.hub = (
                self.origin if same else Publication(self.environment.hub, self.environment).read()
            )

    def look_again(self) -> None:
        """Ask every host what is live, what was, which releases it holds, and for the record."""
        from fab_static.plan import record  # not above: see there

        self.states = self.on(self.hosts(), lambda host: host.ask(verbs.STATE)[0])
        for host, state in self.states.items():
            self.tell_odd(host, state["odd"])
            strange = record.read(state["record"]).strange
            if strange:
                are = "is" if strange == 1 else "are"
                lines = counted(strange, "line")
                passed_over = f"{lines} of log.jsonl {are} not as we write, and {are} passed over"
                self.tell_odd(host, [passed_over])
        self._go_by_record()

    def tell_odd(self, host: RemoteHost, lines: Iterable[str]) -> None:
        """Tell, once, what is strange below `deploy_to` of a host and was passed over."""
        for line in lines:
            if (host.name, line) not in self._told:
                self._told.add((host.name, line))
                self.show.warn(f"{host.name}: {line}")

    # ---- the project

    def project(self, host: RemoteHost) -> ProjectOnHost:
        """Return the Django project on a host."""
        from fab_static.phases.run.project import ProjectOnHost  # not above: see there

        return ProjectOnHost.on(
            host,
            self.secrets,
            self.project_path,
            recalls=self.reuse == "yes" and not self.by_itself,
            records=self.lock is not None,
            verifies=self.reuse == "verify",
        )

    def facts(self, host: RemoteHost) -> questions.Settings:
        """Return what the project's settings say there; asked once."""
        if host not in self._facts:
            self._facts[host] = settings_of(self, host)
        return self._facts[host]

    @property
    def order(self) -> tuple[str, ...]:
        """All build phases, in the order that follows from what they read and write in this project."""
        return order_of(
            self.environment.build.phases,
            catalogues_are_sources=self.facts(self.build)["catalogues_are_sources"],
        )

    @property
    def phases(self) -> tuple[str, ...]:
        """The build phases of this environment, in order."""
        return tuple(name for name in self.order if name in self.environment.build.phases)

    def set_up_web_hosts(self) -> None:
        """Have web hosts set the project up while the build goes on: they will be asked what it covers there."""
        if self._has_set_up or self.by_itself or "compress" not in self.environment.build.phases:
            return
        self._has_set_up = True
        hosts = [host for host in self.hosts("web") if host != self.build]
        # not noted: a table would say that these hosts have built
        self.fleet.on(hosts, lambda host: self.project(host).set_up())

    def forget_facts(self, host: RemoteHost) -> None:
        """Have the project there asked again: what it answered may have changed."""
        self._facts.pop(host, None)

    @property
    def built_versions_file(self) -> str | None:
        """The name of the file that the last sealed build wrote, or None if it has no versions."""
        sealed = self.journal.phases.get("seal")
        return sealed.get("versions_file") if sealed else None

    def versions_file(self, host: RemoteHost) -> str:
        """Return the file from which the project there reads its resource versions, there or to come."""
        facts = self.facts(host)
        path = facts["resource_versions"]
        built = self.built_versions_file
        if facts["is_versions_file_known"] or not built:
            return path
        # none is there before the first release: the build has shown which of the names it is
        return str(PurePosixPath(path).with_name(built))

    def bundler_manifests(self, host: RemoteHost) -> tuple[BundlerManifest, ...]:
        """Return the manifests of bundlers that web processes read on a host."""
        return bundler_manifests(self.environment, self.project(host).path, self.facts(host))

    def links(self, host: RemoteHost, release: Release | None = None) -> dict[str, str]:
        """Return what must be links on a web host: the project's own file -> its place in `current`."""
        from fab_static.phases.run.links import links_of  # not above: see there

        return links_of(self, host, release or self.release)

    # ---- releases

    @property
    def live(self) -> str | None:
        """The release that is live on every host and in the bucket, or None if none is, or they disagree."""
        live = {state["current"] for state in self.states.values()}
        if self.origin:
            live.add(self.origin.live)
        return live.pop() if len(live) == 1 else None

    @property
    def log(self) -> Record:
        """What log.jsonl on the build host says."""
        from fab_static.plan import record  # not above: see there

        return record.read(self.states[self.build]["record"])

    @property
    def record(self) -> tuple[Activation, ...]:
        """The activations that all hosts made, oldest first: the build host flips last."""
        return self.log.activations

    @property
    def recorded_live(self) -> str | None:
        """The release that was last made live everywhere, by record; one that no host has does not count."""
        held = {name for state in self.states.values() for name in state["releases"]}
        held |= {state["current"] for state in self.states.values() if state["current"]}
        there = [activation.release for activation in self.record if activation.release in held]
        return there[-1] if there else None

    @property
    def last_live(self) -> str | None:
        """What is live everywhere; where hosts disagree, what was live everywhere last, by record."""
        return self.live or self.recorded_live

    def needs_live(self) -> str:
        """Return what was live last.

        Raises:
            ReleaseError: nothing was.
        """
        live = self.last_live
        if live is None:
            raise ReleaseError(
                "nothing is live yet",
                where=f"every host of {self.environment.name}",
                mend=f"deploy first: fab {self.environment.name} deploy",
            )
        return live

    @property
    def holders(self) -> tuple[Holder, ...]:
        """What may hold the objects of a release, the nearest first."""
        in_bucket = (self.kept.holder(),) if self.kept else ()
        return (self.build, *self.hosts("static"), *in_bucket)

    def object(self, sha256: str) -> bytes:
        """Return the bytes of an object that the build host keeps, or the bucket for it."""
        if self.kept and not self.kept.is_here and self.kept.note:
            return self.kept.holder().object(sha256)
        return self.build.ask(verbs.READ_OBJECT, asks.Object(object=sha256))[1]

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
                    instead="prepare",
                )
            self.release = self.seals.read(self.journal.release)
            if self.project_path is None:  # its web processes read the checkout it was built from
                sealed = self.journal.phases.get("seal")
                self.project_path = sealed.get("project_path") if sealed else None
        return self.release
