"""The entries that templates on a host ask bundlers' manifests for: all of them must be there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from fab_static.errors import ManifestError
from fab_static.phases.run.bundlers import folders_of, read_manifest
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import BundlerManifest, static_url_of
from fab_static.plan import bundler_entries
from fab_static.plan.release import File
from fab_static.plan.wire import questions
from fab_static.plan.wording import WARNED, counted, first_of, indented
from fab_static.remote import RemoteHost

SHOWN = 20  # tags told in one message
Read = tuple[BundlerManifest, Mapping[str, object]]  # a manifest, and what it says


def refuse_missed_entries(
    deploy: Deployment, host: RemoteHost, manifests: Mapping[str, File], files: Collection[str]
) -> None:
    """Refuse manifests that lack an entry which a template on a host asks for.

    Templates of libraries may ask for what the project does not use: of these the operator is told.

    Args:
        deploy: of whose host.
        host: whose templates and settings count.
        manifests: of the release, by their names there.
        files: of the release.

    Raises:
        ManifestError: naming every tag, with its template and line.
    """
    missed = _all_missed(deploy, host, manifests, files)
    told = [
        f"{host.name}: a page with this tag of a library would fail: {line}"
        for use, line in missed
        if not use["is_own"]
    ]
    for line in first_of(told, WARNED):
        deploy.show.warn(line)
    lines = [line for use, line in missed if use["is_own"]]
    if lines:
        raise ManifestError(
            f"{counted(len(lines), 'tag asks', 'tags ask')} for what no manifest has, and pages would fail:\n"
            + indented(lines, SHOWN),
            where=f"{host.name}: templates and settings there",
            mend="correct the name, or have the bundler build that entry; where no page shows it, let it be: "
            f"web.unchecked_entries in inventories/{deploy.environment.name}.yml",
        )


def _all_missed(
    deploy: Deployment, host: RemoteHost, manifests: Mapping[str, File], files: Collection[str]
) -> list[tuple[questions.EntryUse, str]]:
    """Return each tag that would not find what it asks for, and the line that tells of it."""
    held = [one for one in deploy.bundler_manifests(host) if one.name in manifests]
    uses = deploy.project(host).ask(questions.ENTRIES)["uses"] if held else []
    if not uses:
        return []
    read = {one.path: (one, read_manifest(host, one, manifests[one.name])) for one in held}
    let_be = deploy.environment.web.unchecked_entries
    return [
        (use, bundler_entries.shown(use, what))
        for use in uses
        if not bundler_entries.is_let_be(use, let_be)
        for what in _missed(deploy, host, use, read, files)
    ]


def _missed(
    deploy: Deployment,
    host: RemoteHost,
    use: questions.EntryUse,
    read: Mapping[str, Read],
    files: Collection[str],
) -> Iterator[str]:
    """Yield what a tag would not find, if anything."""
    if use["lookup"] == "config":
        yield bundler_entries.unknown_configuration(use)
        return
    found = {}
    for one, data in _read_by(use, read):
        found[PurePosixPath(one.path).name] = bundler_entries.missed(
            use,
            data,
            files,
            static_url=static_url_of(deploy.facts(host), host.name),
            folders=folders_of(deploy, one, host),
        )
    if found and all(found.values()):
        yield "; ".join(f"{name} has {what}" for name, what in found.items())


def _read_by(use: questions.EntryUse, read: Mapping[str, Read]) -> list[Read]:
    """Return the manifests that a tag reads, or none if the release has none for it."""
    path = use["manifest"]
    if path is not None:
        return [read[path]] if path in read else []
    own = [path for path, (one, _) in read.items() if one.is_asked_for]
    return [read[path] for path in bundler_entries.of_own_reader(use, own)]
