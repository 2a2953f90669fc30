"""Hands a release to hosts by its seal, which travels as its difference to one that the host has.

A host answers with what it lacks of the release, and lays it out where it lacks nothing: one trip. What many hosts
need of a large seal is lent to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from fab_static.errors import RemoteError
from fab_static.host.agent.differing import difference
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.lending import lend
from fab_static.plan.release import Release
from fab_static.plan.wire import answers, asks, verbs
from fab_static.plan.wire.urls import Lent
from fab_static.remote import Question, RemoteHost, deflated

# no more objects, and bytes, are read before a host says that it lacks them: to wait for that takes a trip
FEW = 16
FEW_BYTES = 64 << 10


@dataclass
class HandingOver:
    """One release, on its way to hosts."""

    deploy: Deployment
    release: Release
    # what a host will be asked once it has laid the release out: that goes along
    then: Callable[[RemoteHost], Sequence[Question]] = lambda _host: ()
    built: set[RemoteHost] = field(default_factory=set)  # that have laid it out
    _handed: set[RemoteHost] = field(default_factory=set)  # whose agents have the seal
    # by the release that they begin from
    _differences: dict[str, bytes] = field(default_factory=dict)
    _lent: dict[str | None, Lent | None] = field(default_factory=dict)

    @cached_property
    def _text(self) -> bytes:
        return self.deploy.seals.text(self.release)

    @cached_property
    def _whole(self) -> bytes:
        return deflated(self._text)

    @cached_property
    def _sha256(self) -> str:
        return sha256(self._text).hexdigest()

    def to(
        self, hosts: Sequence[RemoteHost], *, builds: bool = False
    ) -> dict[RemoteHost, dict[str, int]]:
        """Hand the release to hosts; return what each lacks: objects, SHA-256 -> size.

        Args:
            hosts: which.
            builds: whether those that lack nothing lay it out; else only those that had it before. A copy that
                breaks off leaves nothing under the release's name, on any host.
        """
        held = self.release.objects_of_each({host.roles for host in hosts})
        self._tell_apart(hosts)

        def handed(host: RemoteHost) -> dict[str, int]:
            head, absent = self._asked(host, builds)
            if head["built"]:
                self.built.add(host)
            self._handed.add(host)
            if head["mended"]:
                self.deploy.show.warn(
                    f"{host.name}: release.json of {self.release.id} was not what was sealed; it is now"
                )
            return _lacking(host, held[host.roles], absent)

        return self.deploy.on(hosts, handed)

    def _tell_apart(self, hosts: Sequence[RemoteHost]) -> None:
        """Work the differences out, once for all hosts that begin from the same release, and lend what is large."""
        begin = Counter(self._base(host) for host in hosts)
        for base in begin.keys() - {self.release.id, *self._lent}:
            if base:
                before = self.deploy.seals.text(self.deploy.seals.read(base))
                self._differences[base] = difference(before, self._text)
            self._lent[base] = lend(self.deploy, self._body(base), hosts=begin[base])

    def _body(self, base: str | None) -> bytes:
        return self._differences.get(base, b"") if base else self._whole

    def _asked(self, host: RemoteHost, builds: bool) -> tuple[answers.Taken, bytes]:
        """Hand the release to one host; where what it has is not what was sealed, with the whole seal."""
        is_done = host == self.deploy.build and self.deploy.just_built == self.release.id
        if is_done:
            self.built.add(host)
        had_it = self.release.id in self.deploy.states[host]["releases"]
        builds = (builds or had_it) and not is_done
        base = self._base(host)
        hub = self.deploy.hub
        lent = None if hub and host in hub.unreached else self._lent.get(base)
        body = b"" if lent else self._body(base)
        request = self._request(host, base, builds=builds, lent=lent)
        if builds or is_done:
            new = self._new_objects() if is_done else ()
            host.foresee([(verbs.TAKE_SEAL, request, body), *self.then(host), *new])
        answer = host.ask(verbs.TAKE_SEAL, request, body)
        if hub and "why" in answer[0]:
            hub.unreached[host] = answer[0]["why"]
        if (base or lent) and not answer[0]["taken"]:
            answer = host.ask(
                verbs.TAKE_SEAL, self._request(host, None, builds=builds), self._whole
            )
        return answer

    def _new_objects(self) -> Iterator[Question]:
        """Yield how the build host is asked for what the others will lack: what is new, where that is little."""
        deploy, live = self.deploy, self.deploy.last_live
        if deploy.hub or not (live and deploy.seals.knows(live)):
            return
        before, wanted = deploy.seals.read(live), dict[str, int]()
        kinds = {host.roles for host in deploy.hosts() if host != deploy.build}
        for roles, objects in self.release.objects_of_each(kinds).items():
            held = before.objects(roles)
            lacking = {sha256: size for sha256, size in objects.items() if sha256 not in held}
            wanted.update(self.release.to_send(lacking, roles))
        if len(wanted) <= FEW and sum(wanted.values()) <= FEW_BYTES:
            for sha256 in wanted:
                yield verbs.READ_OBJECT, asks.Object(object=sha256)

    def finish(self, hosts: Sequence[RemoteHost]) -> dict[RemoteHost, dict[str, int]]:
        """Have hosts lay the release out that have been sent what they lacked; return what some lack still."""
        left = [host for host in hosts if host not in self.built]
        lacking = self.to(left, builds=True)
        return {host: objects for host, objects in lacking.items() if objects}

    def refuse_unfinished(self, hosts: Sequence[RemoteHost]) -> None:
        """Have hosts lay the release out that have been sent all that they lacked.

        Raises:
            RemoteError: one lacks some of it still.
        """
        for host, lacking in self.finish(hosts).items():
            raise RemoteError(
                f"{len(lacking)} objects of {self.release.id} have come, and are not there",
                where=f"{host.name}: objects/",
                mend="see who removes files there, then run it again",
            )

    def _request(
        self, host: RemoteHost, base: str | None, *, builds: bool, lent: Lent | None = None
    ) -> asks.TakeSeal:
        return asks.TakeSeal(
            release=self.release.id,
            sha256=self._sha256,
            base=base,
            roles=list(host.roles),
            builds=builds,
            anew=True,
            lent=lent,
            **self.deploy.seals.beside.get(self.release.id, {}),
        )

    def _base(self, host: RemoteHost) -> str | None:
        """Return the release whose seal a host has, and we have read: this one, or the live one."""
        if host in self._handed:
            return self.release.id
        there = self.deploy.states[host]["releases"]
        candidates = (self.release.id, self.deploy.last_live)
        return next((one for one in candidates if one in there and self._is_read(one)), None)

    def _is_read(self, name: str | None) -> bool:
        return name == self.release.id or self.deploy.seals.knows(name)


def _lacking(host: RemoteHost, wanted: dict[str, int], absent: bytes) -> dict[str, int]:
    """Return the objects that a host names, by the release's own names: those of a fleet would be many times all."""
    found = host.picked("take_seal", sorted(wanted), absent) if absent else ()
    return wanted if len(found) == len(wanted) else {sha256: wanted[sha256] for sha256 in found}
