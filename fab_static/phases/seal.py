"""Phase seal."""

from __future__ import annotations

import json
import time
from pathlib import PurePosixPath

from fab_static.errors import ReleaseError
from fab_static.phases.compress import refuse_unbuilt, request_of
from fab_static.phases.distribute import bring
from fab_static.phases.run.audit import refuse_contradictions, tell_of_unversioned_changes
from fab_static.phases.run.carried_answers import SETTINGS, Asked, leave_answers, take_answers
from fab_static.phases.run.carried_copies import bring_copies, leave_copies
from fab_static.phases.run.composing import composed
from fab_static.phases.run.deltas import with_deltas
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.foreseeing import foresee_seal
from fab_static.phases.run.provenance import vouched
from fab_static.phases.run.revisions import SHORT
from fab_static.phases.run.signing import why_untrusted_here
from fab_static.phases.run.static_root import of_collectstatic
from fab_static.plan.diff import is_for_the_server
from fab_static.plan.history import bad
from fab_static.plan.ids import content_of
from fab_static.plan.precompressed import to_encode, with_encodings
from fab_static.plan.release import Encoded, Release
from fab_static.plan.spelling import task_name
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.plan.wire.kept import Beside
from fab_static.plan.wording import counted


def seal(deploy: Deployment) -> None:
    """Make what was built a release for good.

    Sealed is the static root as the last build phase left it.

    Needs: every configured build phase ran, in order.
    Leaves: releases/<id> on the build host, and its objects. Content that is live already is not sealed
        again: then the live release is the one at hand.
    If it fails: nothing that is live has changed.
    """
    _refuse_stale(deploy)
    started = time.monotonic()
    asked: list[Asked] = [(questions.SHADOWED, of_collectstatic(deploy)), (questions.INTEGRITY, {})]
    if deploy.reuse == "verify":  # else they are taken along with what is foreseen
        take_answers(deploy, *asked)
    foresee_seal(deploy)
    built = composed(deploy)
    leave_answers(deploy, [SETTINGS, *_of_blocks(deploy), *asked])
    _refuse_empty(deploy, built)
    if not built.offline_manifest:
        refuse_unbuilt(deploy, deploy.build, "phase seal")
    release = _precompressed(deploy, built)
    known = _alike(deploy, release)
    if known:
        deploy.show.say(f"the content is the same as in release {known.id}; nothing to seal")
        _tell_unmoved(deploy, release, known)
        _sign_again(deploy, known)
    else:
        release = with_deltas(deploy, release, bring)
        _store(deploy, release)
    deploy.release = known or release
    _note(deploy, deploy.release, started)


def _sign_again(deploy: Deployment, known: Release) -> None:
    """Sign what was sealed before, and just built again, where its signature does not count by now."""
    beside = deploy.seals.beside[known.id]
    why = why_untrusted_here(deploy, known)
    if beside.get("signature") and not why:
        return
    again = vouched(deploy, known)
    if again:
        deploy.seals.beside[known.id] = again
        if beside.get("signature"):
            deploy.show.warn(f"release {known.id} {why}. It was built again, and is signed again")


def _tell_unmoved(deploy: Deployment, built: Release, known: Release) -> None:
    """Warn where what is live was built again since the checkout did not move: somebody may have forgotten to pull."""
    if built.revision and built.revision == known.revision and known.id == deploy.live:
        deploy.show.warn(
            f"nothing changed: {deploy.build.name}'s checkout is at {built.revision[:SHORT]}, "
            f"as when {known.id} was built"
        )


def _of_blocks(deploy: Deployment) -> list[Asked]:
    """Return what the project was asked of its compress blocks."""
    facts = deploy.facts(deploy.build)
    is_asked = "compress" in deploy.phases and facts["compress"]
    return [(questions.COVERAGE, request_of(facts))] if is_asked else []


