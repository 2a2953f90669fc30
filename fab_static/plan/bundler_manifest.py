"""The manifest of a bundler -> the files that it names: webpack's, Vite's, and those of their kind.

django-webpack-loader   {"status": "done", "chunks": {"main": ["main.1a2b.js"]}, "assets": {…}}
Vite                    {"src/main.ts": {"file": "assets/main.1a2b.js", "css": ["assets/main.3c4d.css"]}}
others                  {"main.js": "main.1a2b.js"}, or {"main": ["runtime.1a2b.js", "main.3c4d.js"]}
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from fab_static.errors import ManifestError

ENDED_WELL = "done"  # webpack-bundle-tracker, which writes django-webpack-loader's file


def read(text: str, *, where: str) -> Mapping[str, object]:
    """Return what a manifest says.

    Raises:
        ManifestError: it is not a JSON object, or its bundler has not ended well.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"the manifest is not JSON: {error}",
            where=where,
            mend="build it again; see the bundler's words",
        ) from error
    if not isinstance(data, dict):
        raise ManifestError(
            "the manifest is not a JSON object",
            where=where,
            mend="name the file that the bundler's plug-in writes",
        )
    if is_tracked(data) and data["status"] != ENDED_WELL:
        raise ManifestError(
            f"its bundler has not ended well: the status is {data['status']}, not {ENDED_WELL}",
            where=where,
            mend="see what the bundler said, then build again",
        )
    return data


def is_tracked(data: Mapping[str, object]) -> bool:
    """Tell whether webpack-bundle-tracker wrote it."""
    return isinstance(data.get("chunks"), dict) and "status" in data


def entries_of(data: Mapping[str, object]) -> Mapping[str, object]:
    """Return the entries of a manifest: what pages ask for -> the bundler's words on it."""
    entries = data["chunks"] if is_tracked(data) else data
    return entries if isinstance(entries, dict) else {}


def assets_of(data: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    """Return what webpack-bundle-tracker says of each file that webpack wrote, by its name."""
    assets = data.get("assets") if is_tracked(data) else None
    if not isinstance(assets, dict):
        return {}
    return {name: asset for name, asset in assets.items() if isinstance(asset, dict)}


def names_in(text: str, *, where: str) -> tuple[str, ...]:
    """Return the files that a manifest names, as its reader prints them, each once.

    Raises:
        ManifestError: it is not a JSON object, or its bundler has not ended well.
    """
    return names_of(read(text, where=where))


def names_of(data: Mapping[str, object]) -> tuple[str, ...]:
    """Return the files that a manifest names, as its reader prints them, each once."""
    names = dict.fromkeys(_strings(entries_of(data)))
    if not is_tracked(data):
        return tuple(names)
    assets = assets_of(data)
    # source maps are what webpack_loader leaves out (IGNORE)
    return tuple(printed(name, assets.get(name, {})) for name in names if not is_map(name))


def printed(name: str, asset: Mapping[str, object]) -> str:
    """Return how webpack_loader prints a file: its own URL, where webpack knows that."""
    url = asset.get("publicPath")
    return url if isinstance(url, str) and url not in ("", "auto") else name


def is_map(name: str) -> bool:
    """Tell whether a name is one of a source map."""
    return name.endswith(".map")


def _strings(value: object) -> Iterator[str]:
    """Yield file names: text, text in lists, and what an entry of a bundler calls its files."""
    found = value.values() if isinstance(value, dict) else value
    for one in found if isinstance(found, Iterable) else ():
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            yield from _strings(one)
        elif isinstance(one, dict):
            yield from _strings([one[key] for key in ("file", "src", "name") if key in one][:1])
            for key in ("css", "assets"):
                if isinstance(one.get(key), list):
                    yield from _strings(one[key])


def path_of(
    name: str, files: Collection[str], *, static_url: str, folders: Collection[str]
) -> str | None:
    """Return the path below the static root that a name in a manifest stands for.

    None where no file has it; "" where it is not a static file: a URL of another host.

    Args:
        name: as the manifest has it, a URL perhaps.
        files: the release's.
        static_url: STATIC_URL.
        folders: of the static root, to which the name may be relative; the likeliest first.
    """
    base, parts = urlsplit(static_url), urlsplit(name)
    if parts.scheme in ("http", "https", "data") or parts.netloc:
        below = base.path if parts.netloc == base.netloc else None
        if below is None or not parts.path.startswith(below):
            return ""
        return _among([parts.path.removeprefix(below)], files)
    plain = unquote(parts.path)
    if plain.startswith(base.path) and base.path != "/":
        found = _among([plain.removeprefix(base.path)], files)
        if found:
            return found
    # "auto" is webpack's publicPath where none is set
    bare = plain.removeprefix("./").removeprefix("auto/").lstrip("/")
    return _among([str(PurePosixPath(folder) / bare) for folder in folders], files)


def _among(paths: list[str], files: Collection[str]) -> str | None:
    return next((path for path in paths if path in files), None)
