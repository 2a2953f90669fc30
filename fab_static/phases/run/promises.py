"""Holds a build to its integrity attributes, and keeps for web hosts what their tags will print of files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from fab_static.errors import BuildError
from fab_static.phases.run.bundlers import Held, path_in
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import static_url_of
from fab_static.phases.run.stored import put
from fab_static.plan import integrity, page_facts
from fab_static.plan.bundler_manifest import path_of
from fab_static.plan.integrity import Kept, Promise
from fab_static.plan.offline_manifest import PLACEHOLDER
from fab_static.plan.release import File
from fab_static.plan.wire import answers, questions, verbs
from fab_static.plan.wording import WARNED, counted, first_of, indented

SHOWN = 20  # promises named in one message


@dataclass(frozen=True)
class Promising:
    """What in a build promises the bytes of files.

    `blocks` is the offline manifest; `bundles` maps a path to the blocks that it stands for. `hashed` maps a name to the
    path that pages print for it. `said` is what templates promise.
    """

    files: Mapping[str, File]
    blocks: Mapping[str, str]
    bundles: Mapping[str, tuple[str, ...]]
    manifests: Iterable[Held]
    hashed: Mapping[str, str]
    said: questions.Integrity


def refuse_broken_promises(deploy: Deployment, build: Promising) -> None:
    """Refuse a build in which an integrity attribute is not the hash of the bytes that are served.

    Raises:
        BuildError: browsers would refuse the file; names each place, and both hashes.
    """
    kept = [*_of_blocks(deploy, build), *_of_templates(build, is_own=True)]
    for held in build.manifests:
        promises = integrity.in_manifest(held.data, held.one.path)
        kept += integrity.about(promises, build.files, partial(_printed, deploy, held, build))
    _tell_of_libraries(deploy, _of_templates(build, is_own=False))
    broken = integrity.broken(kept, _hashes(deploy, kept))
    if broken:
        raise BuildError(
            f"{counted(len(broken), 'integrity attribute is not the hash', 'integrity attributes are not hashes')} "
            "of what is served, and browsers would refuse "
            f"{'that file' if len(broken) == 1 else 'those files'}:\n" + indented(broken, SHOWN),
            where=deploy.build.name,
            mend="let no phase rewrite a file after its hash was made: run what rewrites it before. In a template, write "
            'integrity="{% static_integrity "NAME" %}" in place of a hash',
        )


def page_facts_of(
    deploy: Deployment, files: Mapping[str, File], said: questions.Integrity
) -> dict[str, File]:
    """Return the manifest of what tags print of files, or nothing if no template asks for any.

    Raises:
        BuildError: the project asks for a hash that browsers do not know.
    """
    if said["algorithm"] not in integrity.ALGORITHMS:
        raise BuildError(
            f"FAB_STATIC_INTEGRITY is {said['algorithm']!r}",
            where=f"{deploy.build.name}: the project's settings",
            mend=f"set it to one of: {', '.join(integrity.ALGORITHMS)}",
        )
    wanted = page_facts.to_hash(files, names=said["names"], is_all=said["computed"])
    found = page_facts.text(
        integrity=_spelled(deploy, wanted, said["algorithm"]),
        fonts=_fonts(deploy, files) if said["preloads"] else {},
    )
    is_asked = wanted or said["preloads"]
    return {page_facts.NAME: put(deploy.build, found)} if is_asked else {}


def _resolver(deploy: Deployment, files: Mapping[str, File]) -> Callable[[str], str | None]:
    """Return what finds the path of a URL below STATIC_URL, with the CDN before it or not."""
    facts = deploy.facts(deploy.build)
    static_url = static_url_of(facts, deploy.build.name)
    prefixes = {static_url: None, facts["static_cdn"] + static_url: None}

    def of_url(url: str) -> str | None:
        if url.startswith(PLACEHOLDER):
            url = static_url + url.removeprefix(PLACEHOLDER)
        found = (path_of(url, files, static_url=prefix, folders=[""]) for prefix in prefixes)
        return next(filter(None, found), None)

    return of_url


def _of_blocks(deploy: Deployment, build: Promising) -> list[Kept]:
    """Return the promises of the offline manifest, each with the block that it stands for."""
    of_url = _resolver(deploy, build.files)
    found = []
    for key, html in sorted(build.blocks.items()):
        for promise in integrity.in_html(html, f"the offline manifest, key {key[:12]}"):
            names = build.bundles.get(of_url(promise.url) or "", ())
            found.append(
                replace(promise, place=f"{promise.place} ({names[0]})") if names else promise
            )
    return integrity.about(found, build.files, of_url)


def _printed(deploy: Deployment, held: Held, build: Promising, name: str) -> str | None:
    """Return the path that pages print for a name in a bundler's manifest: its readers ask the storage for URLs."""
    path = path_in(deploy, held.one, name, build.files)
    is_url = name.startswith("/") or "://" in name
    return path if is_url else build.hashed.get(path or "", path)


def _of_templates(build: Promising, *, is_own: bool) -> list[Kept]:
    """Return the promises in templates of the project, or in those of libraries."""
    found = [
        Promise(one["name"], one["integrity"], f"{one['template']}:{one['line']}")
        for one in build.said["written"]
        if one["is_own"] == is_own
    ]
    urls = {one["name"] for one in build.said["written"] if one["is_url"]}
    return integrity.about(
        found, build.files, lambda name: name if name in urls else build.hashed.get(name, name)
    )


def _tell_of_libraries(deploy: Deployment, kept: list[Kept]) -> None:
    """Warn of promises in the templates of libraries: the project may show none of these pages."""
    told = [
        f"a page with this template of a library would lack a file: {line}"
        for line in integrity.broken(kept, _hashes(deploy, kept))
    ]
    for line in first_of(told, WARNED):
        deploy.show.warn(line)


def _hashes(deploy: Deployment, kept: Iterable[Kept]) -> answers.Hashes:
    return _hashed(deploy, integrity.to_hash(kept))


def _hashed(deploy: Deployment, wanted: Mapping[str, list[str]]) -> answers.Hashes:
    """Return hashes of objects, made on the build host."""
    if not wanted:
        return {}
    _, data = deploy.build.ask(verbs.HASHES, body=json.dumps(wanted).encode())
    return deploy.build.said("hashes", data, answers.Hashes)


def _spelled(deploy: Deployment, files: Mapping[str, File], algorithm: str) -> dict[str, str]:
    """Return what integrity attributes say of files: path -> sha384-…."""
    found: dict[str, dict[str, str]] = {file.sha256: {} for file in files.values()}
    if algorithm != "sha256":
        found = _hashed(deploy, {sha256: [algorithm] for sha256 in found})
    return {
        path: integrity.spelled(algorithm, found[file.sha256].get(algorithm, file.sha256))
        for path, file in files.items()
    }


def _fonts(deploy: Deployment, files: Mapping[str, File]) -> dict[str, list[str]]:
    """Return the fonts of each stylesheet, as it names them: path -> URLs."""
    sheets = {path: file.sha256 for path, file in files.items() if path.endswith(".css")}
    if not sheets:
        return {}
    asked = json.dumps(sorted({*sheets.values()})).encode()
    _, data = deploy.build.ask(verbs.FONTS, body=asked)
    found = deploy.build.said("fonts", data, answers.Fonts)
    return {path: found[sha256] for path, sha256 in sorted(sheets.items()) if sha256 in found}
