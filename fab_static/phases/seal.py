"""Phase seal."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from fab_static.errors import BuildError, ManifestError, ReleaseError
from fab_static.phases.compress import refuse_unbuilt
from fab_static.phases.run import bundlers
from fab_static.phases.run.audit import (
    refuse_contradictions,
    refuse_unusable_names,
    refuse_wrong_versions,
    tell_of_shadowed,
    tell_of_unversioned_changes,
)
from fab_static.phases.run.collected import refuse_what_is_not_held
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.settings import (
    baked_settings,
    manifest_path,
    static_url_of,
    staticfiles_manifest_path,
)
from fab_static.phases.run.static_root import words_of_collectstatic
from fab_static.plan import bundles, offline_manifest, staticfiles_manifest, versions
from fab_static.plan.copies import copies_among, original
from fab_static.plan.diff import is_for_the_server
from fab_static.plan.history import bad
from fab_static.plan.ids import new_id
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.precompressed import to_encode, with_encodings
from fab_static.plan.release import Encoded, File, Release, digest
from fab_static.plan.spelling import task_name
from fab_static.plan.text import decoded
from fab_static.plan.wire import answers, asks, questions, verbs
from fab_static.plan.wire.kept import Listing
from fab_static.plan.wording import counted, indented


def seal(deploy: Deployment) -> None:
    """Make what was built a release for good.

    Sealed is the static root as the last build phase left it.

    Needs: every configured build phase ran, in order.
    Leaves: releases/<id> on the build host, and its objects. Content that is live already is not sealed
        again: then the live release is the one at hand.
    If it fails: nothing that is live has changed.
    """
    configured = deploy.phases
    stale = deploy.journal.stale(configured, deploy.order)
    if stale:
        raise ReleaseError(
            f"{', '.join(stale)} must run before a release can be sealed",
            where=f"{deploy.build.name}: {deploy.build.layout.deploy_to}/journal.json",
            mend=f"run what is stale: fab {deploy.environment.name} deploy --resume, or "
            f"fab {deploy.environment.name} {' '.join(map(task_name, (*stale, 'seal')))}",
            instead=" ".join(map(task_name, (*stale, "seal"))),
        )
    started = time.monotonic()
    composed = _composed(deploy, configured)
    _refuse_empty(deploy, composed)
    if "compress" not in configured:
        refuse_unbuilt(deploy)
    release = _precompressed(deploy, composed)
    live = deploy.last_live
    held = deploy.states[deploy.build]["releases"]
    for known in dict.fromkeys((live, deploy.journal.release)):
        if known in held and known not in bad(deploy.record):
            other = deploy.read_release(str(known), deploy.build)
            # other encodings are asked for now: the digest knows nothing of them
            if other.digest == release.digest and other.endings == release.endings:
                release = other
                deploy.show.say(f"the content is that of release {other.id}; nothing to seal")
                break
    else:
        if live in held:
            before = deploy.read_release(str(live), deploy.build)
            refuse_contradictions(deploy, before, release)
            tell_of_unversioned_changes(deploy, before, release)
        deploy.build.ask(
            verbs.BUILD_RELEASE,
            asks.BuildRelease(roles=list(deploy.build.roles)),
            release.to_json().encode(),
        )
        deploy.states[deploy.build]["releases"].append(release.id)
        deploy.just_built = release.id
        deploy.show.say(
            f"release {release.id}: {counted(len(release.files), 'file')}{_saving(release)}"
        )
    deploy.release = release
    deploy.journal.release = release.id
    deploy.journal.done(
        "seal",
        at=time.time(),
        seconds=round(time.monotonic() - started, 3),
        by=deploy.operator,
        release=release.id,
        project_path=deploy.project_path,
        versions_file=PurePosixPath(deploy.facts(deploy.build)["resource_versions"]).name
        if release.versions_sha256
        else None,
    )


def _composed(deploy: Deployment, configured: tuple[str, ...]) -> Release:
    """Return the release that the static root makes, from the listing of the last phase."""
    facts = deploy.facts(deploy.build)
    journal = deploy.journal
    listing = listing_of(deploy, configured[-1])
    refuse_unusable_names(deploy, listing["files"])
    refuse_what_is_not_held(deploy)
    copies = _copies(deploy, listing)
    recorded, versions_object = _versions(deploy, listing, facts)
    refuse_wrong_versions(deploy, recorded, listing)
    tell_of_shadowed(deploy, words_of_collectstatic(deploy))
    files = {
        path: File(sha256, size, recorded.get(path, version))
        for path, (sha256, size, version) in listing["files"].items()
    }
    manifest = manifest_path(facts)
    before = _before_compress(deploy, configured)
    hashes = {path: file.sha256 for path, file in files.items()}
    merged = _of_requirejs(deploy, configured)
    outside: dict[str, File] = {}
    compressed = _as_built(manifest, facts["offline_manifest"], files, listing)
    if "compress" in configured and manifest and compressed:
        blocks = _checked_manifest(deploy, compressed, hashes, before or {}, facts)
        deploy.built_manifest = compressed.sha256
        _kept_in(manifest, files, outside)[manifest] = _canonical_manifest(deploy, blocks)
        merged |= bundles.of_blocks(journal.phases["compress"].get("places", ()), blocks)
    else:
        manifest = None
    named = offline_manifest.content_named(hashes, before) if before is not None else ()
    hashed_names = staticfiles_manifest_path(facts)
    collected = _as_built(hashed_names, facts["staticfiles_manifest"], files, listing)
    if hashed_names and collected:
        kept, found = _canonical_names(deploy, collected, hashes, facts)
        _kept_in(hashed_names, files, outside)[hashed_names] = kept
        named = tuple(sorted({*named, *(path for path in found if not original(path, files))}))
    else:
        _refuse_lost_names(deploy, configured, facts)
        hashed_names = None
    static_url_of(facts, deploy.build.name)
    outside.update(bundlers.manifests_of(deploy, files, listing))
    settings = baked_settings(facts)
    content = {path: file for path, file in files.items() if path not in copies}
    now = datetime.now(UTC)
    return Release(
        id=new_id(now, digest(content, versions_object and versions_object[0], settings, outside)),
        app=deploy.environment.app,
        environment=deploy.environment.name,
        revision=_revision(deploy),
        created_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        created_by=deploy.operator,
        settings=settings,
        phases=tuple(
            {"name": name, "seconds": journal.phases[name]["seconds"]} for name in configured
        ),
        files=files,
        # the `static` tag prints no version for LESS: browsers never fetch it
        versions={
            path: version
            for path, version in recorded.items()
            if path in files and not path.endswith(".less")
        },
        named=named,
        offline_manifest=manifest,
        versions_sha256=versions_object and versions_object[0],
        versions_size=versions_object[1] if versions_object else 0,
        bundles={path: names for path, names in merged.items() if path in files},
        staticfiles_manifest=hashed_names,
        manifests=outside,
        copies=copies,
    )


def _as_built(
    path: str | None, absolute: str | None, files: Mapping[str, File], listing: Listing
) -> File | None:
    """Return a manifest as the last phase left it, inside the static root or not; None: there is none."""
    if path is None or not path.startswith(OUTSIDE):
        return files.get(path or "")
    known = listing["extra"].get(absolute or "")
    return File(*known) if known else None


def _kept_in(path: str, files: dict[str, File], outside: dict[str, File]) -> dict[str, File]:
    return outside if path.startswith(OUTSIDE) else files


def _refuse_lost_names(
    deploy: Deployment, configured: tuple[str, ...], facts: questions.Settings
) -> None:
    """Refuse a storage that prints hashed names whose manifest no release could hold.

    Raises:
        BuildError: with such a release every page would raise "Missing staticfiles manifest entry".
    """
    storage = facts.get("prints_hashed_names")
    if not storage or "collectstatic" not in configured:
        return
    absolute = facts["staticfiles_manifest"]
    raise BuildError(
        f"{storage} prints names with hashes, and collectstatic left no manifest of them"
        + (f" at {absolute}" if absolute else " on this host's disk"),
        where=f"{deploy.build.name}: the storage of staticfiles",
        mend="let its manifest_storage keep files there (StaticFilesStorage(location=…)), and collect without "
        "--no-post-process",
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


def _of_requirejs(deploy: Deployment, configured: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the bundles that build_requirejs wrote."""
    if "build_requirejs" not in configured[1:]:
        return {}
    at = configured.index("build_requirejs")
    before, after = (
        {path: known[1] for path, known in listing_of(deploy, phase)["files"].items()}
        for phase in configured[at - 1 : at + 1]
    )
    return bundles.of_requirejs(before, after)


