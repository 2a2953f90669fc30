"""The requirejs.yml of a project, read; see the package's own text for its keys."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders

from fab_static.django_app import project, static_files
from fab_static.errors import BuildError

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
    def resolve_from(self) -> list[str]:
        """The folders that Node finds packages from."""
        return [str(project.folder()), str(self.file.parent)]

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
    document = _document(file)
    modules = _modules(file, document)
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
        modules=modules,
        options={key: value for key, value in document.items() if key not in _OURS},
    )


def _document(file: Path) -> dict[str, Any]:
    """Return the keys of a requirejs.yml."""
    try:
        document = yaml.safe_load(project.read_text(file)) or {}
    except yaml.YAMLError as error:
        raise BuildError(f"not YAML: {error}", where=str(file), mend="correct the file") from error
    if not isinstance(document, dict):
        raise BuildError("not a mapping of keys", where=str(file), mend="correct the file")
    return document


def _modules(file: Path, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the modules that pages share."""
    modules = document.get("modules") or []
    if document.get("commonModule"):
        modules = [{"name": document["commonModule"]}, *modules]
    if not all(isinstance(each, dict) and each.get("name") for each in modules):
        raise BuildError("modules: each needs a name", where=str(file), mend="correct the file")
    return tuple(modules)


def _config_file() -> Path:
    """Return the one requirejs.yml of a project, among the static files."""
    named = getattr(settings, "FAB_STATIC_REQUIREJS", None)
    names = [named] if named else _usual_names()
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


def _usual_names() -> list[str]:
    """Return where a requirejs.yml is looked for, below the static root."""
    apps_own = [
        folder
        for app in apps.get_app_configs()
        for folder in (f"{app.label}/", f"{app.label}/yaml/")
    ]
    return [f"{folder}requirejs.{end}" for folder in ("", *apps_own) for end in ("yml", "yaml")]


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
