"""Phase distribute."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from fab_static.errors import FabStaticError, ReleaseError, RemoteError, expected
from fab_static.host.agent.protocol import RECORD
from fab_static.host.agent.taking import holds_copies
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.from_hub import fetch_from
from fab_static.phases.run.handing_over import HandingOver
from fab_static.phases.run.held import send_held, telling
from fab_static.phases.run.holders import Frame, Holder, frames_of, records, sources
from fab_static.phases.run.kept import missed
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.putting import put_from_build_host
from fab_static.phases.run.record_here import keep_whole, save
from fab_static.phases.verify import to_verify
from fab_static.plan.publication import Item, hidden, object_item
from fab_static.plan.release import Release
from fab_static.plan.spelling import task_name
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import counted
from fab_static.remote import CANCEL_SECONDS, RemoteHost, deflated, together

QUEUED = 16  # pieces that may wait for one host: bounds memory, and rides out a short pause
HELD_BYTES = 8 << 20  # of objects held in memory, so that all hosts are sent theirs together
FINISH_SECONDS = 300.0  # how long one piece may take to go out; 256 KiB by a modem take 256


def distribute(deploy: Deployment) -> None:
    """Copy the release to hosts and bucket.

    Only objects that a host lacks go out. They are read once, and streamed to all that need them. With
    `distribute: {via: s3}` the build host puts them into the bucket once, and each host fetches them from there.

    Needs: a sealed release; as a task of its own, one that was sealed after the last build phase.
    Leaves: releases/<id> and its pool entries on every host, and in the bucket all but what the flip
        writes; nothing that is live has changed.
    If it fails: every failing host is named; what arrived whole is kept, and not sent again.
    """
    release = deploy.current_release()
    if deploy.by_itself:
        _refuse_unsealed(deploy, release)
    ship(deploy, release, deploy.holders)
    _catch_up(deploy, deploy.holders)
    save(deploy)


def _refuse_unsealed(deploy: Deployment, release: Release) -> None:
    """Refuse to send a release while what was built since is not sealed: it would be taken for that.

    Raises:
        ReleaseError: which phases ran since, and the words that seal what they made.
    """
    later = deploy.journal.after_seal(deploy.phases)
    if not later:
        return
    words = " ".join(map(task_name, (*deploy.journal.stale(deploy.phases, deploy.order), "seal")))
    name = deploy.environment.name
    raise ReleaseError(
        f"release {release.id} was sealed before {', '.join(later)} ran, so it does not hold what that made",
        where=f"{deploy.build.name}: {deploy.build.layout.deploy_to}/journal.json",
        mend=f"seal first: fab {name} {words} distribute; or build, ship and go live: fab {name} deploy --resume",
        instead=f"{words} distribute",
    )


def _catch_up(deploy: Deployment, holders: Sequence[Holder]) -> None:
    """Give hosts the releases that pages may still print, and that they lack: they were left out, or are new.

    Where a host cannot be given one, the deploy goes on.
    """
    for name in missed(deploy):
        hosts = [host for host, state in deploy.states.items() if name not in state["releases"]]
        names = ", ".join(host.name for host in hosts)
        try:
            ship_to(deploy, deploy.seals.read(name), holders, hosts)
        except FabStaticError as error:
            deploy.show.warn(
                f"{names} cannot be given {name}, which open pages may ask for: {error.what}"
            )
        else:
            deploy.show.say(f"{names} missed {name}, and has it now")


def ship(deploy: Deployment, release: Release, holders: Sequence[Holder]) -> None:
    """Make every host of the environment hold a release, from the first of the holders that have it.

    The holders may be of another environment: there it is only read.
    """
    if deploy.origin:
        _publish(deploy, deploy.origin, hidden(release), release.id, holders)
    ship_to(deploy, release, holders, deploy.hosts())
    keep_whole(deploy, release)


def ship_to(
    deploy: Deployment,
    release: Release,
    holders: Sequence[Holder],
    hosts: Sequence[RemoteHost],
) -> None:
    """Make these hosts hold a release."""
    handing = HandingOver(deploy, release)
    if deploy.to_come[:1] == ("verify",) and release == deploy.release:
        handing.then = lambda host: to_verify(deploy, host, release)
    absent = handing.to(hosts)
    whole = [
        host for host, objects in absent.items() if not objects and holds_copies([*host.roles])
    ]
    lacking = _to_send(release, absent)
    left = _through_hub(deploy, deploy.hub, release, lacking, holders) if deploy.hub else lacking
    _send_all(deploy, left, holders, whole)
    left = handing.finish(hosts)
    if left:  # a gzip copy that a host had was damaged, and it could not make the file of it
        _send_all(deploy, left, holders, whole)
        handing.refuse_unfinished(hosts)
    for host in hosts:
        if release.id not in deploy.states[host]["releases"]:
            deploy.states[host]["releases"].append(release.id)
    sent = sum(len(objects) for objects in lacking.values())
    size = sum(size for objects in lacking.values() for size in objects.values())
    deploy.show.say(
        f"{counted(sent, 'object')}, {counted(size, 'byte')} to {sum(bool(objects) for objects in lacking.values())} "
        f"of {counted(len(lacking), 'host')}"
        if sent
        else "every host has every object already; nothing sent"
    )


def _to_send(
    release: Release, lacking: Mapping[RemoteHost, dict[str, int]]
) -> dict[RemoteHost, dict[str, int]]:
    """Return what must be sent of what hosts lack: they make texts out of their gzip copies.

    Hosts that lack one and the same dict are given one, too: those of a fleet would be many times all.
    """
    found: dict[tuple[int, tuple[str, ...]], dict[str, int]] = {}
    for host, objects in lacking.items():
        alike = id(objects), host.roles
        if alike not in found:
            found[alike] = release.to_send(objects, host.roles)
    return {host: found[id(objects), host.roles] for host, objects in lacking.items()}


def _send_all(
    deploy: Deployment,
    lacking: Mapping[RemoteHost, dict[str, int]],
    holders: Sequence[Holder],
    whole: Collection[Holder],
) -> None:
    """Send each host what it lacks: what is small all together, and else those that lack the same at once."""
    held: dict[RemoteHost, dict[str, int]] = {}
    left, at_once = HELD_BYTES, deploy.environment.ssh.parallel
    for wanted, alike in sorted(_by_what_they_lack(lacking).items(), key=lambda one: _size(one[0])):
        left -= _size(wanted)
        if left >= 0:
            held.update((host, lacking[host]) for host in alike)
            continue
        for at in range(0, len(alike), at_once):
            _send(deploy, wanted, alike[at : at + at_once], holders)
    if held:
        send_held(deploy, held, holders, whole)


def bring(deploy: Deployment, objects: Mapping[str, int], holders: Sequence[Holder]) -> None:
    """Copy objects that the build host lacks to it, from the first of the holders that has them all.

    Raises:
        FabStaticError: none has, or they did not arrive.
    """
    _, absent = deploy.build.ask(verbs.MISSING, asks.Missing(), records(dict(objects)))
    if absent:
        _send(deploy, absent, [deploy.build], holders)


def lacks(
    deploy: Deployment, release: Release, hosts: Sequence[RemoteHost] | None = None
) -> dict[RemoteHost, dict[str, int]]:
    """Return what each host lacks of a release: objects, SHA-256 -> size."""
    hosts = deploy.hosts() if hosts is None else hosts
    held = release.objects_of_each({host.roles for host in hosts})
    asked_for = {roles: deflated(records(objects)) for roles, objects in held.items()}

    def asked(host: RemoteHost) -> dict[str, int]:
        wanted = held[host.roles]
        _, answer = host.ask(verbs.MISSING, asks.Missing(), asked_for[host.roles])
        if len(answer) == len(wanted) * RECORD.size:
            return wanted
        absent = {raw for raw, _ in RECORD.iter_unpack(answer)}
        # the release's own names: those of a fleet that has nothing would be many times all of them
        return {sha256: size for sha256, size in wanted.items() if bytes.fromhex(sha256) in absent}

    return deploy.on(hosts, asked)


def _by_what_they_lack(
    lacking: Mapping[RemoteHost, dict[str, int]],
) -> dict[bytes, list[RemoteHost]]:
    """Group hosts that lack the same objects: each group is one stream, read once."""
    groups: list[list[RemoteHost]] = []
    for host, objects in lacking.items():
        alike = next((hosts for hosts in groups if lacking[hosts[0]] == objects), None)
        if alike:
            alike.append(host)
        elif objects:
            groups.append([host])
    return {records(lacking[hosts[0]], in_order=True): hosts for hosts in groups}


def _send(
    deploy: Deployment, wanted: bytes, hosts: list[RemoteHost], holders: Sequence[Holder]
) -> None:
    """Stream objects from the first holders that have them to all of these hosts at once."""
    lent = sources(wanted, hosts, holders)
    receivers = [Receiver(deploy, host, _size(wanted)) for host in hosts]
    try:
        for frame in frames_of(lent):
            for receiver in receivers:
                receiver.put(frame)
            if all(receiver.failed for receiver in receivers):
                break
        for receiver in receivers:
            receiver.put(None)
        for receiver in receivers:
            receiver.finish()
    finally:
        for source, _ in lent:
            source.close_agent()
        for receiver in receivers:
            receiver.end()
    failures = {receiver.host: receiver.failed for receiver in receivers if receiver.failed}
    if failures:
        raise together(failures)


def _size(wanted: bytes) -> int:
    """Return the bytes of a stream of these objects, before it is deflated."""
    return sum(RECORD.size + size for _, size in RECORD.iter_unpack(wanted))


def _publish(
    deploy: Deployment,
    bucket: Publication,
    items: Sequence[Item],
    release: str,
    holders: Sequence[Holder],
) -> None:
    """Write into the bucket what it lacks of these: the build host does, and the operator what it cannot."""
    lacking = bucket.manifest.lacks(items)
    bucket.refuse_contradictions(lacking)
    if not lacking:
        deploy.show.say(f"{bucket.name} has every object already; nothing sent")
        return
    to_put = bucket.must_be_put(lacking)
    put = put_from_build_host(deploy, bucket, to_put, holders)
    are_put = {item.key for item, _ in put}
    wanted = {item.sha256: item.size for item in to_put if item.key not in are_put}
    bodies: Iterable[tuple[str, bytes]] = ()
    if wanted:
        lent = sources(records(wanted), [], holders)
        bodies = chain.from_iterable(source.objects(part) for source, part in lent)
    relayed = bucket.fill(lacking, bodies, release, put)
    size = sum(item.size for item in to_put)
    way = "" if relayed or not put else ", straight from the build host"
    deploy.show.say(
        f"{counted(len(lacking), 'object')}, {counted(size, 'byte')} to {bucket.name}{way}"
    )


def _through_hub(
    deploy: Deployment,
    hub: Publication,
    release: Release,
    lacking: dict[RemoteHost, dict[str, int]],
    holders: Sequence[Holder],
) -> dict[RemoteHost, dict[str, int]]:
    """Have every host fetch what it lacks from the bucket; return what must still go over SSH."""
    wanted = {sha256: size for objects in lacking.values() for sha256, size in objects.items()}
    if not wanted:
        return lacking
    items = [object_item(sha256, size) for sha256, size in sorted(wanted.items())]
    _publish(deploy, hub, items, release.id, holders)
    failures = fetch_from(deploy, hub, items, lacking)
    for host, why in failures.items():
        deploy.show.warn(
            f"{host.name} cannot fetch from {hub.name} ({why}); its objects go over SSH"
        )
    return _to_send(release, lacks(deploy, release, list(failures))) if failures else {}


class Receiver:
    """Writes a stream to one host from a thread of its own, so that the slowest does not lead."""

    def __init__(self, deploy: Deployment, host: RemoteHost, size: int) -> None:
        self.host = host
        self._timeline = deploy.timeline
        self._size = size
        self.failed: FabStaticError | None = None
        host.moves()
        self._patience_seconds = min(60.0, deploy.environment.ssh.command_timeout)
        self._frames: queue.Queue[Frame | None] = queue.Queue(maxsize=QUEUED)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, frame: Frame | None) -> None:
        """Hand over one piece, and None after the last; a host that takes none for too long has failed, the others go on."""
        if self.failed:
            return
        try:
            self._frames.put(frame, timeout=self._patience_seconds)
        except queue.Full:
            self._give_up(self._patience_seconds)

    def finish(self) -> None:
        """Wait until the host has stored all, or has failed; a host with which nothing moves has failed."""
        while self._thread.is_alive() and not self.failed:
            self._thread.join(1)
            if time.monotonic() - self.host.moved_at > FINISH_SECONDS:
                self._give_up(FINISH_SECONDS)

    def _give_up(self, seconds: float) -> None:
        self.failed = RemoteError(
            f"the host took no data for {seconds:g} seconds",
            where=self.host.name,
            mend="see whether its disk and network work, then run it again",
        )
        self.host.close_agent()

    def end(self) -> None:
        """End what has not come to its end: another host's failure, or Ctrl-C."""
        if self._thread.is_alive():
            self.failed = self.failed or RemoteError(
                "what was sent to it was interrupted", where=self.host.name, mend="run it again"
            )
            self.host.close_agent()
            with contextlib.suppress(queue.Full):
                self._frames.put_nowait(None)
            self._thread.join(CANCEL_SECONDS)

    def _run(self) -> None:
        try:
            with self._timeline.sending(self.host.name, self._size) as sent:
                self.host.take(verbs.STORE, self._pieces(sent))
        except Exception as error:
            self.failed = self.failed or expected(error, self.host.name)
            while not self._frames.empty():  # let a waiting put() go on
                self._frames.get()

    def _pieces(self, sent: Callable[[int], None]) -> Iterable[Frame]:
        return telling(iter(self._frames.get, None), sent)
