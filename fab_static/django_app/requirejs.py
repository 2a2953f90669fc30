"""Builds the RequireJS bundles: one a folder of pages' main modules, without what is common to all.

The build is described by a requirejs.yml among the static files. Its keys:

    mainConfigFile         the browser's configuration (paths, shim), a name under the static root
    bundlesConfigOutFile   where it is written with the bundles added; default: mainConfigFile's name
    modules                what pages share, each {name, include: [], exclude: []}; built over its own file
    commonModule           short for one such module without an include
    library                require.js itself, for {% requirejs_scripts %}; default "requirejs/require.js"
    any other              an option of r.js: paths, shim, wrapShim, findNestedDependencies, …

Modules are traced from the static root, with everything we write in it replaced by its source, so that
a second build reads what the first one read.

Settings:
    FAB_STATIC_REQUIREJS  name of the requirejs.yml; default: requirejs.yml, or <app>/requirejs.yml, or
                          <app>/yaml/requirejs.yml, .yaml too
    FAB_STATIC_NODE       the node program; default "node"
"""

from __future__ import annotations

import functools
import hashlib
import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders

from fab_static.django_app import cache, node, project, resource_versions, static_files, templates
from fab_static.errors import BuildError
from fab_static.plan import versions

# Package of each minifier, in the order in which one is chosen: oxc takes a fiftieth of uglify-js' time for bundles
# that are 1% larger, and esbuild's are 5% larger (four bundles of 739 kB, as gzip).
PACKAGES = {
    "oxc": "oxc-minify",
    "swc": "@swc/core",
    "uglify-js": "uglify-js",
    "terser": "terser",
    "esbuild": "esbuild",
}
MINIFIERS = ("none", *PACKAGES)
TAG = "requirejs_main"

_DRIVER = Path(__file__).with_name("requirejs_driver.js")
CORRECT_IT = "correct that module, or what it asks for, and run manage.py build_requirejs again"
_NEEDED_BY = "build_requirejs, which runs r.js"
_LONGEST_SECONDS = 86_400  # a phase has a time-out of its own: ssh.command_timeout
# Options of r.js that say where it writes, which is nowhere here, or that the command line decides.
_OURS = {
    *(
        "appDir",
        "baseUrl",
        "dir",
        "allowSourceOverwrites",
        "keepBuildDir",
        "skipDirOptimize",
        "out",
    ),
    *(
        "fileExclusionRegExp",
        "optimize",
        "generateSourceMaps",
        "removeCombined",
        "name",
        "include",
        "exclude",
    ),
    *("mainConfigFile", "bundlesConfigOutFile", "modules", "commonModule", "library"),
}


@dataclass(frozen=True)
class Config:
    """A requirejs.yml, read."""

    file: Path
    main_config: Path | None  # the source, never the static root's, which the build rewrites
    config_name: str
    library: str
    modules: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]

    @property
    def versions_name(self) -> str:
        """The name of the script that tells RequireJS each module's versioned URL."""
        return posixpath.join(posixpath.dirname(self.config_name), "resource_versions.js")

    @property
    def created(self) -> set[str]:
        """Those modules that are bundles only, with no file of their own."""
        return {each["name"] for each in self.modules if each.get("create")}

    @property
    def common(self) -> list[str]:
        """The modules that every bundle leaves out."""
        return sorted(
            {name for each in self.modules for name in (each["name"], *each.get("include", ()))}
        )


@functools.cache
def config() -> Config:
    """Return the project's configuration, read once per process.

    Raises:
        BuildError: there is none, or it names files that are not there.
    """
    file = _config_file()
    try:
        document = yaml.safe_load(project.read_text(file)) or {}
    except yaml.YAMLError as error:
        raise BuildError(f"not YAML: {error}", where=str(file), mend="correct the file") from error
    if not isinstance(document, dict):
        raise BuildError("not a mapping of keys", where=str(file), mend="correct the file")
    modules = document.get("modules") or []
    if document.get("commonModule"):
        modules = [{"name": document["commonModule"]}, *modules]
    if not all(isinstance(each, dict) and each.get("name") for each in modules):
        raise BuildError("modules: each needs a name", where=str(file), mend="correct the file")
    main = document.get("mainConfigFile")
    config_name = document.get("bundlesConfigOutFile") or main
    if not config_name:
        raise BuildError(
            "neither mainConfigFile nor bundlesConfigOutFile is given",
            where=str(file),
            mend="name the browser's configuration: mainConfigFile: shop/js/requirejs_config.js",
        )
    return Config(
        file=file,
        main_config=_main_config(file, main) if main else None,
        config_name=posixpath.normpath(config_name),
        library=document.get("library", "requirejs/require.js"),
        modules=tuple(modules),
        options={key: value for key, value in document.items() if key not in _OURS},
    )


