"""Tells which names templates ask bundlers' manifests for, and of which manifest each."""

from __future__ import annotations

import os

from fab_static.host.project.bundlers import readers
from fab_static.host.project.entries.tags import ENTRY, OWN, POLYFILLS, SOMETHING
from fab_static.host.project.entries.uses import uses_in
from fab_static.host.project.lint.question import is_own
from fab_static.host.project.templates import every

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

    from fab_static.host.project.bundlers import Reader
    from fab_static.host.project.entries.uses import Use
    from fab_static.plan.wire.questions import Asking, Entries, EntryUse, OfEntries

CONFIG = "config"  # in place of a lookup: the app has no configuration of that name
NAMED = "named entry"  # a key of Vite's manifest, or the `name` of an entry


def ask_entries(request: OfEntries) -> Entries:
    """Return each tag that asks a manifest, in every template that pages may show.

    A configuration that only develops, or whose class reads the manifest in its own way, is left out.
    """
    from django.template import engines

    django = [each.engine for each in engines.all() if hasattr(each, "engine")]
    libraries = {name: module for each in django for name, module in each.libraries.items()}
    builtins = [module for each in django for module in each.builtins]
    known = readers()
    found: list[EntryUse] = []
    for source in every():
        for use in uses_in(source, libraries, builtins):
            asking = _asking(use, known)
            if asking:
                place: EntryUse = {
                    "template": source.name,
                    "is_own": is_own(source.place),
                    "line": use.line,
                    "tag": use.tag,
                    **asking,
                }
                found.append(place)
    there = {
        path: os.readlink(path) if os.path.islink(path) else ""
        for path in request["lacking"]
        if os.path.isfile(path)
    }
    return {"uses": found, "there": there}


def _asking(use: Use, known: Mapping[str, Mapping[str, Reader]]) -> Asking | None:
    """Return what a use asks for, or None if only a page would know of what, or where nothing is looked up."""
    asked = use.asked
    name = use.given.get(asked.parameters[0]) if asked.has_name else ""
    config = use.given.get(asked.config, asked.default)
    if config is None or (asked.reader != OWN and asked.reader not in known):
        return None
    told: Asking = {
        "name": name or "",
        "reader": asked.reader,
        "lookup": SOMETHING if name is None else asked.lookup,
        "manifest": None,
        "config": config,
    }
    if asked.reader == OWN:
        return told
    reader = known[asked.reader].get(config)
    if reader is None:
        return {**told, "lookup": CONFIG}
    if not reader.is_as_known:
        return None
    if told["lookup"] == POLYFILLS:
        told["name"] = reader.polyfills
    if told["lookup"] == ENTRY and reader.finds_names:
        told["lookup"] = NAMED
    return {**told, "manifest": reader.path}
