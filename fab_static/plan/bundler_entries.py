"""What templates ask the manifests of bundlers for -> what pages would miss, with the nearest name that is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from fab_static.plan.bundler_manifest import assets_of, entries_of, path_of
from fab_static.plan.wire.questions import EntryUse
from fab_static.plan.wording import nearest, some_of

SHOWN = 5  # entries named where none is near
APPS = {
    "django_vite": "DJANGO_VITE",
    "webpack_loader": "WEBPACK_LOADER",
}


def missed(
    use: EntryUse,
    data: Mapping[str, object],
    files: Collection[str],
    *,
    static_url: str,
    folders: Collection[str],
) -> str | None:
    """Return what a page would not find, in words, or None if it finds what it asks for.

    Args:
        use: a tag that reads this manifest.
        data: the manifest.
        files: the release's.
        static_url: STATIC_URL.
        folders: of the static root, to which names in the manifest may be relative.
    """
    name, lookup = use["name"], use["lookup"]

    def is_file(url: str, below: Collection[str] = ("",)) -> bool:
        return path_of(url, files, static_url=static_url, folders=below) is not None

    if lookup in ("nothing", "something"):
        return None
    if lookup == "file":
        there = is_file(_public(data, static_url) + name, folders)
        return None if there else _not_among(name, assets_of(data), "file")
    known = dict.fromkeys(_known(data, lookup))
    if lookup == "pattern":
        found = any(fnmatchcase(one, name) for one in known)
    elif lookup == "polyfills":
        found = any(name in one for one in known)
    else:
        found = name in known or (lookup == "entry or file" and is_file(name))
    return None if found else _not_among(name, known, "entry")


def _known(data: Mapping[str, object], lookup: str) -> Iterator[str]:
    """Yield what a tag of this kind finds in a manifest."""
    if lookup == "source":
        for asset in assets_of(data).values():
            if isinstance(asset.get("sourceFilename"), str):
                yield str(asset["sourceFilename"])
        return
    entries = entries_of(data)
    yield from entries
    if lookup == "named entry":
        for entry in entries.values():
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                yield entry["name"]


def _public(data: Mapping[str, object], static_url: str) -> str:
    """Return what django-webpack-loader puts before the name of a file."""
    public = data.get("publicPath")
    return public if isinstance(public, str) and public not in ("", "auto") else static_url


def _not_among(name: str, known: Iterable[str], what: str) -> str:
    names = sorted(known)
    near = nearest(name, names)
    if near:
        return f"no {what} {name!r}; the nearest is {near!r}"
    return f"no {what} {name!r}; it has {some_of(names, SHOWN) or 'none'}"


def unknown_configuration(use: EntryUse) -> str:
    """Say that a tag names a configuration that the settings have not."""
    return f"{APPS.get(use['reader'], use['reader'])} has no {use['config']!r}"


def of_own_reader(use: EntryUse, names: Iterable[str]) -> list[str]:
    """Return those of the inventory's manifests that a tag of the project's own may read.

    CommCare HQ has two: its tags for Bootstrap 3 and that manifest end with _b3.
    """
    is_b3 = use["tag"].endswith("_b3")
    return [name for name in names if name.removesuffix(".json").endswith("_b3") == is_b3]


def is_let_be(use: EntryUse, patterns: Iterable[str]) -> bool:
    """Tell whether the inventory says that an entry may be missing."""
    return any(fnmatchcase(use["name"], pattern) for pattern in patterns)


def shown(use: EntryUse, what: str) -> str:
    """Return a line that tells of a tag: where it stands, what it names, and what is wrong with it."""
    name = f" {use['name']!r}" if use["name"] and use["lookup"] != "polyfills" else ""
    return f"{use['template']}:{use['line']}: {{% {use['tag']}{name} %}}: {what}"