def _precompressed(deploy: Deployment, release: Release) -> Release:
    """Return the release with the encodings that help its files, made on the build host."""
    encodings = deploy.environment.build.precompress
    _, data = deploy.build.ask(
        verbs.ENCODE, body=json.dumps(to_encode(release, encodings)).encode()
    )
    found = {
        sha256: {ending: Encoded(*one) if one else None for ending, one in encodings.items()}
        for sha256, encodings in deploy.build.said("encode", data, answers.Copies).items()
    }
    return with_encodings(release, found)


def _copies(deploy: Deployment, listing: Listing) -> frozenset[str]:
    """Return the compressed copies that the project made itself, and warn of those with other bytes.

    A copy with other bytes than its file is an ordinary file, which nginx sends in the other one's place to
    whoever asks for the plain URL. Versioned URLs are answered from the pool, which holds copies of ours. So
    packages' test files, which nobody asks for, stop no deploy.
    """
    files = listing["files"]
    copies = copies_among(files)
    if not copies:
        return frozenset()
    pairs = [(ending, files[copy][0], files[path][0]) for ending, copy, path in copies]
    head, _ = deploy.build.ask(verbs.MISMATCHED, body=json.dumps(pairs).encode())
    wrong = {copies[at][1]: copies[at][2] for at in head["wrong"]}
    for copy, path in wrong.items():
        deploy.show.warn(
            f"{copy} holds other bytes than {path}, and nginx sends it in its place: take it out of the "
            "static files (text is compressed at the seal: build.precompress)"
        )
    return frozenset(copy for _, copy, _ in copies if copy not in wrong)


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


