"""Builds all bundles into the static root."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fab_static.django_app import project, resource_versions, static_files
from fab_static.django_app.requirejs.config import Config, config
from fab_static.django_app.requirejs.driver import Driver
from fab_static.django_app.requirejs.minifying import installed, minified
from fab_static.django_app.requirejs.scripts import call, paths_script, versioned_paths
from fab_static.django_app.requirejs.tracing import request_of, traced
from fab_static.errors import BuildError
from fab_static.plan import versions


@dataclass(frozen=True)
class Built:
    """What a build has written: names with their versions; and what became of the bundles' bytes."""

    versions: Mapping[str, str]
    minifier: str | None
    traced_bytes: int
    written_bytes: int
    not_utf8: tuple[str, ...]  # modules whose letters r.js does not read right


def build(minify: str | None = None) -> Built:
    """Build all bundles into the static root.

    Args:
        minify: one of MINIFIERS; None: the first that the project has.

    Raises:
        BuildError: node, r.js or the minifier failed; the module is named, and nothing was written.
    """
    made = config()
    root = project.static_root()
    static_files.refuse_sources(root)
    known = _known_versions()
    with Driver() as driver:
        answer = traced(driver, request_of(made, root), made)
        places = [*made.resolve_from, *_folder_of_rjs(made)]
        kind = minify or installed(places)
        shrunk = minified(driver, answer["bundles"], kind or "none", places, is_asked=bool(minify))

    bundles = [
        shrunk.get(each["name"], each) | {"name": each["name"]} for each in answer["bundles"]
    ]
    written = dict(_written(bundles))
    for stale in {f"{each['name']}.map" for each in bundles} - written.keys():
        (root / stale).unlink(missing_ok=True)  # of a build that did minify
        known.pop(stale, None)
    written[made.config_name] = _configuration(made, _placed(answer["bundles"]))
    new = {name: versions.of(data) for name, data in written.items()}
    paths = versioned_paths(versions.merge(known, new), answer["paths"], made)
    written[made.versions_name] = paths_script(paths, made).encode()
    new[made.versions_name] = versions.of(written[made.versions_name])

    for name, data in written.items():
        project.write_atomically(root / name, data)
    resource_versions.write(versions.merge(known, new))
    return Built(
        versions=new,
        minifier=None if kind == "none" else kind,
        traced_bytes=_bytes_of(answer["bundles"]),
        written_bytes=_bytes_of(bundles),
        not_utf8=tuple(_not_utf8(answer["bundles"], root)),
    )


def _known_versions() -> dict[str, str]:
    """Return the versions that bundles join.

    Raises:
        BuildError: there are none.
    """
    known = resource_versions.read()
    if not known:
        raise BuildError(
            "there are no resource versions for the bundles' own to join",
            where=str(resource_versions.path()),
            mend="run before it: manage.py resource_static",
        )
    return known


def _configuration(made: Config, placed: Mapping[str, list[str]]) -> bytes:
    """Return RequireJS's configuration, which tells in which bundle each module is."""
    source = project.read_text(made.main_config) if made.main_config else call(made.options)
    return f"{source.rstrip()}\n{call({'bundles': placed})}".encode()


def _written(bundles: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of bundles, by their names; the URL of a source map has the map's own version."""
    for bundle in bundles:
        name, code = bundle["name"], bundle["code"].encode()
        if "map" in bundle:
            source_map = bundle["map"].encode()
            yield f"{name}.map", source_map
            url = f"{posixpath.basename(name)}.map?version={versions.of(source_map)}"
            code += f"//# sourceMappingURL={url}\n".encode()
        yield name, code


def _placed(bundles: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the modules of each bundle. One in two is the first one's: RequireJS wants one answer."""
    found: dict[str, list[str]] = {}
    placed: set[str] = set()
    for bundle in bundles:
        own = bundle["name"].removesuffix(".js")
        modules = [each["module"] for each in bundle["sources"]]
        found[own] = [each for each in modules if each not in {own, *placed}]
        placed.update(found[own])
    return found


def _bytes_of(bundles: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(bundle["code"].encode()) for bundle in bundles)


def _folder_of_rjs(made: Config) -> list[str]:
    """Return the folder of r.js, which may have packages of its own."""
    above = [Path(place) for place in made.resolve_from]
    for folder in [parent for place in above for parent in (place, *place.parents)]:
        package = folder / "node_modules" / "requirejs"
        if package.is_dir():
            return [str(package)]
    return []


def _not_utf8(bundles: Sequence[Mapping[str, Any]], root: Path) -> Iterator[str]:
    """Yield the modules of which Node could not read all letters, each with its first wrong byte."""
    named = {
        each["module"]
        for bundle in bundles
        for each in bundle["sources"]
        if "\ufffd" in each["source"]
    }
    for module in sorted(named):
        try:
            project.read_text(root / f"{module}.js")
        except BuildError as error:
            yield f"{module}.js: {error.what}"
        except OSError:  # not a file of its own
            continue
