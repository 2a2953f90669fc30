"""Works a flip out as one value (plan/flip.py), and carries it out: forth, and back where it must."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from fab_static.errors import FabStaticError, RemoteError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.forgetting import forgetting
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.undoing import Undo
from fab_static.plan import flip as flips
from fab_static.plan.flip import Flip, HostFlip
from fab_static.plan.inventory import expand, expand_url
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.answers import Provisional, State
from fab_static.remote import RemoteHost

CHECK_SECONDS = 60.0  # a reloaded web process answers within this, or the flip is undone


def worked_out(deploy: Deployment, release: Release) -> Flip:
    """Return the flip to a release: what moves, what goes back, what caches must forget. Changes nothing.

    Raises:
        BuildError: a project cannot say where it reads its manifests.
        RemoteError: a host does not answer.
    """
    entry: dict[str, object] = {"by": deploy.operator}
    if deploy.rolled_back:
        entry["rolled_back"] = deploy.rolled_back
    if release.revision:
        entry["revision"] = release.revision
    if deploy.without:
        entry["without"] = list(deploy.without)
    hosts = deploy.on(deploy.hosts(), lambda host: host_flip(deploy, host, release.id, entry))
    return Flip(
        release.id,
        steps(deploy),
        {host.name: flip for host, flip in hosts.items()},
        forgetting(deploy, release),
    )


def patience(deploy: Deployment) -> float:
    """Return the seconds within which reloaded web processes must answer."""
    return min(CHECK_SECONDS, deploy.environment.ssh.command_timeout)


def steps(deploy: Deployment) -> tuple[flips.Step, ...]:
    """Return the order in which a flip goes over this fleet."""
    environment = deploy.environment
    return flips.steps(
        build=deploy.build.name,
        static=[host.name for host in deploy.hosts("static")],
        web=[host.name for host in deploy.hosts("web")],
        batch=environment.web.batch,
        bucket=str(environment.origin) if environment.origin else None,
        has_cdn=environment.cdn is not None,
    )


def host_flip(
    deploy: Deployment,
    host: RemoteHost,
    release: str,
    entry: Mapping[str, Any] | None = None,
    before: State | Provisional | None = None,
) -> HostFlip:
    """Return what a host flips to and goes back to, by the inventory and the project.

    Args:
        deploy: the run.
        host: which host.
        release: the id of what is to be live.
        entry: what its record is to say of the flip.
        before: `current` and `previous`, where they are not those of the host's state: a flip that broke off
            has noted them.
    """
    web, links = deploy.environment.web, {}
    before = before or deploy.states[host]
    if "web" in host.roles:
        of = deploy.release
        if of is None or of.id != release:
            with suppress(FabStaticError):  # it may be what is damaged
                of = deploy.seals.read(release)
        links = deploy.links(host, of)
    return HostFlip(
        release=release,
        links=links,
        manifest=deploy.facts(host)["offline_manifest"] if links else None,
        reload=expand(web.reload, host.host) if web.reload and links else None,
        confirm_timeout=web.confirm_timeout,
        entry=dict(entry or {"by": deploy.operator}),
        current=before["current"],
        previous=before["previous"],
    )


class Flipping:
    """Carries a flip out, and the way back.

    Args:
        deploy: the run.
        flip: what moves, and what goes back.
        release: what is to be live.
        unwell: web hosts that did not answer web.check before: on the way back nobody waits until they do.
    """

    def __init__(
        self,
        deploy: Deployment,
        flip: Flip,
        release: Release,
        unwell: Collection[RemoteHost] = (),
    ) -> None:
        self._deploy = deploy
        self._flip = flip
        self._release = release
        self._hosts = [host for host in deploy.hosts() if host.name in flip.hosts]
        self._unwell = unwell
        self._reloaded: set[RemoteHost] = set()

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Let flipped hosts know that we are there, as long as it takes: else they go back."""
        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(self._deploy.environment.web.confirm_timeout / 5):
                for host in self._hosts:
                    host.alive()

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join(CHECK_SECONDS)  # it may be talking to a host that takes nothing

    def move(self, undo: Undo, names: Sequence[str], *, reloads: bool) -> None:
        """Move the links of these hosts, all at once; provisionally, until `confirm`.

        Where it `reloads`, their web processes then read the manifests again, and are asked whether they run: in the same
        trip, where they need no command for that.
        """
        hosts = [host for host in self._deploy.hosts() if host.name in names]
        has_reload = bool(self._deploy.environment.web.reload)

        def moved(host: RemoteHost) -> None:
            flip, seal = self._of(host), self._deploy.seals.sha256(self._release)
            request = asks.Flip(**flip.forth, seal=seal, joins=[*flip.joins])
            asked = self._checks(host, self._flip.release) if reloads and not has_reload else []
            host.ask_then(verbs.FLIP, request, [(verbs.HTTP, each) for each in asked])

        for host in hosts:  # before the request: its answer may be lost
            undo.remember(host, self.put_back)
        self._deploy.on(hosts, moved)
        if reloads:
            self._deploy.on(hosts, self.reload)
            self._deploy.on(hosts, lambda host: self.check(host, self._flip.release))

    def _of(self, host: RemoteHost) -> HostFlip:
        return self._flip.hosts[host.name]

    def publish(self, undo: Undo) -> None:
        """Make the release live in the bucket, where one is the origin."""
        origin = self._deploy.origin
        if origin is None:
            return
        undo.remember(
            origin, self._put_bucket_back
        )  # before: a copy that failed may have been made
        count = origin.make_live(self._release)
        self._deploy.show.say(f"{count} keys of {origin.name} have new bytes or headers")

    def _put_bucket_back(self, origin: Publication) -> bool:
        before = origin.live_before
        return origin.put_back(self._deploy.seals.read(before) if before else None)

    def confirm(self) -> None:
        """Tell all hosts at once that all have flipped: no host goes back any more.

        What is left is the instant between the first and the last of these words; hosts cannot ask each
        other. `status` shows a host that missed it, and the next command mends it.

        Raises:
            RemoteError: a host went back before the word came, or cannot be told.
        """

        def told(host: RemoteHost) -> None:
            request = asks.Confirm(**self._of(host).forth)
            head = host.ask_then(verbs.CONFIRM, request, [(verbs.STATE, None)])
            if not head["confirmed"]:
                raise RemoteError(
                    "the host went back to what was live before: it had not heard of this deploy for "
                    f"{self._deploy.environment.web.confirm_timeout:g} seconds",
                    where=host.name,
                    mend="raise web.confirm_timeout if the network is that slow",
                )

        try:
            self._deploy.on(self._hosts, told)
        except BaseException:
            self._doubt()
            raise

    def _doubt(self) -> None:
        """Tell all hosts at once that they will go back: should we die on the way, they do it on their own.

        A host that had the word and whose answer was lost would else stay where the others go away from.
        """

        def doubted(host: RemoteHost) -> None:
            host.ask(verbs.DOUBT, self._of(host).back)

        with suppress(Exception):  # whoever cannot be told is named when it is put back
            self._deploy.on(self._hosts, doubted)

    def put_back(self, host: RemoteHost) -> bool:
        """Give a host back what was live on it, and tell its web processes; True: it had been asked to flip.

        Raises:
            RemoteError: the host cannot be reached, or processes that read the new manifests could not
                be told to read the old ones.
        """
        flip = self._of(host)
        host.ask(verbs.FLIP_BACK, flip.back)
        if not flip.links or not flip.current:
            return True
        try:
            self.reload(host)
            self.check(host, flip.current, is_back=True)
        except RemoteError as error:
            if host in self._reloaded:
                raise
            # its processes never came to read the new manifests
            self._deploy.show.warn(f"{error.where}: {error.what}")
        host.ask(verbs.CONFIRM, asks.Confirm(release=flip.current))
        return True

    def reload(self, host: RemoteHost) -> None:
        """Have the web processes of a host read the manifests again.

        Raises:
            RemoteError: the command failed.
        """
        if not self._deploy.environment.web.reload:
            return
        command = expand(self._deploy.environment.web.reload, host.host)
        ran = host.run(
            ["/bin/sh", "-c", command],
            on_output=lambda data: self._deploy.show.output(host.name, data),
        )
        if ran.code != 0:
            printed = ran.output.strip()[-1000:]
            raise RemoteError(
                f"the reload failed with exit code {ran.code}"
                + (f": {printed}" if printed else ""),
                where=f"{host.name}: {command}",
                mend="run it by hand there, and see why it fails",
            )

    def check(self, host: RemoteHost, release: str, *, is_back: bool = False) -> None:
        """Wait until the web processes of a host answer, and, where they can tell, run this release.

        Raises:
            RemoteError: they did not answer 200 in time, or still run another release.
        """
        for request in self._checks(host, release, is_back=is_back):
            url, answer = request["url"], host.ask(verbs.HTTP, request)[0]["answer"]
            if "release" in request and answer != release:
                raise RemoteError(
                    f"after the reload {url} says that {answer} runs, not {release}",
                    where=host.name,
                    mend="see why web.reload does not make the processes read the manifests again",
                )
            if "release" not in request and answer != "200":
                raise RemoteError(
                    f"after the reload {url} answered {answer}, not 200",
                    where=host.name,
                    mend="see the web process's log there"
                    if answer.isdigit()
                    else "see whether the web processes run there, and listen where web.check asks",
                )
        self._reloaded.add(host)

    def _checks(self, host: RemoteHost, release: str, *, is_back: bool = False) -> list[asks.Http]:
        """Return what the web processes of a host are asked: whether they answer, and what they run."""
        web, found = self._deploy.environment.web, []
        seconds = patience(self._deploy)
        if web.check and not (is_back and host in self._unwell):
            found.append(asks.Http(url=expand_url(web.check, host.host), timeout=seconds))
        if web.running:
            url = expand_url(web.running, host.host)
            found.append(asks.Http(url=url, timeout=seconds, release=release))
        return found