def mains() -> dict[str, str]:
    """Return the main modules that templates name, each with where: {"shop/js/cart": "cart.html:3"}.

    Raises:
        BuildError: a tag whose argument is no literal; its bundle cannot be known before the page is.
    """
    named: dict[str, str] = {}
    for template in templates.every():
        if TAG not in template.text:
            continue
        for line, arguments in templates.tag_arguments(template, TAG):
            where = f"{template.name}:{line}"
            for argument in arguments[:1]:  # none: the base template's, which only makes room
                if argument[0] not in "\"'" or argument[0] != argument[-1]:
                    raise BuildError(
                        f"{{% {TAG} {argument} %}} names no module in quotes",
                        where=where,
                        mend=f'write the module out: {{% {TAG} "shop/js/cart" %}}',
                    )
                named.setdefault(argument[1:-1], where)
    return named


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
    known = resource_versions.read()
    if not known:
        raise BuildError(
            "there are no resource versions for the bundles' own to join",
            where=str(resource_versions.path()),
            mend="run before it: manage.py resource_static",
        )
    with _Driver() as driver:
        answer = _traced(driver, _request(made, root), made)
        places = [*_resolve_from(made), *_folder_of_rjs(made)]
        kind = minify or installed(places)
        shrunk = _minified(driver, answer["bundles"], kind or "none", places, is_asked=bool(minify))

    written: dict[str, bytes] = {}
    bundles: dict[str, list[str]] = {}
    sizes = [0, 0]
    placed: set[str] = set()
    for bundle in answer["bundles"]:
        name = bundle["name"]
        modules = [each["module"] for each in bundle["sources"]]
        sizes[0] += len(bundle["code"].encode())
        bundle = shrunk.get(name, bundle)
        code = bundle["code"].encode()
        sizes[1] += len(code)
        if "map" not in bundle:
            (root / f"{name}.map").unlink(missing_ok=True)  # of a build that did minify
            known.pop(f"{name}.map", None)
        else:
            source_map = bundle["map"].encode()
            written[f"{name}.map"] = source_map
            url = f"{posixpath.basename(name)}.map?version={versions.of(source_map)}"
            code += f"//# sourceMappingURL={url}\n".encode()
        written[name] = code
        module = name.removesuffix(".js")
        # A module in two bundles is the first one's: RequireJS wants one answer to where a module is.
        bundles[module] = [each for each in modules if each not in {module, *placed}]
        placed.update(bundles[module])
    source = project.read_text(made.main_config) if made.main_config else _call(made.options)
    written[made.config_name] = f"{source.rstrip()}\n{_call({'bundles': bundles})}".encode()
    new = {name: versions.of(data) for name, data in written.items()}
    paths = _versioned_paths(versions.merge(known, new), answer["paths"], made)
    written[made.versions_name] = _paths_script(paths, made).encode()
    new[made.versions_name] = versions.of(written[made.versions_name])

    for name, data in written.items():
        project.write_atomically(root / name, data)
    resource_versions.write(versions.merge(known, new))
    return Built(
        versions=new,
        minifier=None if kind == "none" else kind,
        traced_bytes=sizes[0],
        written_bytes=sizes[1],
        not_utf8=tuple(_not_utf8(answer["bundles"], root)),
    )


def installed(places: Sequence[str]) -> str | None:
    """Return the minifier that is found from these folders as Node finds packages; None: there is none."""
    folders = list(
        dict.fromkeys(folder for place in places for folder in (Path(place), *Path(place).parents))
    )
    for kind, package in PACKAGES.items():
        if any(
            (folder / "node_modules" / package / "package.json").is_file() for folder in folders
        ):
            return kind
    return None


def _folder_of_rjs(made: Config) -> list[str]:
    """Return the folder of r.js, which may have packages of its own."""
    above = [Path(place) for place in _resolve_from(made)]
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