def _refuse_stale(deploy: Deployment) -> None:
    """Refuse a build of which a phase must run again.

    Raises:
        ReleaseError: which, and the words that run them.
    """
    stale = deploy.journal.stale(deploy.phases, deploy.order)
    if not stale:
        return
    name, words = deploy.environment.name, " ".join(map(task_name, (*stale, "seal")))
    raise ReleaseError(
        f"{', '.join(stale)} must run before a release can be sealed",
        where=f"{deploy.build.name}: {deploy.build.layout.deploy_to}/journal.json",
        mend=f"run what is stale: fab {name} deploy --resume, or fab {name} {words}",
        instead=words,
    )


def _alike(deploy: Deployment, release: Release) -> Release | None:
    """Return a release with the same content: the live one, else the one sealed last."""
    held = deploy.states[deploy.build]["releases"]
    for known in dict.fromkeys((deploy.last_live, deploy.journal.release)):
        may_be = known in held and content_of(str(known)) == content_of(release.id)
        if may_be and known not in bad(deploy.record):
            other = deploy.seals.read(str(known), deploy.build)
            # other encodings, or other names for good, may be asked for now: the digest knows nothing of them
            asked_alike = (other.endings, other.named) == (release.endings, release.named)
            if other.digest == release.digest and asked_alike:
                return other
    return None


def _store(deploy: Deployment, release: Release) -> None:
    """Put the release below releases/ on the build host; it must not contradict the live one."""
    build, live = deploy.build, deploy.last_live
    held = deploy.states[build]["releases"]
    if live in held:
        before = deploy.seals.read(str(live), build)
        refuse_contradictions(deploy, before, release)
        tell_of_unversioned_changes(deploy, before, release)
    beside: Beside = vouched(deploy, release, is_new=True) or {}
    deploy.seals.beside[release.id] = beside
    request = asks.BuildRelease(roles=list(build.roles), anew=False, **beside)
    build.ask(verbs.BUILD_RELEASE, request, release.to_json().encode())
    held.append(release.id)
    deploy.just_built = release.id
    files = counted(len(release.files), "file")
    deploy.show.say(f"release {release.id}: {files}{_saving(release)}")


def _note(deploy: Deployment, release: Release, started: float) -> None:
    """Note in the journal that the release is the one at hand."""
    versions_file = PurePosixPath(deploy.facts(deploy.build)["resource_versions"]).name
    deploy.journal.sealed(
        release.id,
        started,
        by=deploy.operator,
        project_path=deploy.project_path,
        versions_file=versions_file if release.versions_sha256 else None,
    )


def _refuse_empty(deploy: Deployment, release: Release) -> None:
    """Refuse a release without a file for visitors.

    Raises:
        ReleaseError: it would answer 404 to every URL.
    """
    if not any(not is_for_the_server(path, release) for path in release.files):
        raise ReleaseError(
            "the release would hold no file, and every URL of the live one would answer 404",
            where=f"{deploy.build.name}: STATIC_ROOT = {deploy.facts(deploy.build)['static_root']}, after "
            f"{', '.join(deploy.environment.build.phases)}",
            mend="see why these phases leave nothing there; where the project has no static files, it needs no deploy",
        )


def _precompressed(deploy: Deployment, release: Release) -> Release:
    """Return the release with the encodings that help its files, made on the build host."""
    encodings = deploy.environment.build.precompress
    wanted = to_encode(release, encodings)
    bring_copies(deploy, wanted)
    _, data = deploy.build.ask(verbs.ENCODE, body=json.dumps(wanted).encode())
    found = {
        sha256: {ending: Encoded(*one) if one else None for ending, one in encodings.items()}
        for sha256, encodings in deploy.build.said("encode", data, answers.Copies).items()
    }
    leave_copies(deploy, found)
    return with_encodings(release, found)


def _saving(release: Release) -> str:
    """Return in words how many files have a precompressed copy, and what the smallest ones save."""
    pairs = [
        (file.size, min(one.size for one in file.encodings.values()))
        for file in release.files.values()
        if file.encodings
    ]
    if not pairs:
        return ""
    whole, small = (sum(sizes) for sizes in zip(*pairs, strict=True))
    return f"; {len(pairs)} precompressed, {whole:,} bytes to {small:,}"
