"""Which modules a bundle holds, as r.js puts them together."""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders

from fab_static.django_app import cache, project
from fab_static.django_app.requirejs.config import Config
from fab_static.django_app.requirejs.driver import Driver, loaded, told, tools
from fab_static.django_app.requirejs.pages import mains
from fab_static.errors import BuildError


def request_of(made: Config, root: Path) -> dict[str, Any]:
    """Return what r.js is asked: which bundles, of which modules, read where.

    Raises:
        BuildError: a main module was not collected, or one that pages share has no source.
    """
    bundles = [*_shared(made), *_of_folders(made, root)]
    sources = {name: _source(made, name) for name in _own_files(made)}
    if made.main_config:
        sources[made.config_name.removesuffix(".js")] = made.main_config
    return {
        "do": "trace",
        "resolveFrom": made.resolve_from,
        "baseUrl": str(root),
        "mainConfigFile": str(made.main_config) if made.main_config else None,
        "rawText": {module: project.read_text(file) for module, file in sources.items()},
        "options": made.options,
        "bundles": bundles,
    }


def _own_files(made: Config) -> list[str]:
    """Return the shared modules whose bundle is written over their own file."""
    return [each["name"] for each in made.modules if each["name"] not in made.created]


def _shared(made: Config) -> Iterator[dict[str, Any]]:
    """Yield the bundles of what pages share."""
    for each in made.modules:
        yield {
            "name": f"{each['name']}.js",
            "module": None if each.get("create") else each["name"],
            "include": list(each.get("include", ())),
            "exclude": list(each.get("exclude", ())),
        }


def _of_folders(made: Config, root: Path) -> Iterator[dict[str, Any]]:
    """Yield a bundle for each folder of main modules, without what pages share."""
    folders: dict[str, list[str]] = defaultdict(list)
    for main, where in mains().items():
        if main in made.common:
            continue
        if not (root / f"{main}.js").is_file():
            raise BuildError(
                f"the main module {main} is not in the static root",
                where=where,
                mend=f"collect {main}.js, or correct the template",
            )
        folders[posixpath.dirname(main)].append(main)
    shared = [name for name in made.common if name not in made.created]
    for folder, modules in sorted(folders.items()):
        name = posixpath.join(folder, "bundle.js")
        yield {"name": name, "module": None, "include": sorted(modules), "exclude": shared}


def traced(driver: Driver, request: Mapping[str, Any], made: Config) -> dict[str, Any]:
    """Return the bundles as r.js puts them together, and the aliases: from the cache, or from r.js."""

    def make() -> cache.Made:
        try:
            answer = driver.ask(request)
        except BuildError as error:
            raise _of_fallbacks(error, made) or error from error
        files = told(answer)
        return cache.Made(json.dumps(answer).encode(), files)

    kept = cache.from_settings()
    if kept is None:
        return loaded(make().data)
    places = {
        key: [kept.name(path) for path in paths]
        for key, paths in (
            ("resolveFrom", request["resolveFrom"]),
            ("baseUrl", [request["baseUrl"]]),
            ("mainConfigFile", [request["mainConfigFile"] or "/"]),
        )
    }
    key = cache.digest("r.js", tools(), {**request, **places})
    return loaded(kept.result(key, make))


def _of_fallbacks(error: BuildError, made: Config) -> BuildError | None:
    """Return what r.js means by "paths fallback": the module whose path is a list, and where that stands."""
    found = re.search(r"paths fallback not supported.* override for (\S+)", error.what)
    if not found:
        return None
    module = found[1]
    written = re.compile(rf"""(?<![\w./-])["']?{re.escape(module)}["']?\s*:\s*(?:\[|\n\s*-\s)""")
    where = str(made.file)
    for file in (made.file, made.main_config):
        text = project.read_text(file) if file else ""
        if at := written.search(text):
            where = f"{file}:{text.count(chr(10), 0, at.start()) + 1}"
    return BuildError(
        f"the path of the module {module} is a list, one to fall back on after the other, and r.js takes one",
        where=where,
        mend=f"say in {made.file.name} what the bundles are built with; browsers keep the list: "
        f'paths: {{{module}: "empty:"}} for a module that a CDN has, else the path of its file without .js',
    )


def _source(made: Config, module: str) -> Path:
    found = finders.find(f"{module}.js")
    if not isinstance(found, str):
        raise BuildError(
            f"{module}.js has no source among the static files",
            where=str(made.file),
            mend="correct modules, or say create: true for a bundle that is not a module itself",
        )
    return Path(found)
