"""Phase verify."""

from __future__ import annotations

from contextlib import suppress

from fab_static.errors import FabStaticError, ManifestError, ReleaseError
from fab_static.phases.compress import gaps_refused, request_of
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.settings import baked_settings
from fab_static.plan import coverage, offline_manifest
from fab_static.plan.layout import in_folder
from fab_static.plan.promotion import obstacles
from fab_static.plan.release import Release
from fab_static.plan.text import decoded
from fab_static.plan.wire import asks, questions, verbs
from fab_static.plan.wording import indented
from fab_static.remote import RemoteHost


def verify(deploy: Deployment) -> None:
    """Prove that hosts and bucket hold it all.

    Byte for byte; that no page will miss a compress block, and that pages name the URLs of the release.

    Needs: the release on every host.
    Leaves: nothing; it only reads. A file of wrong bytes gets the time 0, so that the next deploy ships it.
    On web hosts every `{% compress %}` block of the templates there is rendered with the settings there
    and looked up in the new manifest.
    If it fails: every failing host is named, and nothing that is live has changed.
    """
    release = deploy.current_release()
    seal = deploy.seal_sha256(release)

    def whole(host: RemoteHost) -> None:
        answer, _ = host.ask(
            verbs.VERIFY,
            asks.Verify(release=release.id, roles=list(host.roles), bytes=True, seal=seal),
        )
        if answer["missing"] or answer["changed"]:
            raise ReleaseError(
                f"release {release.id} is not whole: {answer['missing']} files are missing, "
                f"{answer['changed']} were changed, such as {', '.join(answer['examples'])}",
                where=host.name,
                mend=f"ship what it lacks: fab {deploy.environment.name} deploy, or, to go back to it, "
                f"rollback --to {release.id} --repair",
            )

    deploy.on(deploy.hosts(), whole)
    if deploy.origin:
        _published(deploy, deploy.origin, release)
    if release.offline_manifest:
        _refuse_gaps(deploy, release)
    _refuse_other_urls(deploy, release)


def _refuse_other_urls(deploy: Deployment, release: Release) -> None:
    """Refuse web hosts whose pages would name other URLs than the release was built for."""
    names = ["STATIC_URL", "STATIC_CDN", *(["COMPRESS_URL"] if release.offline_manifest else [])]
    asked = deploy.on(deploy.hosts("web"), lambda host: baked_settings(deploy.facts(host)))
    lines = obstacles(release, {host.name: found for host, found in asked.items()}, names=names)
    if lines:
        raise ReleaseError(
            "pages would name other URLs than those of the release:\n"
            + "\n".join(f"    {line}" for line in lines),
            where=f"release {release.id} against the project's settings on web hosts",
            mend=f"set it alike on build and web hosts, then: fab {deploy.environment.name} deploy",
        )


def _refuse_gaps(deploy: Deployment, release: Release) -> None:
    """Have every web host look its compress blocks up; the build host's are fetched only on a miss."""

    def asked(host: RemoteHost) -> questions.Coverage:
        folder = host.layout.release(release.id)
        redirect = {}
        if release.versions_sha256:
            redirect[deploy.versions_file(host)] = str(folder / "resource_versions.yml")
        facts, project = deploy.facts(host), deploy.project(host)
        hashed_names = facts["staticfiles_manifest"]
        if release.staticfiles_manifest and hashed_names:
            redirect[hashed_names] = str(folder / in_folder(release.staticfiles_manifest))
        for one in deploy.bundler_manifests(host):
            if one.name in release.manifests:
                redirect[one.path] = str(folder / in_folder(one.name))
        manifest = str(folder / in_folder(str(release.offline_manifest)))
        if host == deploy.build and deploy.built_manifest:
            # it was asked when it had built: of the same files it would say the same
            built = str(host.layout.object(deploy.built_manifest))
            shown = {**redirect, str(facts["offline_manifest"]): built}
            answer = project.recall_answer(questions.COVERAGE, request_of(facts), shown)
            if answer is not None:
                return answer
        return project.ask(
            questions.COVERAGE, questions.OfManifest(manifest=manifest, redirect=redirect)
        )

    answers = deploy.on(deploy.hosts("web"), asked)
    lacking = [host for host, answer in answers.items() if not coverage.is_covered(answer)]
    if not lacking:
        return
    built = built_of(deploy, release) if any(answers[host]["missing"] for host in lacking) else []
    there: questions.Settings | None = None
    with suppress(FabStaticError):
        there = deploy.facts(deploy.build)

    def refused(host: RemoteHost) -> None:
        here = deploy.facts(host)
        differing = coverage.other_than(here, there, deploy.build.name) if there else ()
        raise gaps_refused(
            answers[host],
            built,
            where=f"{host.name}: templates and settings there, release {release.id}",
            static_urls=(str((there or here)["static_url"]), str(here["static_url"])),
            differing=(
                *([] if built or not answers[host]["missing"] else [coverage.NOTHING_TO_COMPARE]),
                *(differing if host != deploy.build else ()),
            ),
        )

    deploy.on(lacking, refused)


def built_of(deploy: Deployment, release: Release) -> list[coverage.Block]:
    """Return the blocks that the build host renders now and the release's manifest holds.

    There are none where the build host cannot answer: that must not hide what a web host lacks.
    """
    sealed = release.offline_manifest_sha256
    if sealed is None:
        return []
    with suppress(FabStaticError):
        _, text = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=sealed))
        manifest = offline_manifest.parse(
            decoded(text, where=release.id, error=ManifestError), where=release.id
        )
        answer = deploy.project(deploy.build).ask(
            questions.COVERAGE, questions.OfManifest(manifest=None, redirect={}, texts=True)
        )
        return coverage.built_blocks(answer, manifest)
    return []


def _published(deploy: Deployment, origin: Publication, release: Release) -> None:
    """Look it up in the bucket's manifest; with `audit` in a listing of the bucket, too."""
    name = deploy.environment.name
    if deploy.options.get("audit"):
        astray = origin.audit()
        if astray:
            origin.forget(astray)
            raise ReleaseError(
                f"{len(astray)} objects are not as they were written:\n"
                + indented([f"{key} {how}" for key, how in sorted(astray.items())], 20),
                where=origin.name,
                mend=f"write them anew: fab {name} deploy",
            )
    lacking = origin.lacks(release)
    if lacking:
        raise ReleaseError(
            f"the bucket lacks {len(lacking)} objects of release {release.id}, such as "
            f"{', '.join(item.key for item in lacking[:5])}",
            where=origin.name,
            mend=f"put them there: fab {name} distribute, or, to go back to it, "
            f"rollback --to {release.id} --repair",
        )
