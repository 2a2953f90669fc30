"""Phase activate."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from fab_static.errors import RemoteError
from fab_static.phases.invalidate import begin
from fab_static.phases.run.deployment import Deployment, Undo
from fab_static.phases.run.forgetting import forgotten
from fab_static.phases.run.publication import Publication
from fab_static.plan.diff import Queries, as_cached, united
from fab_static.plan.inventory import expand, expand_url
from fab_static.plan.release import Release, without_files
from fab_static.remote import RemoteHost
from fab_static.wording import counted

CHECK_SECONDS = 60.0  # a reloaded web process answers within this, or the flip is undone


def activate(deploy: Deployment) -> None:
    """Make the release live: static hosts and the bucket first, then web hosts batch by batch, the build host last.

    Needs: every host holds and has verified all of it; a host without the files would answer 404.
    Leaves: current -> releases/<id>, previous -> what was live; on web hosts the project's offline
    manifest and resource versions are links into current, and the web processes were reloaded.
    If it fails: every host already flipped is put back; what could not be is named (exit 5). If we die:
    every host that was not told that all have flipped goes back by itself within confirm_timeout. What
    CloudFront may have fetched meanwhile is invalidated once more, or noted for the next command.
    """
    release = deploy.current_release()
    is_settled = not any(state["unsettled"] for state in deploy.states.values())
    if is_settled and deploy.live == deploy.recorded_live == release.id:
        deploy.show.say(f"release {release.id} is live on every host already")
        if deploy.origin and (mended := deploy.origin.make_live(release)):
            deploy.show.say(f"{mended} keys of {deploy.origin.name} were written anew")
        return
    flip = Flip(deploy, release)
    # stays noted when the flip fails: a CDN may have fetched the new bytes meanwhile
    _note_what_caches_must_forget(deploy, release)
    try:
        with deploy.undo_on_failure() as undo, flip.kept_alive():
            flip.make_live(undo, deploy.hosts("static"))
            flip.publish(undo)
            # not before: CloudFront would fetch the old bytes again. Pages of both releases get the new ones
            begin(deploy, release.id)
            for batch in batches(deploy.hosts("web"), deploy.environment.web.batch):
                flip.make_live(undo, batch)
                deploy.on(batch, flip.reload)
                deploy.on(batch, lambda host: flip.check(host, release.id))
            # its record says what was live everywhere, so it comes when everywhere is done
            flip.make_live(undo, [deploy.build])
            flip.confirm()
    except BaseException:
        if deploy.is_flipped:  # a signal, once all was done
            raise
        # it must not hide why the flip failed; the journal has the word
        with suppress(Exception):
            deploy.journal.undone()
            # a host that could not be put back may serve the other bytes still: ask once more when it can
            begin(deploy, None if deploy.left else deploy.live)
        raise
    deploy.look_again()
    deploy.show.say(f"release {release.id} is live on {counted(len(deploy.hosts()), 'host')}")


def batches(hosts: Sequence[RemoteHost], size: str) -> list[Sequence[RemoteHost]]:
    """Return the hosts in batches of `size`: a number, or a share such as 25% (at least one)."""
    if size.endswith("%"):
        count = max(1, math.ceil(len(hosts) * int(size[:-1]) / 100))
    else:
        count = int(size)
    return [hosts[at : at + count] for at in range(0, len(hosts), count)]


def _note_what_caches_must_forget(deploy: Deployment, release: Release) -> None:
    """Note it before the flip, so that an operator who dies after it leaves the next one word."""
    live = {state["current"] for state in deploy.states.values()}
    held = {name for state in deploy.states.values() for name in state["releases"]}
    if deploy.origin:  # one whose flip broke off was served, too
        live |= {deploy.origin.manifest.release, deploy.origin.manifest.pending} & held
    before = [deploy.read_release(str(name)) for name in live - {None, release.id}]
    forward: dict[str, Queries] = {}
    back: dict[str, Queries] = {}
    for old in before or [without_files(release)]:
        forward = united(forward, forgotten(deploy, old, release))
        back = united(back, forgotten(deploy, release, old))
    journal = deploy.journal
    journal.undone()  # of an operator who died: what his flip had added may be in a cache
    has_tags = deploy.origin is not None and deploy.origin.place.cache_tags
    journal.by_tag = (journal.by_tag or not journal.to_invalidate) and (
        has_tags and not deploy.hosts("static")
    )
    if deploy.origin:
        # what is cached has the headers that it was given, tags too
        other = {path for old in before for path in deploy.origin.served_otherwise(old)}
        journal.by_tag = journal.by_tag and not other
        forward = united(forward, as_cached(other & release.files.keys()))
    journal.to_invalidate = united(journal.to_invalidate, forward)
    journal.if_undone = back
    journal.invalidation = None  # one of an earlier flip has not forgotten what comes now
    journal.save()


class Flip:
    """The flip of one release, host by host, and the way back."""

    def __init__(self, deploy: Deployment, release: Release) -> None:
        self._deploy = deploy
        self._release = release
        self._reloaded: set[RemoteHost] = set()
        self._entry = {"by": deploy.operator}
        if deploy.rolled_back:
            self._entry["rolled_back"] = deploy.rolled_back
        self._orders = deploy.on(
            deploy.hosts(), lambda host: deploy.orders(host, release.id, self._entry)
        )

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Let flipped hosts know that we are there, as long as it takes: else they go back."""
        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(self._deploy.environment.web.confirm_timeout / 5):
                for host in self._deploy.hosts():
                    host.alive()

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join(CHECK_SECONDS)  # it may be talking to a host that takes nothing

    def make_live(self, undo: Undo, hosts: Sequence[RemoteHost]) -> None:
        """Move the links of these hosts, all at once; provisionally, until `confirm`."""

        def moved(host: RemoteHost) -> None:
            host.ask("flip", **self._orders[host], seal=self._deploy.seal_sha256(self._release))

        for host in hosts:  # before the request: its answer may be lost
            undo.remember(host, self.put_back)
        self._deploy.on(hosts, moved)

    def _way_back(self, host: RemoteHost) -> dict[str, Any]:
        state = self._deploy.states[host]
        return {
            **self._orders[host],
            "current": state["current"],
            "previous": state["previous"],
        }

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
        return origin.put_back(self._deploy.read_release(before) if before else None)

    def confirm(self) -> None:
        """Tell all hosts at once that all have flipped: nobody goes back by himself any more.

        What is left is the instant between the first and the last of these words; hosts cannot ask each
        other. `status` shows a host that missed it, and the next command mends it.

        Raises:
            RemoteError: a host went back before the word came, or cannot be told.
        """

        def told(host: RemoteHost) -> None:
            head, _ = host.ask("confirm", **self._orders[host])
            if not head["confirmed"]:
                raise RemoteError(
                    "the host went back to what was live before: it had not heard of this deploy for "
                    f"{self._deploy.environment.web.confirm_timeout:g} seconds",
                    where=host.name,
                    mend="deploy again; raise web.confirm_timeout if the network is that slow",
                )

        try:
            self._deploy.on(self._deploy.hosts(), told)
        except BaseException:
            self._doubt()
            raise

    def _doubt(self) -> None:
        """Tell all hosts at once that they will go back: should we die on the way, they do it by themselves.

        A host that had the word and whose answer was lost would else stay where the others go away from.
        """

        def doubted(host: RemoteHost) -> None:
            host.ask("doubt", **self._way_back(host))

        with suppress(Exception):  # whoever cannot be told is named when it is put back
            self._deploy.on(self._deploy.hosts(), doubted)

    def put_back(self, host: RemoteHost) -> bool:
        """Give a host back what was live on it, and tell its web processes; True: it had been asked to flip.

        Raises:
            RemoteError: the host cannot be reached, or processes that read the new manifests could not
                be told to read the old ones.
        """
        state = self._deploy.states[host]
        host.ask("flip_back", **self._way_back(host))
        if not self._orders[host]["links"] or not state["current"]:
            return True
        try:
            self.reload(host)
            self.check(host, state["current"])
        except RemoteError as error:
            if host in self._reloaded:
                raise
            # its processes never came to read the new manifests
            self._deploy.show.warn(f"{error.where}: {error.what}")
        host.ask("confirm", release=state["current"])
        return True

    def reload(self, host: RemoteHost) -> None:
        """Have the web processes of a host read the manifests anew.

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
            raise RemoteError(
                f"the reload failed with exit code {ran.code}: {ran.output.strip()[-1000:]}",
                where=f"{host.name}: {command}",
                mend="run it by hand there, see why it fails, then deploy again",
            )

    def check(self, host: RemoteHost, release: str) -> None:
        """Wait until the web processes of a host answer, and, where they can tell, run this release.

        Raises:
            RemoteError: they did not answer 200 in time, or still run another release.
        """
        web, ssh = self._deploy.environment.web, self._deploy.environment.ssh
        patience = min(CHECK_SECONDS, ssh.command_timeout)
        if web.check:
            url = expand_url(web.check, host.host)
            head, _ = host.ask("http", url=url, timeout=patience)
            if head["answer"] != "200":
                raise RemoteError(
                    f"after the reload {url} answered {head['answer']}, not 200",
                    where=host.name,
                    mend="see the web process's log there, then deploy again",
                )
        if web.running:
            url = expand_url(web.running, host.host)
            head, _ = host.ask("http", url=url, timeout=patience, release=release)
            if head["answer"] != release:
                raise RemoteError(
                    f"after the reload {url} says that {head['answer']} runs, not {release}",
                    where=host.name,
                    mend="see why web.reload does not make the processes read the manifests anew",
                )
        self._reloaded.add(host)