def _request(made: Config, root: Path) -> dict[str, Any]:
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
    shared = [
        {
            "name": f"{each['name']}.js",
            "module": None if each.get("create") else each["name"],
            "include": list(each.get("include", ())),
            "exclude": list(each.get("exclude", ())),
        }
        for each in made.modules
    ]
    traced = [name for name in made.common if name not in made.created]
    own = [
        {
            "name": posixpath.join(folder, "bundle.js"),
            "module": None,
            "include": sorted(modules),
            "exclude": traced,
        }
        for folder, modules in sorted(folders.items())
    ]
    rewritten = [each["name"] for each in made.modules if each["name"] not in made.created]
    sources = {module: _source(made, module) for module in rewritten}
    if made.main_config:
        sources[made.config_name.removesuffix(".js")] = made.main_config
    return {
        "do": "trace",
        "resolveFrom": _resolve_from(made),
        "baseUrl": str(root),
        "mainConfigFile": str(made.main_config) if made.main_config else None,
        "rawText": {module: project.read_text(file) for module, file in sources.items()},
        "options": made.options,
        "bundles": [*shared, *own],
    }


def _resolve_from(made: Config) -> list[str]:
    return [str(project.folder()), str(made.file.parent)]


def _traced(driver: _Driver, request: Mapping[str, Any], made: Config) -> dict[str, Any]:
    """Return the bundles as r.js puts them together, and the aliases: from the cache, or from r.js."""

    def make() -> cache.Made:
        try:
            answer = driver.ask(request)
        except BuildError as error:
            raise _of_fallbacks(error, made) or error from error
        files = _told(answer)
        return cache.Made(json.dumps(answer).encode(), files)

    kept = cache.from_settings()
    if kept is None:
        return _loaded(make().data)
    places = {
        key: [kept.name(path) for path in paths]
        for key, paths in (
            ("resolveFrom", request["resolveFrom"]),
            ("baseUrl", [request["baseUrl"]]),
            ("mainConfigFile", [request["mainConfigFile"] or "/"]),
        )
    }
    key = cache.digest("r.js", _tools(), {**request, **places})
    return _loaded(kept.result(key, make))


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


def _minified(
    driver: _Driver,
    bundles: Sequence[Mapping[str, Any]],
    minify: str,
    resolve_from: Sequence[str],
    *,
    is_asked: bool,
) -> dict[str, dict[str, Any]]:
    """Return name -> {"code", "map"} of each bundle; those that are not in the cache are minified all at once."""
    if minify == "none":
        return {}
    kept = cache.from_settings()
    keys: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    if kept is not None:
        places = [kept.name(folder) for folder in resolve_from]
        for bundle in bundles:
            # `name` is in the map, and so is the text
            parts = (minify, places, bundle["name"], bundle["code"])
            keys[bundle["name"]] = cache.digest("minify", _tools(), *parts)
            held = kept.get(keys[bundle["name"]])
            if held is not None:
                found[bundle["name"]] = _loaded(held)
    lacking = [
        bundle for bundle in bundles if bundle["name"] not in found or (kept and kept.verify)
    ]
    if not lacking:
        return found
    order = {"do": "minify", "resolveFrom": resolve_from, "minify": minify, "bundles": lacking}
    mend = CORRECT_IT if is_asked else f"{CORRECT_IT}; or with another --minify, or --minify none"
    for bundle in driver.ask(order, mend=mend)["bundles"]:
        made = cache.Made(
            json.dumps({"code": bundle["code"], "map": bundle["map"]}).encode(), _told(bundle)
        )
        if kept is not None:
            kept.result(keys[bundle["name"]], lambda: made)  # noqa: B023  # called at once
        found[bundle["name"]] = _loaded(made.data)
    return found


def _tools() -> list[Any]:
    """Return what the driver is, and Node; r.js and the minifier are among the files of each result."""
    driver = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (_DRIVER, node.READS)]
    return [*driver, node.identity(node.program(needed_by=_NEEDED_BY))]


def _told(answer: dict[str, Any]) -> dict[str, str] | None:
    """Take out of an answer what it came from; None where that is not all known."""
    files: dict[str, str] = answer.pop("files")
    unkept = answer.pop("unkept")
    node.tell(files, unkept and f"{_NEEDED_BY}: {unkept}")
    return None if unkept else files


