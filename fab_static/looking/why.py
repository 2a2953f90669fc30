"""Everything known of one URL, or of the key of an OfflineGenerationError.

Both answer with a dict, which `why --json` prints. Of a URL, or a bare path below the static root:

    path, kind             "content-named", "versioned" or "unversioned"
    asked_version          the URL's `?version=`, or null
    release                the one that is live
    in_release, version    does it hold the path; the version that its pages print
    sha256, size           of its bytes
    phases                 [{"phase", "sha256"}]: who made it and who changed it, in the order of the build
    blocks                 [{"template", "block", "line", "language", "sources", "imports"}]: the compress blocks that it
                           is the output of, each with the URLs that it names, and the files that LESS and SCSS among
                           them import; of the live release, as templates are now
    modules                of a RequireJS bundle, the names of the modules that it takes in
    rebuilt                {"since": id, "added": [], "changed": [], "removed": []}: which of these modules, or of these
                           files, were others in the newest kept release before the live one where the bundle had
                           other bytes; null where there is none
    source                 the file collected, as the project's finders see it; null where a phase wrote it
    shadowed               files of the same name that collectstatic passes over
    releases               ids of all kept releases that hold the path
    releases_of_version    those whose file has the version asked for, else the one expected
    hosts                  [{"host", "current", "pool", "named", "gone", "as_sealed"}]: SHA-256 of what is on disk
                           behind the plain, the versioned and the content-named URL, and of what pages of an
                           earlier release get where the live one has no such file; or {"host", "error"}
    verdict                one sentence

Of a key, or its first 12 digits or more:

    key, release, in_release
    releases               id -> the HTML that its manifest gives for the key
    asked_by               [{"host", "template", "in", "block", "line", "context", "language", "text",
                           "nearest": lines, where the live manifest lacks it}]: blocks that have this key there
    unasked                [{"host", "error"}]: hosts whose project did not answer
    verdict                one sentence
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fab_static.errors import FabStaticError, InventoryError
from fab_static.looking.taken_in import imported, rebuilt
from fab_static.phases.run import stored
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.listings import after_each
from fab_static.plan import amd, coverage
from fab_static.plan.printed import AskedBy, Held, MadeOf, Unasked
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, questions, verbs
from fab_static.remote import RemoteHost

_URL = re.compile(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""")
_KEY = re.compile(r"[0-9a-f]{12,64}")  # messages show the first 12


def why(deploy: Deployment, what: str) -> dict[str, Any]:
    """Return what is known of a static URL, or of an offline manifest's key; see above.

    Raises:
        InventoryError: it is neither.
        ReleaseError: nothing is live.
    """
    deploy.look()
    release = deploy.seals.read(deploy.needs_live())
    if _KEY.fullmatch(what):
        return _of_key(deploy, release, what)
    path, version = _parsed(what, release)
    return _of_path(deploy, release, path, version)


def _parsed(url: str, release: Release) -> tuple[str, str | None]:
    """Return the path below the static root and the version that a URL, or a bare name, asks for.

    Raises:
        InventoryError: it means no file below the static root.
    """
    parts = urlsplit(url)
    base = urlsplit(str(release.settings["STATIC_URL"])).path
    path = unquote(parts.path)
    is_static = path.startswith(base)
    if is_static:
        path = path[len(base) :]
    refused = ""
    if not is_static and (parts.scheme or path.startswith("/")):
        refused = f"{url} is not a static URL: those begin with {base}"
    elif not path or path.endswith("/"):
        refused = f"{url} names a folder, not a file"
    if refused:
        raise InventoryError(
            refused,
            where="the command line",
            mend="name a URL as a page prints it, or a path below the static root",
        )
    return path, parse_qs(parts.query).get("version", [None])[0]


def _kept(deploy: Deployment) -> dict[str, Release]:
    """Return the releases that the build host keeps, oldest first."""
    names = sorted(deploy.states[deploy.build]["releases"])
    return {name: deploy.seals.read(name, deploy.build) for name in names}


def _of_path(
    deploy: Deployment, release: Release, path: str, version: str | None
) -> dict[str, Any]:
    file = release.files.get(path)
    expected = release.versions.get(path)
    looked_for = version or expected
    phases = _phases(deploy, path)
    is_collected = bool(phases) and phases[0]["phase"] == "collectstatic"
    sources = _sources(deploy, path) if is_collected or not phases else []
    kept = _kept(deploy)
    held = {name: one.files[path] for name, one in kept.items() if path in one.files}
    modules = _modules(deploy, release, path)
    blocks = _blocks(deploy, release, path) if phases else []
    return {
        "path": path,
        "asked_version": version,
        "release": release.id,
        "in_release": file is not None,
        "version": expected,
        "sha256": file.sha256 if file else None,
        "size": file.size if file else None,
        "kind": _kind(path, release),
        "phases": phases,
        "blocks": blocks,
        "modules": [*modules],
        "rebuilt": _rebuilt(deploy, release, path, kept, modules)
        if modules
        else rebuilt(release, path, kept, _files_of(blocks, release)),
        "source": sources[0] if sources else None,
        "shadowed": sources[1:],
        "releases": [*held],
        "releases_of_version": [name for name, one in held.items() if one.version == looked_for],
        "hosts": _on_hosts(deploy, path, looked_for, file.sha256 if file else None),
        "verdict": _verdict(release, path, version, [*held]),
    }


