"""The manifests of bundlers in a build: all that they name must be there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fab_static.errors import BuildError, FabStaticError, ManifestError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import BundlerManifest, static_url_of
from fab_static.plan.bundler_manifest import names_of, path_of, read
from fab_static.plan.hashed_names import called, hashed
from fab_static.plan.release import File, Release
from fab_static.plan.text import decoded
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.kept import Listing
from fab_static.plan.wording import counted, first_of
from fab_static.remote import RemoteHost

SHOWN = 10  # names told in one message


@dataclass(frozen=True)
class Held:
    """A manifest that a release holds: who reads it, its bytes, and what it says."""

    one: BundlerManifest
    file: File
    data: Mapping[str, object]


def manifests_of(
    deploy: Deployment, files: Mapping[str, File], listing: Listing
) -> dict[str, File]:
    """Return the manifests of bundlers that a release holds, by their names there; see read_manifests()."""
    return {held.one.name: held.file for held in read_manifests(deploy, files, listing)}


def read_manifests(deploy: Deployment, files: Mapping[str, File], listing: Listing) -> list[Held]:
    """Return the manifests of bundlers that a release holds.

    Args:
        deploy: of whose build host.
        files: of the release.
        listing: what the last phase left.

    Raises:
        BuildError: one that the inventory names is not there.
        ManifestError: one cannot be read, or names a file that the release has not.
    """
    found = []
    for one in deploy.bundler_manifests(deploy.build):
        known = _as_built(deploy, one, files, listing)
        if known is None:
            _tell_of_missing(deploy, one)
            continue
        file = File(known.sha256, known.size, known.version)
        held = Held(one, file, read_manifest(deploy.build, one, file))
        _refuse_lost(deploy, held, files)
        found.append(held)
    return found


def read_manifest(host: RemoteHost, one: BundlerManifest, file: File) -> Mapping[str, object]:
    """Return what a manifest says, from its object on a host.

    Raises:
        ManifestError: it is not one.
    """
    where = f"{host.name}: {one.path}"
    _, text = host.ask(verbs.READ_OBJECT, asks.Object(object=file.sha256))
    return read(decoded(text, where=where, error=ManifestError), where=where)


def hashed_names(
    deploy: Deployment, manifests: Iterable[Held], files: Mapping[str, File]
) -> set[str]:
    """Return the files whose names carry a hash of their content, by the manifests of a build."""
    found: set[str] = set()
    for held in manifests:
        words: dict[str, set[str]] = {}
        for name, called_so in called(held.data).items():
            path = path_in(deploy, held.one, name, files)
            if path:
                words.setdefault(path, set()).update(called_so)
        found |= hashed(words, files)
    return found


def _as_built(
    deploy: Deployment,
    one: BundlerManifest,
    files: Mapping[str, File],
    listing: Listing,
) -> File | None:
    inside = in_static_root(deploy, one, deploy.build)
    if inside is not None:
        return files.get(inside)
    known = listing["extra"].get(one.path)
    return File(*known) if known else None


def in_static_root(deploy: Deployment, one: BundlerManifest, host: RemoteHost) -> str | None:
    """Return a manifest's path below the static root of a host, or None if it lies beside that."""
    root, path = deploy.facts(host)["static_root"], PurePosixPath(one.path)
    return str(path.relative_to(root)) if root and path.is_relative_to(root) else None


def _tell_of_missing(deploy: Deployment, one: BundlerManifest) -> None:
    what = f"no phase has made {one.path}, which web processes read ({one.reader})"
    if one.is_asked_for:
        raise BuildError(
            what,
            where=f"{deploy.build.name}: web.manifests in inventories/{deploy.environment.name}.yml",
            mend="correct the path, or add the phase that makes it to build.phases",
        )
    deploy.show.warn(
        f"{what}: pages that need it fail, but where each web host has one of its own. Add the phase that makes it "
        "to build.phases"
    )


def _refuse_lost(deploy: Deployment, held: Held, files: Collection[str]) -> None:
    """Refuse a manifest that names files which the release has not: pages would ask for them.

    Raises:
        ManifestError: naming them.
    """
    names = names_of(held.data)
    lost = [name for name in names if path_in(deploy, held.one, name, files) is None]
    if lost:
        below = folders_of(deploy, held.one, deploy.build)[0]
        raise ManifestError(
            f"it names {counted(len(lost), 'file')} that the release has not:\n"
            + "\n".join(f"    {line}" for line in first_of(lost, SHOWN)),
            where=f"{deploy.build.name}: {held.one.path}",
            mend="let collectstatic run after the bundler, and find its files; where the names are relative to a folder "
            f"of STATIC_ROOT, say so: web.manifests: [{{path: …, below: FOLDER}}] (now: {below or 'STATIC_ROOT'})",
        )


def path_in(
    deploy: Deployment, one: BundlerManifest, name: str, files: Collection[str]
) -> str | None:
    """Return the path of a name in a manifest; as path_of."""
    static_url = static_url_of(deploy.facts(deploy.build), deploy.build.name)
    folders = folders_of(deploy, one, deploy.build)
    return path_of(name, files, static_url=static_url, folders=folders)


def folders_of(deploy: Deployment, one: BundlerManifest, host: RemoteHost) -> list[str]:
    """Return the folders of the static root to which a manifest's names may be relative, the likeliest first."""
    if one.below is not None:
        return [one.below]
    inside = in_static_root(deploy, one, host)
    return ["", *(map(str, PurePosixPath(inside).parents) if inside else ())]


def called_in(deploy: Deployment, release: Release) -> dict[str, frozenset[str]]:
    """Return what the bundlers' manifests of a release call its files: path -> words.

    A manifest that cannot be read any more says nothing: it is asked for what could be, not for what must.
    """
    found: dict[str, frozenset[str]] = {}
    for one in deploy.bundler_manifests(deploy.build):
        file = release.manifests.get(one.name) or release.files.get(one.name)
        if file is None:
            continue
        try:
            data = read_manifest(deploy.build, one, file)
        except FabStaticError as error:
            deploy.show.warn(f"{one.name} of release {release.id} is not asked: {error.what}")
            continue
        for name, words in called(data).items():
            path = path_in(deploy, one, name, release.files)
            if path:
                found[path] = found.get(path, frozenset()) | frozenset(words)
    return found