def _loaded(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(data)
    return document


def _source(made: Config, module: str) -> Path:
    found = finders.find(f"{module}.js")
    if not isinstance(found, str):
        raise BuildError(
            f"{module}.js has no source among the static files",
            where=str(made.file),
            mend="correct modules, or say create: true for a bundle that is no module itself",
        )
    return Path(found)


class _Driver:
    """r.js and the minifiers: one Node process, started when it is first asked, ended with the block."""

    def __init__(self) -> None:
        self._worker: node.Worker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._worker:
            self._worker.end()

    def ask(self, request: Mapping[str, Any], *, mend: str = CORRECT_IT) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            BuildError: naming the module that is at fault, where it is one.
        """
        try:
            if self._worker is None:
                program = node.program(needed_by=_NEEDED_BY)
                self._worker = node.Worker([program, str(_DRIVER)], _LONGEST_SECONDS)
            answer = self._worker.ask(request)
        except node.NodeError as error:
            answer = {"error": {"module": None, "message": str(error)}}
        if "error" in answer:
            raise BuildError(
                str(answer["error"]["message"]).strip(),
                where=answer["error"]["module"] or "build_requirejs",
                mend=mend,
            )
        return answer


def _versioned_paths(
    known: Mapping[str, str], aliases: Mapping[str, Any], made: Config
) -> dict[str, str]:
    prefix = project.url_prefix() if project.is_cdn_in_blocks() else ""
    urls = {
        name.removesuffix(".js"): f"{prefix}{name}?version={version}"
        for name, version in sorted(known.items())
        if name.endswith(".js") and name != made.versions_name
    }
    for alias, path in sorted(aliases.items()):
        if isinstance(path, str) and path in urls:
            urls[alias] = urls[path]  # else the alias leads to the URL without a version
    return urls


def _paths_script(paths: Mapping[str, str], made: Config) -> str:
    """Return the script that tells RequireJS the modules' URLs; without a CDN it takes them from its own.

    Where a script cannot know its URL (it was bundled, or runs in a worker) they are below baseUrl.
    """
    if project.is_cdn_in_blocks():
        return _call({"paths": paths})
    return f"""\
(function () {{
var paths = {json.dumps(paths, indent=2)};
var script = document.currentScript;
var end = script ? script.src.lastIndexOf({json.dumps(made.versions_name)}) : -1;
var prefix = end < 0 ? "" : script.src.slice(0, end);
for (var module in paths) {{
  paths[module] = prefix + paths[module];
}}
requirejs.config({{ paths: paths }});
}})();
"""


def _call(value: Mapping[str, Any]) -> str:
    return f"requirejs.config({json.dumps(value, indent=2)});\n"


def _config_file() -> Path:
    named = getattr(settings, "FAB_STATIC_REQUIREJS", None)
    folders = [
        "",
        *(
            part
            for app in apps.get_app_configs()
            for part in (f"{app.label}/", f"{app.label}/yaml/")
        ),
    ]
    names: Sequence[str] = (
        [named]
        if named
        else [f"{folder}requirejs.{end}" for folder in folders for end in ("yml", "yaml")]
    )
    # listed once: each finder asked for each name would be thousands of looks
    served = static_files.first_hits()
    found = [file for name in names if name in served and (file := served[name].file)]
    if len(found) == 1:
        return found[0]
    few = f"there is no {named or 'requirejs.yml'}"
    raise BuildError(
        f"there are {len(found)} files that could be the requirejs.yml" if found else few,
        where=", ".join(map(str, found)) or "the staticfiles finders",
        mend='name it in the settings: FAB_STATIC_REQUIREJS = "shop/yaml/requirejs.yml"',
    )


def _main_config(file: Path, name: str) -> Path:
    found = None if ".." in Path(name).parts else finders.find(posixpath.normpath(name))
    # A path with ../ is seen from the static root, where r.js is started, or from the .yml.
    folders = [Path(settings.STATIC_ROOT or "."), project.folder() / "staticfiles", file.parent]
    tried = [Path(found)] if isinstance(found, str) else [folder / name for folder in folders]
    for path in tried:
        if path.is_file():
            return path.resolve()
    raise BuildError(
        f"mainConfigFile: there is no {name}",
        where=str(file),
        mend="give its name under the static root: mainConfigFile: shop/js/requirejs_config.js",
    )
