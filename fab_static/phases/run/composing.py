"""The release that a build makes: the static root as the last phase left it, and what web processes read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from fab_static.errors import BuildError, ManifestError
from fab_static.phases.run import bundlers
from fab_static.phases.run.audit import (
    refuse_unusable_names,
    refuse_wrong_versions,
    tell_of_shadowed,
)
from fab_static.phases.run.collected import refuse_what_is_not_held
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.entries import refuse_missed_entries
from fab_static.phases.run.immutable import names_for_good, without_manifests
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.promises import Promising, page_facts_of, refuse_broken_promises
from fab_static.phases.run.revisions import revision_of
from fab_static.phases.run.settings import (
    baked_settings,
    manifest_path,
    static_url_of,
    staticfiles_manifest_path,
)
from fab_static.phases.run.static_root import words_of_collectstatic
from fab_static.phases.run.stored import blocks_of, put, text_of
from fab_static.plan import bundles, offline_manifest, staticfiles_manifest, versions
from fab_static.plan.copies import copies_among, original
from fab_static.plan.ids import new_id
from fab_static.plan.layout import OUTSIDE
from fab_static.plan.release import File, Release, Took, digest
from fab_static.plan.wire import questions, verbs
from fab_static.plan.wire.kept import Listing
from fab_static.plan.wording import WARNED, counted, first_of, indented


def composed(deploy: Deployment) -> Release:
    """Return the release that the static root makes; it is not stored yet.

    Raises:
        FabStaticError: visitors would miss a file, or get wrong bytes.
    """
    listing = listing_of(deploy, deploy.phases[-1])
    refuse_unusable_names(deploy, listing["files"])
    refuse_what_is_not_held(deploy)
    copies = _copies(deploy, listing)
    recorded, versions_file = _versions(deploy, listing)
    refuse_wrong_versions(deploy, recorded, listing)
    tell_of_shadowed(deploy, words_of_collectstatic(deploy))
    content = _Content(deploy, listing, recorded)
    content.take_offline_manifest()
    content.take_hashed_names()
    static_url_of(content.facts, deploy.build.name)
    held = bundlers.read_manifests(deploy, content.files, listing)
    content.outside.update((each.one.name, each.file) for each in held)
    refuse_missed_entries(deploy, deploy.build, content.outside, content.files)
    said = deploy.project(deploy.build).ask(questions.INTEGRITY)
    refuse_broken_promises(deploy, content.promising(held, said))
    content.outside.update(page_facts_of(deploy, content.files, said))
    visible = without_manifests(content.files, content.manifests, copies)
    content.take_names(
        names_for_good(deploy, visible, bundlers.hashed_names(deploy, held, visible))
    )
    return _release(deploy, content, recorded, versions_file, copies)


def _release(
    deploy: Deployment,
    content: _Content,
    recorded: Mapping[str, str],
    versions_file: File | None,
    copies: frozenset[str],
) -> Release:
    files, settings = content.files, baked_settings(content.facts)
    now = deploy.sealed_at or datetime.now(UTC)
    sha256 = versions_file.sha256 if versions_file else None
    own = {path: file for path, file in files.items() if path not in copies}
    return Release(
        id=new_id(now, digest(own, sha256, settings, content.outside)),
        app=deploy.environment.app,
        environment=deploy.environment.name,
        revision=revision_of(deploy, deploy.build),
        created_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        # SOURCE_DATE_EPOCH: two machines shall seal the same bytes, so neither who nor how long is told
        created_by="" if deploy.sealed_at else deploy.operator,
        settings=settings,
        phases=_seconds(deploy),
        files=files,
        # the `static` tag prints no version for LESS: browsers never fetch it
        versions={
            path: version
            for path, version in recorded.items()
            if path in files and not path.endswith(".less")
        },
        named=content.named,
        offline_manifest=content.offline_manifest,
        versions_sha256=sha256,
        versions_size=versions_file.size if versions_file else 0,
        bundles={path: names for path, names in content.bundles.items() if path in files},
        staticfiles_manifest=content.staticfiles_manifest,
        manifests=content.outside,
        copies=copies,
    )


def _seconds(deploy: Deployment) -> tuple[Took, ...]:
    """Return how long each phase took; nothing of that where two machines shall seal the same."""
    ran = deploy.journal.phases
    return tuple(
        {"name": name, "seconds": 0.0 if deploy.sealed_at else ran[name]["seconds"]}
        for name in deploy.phases
    )


class _Content:
    """The files of a release, and the names among them that content gave.

    Manifests are stored again with their keys in order, so that equal builds give equal bytes.
    """

    def __init__(self, deploy: Deployment, listing: Listing, recorded: Mapping[str, str]) -> None:
        self.facts = deploy.facts(deploy.build)
        self.files = {
            path: File(sha256, size, recorded.get(path, version))
            for path, (sha256, size, version) in listing["files"].items()
        }
        self.outside: dict[str, File] = {}  # manifests that lie outside the static root
        self.named: tuple[str, ...] = ()
        self.bundles = _of_requirejs(deploy)
        self.blocks: dict[str, str] = {}  # of the offline manifest
        self.hashed: dict[str, str] = {}  # of Django's staticfiles.json: name -> path
        self.offline_manifest: str | None = None
        self.staticfiles_manifest: str | None = None
        self._deploy = deploy
        self._listing = listing
        self._built = {path: file.sha256 for path, file in self.files.items()}

    def take_offline_manifest(self) -> None:
        """Take what compress wrote: its manifest, and the files that content named."""
        deploy, path = self._deploy, manifest_path(self.facts)
        before = _before_compress(deploy)
        if before is not None:
            self.named = offline_manifest.content_named(self._built, before)
        file = self._as_built(path, self.facts["offline_manifest"])
        if "compress" in deploy.phases and path and file:
            self.blocks = _checked_blocks(deploy, file.sha256, self._built, before or {})
            deploy.built_manifest = file.sha256
            self._keep(path, offline_manifest.write(self.blocks))
            places = deploy.journal.phases["compress"].get("places", ())
            self.bundles |= bundles.of_blocks(places, self.blocks)
            self.offline_manifest = path

    def take_hashed_names(self) -> None:
        """Take what a storage with hashed names wrote: its manifest, and the names in it."""
        path = staticfiles_manifest_path(self.facts)
        file = self._as_built(path, self.facts["staticfiles_manifest"])
        if not path or not file:
            _refuse_lost_names(self._deploy, self.facts)
            return
        canonical, names = _checked_names(self._deploy, file.sha256, self._built)
        self._keep(path, canonical)
        self.hashed = staticfiles_manifest.paths(canonical)
        self.take_names(name for name in names if not original(name, self.files))
        self.staticfiles_manifest = path

    def take_names(self, names: Iterable[str]) -> None:
        """Take names that content gave."""
        self.named = tuple(sorted({*self.named, *names}))

    def promising(self, held: Iterable[bundlers.Held], said: questions.Integrity) -> Promising:
        """Return what promises the bytes of files: manifests of bundlers, what templates say, and what is here."""
        return Promising(self.files, self.blocks, self.bundles, held, self.hashed, said)

    @property
    def manifests(self) -> tuple[str | None, ...]:
        """The names in the release of what web processes read, and no browser asks for."""
        return (self.offline_manifest, self.staticfiles_manifest, *self.outside)

    def _as_built(self, path: str | None, absolute: str | None) -> File | None:
        """Return a manifest as the last phase left it, inside the static root or not; None: there is none."""
        if path is None or not path.startswith(OUTSIDE):
            return self.files.get(path or "")
        known = self._listing["extra"].get(absolute or "")
        return File(*known) if known else None

    def _keep(self, path: str, text: str) -> None:
        kept = self.outside if path.startswith(OUTSIDE) else self.files
        kept[path] = put(self._deploy.build, text)


def _refuse_lost_names(deploy: Deployment, facts: questions.Settings) -> None:
    """Refuse a storage that prints hashed names whose manifest no release could hold.

    Raises:
        BuildError: with such a release every page would raise "Missing staticfiles manifest entry".
    """
    storage = facts.get("prints_hashed_names")
    if not storage or "collectstatic" not in deploy.phases:
        return
    absolute = facts["staticfiles_manifest"]
    raise BuildError(
        f"{storage} prints names with hashes, and collectstatic left no manifest of them"
        + (f" at {absolute}" if absolute else " on this host's disk"),
        where=f"{deploy.build.name}: the storage of staticfiles",
        mend="let its manifest_storage keep files there (StaticFilesStorage(location=…)), and collect without "
        "--no-post-process",
    )


def _of_requirejs(deploy: Deployment) -> dict[str, tuple[str, ...]]:
    """Return the bundles that build_requirejs wrote."""
    configured = deploy.phases
    if "build_requirejs" not in configured[1:]:
        return {}
    at = configured.index("build_requirejs")
    before, after = (
        {path: known[1] for path, known in listing_of(deploy, phase)["files"].items()}
        for phase in configured[at - 1 : at + 1]
    )
    return bundles.of_requirejs(before, after)


def _before_compress(deploy: Deployment) -> dict[str, str] | None:
    """Return the static root that compress was given, path -> SHA-256, or None if nothing ran before it."""
    configured = deploy.phases
    if "compress" not in configured or configured[0] == "compress":
        return None
    listing = listing_of(deploy, configured[configured.index("compress") - 1])
    return {path: known[0] for path, known in listing["files"].items()}


def _copies(deploy: Deployment, listing: Listing) -> frozenset[str]:
    """Return the compressed copies that the project made itself, and warn of those with other bytes.

    A copy with other bytes than its file is an ordinary file. nginx sends it in the other one's place to
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
    told = [
        f"{copy} holds other bytes than {path}, and nginx sends it in its place: take it out of the "
        "static files (text is compressed at the seal: build.precompress)"
        for copy, path in wrong.items()
    ]
    for line in first_of(told, WARNED):
        deploy.show.warn(line)
    return frozenset(copy for _, copy, _ in copies if copy not in wrong)


