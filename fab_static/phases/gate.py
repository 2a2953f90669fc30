"""The gate: no page will miss a block or an entry, and all name the URLs of the release (G4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.phases.compress import (
    ADD_COMPRESS,
    asked_without_manifest,
    gaps_refused,
    refuse_unbuilt,
    request_of,
)
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.entries import refuse_missed_entries
from fab_static.phases.run.revisions import SHORT, others, revision_of
from fab_static.phases.run.settings import baked_settings, staticfiles_manifest_path
from fab_static.phases.run.stored import blocks_of
from fab_static.plan import coverage, page_facts
from fab_static.plan.layout import in_folder
from fab_static.plan.promotion import obstacles
from fab_static.plan.release import Release
from fab_static.plan.wire import questions
from fab_static.plan.wording import indented
from fab_static.remote import Question, RemoteHost


def gate(deploy: Deployment, release: Release, only: Sequence[RemoteHost] | None = None) -> None:
    """Ask the project on each web host, or on these, whether its pages find all that they name in a release.

    Where no host has the role web, the project on the build host is asked: of its code images are made.

    Raises:
        BuildError: a page would miss a compress block; every one is named.
        ReleaseError: pages would name other URLs, or print names of a staticfiles.json that it has not.
        ManifestError: a page would miss an entry of a bundler, or its manifest; every one is named.
    """
    hosts = deploy.hosts("web") if only is None else only
    if not hosts:
        hosts = (deploy.build,)
        deploy.show.say(
            f"no host has the role web: {deploy.build.name}'s project was asked in their place. "
            "Where an image is made, ask there: "
            f"fab {deploy.environment.name} verify --here"
        )
    if release.offline_manifest:
        _refuse_gaps(deploy, release, hosts)
    else:
        _refuse_no_manifest(deploy, release, hosts)
    deploy.on(hosts, lambda host: _warn_of_late_files(deploy, host))
    if not release.staticfiles_manifest:
        _refuse_names_with_hashes(deploy, release, hosts)
    deploy.on(
        hosts, lambda host: refuse_missed_entries(deploy, host, release.manifests, release.files)
    )
    _refuse_other_urls(deploy, release, hosts)


def _refuse_other_urls(deploy: Deployment, release: Release, hosts: Sequence[RemoteHost]) -> None:
    """Refuse hosts whose pages would name other URLs than the release was built for."""
    names = ["STATIC_URL", "STATIC_CDN", *(["COMPRESS_URL"] if release.offline_manifest else [])]
    asked = deploy.on(hosts, lambda host: baked_settings(deploy.facts(host)))
    lines = obstacles(release, {host.name: found for host, found in asked.items()}, names=names)
    if lines:
        raise ReleaseError(
            "pages would name other URLs than those of the release:\n"
            + "\n".join(f"    {line}" for line in lines),
            where=f"release {release.id} against the project's settings on web hosts",
            mend=f"set it alike on build and web hosts, then: fab {deploy.environment.name} deploy",
        )


def _refuse_no_manifest(deploy: Deployment, release: Release, hosts: Sequence[RemoteHost]) -> None:
    """Refuse hosts whose pages look compress blocks up: that was switched on since the seal, or there alone."""
    cure = "go back to one that has, or deploy with compress in build.phases"
    mend = f"the release has no offline manifest: {cure if deploy.goes_back else ADD_COMPRESS}"
    where = f"templates and settings there, release {release.id}"
    deploy.on(hosts, lambda host: refuse_unbuilt(deploy, host, where, mend))


def _warn_of_late_files(deploy: Deployment, host: RemoteHost) -> None:
    """Warn of a host whose pages compress when they are asked for: what they write is in no release."""
    facts = deploy.facts(host)
    compress = facts["compress"]
    if not compress or not compress["enabled"] or compress["offline"]:
        return
    if compress["root"] != facts["static_root"]:  # they go elsewhere: to a bucket, say
        return
    if asked_without_manifest(deploy, host)["blocks"]:
        deploy.show.warn(
            f"{host.name}: COMPRESS_OFFLINE is off there, so pages name files that web processes write into their own "
            f"STATIC_ROOT, and that no release has; set it True, and {ADD_COMPRESS}"
        )


def _refuse_names_with_hashes(
    deploy: Deployment, release: Release, hosts: Sequence[RemoteHost]
) -> None:
    """Refuse hosts whose pages print names of a staticfiles.json that the release has not.

    Raises:
        ReleaseError: there every page would raise "Missing staticfiles manifest entry".
    """
    lines = [
        f"{host.name} has {storage}"
        for host in hosts
        if (storage := deploy.facts(host)["prints_hashed_names"])
        # an old seal names it among its files alone
        and staticfiles_manifest_path(deploy.facts(host)) not in release.files
    ]
    if lines:
        raise ReleaseError(
            "pages would print names with hashes, and the release has no manifest of them:\n"
            + indented(lines, len(lines)),
            where=f"release {release.id} against the project's settings on web hosts",
            mend="set the storage of staticfiles (and DEBUG, which switches hashes off) alike on build and web "
            f"hosts, then: fab {deploy.environment.name} deploy",
        )


def _refuse_gaps(deploy: Deployment, release: Release, hosts: Sequence[RemoteHost]) -> None:
    """Have every host look its compress blocks up; the build host's are fetched only on a miss."""
    answers = deploy.on(hosts, lambda host: _coverage(deploy, host, release))
    lacking = [host for host, answer in answers.items() if not coverage.is_covered(answer)]
    if not lacking:
        return
    built = built_of(deploy, release) if any(answers[host]["missing"] for host in lacking) else []
    there = _facts_of_build(deploy)
    revision, apart = _revisions(deploy, release, lacking)
    wanted = "the release was built" if deploy.goes_back else f"{deploy.build.name}'s checkout is"
    again = "roll back" if deploy.goes_back else "deploy"

    def refused(host: RemoteHost) -> None:
        here = deploy.facts(host)
        differing = [coverage.NOTHING_TO_COMPARE] if answers[host]["missing"] and not built else []
        if there and host != deploy.build:
            differing += coverage.other_than(here, there, deploy.build.name)
        if host.name in apart:
            differing.append(
                f"{wanted} at {revision}, {host.name}'s checkout is at {apart[host.name]}"
            )
        refusal = gaps_refused(
            answers[host],
            built,
            where=f"{host.name}: templates and settings there, release {release.id}",
            static_urls=(str((there or here)["static_url"]), str(here["static_url"])),
            differing=differing,
        )
        if host.name in apart:
            refusal.mend = f"bring {host.name} to {revision}, then {again} again"
        raise refusal

    deploy.on(lacking, refused)


