"""Bundles: the files that compress and build_requirejs made of many; and which grew or shrank between releases.

compress names its files by their content, so a bundle has another path in each release. What stays is the
place of the block that it stands for: "shop/base.html, css 1", the first that template has of its kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from fab_static.plan import offline_manifest
from fab_static.plan.release import Release
from fab_static.plan.wire.questions import BlockPlace


@dataclass(frozen=True)
class Change:
    """A bundle whose bytes are others than before. Its paths are None in a release that has none."""

    name: str
    old: str | None
    new: str | None


class Weight(TypedDict):
    """What a bundle weighs, in bytes; null where no such copy was made."""

    path: str
    bytes: int
    gzip: int | None
    brotli: int | None


class Bundle(TypedDict):
    """A bundle whose bytes are others than before, as JSON."""

    bundle: str
    before: Weight | None
    now: Weight | None


def of_blocks(
    places: Iterable[BlockPlace], manifest: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the files that stand in pages for compress blocks: path -> names, sorted.

    Args:
        places: as the project tells them.
        manifest: the offline manifest.
    """
    by_page: dict[tuple[str, int, str], list[tuple[str, int, int, str]]] = defaultdict(list)
    for place in places:
        for key, template in place["keys"].items():
            for path in offline_manifest.assets({key: manifest.get(key, "")}):
                # a base template's block that each page fills has a bundle for each page
                page = place["in"] if len(place["keys"]) == 1 else template
                order = (place["in"], place["line"] or 0, place["block"], path)
                by_page[page, place["context"] or 0, _kind(path)].append(order)
    names = defaultdict(set)
    for (page, context, kind), found in by_page.items():
        for number, (_, _, _, path) in enumerate(sorted(found), 1):
            names[path].add(
                f"{page}, {kind} {number}" + (f", context {context}" if context else "")
            )
    return {path: tuple(sorted(names[path])) for path in sorted(names)}


def of_requirejs(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Return the bundles that build_requirejs wrote: path -> nothing, since their paths stay.

    Scripts that were not there before, and those that it built over: they grew by what was merged in.

    Args:
        before: the static root that it was given: path -> bytes.
        after: as it left it.
    """
    return {
        path: ()
        for path, size in sorted(after.items())
        if path.endswith((".js", ".mjs")) and size > before.get(path, 0)
    }


def changes(old: Release | None, new: Release) -> list[Change]:
    """Return the bundles that were added, changed or removed, by name."""
    before = dict(old.bundles) if old else {}
    now = dict(new.bundles)
    for path in [path for path in now if path in before]:
        if old and old.files[path].sha256 == new.files[path].sha256:
            del before[path], now[path]
    # the same bytes under another place are the same bundle; of the rest, each place has one
    at = {name: path for path, names in before.items() for name in (path, *names)}
    found = []
    for path, names in now.items():
        pair = next((at[name] for name in (path, *names) if name in at), None)
        found.append(Change(_name(path, names), pair, path))
        before.pop(pair or "", None)
    found += [Change(_name(path, names), path, None) for path, names in before.items()]
    return sorted(found, key=lambda change: (change.name, change.old or "", change.new or ""))


def weighed(old: Release | None, new: Release) -> list[Bundle]:
    """Return `changes` as JSON."""
    return [
        {
            "bundle": change.name,
            "before": _weight(old, change.old),
            "now": _weight(new, change.new),
        }
        for change in changes(old, new)
    ]


def _weight(release: Release | None, path: str | None) -> Weight | None:
    """Return what a bundle weighs."""
    if release is None or path is None:
        return None
    file = release.files[path]
    sizes = {ending: one.size for ending, one in file.encodings.items()}
    return {
        "path": path,
        "bytes": file.size,
        "gzip": sizes.get("gz"),
        "brotli": sizes.get("br"),
    }


def _name(path: str, names: tuple[str, ...]) -> str:
    return names[0] if names else path


def _kind(path: str) -> str:
    return path.rpartition(".")[2]
