"""The seals that a run has read or made: release.json of each release, as it stands on hosts, and its signature."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import beside_of

if TYPE_CHECKING:
    from fab_static.phases.run.deployment import Deployment
    from fab_static.plan.release import Release
    from fab_static.plan.wire.kept import Beside
    from fab_static.remote import RemoteHost

# What one method alone works with is imported there: `status` starts sooner.


class Seals:
    """The seals of one deployment's releases; each is read once."""

    def __init__(self, deploy: Deployment) -> None:
        self._deploy = deploy
        self._releases: dict[str, Release] = {}
        self._texts: dict[str, bytes] = {}  # release.json, as it was read
        self._read_from: dict[str, RemoteHost] = {}
        self.beside: dict[str, Beside] = {}  # signatures, whoever made them

    def read(self, name: str, host: RemoteHost | None = None) -> Release:
        """Return what a release's seal says, from this host; else from the first that has it whole.

        Raises:
            ReleaseError: no host has it, or none as it was sealed.
        """
        from fab_static.plan.seal import from_json  # not above: see there

        is_known = name in self._releases and (host is None or host == self._read_from.get(name))
        if is_known:
            return self._releases[name]
        failures = []
        for holder in [host] if host else self._holders(name):
            try:
                text, beside = self._sealed_on(holder, name)
                release = from_json(text, name=name, where=f"{holder.name}: {name}")
            except FabStaticError as error:
                failures.append(error)
                continue
            for failure in failures:
                self._deploy.show.warn(f"{failure.where}: {failure.what}")
            self._releases[name], self._read_from[name] = release, holder
            self.take(release, text, beside)
            return release
        raise failures[0]

    def _holders(self, name: str) -> list[RemoteHost]:
        """Return the hosts that have a release, the build host first.

        Raises:
            ReleaseError: none has it.
        """
        deploy = self._deploy
        hosts = (deploy.build, *deploy.hosts("static"), *deploy.hosts("web"))
        holders = [host for host in hosts if name in deploy.states[host]["releases"]]
        if not holders:
            raise ReleaseError(
                f"there is no release {name}",
                where="releases/ on every host",
                mend=f"choose one of: fab {deploy.environment.name} releases",
            )
        return holders

    def _sealed_on(self, holder: RemoteHost, name: str) -> tuple[bytes, Beside]:
        """Return release.json as it stands on a host, and what stands beside it."""
        kept = self._deploy.kept
        if kept and holder == self._deploy.build and not kept.is_here and name in kept.kept:
            return kept.seal(name)
        head, text = holder.ask(verbs.READ_RELEASE, asks.Release(release=name))
        return text, beside_of(head)

    def knows(self, name: str | None) -> bool:
        """Tell whether the seal of a release has been read, so that reading it costs nothing."""
        return name in self._texts

    def take(self, release: Release, text: bytes, beside: Beside | None = None) -> None:
        """Have the seal of a release, as it stands where it was built."""
        self._texts[release.id], self.beside[release.id] = text, beside or {}

    def text(self, release: Release) -> bytes:
        """Return release.json as it was sealed: an earlier version of the program may have written it otherwise."""
        if release.id not in self._texts:
            self._texts[release.id] = release.to_json().encode()
        return self._texts[release.id]

    def sha256(self, release: Release) -> str:
        """Return the SHA-256 by which every host's release.json is judged."""
        return sha256(self.text(release)).hexdigest()
