"""The entries that templates on a host ask bundlers' manifests for: all of them must be there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from fab_static.errors import ManifestError
from fab_static.phases.run.bundlers import folders_of, in_static_root, read_manifest
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import BundlerManifest, static_url_of
from fab_static.plan import bundler_entries
from fab_static.plan.release import File
from fab_static.plan.wire import questions
from fab_static.plan.wording import WARNED, counted, first_of, indented
from fab_static.remote import RemoteHost

SHOWN = 20  # tags told in one message
# a manifest, and what it says; None: pages would find none
Read = tuple[BundlerManifest, Mapping[str, object] | None]


class Missed(NamedTuple):
    """A tag that would not find what it asks for: in what words, and the manifest that would not be there, if one."""

    use: questions.EntryUse
    what: str
    absent: str | None = None

    @property
    def line(self) -> str:
        """What tells of it: where the tag stands, what it names, and what is wrong."""
        return bundler_entries.shown(self.use, self.what)


def refuse_missed_entries(
    deploy: Deployment, host: RemoteHost, manifests: Mapping[str, File], files: Collection[str]
) -> None:
    """Refuse manifests that lack an entry which a template on a host asks for, and a release without such a manifest.

    Templates of libraries may ask for what the project does not use: of these the operator is told.

    Args:
        deploy: of whose host.
        host: whose templates and settings count.
        manifests: of the release, by their names there.
        files: of the release.

    Raises:
        ManifestError: naming every tag, with its template and line.
    """
    known = deploy.bundler_manifests(host)
    held = [one for one in known if one.name in manifests]
    # where pages are rendered elsewhere, each host there may have one of its own
    renders = "web" in host.roles or not deploy.hosts("web")
    lacking = [one for one in known if one.name not in manifests and renders]
    if not (held or lacking):
        return
    answer = _asked(deploy, host, lacking)
    absent = [one for one in lacking if not _is_its_own(host, one, answer["there"])]
    if not answer["uses"]:
        return
    read: list[Read] = [(one, read_manifest(host, one, manifests[one.name])) for one in held]
    _refuse(deploy, host, answer["uses"], [*read, *((one, None) for one in absent)], files)


def refuse_unmade(deploy: Deployment, host: RemoteHost) -> None:
    """Refuse, before a build, that no phase makes a manifest which templates on a host ask, as far as is known by then.

    Raises:
        ManifestError: naming every tag, with its template and line.
    """
    made = _to_be_made(deploy)
    unmade = [one for one in deploy.bundler_manifests(host) if one.name not in made]
    if unmade:
        answer = _asked(deploy, host, unmade)
        absent = [one for one in unmade if not _is_its_own(host, one, answer["there"])]
        _refuse(deploy, host, answer["uses"], [(one, None) for one in absent], ())


def _to_be_made(deploy: Deployment) -> set[str]:
    """Return the manifests that a build may leave, by their names in a release."""
    build = deploy.build
    known = deploy.bundler_manifests(build)
    beside = [one for one in known if in_static_root(deploy, one, build) is None]
    if deploy.environment.build.own or not beside:
        return {one.name for one in known}
    there = _asked(deploy, build, beside)["there"]
    return {one.name for one in known if one not in beside or one.path in there}


def _asked(
    deploy: Deployment, host: RemoteHost, lacking: Iterable[BundlerManifest]
) -> questions.Entries:
    request = questions.OfEntries(lacking=[one.path for one in lacking])
    return deploy.project(host).ask(questions.ENTRIES, request)


def _is_its_own(host: RemoteHost, one: BundlerManifest, there: Mapping[str, str]) -> bool:
    """Tell whether a host has a manifest that no release brought: it came with the code, say."""
    return one.path in there and there[one.path] != str(host.layout.live_file(one.name))


def _refuse(
    deploy: Deployment,
    host: RemoteHost,
    uses: Iterable[questions.EntryUse],
    read: Sequence[Read],
    files: Collection[str],
) -> None:
    let_be = deploy.environment.web.unchecked_entries
    missed = [
        one
        for use in uses
        if not bundler_entries.is_let_be(use, let_be)
        for one in [_missed(deploy, host, use, read, files)]
        if one
    ]
    told = [
        f"{host.name}: a page with this tag of a library would fail: {one.line}"
        for one in missed
        if not one.use["is_own"]
    ]
    for line in first_of(told, WARNED):
        deploy.show.warn(line)
    missed = [one for one in missed if one.use["is_own"]]
    if missed:
        raise ManifestError(
            f"{counted(len(missed), 'tag asks', 'tags ask')} for what no manifest has, and pages would fail:\n"
            + indented([one.line for one in missed], SHOWN),
            where=f"{host.name}: templates and settings there",
            mend=f"{_cure(deploy, missed)}; where no page shows such a tag, let it be: "
            f"web.unchecked_entries in inventories/{deploy.environment.name}.yml",
        )


def _cure(deploy: Deployment, missed: Iterable[Missed]) -> str:
    absent = sorted({one.absent for one in missed if one.absent})
    names = ", ".join(absent)
    if absent and deploy.goes_back:
        return f"go back to a release that has {names}, or deploy one"
    if absent:
        return (
            f"have a phase make {names}, and have the settings of build and web hosts name it alike"
        )
    return "correct the name, or have the bundler build that entry"


def _missed(
    deploy: Deployment,
    host: RemoteHost,
    use: questions.EntryUse,
    read: Sequence[Read],
    files: Collection[str],
) -> Missed | None:
    """Return what a tag would not find, or None if it finds it, or looks for nothing here."""
    if use["lookup"] == "config":
        return Missed(use, bundler_entries.unknown_configuration(use))
    found, absent = [], None
    for one, data in _read_by(use, read):
        name = PurePosixPath(one.path).name
        if data is None:
            if use["lookup"] == "nothing":
                return None
            absent = name
            found.append(f"there would be no {name}")
            continue
        what = bundler_entries.missed(
            use,
            data,
            files,
            static_url=static_url_of(deploy.facts(host), host.name),
            folders=folders_of(deploy, one, host),
        )
        if what is None:
            return None
        found.append(f"{name} has {what}")
    return Missed(use, "; ".join(found), absent) if found else None


def _read_by(use: questions.EntryUse, read: Sequence[Read]) -> list[Read]:
    """Return the manifests that a tag reads, or none if neither a release nor the settings know one for it."""
    path = use["manifest"]
    if path is not None:
        return [(one, data) for one, data in read if one.path == path]
    own = [one.path for one, _ in read if one.is_asked_for]
    names = bundler_entries.of_own_reader(use, own)
    return [(one, data) for one, data in read if one.path in names]