def _revisions(
    deploy: Deployment, release: Release, hosts: Sequence[RemoteHost]
) -> tuple[str, dict[str, str]]:
    """Return the revision that hosts should be at, and the hosts that are at another one, in short.

    A rollback needs the code that its release was built of; a deploy, the code of the build host. Where that
    cannot answer it returns nothing: that must not hide what a web host lacks.
    """
    with suppress(FabStaticError):
        revision = release.revision if deploy.goes_back else revision_of(deploy, deploy.build)
        apart = others(deploy, hosts, revision) if revision else {}
        return str(revision)[:SHORT], {host: other[:SHORT] for host, other in apart.items()}
    return "", {}


def _facts_of_build(deploy: Deployment) -> questions.Settings | None:
    """Return what the build host says, or None if it cannot answer: that must not hide what a web host lacks."""
    with suppress(FabStaticError):
        return deploy.facts(deploy.build)
    return None


def _coverage(deploy: Deployment, host: RemoteHost, release: Release) -> questions.Coverage:
    """Return what a web host's project answers when it is shown the release as if it were live."""
    project, shown = deploy.project(host), _shown(deploy, host, release)
    if shown:
        answer = project.recall_answer(questions.COVERAGE, request_of(deploy.facts(host)), shown)
        if answer is not None:
            return answer
    return project.ask(questions.COVERAGE, _of_coverage(deploy, host, release))


def to_ask_coverage(deploy: Deployment, host: RemoteHost, release: Release) -> Question:
    """Return what the gate asks a web host first."""
    project, shown = deploy.project(host), _shown(deploy, host, release)
    if shown:
        return project.to_recall(questions.COVERAGE, request_of(deploy.facts(host)), shown)
    return project.to_ask(questions.COVERAGE, _of_coverage(deploy, host, release))


def _shown(deploy: Deployment, host: RemoteHost, release: Release) -> dict[str, str] | None:
    """Return what the build host's project would read of the release in place of what it had built.

    It was asked when it had built: of the same files it would say the same. None: it has not been asked.
    """
    if host != deploy.build or not deploy.built_manifest:
        return None
    built = str(host.layout.object(deploy.built_manifest))
    return {
        **_redirect(deploy, host, release),
        str(deploy.facts(host)["offline_manifest"]): built,
    }


def _of_coverage(deploy: Deployment, host: RemoteHost, release: Release) -> questions.OfManifest:
    """Return what a web host's project is asked of a release that is not live there."""
    folder = host.layout.release(release.id)
    manifest = str(folder / in_folder(str(release.offline_manifest)))
    return questions.OfManifest(manifest=manifest, redirect=_redirect(deploy, host, release))


def _redirect(deploy: Deployment, host: RemoteHost, release: Release) -> dict[str, str]:
    """Return the manifests beyond the offline one that web processes read -> where the release has them."""
    folder = host.layout.release(release.id)
    redirect = {}
    if release.versions_sha256:
        redirect[deploy.versions_file(host)] = str(folder / "resource_versions.yml")
    hashed_names = deploy.facts(host)["staticfiles_manifest"]
    if release.staticfiles_manifest and hashed_names:
        redirect[hashed_names] = str(folder / in_folder(release.staticfiles_manifest))
    for one in deploy.bundler_manifests(host):
        if one.name in release.manifests:
            redirect[one.path] = str(folder / in_folder(one.name))
    return redirect


def where_read(deploy: Deployment, host: RemoteHost, release: Release) -> dict[str, str]:
    """Return each manifest that web processes on a host read -> where this host has the release's."""
    found = _redirect(deploy, host, release)
    offline, folder = deploy.facts(host)["offline_manifest"], host.layout.release(release.id)
    if page_facts.NAME in release.manifests and release.versions_sha256:
        # no link leads there: pages find it by the release of their versions, and beside them in an image
        beside = PurePosixPath(deploy.versions_file(host)).with_name(page_facts.FILE)
        found[str(beside)] = str(folder / in_folder(page_facts.NAME))
    if release.offline_manifest and offline:
        found[offline] = str(folder / in_folder(release.offline_manifest))
    return found


def built_of(deploy: Deployment, release: Release) -> list[coverage.Block]:
    """Return the blocks that the build host renders now and the release's manifest holds.

    Where the build host cannot answer it returns nothing: that must not hide what a web host lacks.
    """
    sealed = release.offline_manifest_sha256
    if sealed is None:
        return []
    with suppress(FabStaticError):
        manifest = blocks_of(deploy.build, sealed, release.id)
        answer = deploy.project(deploy.build).ask(
            questions.COVERAGE, questions.OfManifest(manifest=None, redirect={}, texts=True)
        )
        return coverage.built_blocks(answer, manifest)
    return []