def _versions(
    deploy: Deployment, listing: Listing, facts: questions.Settings
) -> tuple[dict[str, str], tuple[str, int] | None]:
    """Return the recorded versions, and the object that is resource_versions.yml.

    Versions of compressed copies are left out: no page asks for a copy, and they change with every build.
    """
    known = listing["extra"].get(facts["resource_versions"])
    if known is None:
        return {}, None
    _, text = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=known[0]))
    where = f"{deploy.build.name}: {facts['resource_versions']}"
    yaml = decoded(text, where=where, error=ManifestError)
    recorded = versions.parse(yaml, where=where)
    files = listing["files"]
    of_files = {path: version for path, version in recorded.items() if not original(path, files)}
    if len(of_files) == len(recorded):
        return recorded, (known[0], known[1])
    data = versions.write(of_files, versions.form_of(yaml)).encode()
    head, _ = deploy.build.ask(verbs.PUT_OBJECT, body=data)
    return of_files, (head["object"], head["size"])


def _checked_manifest(
    deploy: Deployment,
    file: File,
    hashes: Mapping[str, str],
    before: Mapping[str, str],
    facts: questions.Settings,
) -> dict[str, str]:
    """Return the offline manifest.

    Raises:
        ManifestError: it names a file that the static root does not hold or that an earlier compress
            wrote, or a URL that expires.
    """
    where = f"{deploy.build.name}: {facts['offline_manifest']}"
    _, text = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=file.sha256))
    manifest = offline_manifest.parse(decoded(text, where=where, error=ManifestError), where=where)
    problems = offline_manifest.problems(manifest, hashes, before)
    if problems:
        raise ManifestError(
            "the offline manifest cannot be served:\n" + indented(problems, 20),
            where=where,
            mend=f"mend that, and build anew: fab {deploy.environment.name} deploy",
        )
    return manifest


def _canonical_manifest(deploy: Deployment, manifest: Mapping[str, str]) -> File:
    """Store the offline manifest with its keys in order, so that equal builds give equal bytes."""
    data = offline_manifest.write(manifest).encode()
    head, _ = deploy.build.ask(verbs.PUT_OBJECT, body=data)
    return File(head["object"], head["size"], versions.of(data))


def _canonical_names(
    deploy: Deployment, file: File, hashes: Mapping[str, str], facts: questions.Settings
) -> tuple[File, frozenset[str]]:
    """Store Django's staticfiles.json with its keys in order; return it, and the hashed names in it.

    Raises:
        ManifestError: it is not what ManifestStaticFilesStorage writes, or names files that are not there.
    """
    where = f"{deploy.build.name}: {facts['staticfiles_manifest']}"
    _, text = deploy.build.ask(verbs.READ_OBJECT, asks.Object(object=file.sha256))
    canonical, names = staticfiles_manifest.read(
        decoded(text, where=where, error=ManifestError), where=where
    )
    absent = sorted(names - hashes.keys())
    if absent:
        raise ManifestError(
            f"it names {counted(len(absent), 'file')} that the static root does not hold, such as "
            + ", ".join(absent[:5]),
            where=where,
            mend="collect the files again, without --no-post-process; nothing may remove them afterwards",
        )
    data = canonical.encode()
    head, _ = deploy.build.ask(verbs.PUT_OBJECT, body=data)
    return File(head["object"], head["size"], versions.of(data)), names


def _before_compress(deploy: Deployment, configured: tuple[str, ...]) -> dict[str, str] | None:
    """Return the static root that compress was given, path -> SHA-256; None where nothing ran before it."""
    if "compress" not in configured or configured[0] == "compress":
        return None
    listing = listing_of(deploy, configured[configured.index("compress") - 1])
    return {path: known[0] for path, known in listing["files"].items()}


def _revision(deploy: Deployment) -> str | None:
    """Return the git commit of the checkout; None where it is none."""
    path = deploy.project(deploy.build).path
    # the checkout may belong to another user than the one who deploys
    ran = deploy.build.run(
        ["git", "-c", f"safe.directory={path}", "rev-parse", "--verify", "HEAD"], folder=path
    )
    words = ran.output.split()
    return words[0] if ran.code == 0 and words else None