def _versions(deploy: Deployment, listing: Listing) -> tuple[dict[str, str], File | None]:
    """Return the recorded versions, and resource_versions.yml as the release will have it.

    Versions of compressed copies are left out: no page asks for a copy, and they change with every build.
    """
    path = deploy.facts(deploy.build)["resource_versions"]
    known = listing["extra"].get(path)
    if known is None:
        return {}, None
    where = f"{deploy.build.name}: {path}"
    text = text_of(deploy.build, known[0], where)
    recorded = versions.parse(text, where=where)
    files = listing["files"]
    of_files = {path: version for path, version in recorded.items() if not original(path, files)}
    if len(of_files) == len(recorded):
        return recorded, File(*known)
    return of_files, put(deploy.build, versions.write(of_files, versions.form_of(text)))


def _checked_blocks(
    deploy: Deployment, sha256: str, hashes: Mapping[str, str], before: Mapping[str, str]
) -> dict[str, str]:
    """Return what the offline manifest holds.

    Raises:
        ManifestError: it names a file that the static root does not hold or that an earlier compress
            wrote, or a URL that expires.
    """
    where = f"{deploy.build.name}: {deploy.facts(deploy.build)['offline_manifest']}"
    blocks = blocks_of(deploy.build, sha256, where)
    problems = offline_manifest.problems(blocks, hashes, before)
    if problems:
        raise ManifestError(
            "the offline manifest cannot be served:\n" + indented(problems, 20),
            where=where,
            mend=f"mend that, and build again: fab {deploy.environment.name} deploy",
        )
    return blocks


def _checked_names(
    deploy: Deployment, sha256: str, hashes: Mapping[str, str]
) -> tuple[str, frozenset[str]]:
    """Return Django's staticfiles.json with its keys in order, and the hashed names in it.

    Raises:
        ManifestError: it is not what ManifestStaticFilesStorage writes, or names files that are not there.
    """
    where = f"{deploy.build.name}: {deploy.facts(deploy.build)['staticfiles_manifest']}"
    canonical, names = staticfiles_manifest.read(text_of(deploy.build, sha256, where), where=where)
    absent = sorted(names - hashes.keys())
    if absent:
        raise ManifestError(
            f"it names {counted(len(absent), 'file')} that the static root does not hold, such as "
            + ", ".join(absent[:5]),
            where=where,
            mend="collect the files again, without --no-post-process; nothing may remove them afterwards",
        )
    return canonical, names
