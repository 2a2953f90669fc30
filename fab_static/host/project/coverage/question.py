"""Tells whether every compress block of the project is in the offline manifest."""

from __future__ import annotations

import os
import re
import sys

from fab_static.host.project.blocks.parsed import Parsed
from fab_static.host.project.compressor import compress_settings, offline_contexts, offline_manifest
from fab_static.host.project.coverage.languages import languages
from fab_static.host.project.coverage.passed_over import PassedOver
from fab_static.host.project.coverage.walk import TEXT_LIMIT, Walk
from fab_static.host.project.engines.known import as_pages_are, engines
from fab_static.host.project.libraries import libraries
from fab_static.host.project.paths import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping

    from fab_static.plan.wire.questions import Besides, Coverage, Made, OfManifest, Walked


def ask_coverage(request: OfManifest) -> Coverage:
    """Render every compress block as compressor does, and look its key up in the offline manifest.

    compress itself cannot be trusted with it. Its thread pool loses an error that comes while a block is
    rendered for its key. It skips templates that do not parse. It ends with 0 anyway.

    Each of `missing`, `failed`, `untranslated`, `unfilled`, `surrounded` and `varying` names a block by {"engine", "template",
    "in": the template it stands in, "block": its number in the page, "line", "context": the offline
    context's number}. With `texts`, `rendered` is every block by these words and its key, `texts` key -> text.
    With `made`, `folders` are names in the paths of this machine that blocks hold. With `places`, `places` is each block that a template holds: {"in", "line", "block", "context", "keys": {key:
    the first template that renders it so}}. With `made`, `made` is what is wrong with the files of the blocks.
    `passed_over` are blocks that compress does not find, `handed_over` tags that give compressor the text of
    many templates.
    """
    compress = compress_settings()
    walk = Walk({})
    passed_over = PassedOver(walk)
    if compress:
        manifest = offline_manifest(request.get("manifest"))
        contexts = offline_contexts()
        walk = Walk(manifest, languages(), request.get("other_cdn"))
        passed_over = PassedOver(walk)
        with as_pages_are():
            walk_through(walk, passed_over, contexts)
    return {
        **told_of(walk),
        **told_besides(walk, request),
        "passed_over": passed_over.blocks,
        "handed_over": passed_over.handed_over,
        "compress": compress,
        "libraries": libraries(),
    }


def walk_through(walk: Walk, passed_over: PassedOver, contexts: list[dict[str, object]]) -> None:
    """Walk the templates of every language, and look for blocks that this does not meet."""
    parsed = Parsed()
    parsed.listen()
    for engine in engines():
        walk.through(engine, contexts)
        if engine.kind == "jinja2":
            walk.needs.set_by_users(engine)
        else:
            walk.needs.set_by_includes(engine, parsed)
            passed_over.account_for(engine, contexts, parsed)


def told_of(walk: Walk) -> Walked:
    """Return what is told of every walk."""
    unfilled = walk.needs.unfilled()
    return {
        "templates": walk.templates,
        "blocks": walk.blocks,
        "keys": len(walk.texts),
        "missing": walk.missing,
        "failed": walk.failed,
        "broken": walk.broken,
        "untranslated": walk.languages.untranslated(),
        "unfilled": unfilled,
        "surrounded": walk.surrounded.found(unfilled, TEXT_LIMIT),
        "varying": list(walk.needs.varying.values()),
        "ambiguous": walk.ambiguous(),
    }


def told_besides(walk: Walk, request: OfManifest) -> Besides:
    """Return what is told where the request asks for it; nothing of it where not."""
    is_told = bool(request.get("texts"))
    return {
        "rendered": walk.rendered if is_told else [],
        "texts": walk.texts if is_told else {},
        "places": walk.places() if request.get("places") else [],
        "made": made_by(walk) if request.get("made") else [],
        "folders": folders_in(walk.texts.values()) if request.get("made") else [],
        "with_cdn": walk.with_cdn,
        "files_with_cdn": files_with_cdn() if walk.other_cdn else [],
        "relative_inline": relative_inline(walk.manifest) if walk.other_cdn else [],
    }


def folders_in(texts: Iterable[str]) -> list[str]:
    """Return the names in the paths of the checkout, the interpreter and the home folder that blocks hold.

    A checkout at another place may render another text, and so another key: see host/project/reads/portable.
    """
    places = (os.getcwd(), sys.prefix, os.path.expanduser("~"))
    told = "\n".join(texts)
    return sorted({name for place in places for name in place.split("/") if name and name in told})


def made_by(walk: Walk) -> list[Made]:
    """Return what is wrong with the files of the blocks."""
    from fab_static.host.project.coverage.made import made  # late: not every question asks for it

    return made(walk.rendered, walk.texts, walk.manifest)


def files_with_cdn() -> list[str]:
    """Return the scripts and style sheets below the static root that name STATIC_CDN."""
    from django.conf import settings

    cdn = str(getattr(settings, "STATIC_CDN", "") or "").encode()
    found = []
    for parent, _, names in os.walk(absolute(settings.STATIC_ROOT) or "") if cdn else ():
        for name in names:
            path = os.path.join(parent, name)
            if name.endswith((".js", ".mjs", ".css", ".json")):
                with open(path, "rb") as stream:
                    if cdn in stream.read():
                        found.append(os.path.relpath(path, settings.STATIC_ROOT))
    return sorted(found)


def relative_inline(manifest: Mapping[str, str]) -> list[str]:
    """Return the keys of style elements whose url() is relative: it leads elsewhere on each page."""
    return sorted(
        key
        for key, text in manifest.items()
        if "<style" in text and re.search(r"""url\(\s*['"]?\.""", text)
    )