def _on_hosts(
    deploy: Deployment, path: str, version: str | None, sealed: str | None
) -> list[Held | Unasked]:
    """Return what each static host has behind the URLs of a path."""
    request = asks.LookAt(path=path, version=version)
    hosts, failures = deploy.fleet.attempt(
        deploy.hosts("static"), lambda host: host.ask(verbs.LOOK_AT, request)[0]
    )
    found: list[Held | Unasked] = [
        {
            "host": host.name,
            "current": answer["current"],
            "pool": answer["pool"],
            "named": answer["named"],
            "gone": answer["gone"],
            "as_sealed": answer["current"] == sealed,
        }
        for host, answer in hosts.items()
    ]
    return [*found, *_failed(failures)]


def _failed(failures: Mapping[RemoteHost, FabStaticError]) -> list[Unasked]:
    return [{"host": host.name, "error": error.what} for host, error in failures.items()]


def _sources(deploy: Deployment, path: str) -> list[str]:
    """Return the files of this name that the project's finders see; an empty list if it does not answer."""
    with suppress(FabStaticError):
        return deploy.project(deploy.build).ask(questions.FIND, questions.Name(name=path))["found"]
    return []


def _kind(path: str, release: Release) -> str:
    if path in release.named:
        return "content-named"
    return "versioned" if path in release.versions else "unversioned"


def _verdict(release: Release, path: str, version: str | None, held: Sequence[str]) -> str:
    if path not in release.files:
        others = f"; {', '.join(held)} had it, and their pages still get it" if held else ""
        return f"the live release has no {path}{others}"
    expected = release.versions.get(path)
    if version and version != expected:
        return (
            f"pages of the live release print version {expected or 'none'}; {version} is of another "
            "release, and is served from the pool as long as that is kept"
        )
    return "as the live release has it"


def _modules(deploy: Deployment, release: Release, path: str) -> dict[str, str]:
    """Return the modules of a RequireJS bundle, by the text before it was minified, if its source map has that."""
    if release.bundles.get(path) != ():  # a bundle of compress stands for blocks
        return {}
    source_map = release.files.get(f"{path}.map")
    if source_map:
        with suppress(ValueError, KeyError, TypeError):
            texts = json.loads(deploy.object(source_map.sha256))["sourcesContent"]
            return amd.modules_of("".join(texts))
    text = deploy.object(release.files[path].sha256).decode(errors="replace")
    return amd.modules_of(text)


def _rebuilt(
    deploy: Deployment,
    release: Release,
    path: str,
    kept: Mapping[str, Release],
    modules: Mapping[str, str],
) -> dict[str, object] | None:
    """Return which modules made a bundle another one than it was, and in which release it was that."""
    now = release.files[path].sha256
    for name, older in reversed([*kept.items()]):
        if name < release.id and path in older.files and older.files[path].sha256 != now:
            return {"since": name, **amd.changes(_modules(deploy, older, path), modules)}
    return None


def _blocks(deploy: Deployment, release: Release, path: str) -> list[MadeOf]:
    """Return the compress blocks that a file is the output of; an empty list if the project does not answer."""
    if not release.offline_manifest_sha256:
        return []
    manifest = stored.blocks_of(deploy.build, release.offline_manifest_sha256, release.id)
    keys = [key for key, html in manifest.items() if path in html]
    if not keys:
        return []
    question = questions.OfManifest(manifest=None, redirect={}, texts=True)
    with suppress(FabStaticError):
        answer = deploy.project(deploy.build).ask(questions.COVERAGE, question)
        found: list[MadeOf] = []
        for key in keys:  # blocks of one key have one text, wherever they stand
            blocks = [made_of(block) for block in blocks_of(answer, key)]
            imports = imported(deploy, release, _files_of(blocks, release))
            found += [{**one, "imports": imports} for one in blocks]
        return found
    return []


def _files_of(blocks: Iterable[MadeOf], release: Release) -> list[str]:
    """Return the files of a release that blocks take in."""
    found: dict[str, None] = {}
    for one in blocks:
        for url in one["sources"]:
            with suppress(InventoryError):  # a URL of elsewhere
                found[_parsed(url, release)[0]] = None
        found |= dict.fromkeys(one["imports"])
    return [path for path in found if path in release.files]


