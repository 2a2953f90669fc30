"""Holds a build to its word before it is sealed: a version follows from the bytes, and no URL changes them unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fab_static.errors import BuildError, ReleaseError
from fab_static.host.agent.protocol import RECORD
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import after_each
from fab_static.plan import names, versions
from fab_static.plan.diff import broken_names, broken_versions, unversioned_changes
from fab_static.plan.release import Release
from fab_static.plan.wire import questions
from fab_static.plan.wire.kept import Kept, Listing
from fab_static.plan.wording import counted, indented

SHOWN = 20  # paths named in one message


def refuse_unusable_names(deploy: Deployment, paths: Iterable[str]) -> None:
    """Refuse files that no URL leads to, or whose names no page can print.

    Raises:
        BuildError: naming each, and why.
    """
    found = names.unusable(paths)
    if not found:
        return
    lines = [f"{names.shown(path)}: its name {why}" for path, why in found.items()]
    raise BuildError(
        f"{counted(len(found), 'file')} cannot be served under {'its' if len(found) == 1 else 'their'} name:\n"
        + indented(lines, SHOWN),
        where=f"{deploy.build.name}: {deploy.facts(deploy.build)['static_root']}",
        mend="rename it where it comes from, or leave it out of what is collected: build.commands: "
        "{collectstatic: \"manage.py collectstatic --noinput --ignore 'PATTERN'\"}",
    )


def refuse_wrong_versions(
    deploy: Deployment, recorded: Mapping[str, str], listing: Listing
) -> None:
    """Refuse a recorded version that is not the hash of the bytes that are served under it.

    Args:
        deploy: whose build host has the objects.
        recorded: path -> version, as resource_versions.yml has it.
        listing: the static root after the last phase.

    Raises:
        ReleaseError: naming every such file, both versions, and the phase that wrote it last.
    """
    files = listing["files"]
    paths = versions.wrong(recorded, {path: known[2] for path, known in files.items()})
    bundles = {path: files[path] for path in paths if path.endswith("bundle.js")}
    contents = dict(_contents(deploy, bundles.values()))
    mapped = [
        path
        for path, known in bundles.items()
        if versions.is_of_unmapped(recorded[path], path, contents[known[0]])
    ]
    if mapped:
        deploy.show.warn(
            f"{counted(len(mapped), 'bundle was', 'bundles were')} hashed before the line with the source "
            f"map's URL was written: {', '.join(mapped[:SHOWN])}"
        )
    left = sorted({*paths} - {*mapped})
    if left:
        raise _wrong(deploy, left, recorded, files)


def _wrong(
    deploy: Deployment, paths: list[str], recorded: Mapping[str, str], files: Mapping[str, Kept]
) -> ReleaseError:
    phases = written_by(deploy, paths)
    return ReleaseError(
        f"{counted(len(paths), 'file is', 'files are')} not what the recorded version says; caches would "
        "keep the wrong bytes for a year:\n"
        + lines(
            f"{path}: recorded {recorded[path]}, served {files[path][2]}, "
            f"written by {phases.get(path, 'nobody')}"
            for path in paths
        ),
        where=f"{deploy.build.name}: {deploy.facts(deploy.build)['resource_versions']}",
        mend="have resource_static hash the served bytes, after every phase that changes them; "
        "where two apps ship the file, the first finder's is served",
    )


def tell_of_shadowed(deploy: Deployment, words: list[str] | None) -> None:
    """Tell which of two apps' files of one name is served, where their bytes differ.

    Args:
        deploy: of whose build host.
        words: of collectstatic's command; None: it is a shell line.
    """
    project = deploy.project(deploy.build)
    found = project.ask(questions.SHADOWED, questions.OfCollectstatic(words=words))["shadowed"]
    if found:
        deploy.show.say(
            f"{counted(len(found), 'name is', 'names are')} found more than once, and the first is served:\n"
            + lines(
                project.in_short(f"{name}: {served}, not {', '.join(others)}")
                for name, (served, *others) in sorted(found.items())
            )
        )


def tell_of_unversioned_changes(deploy: Deployment, live: Release, release: Release) -> None:
    """Tell which URLs of the live release get other bytes under their name, and who is told of it."""
    paths = unversioned_changes(live, release)
    changed = [path for path in paths if path in release.files]
    if changed:
        phases = written_by(deploy, changed)
        told = (
            "CloudFront will be told"
            if deploy.environment.cdn
            else "no cdn stands in the inventory, so caches are not told"
        )
        deploy.show.say(
            f"{counted(len(changed), 'URL keeps its', 'URLs keep their')} name with other bytes; {told}:\n"
            + lines(
                f"{path} ({phases[path]})" if path in phases else path for path in sorted(changed)
            )
        )


def refuse_contradictions(deploy: Deployment, live: Release, release: Release) -> None:
    """Refuse a release that would give other bytes to a URL of the live one that says it never changes.

    Raises:
        ReleaseError: naming these URLs.
    """
    paths = broken_versions(live, release)
    if paths:
        raise ReleaseError(
            f"{counted(len(paths), 'URL claims', 'URLs claim')} to be versioned, but bytes changed and the version did "
            "not; caches would serve the old ones for a year:\n"
            + lines(f"{path}?version={release.files[path].version}" for path in paths),
            where=f"{deploy.build.name}: release {live.id} against the new build",
            mend="have resource_static hash the served bytes, after every phase that changes them",
        )
    refuse_other_bytes(deploy, {path: [live.id] for path in broken_names(live, release)})


def refuse_other_bytes(deploy: Deployment, known: Mapping[str, Sequence[str]]) -> None:
    """Refuse names that browsers keep for a year, and that have other bytes in releases that are kept.

    Raises:
        ReleaseError: naming these files, and the releases.
    """
    if known:
        raise ReleaseError(
            f"{counted(len(known), 'file has', 'files have')} other bytes than before under a name that never changes; "
            "browsers keep the old ones for a year:\n"
            + lines(f"{path}: other in {', '.join(known[path])}" for path in sorted(known)),
            where=f"{deploy.build.name}: the new build against releases that are kept",
            mend="let the bundler put a hash of the content into the name ([contenthash] in webpack), or rename the file; "
            "build.immutable must name no others",
        )


def written_by(deploy: Deployment, paths: Iterable[str]) -> dict[str, str]:
    """Return which build phase wrote each file last, or nothing if the release was not built here."""
    if deploy.journal.promoted_from:
        return {}
    found: dict[str, str] = {}
    before: Mapping[str, Kept] = {}
    paths = list(paths)
    for phase, listing in after_each(deploy):
        files = listing["files"]
        for path in paths:
            if path in files and files[path] != before.get(path):
                found[path] = phase
        before = files
    return found


def _contents(deploy: Deployment, files: Iterable[Kept]) -> Iterator[tuple[str, bytes]]:
    """Yield (SHA-256, bytes) of a few files, in one round trip."""
    wanted = sorted({(known[0], known[1]) for known in files})
    if wanted:
        records = (RECORD.pack(bytes.fromhex(sha256), size) for sha256, size in wanted)
        yield from deploy.build.objects(b"".join(records))


def lines(paths: Iterable[str], count: int | None = None) -> str:
    """Return the first of them, one a line, and how many more there are; `count` of all, where these are some."""
    return indented(list(paths), SHOWN, count)