def made_of(block: Met) -> MadeOf:
    """Return a block with the URLs of the scripts and sheets that its text names."""
    return {
        "imports": [],
        "template": block["template"],
        "block": block["block"],
        "line": block["line"],
        "language": block["language"],
        "sources": _URL.findall(block["text"]),
    }


def _phases(deploy: Deployment, path: str) -> list[dict[str, str | None]]:
    """Return the build phases that wrote the file, in order, with the bytes each left."""
    found: list[dict[str, str | None]] = []
    last: str | None = None
    for name, listing in after_each(deploy):
        known = listing["files"].get(path)
        sha256 = known and known[0]
        if sha256 != last:
            found.append({"phase": name, "sha256": sha256})
            last = sha256
    return found


def _of_key(deploy: Deployment, release: Release, key: str) -> dict[str, Any]:
    """Return which kept releases have the key, and which blocks of which hosts ask for it."""
    manifests = _manifests(deploy)
    hosts = list(dict.fromkeys((deploy.build, *deploy.hosts("web"))))
    question = questions.OfManifest(manifest=None, redirect={}, texts=True)
    answers, failures = deploy.fleet.attempt(
        hosts, lambda host: deploy.project(host).ask(questions.COVERAGE, question)
    )
    texts = [answer["texts"] for answer in answers.values()]
    others = [gap["key"] for answer in answers.values() for gap in answer["untranslated"]]
    key = whole_key(key, [*manifests.values(), *texts, others])
    holders = {name: manifest[key] for name, manifest in manifests.items() if key in manifest}
    live = manifests.get(release.id, {})
    on_build = answers.get(deploy.build)
    built = coverage.built_blocks(on_build, live) if on_build else []
    asked_by = [
        _asking(host.name, block, None if key in live else built)
        for host, answer in answers.items()
        for block in blocks_of(answer, key)
    ]
    return {
        "key": key,
        "release": release.id,
        "in_release": release.id in holders,
        "releases": holders,
        "asked_by": asked_by,
        "unasked": _failed(failures),
        "verdict": _verdict_of_key(release.id in holders, [*holders], asked_by),
    }


def _manifests(deploy: Deployment) -> dict[str, Mapping[str, str]]:
    """Return the offline manifest of each release that is kept and has one."""
    found: dict[str, Mapping[str, str]] = {}
    for name, sealed in _kept(deploy).items():
        if sealed.offline_manifest_sha256:
            found[name] = stored.blocks_in(deploy.object(sealed.offline_manifest_sha256), name)
    return found


def whole_key(digits: str, known: Iterable[Iterable[str]]) -> str:
    """Return the one key that begins with these digits; the digits where there are none, or several."""
    keys = {key for some in known for key in some if key.startswith(digits)}
    return keys.pop() if len(keys) == 1 else digits


class Met(questions.Gap):
    """A block that has the key; in `language` where that is not the build's."""

    language: str | None


def _asking(host: str, block: Met, built: Sequence[coverage.Block] | None) -> AskedBy:
    """Return a block that asks for the key, and how it differs from the nearest one of the blocks built, if these are given."""
    here = coverage.block_of(block, block["text"])
    return {
        "host": host,
        "template": block["template"],
        "in": block["in"],
        "block": block["block"],
        "line": block["line"],
        "context": block["context"],
        "language": block["language"],
        "text": block["text"],
        "nearest": [] if built is None else coverage.describe(here, built),
    }


def blocks_of(answer: questions.Coverage, key: str) -> list[Met]:
    """Return the blocks of a coverage answer that have this key, each place once, with their text."""
    met: list[Met] = [
        {**block, "text": answer["texts"][key], "language": None}
        for block in answer["rendered"]
        if block["key"] == key
    ]
    met += [{**block} for block in answer["untranslated"] if block["key"] == key]
    found: dict[tuple[str, int, str | None], Met] = {}
    for block in met:
        found.setdefault((block["template"], block["block"], block["language"]), block)
    return list(found.values())


def _verdict_of_key(is_live: bool, holders: Sequence[str], asked_by: Sequence[object]) -> str:
    if is_live:
        return "the live manifest has it" + (
            "" if asked_by else "; no template asks for it now, as far as the offline contexts tell"
        )
    verdict = "the live manifest lacks it: pages that ask for it raise OfflineGenerationError"
    if asked_by:
        return verdict
    if holders:
        return (
            f"{verdict}; {holders[-1]} had it: a process that asks for it now runs older templates, and "
            "was not reloaded"
        )
    return (
        f"{verdict}; no template renders it with the offline contexts: the page that does gave it other "
        "values (see COMPRESS_OFFLINE_CONTEXT), or its process runs other templates or settings"
    )
