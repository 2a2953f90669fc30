"""Finds the manifests of bundlers that web processes read, by the settings of who reads them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Mapping, NamedTuple

from fab_static.host.project.paths import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.plan.wire.questions import BundlerFile

# whose classes read a manifest as is said here: a project's own may do otherwise
_KNOWN = ("django_vite.", "webpack_loader.loaders", "manifest_loader.", "fab_static.")


class Reader(NamedTuple):
    """One configuration of an app that reads a manifest."""

    path: str | None  # None: it reads none
    below: str  # the folder of the static root that the names in it are relative to
    is_as_known: bool = True  # does it read the manifest as the app itself does?
    # django-vite's: what stands in the key of the polyfills; does it find an entry by its `name`, as 3.2 does?
    polyfills: str = ""
    finds_names: bool = False


def readers() -> Mapping[str, Mapping[str, Reader]]:
    """Return the configurations of each app that reads manifests, by their names: app -> name -> Reader."""
    from django.apps import apps

    known = {
        "webpack_loader": _webpack_loader,
        "django_vite": _vite,
        "manifest_loader": _manifest_loader,
    }
    return {app: dict(found()) for app, found in known.items() if apps.is_installed(app)}


def manifests() -> list[BundlerFile]:
    """Return each manifest: its path, the folder of the static root that its names are relative to, who reads it."""
    return [
        {"path": one.path, "below": one.below, "reader": app}
        for app, found in readers().items()
        for one in found.values()
        if one.path
    ]


def _webpack_loader() -> Iterator[tuple[str, Reader]]:
    from django.conf import settings

    named = getattr(settings, "WEBPACK_LOADER", None) or {"DEFAULT": {}}
    for name, one in named.items():
        path = absolute(one.get("STATS_FILE", "webpack-stats.json"))
        below = one.get(
            "BUNDLE_DIR_NAME", "webpack_bundles/"
        )  # the default of webpack_loader.config
        kind = _class(one.get("LOADER_CLASS", "webpack_loader.loaders.WebpackLoader"))
        names = ("load_assets", "get_assets", "get_bundle", "get_asset_by_source_filename")
        yield name, Reader(path, below, _are_known(kind, names))


def _vite() -> Iterator[tuple[str, Reader]]:
    from django.conf import settings

    named = getattr(settings, "DJANGO_VITE", None)
    if named is None:  # as before version 3
        named = {
            "default": {
                "dev_mode": getattr(settings, "DJANGO_VITE_DEV_MODE", False),
                "manifest_path": getattr(settings, "DJANGO_VITE_MANIFEST_PATH", None),
                "static_url_prefix": getattr(settings, "DJANGO_VITE_STATIC_URL_PREFIX", ""),
                "legacy_polyfills_motif": getattr(
                    settings, "DJANGO_VITE_LEGACY_POLYFILLS_MOTIF", "legacy-polyfills"
                ),
            }
        }
    for name, given in named.items():
        one = given._asdict() if hasattr(given, "_asdict") else given  # DjangoViteConfig
        if one.get("dev_mode"):
            yield name, Reader(None, "", is_as_known=False)
            continue
        below = one.get("static_url_prefix") or ""
        path = one.get("manifest_path") or os.path.join(
            str(settings.STATIC_ROOT or ""), below, "manifest.json"
        )
        known = "django_vite.core.asset_loader.DjangoViteAppClient"
        entry = _class("django_vite.core.asset_loader.ManifestEntry")
        client = getattr(_class(one.get("app_client_class", known)), "ManifestClient", None)
        yield (
            name,
            Reader(
                absolute(path),
                below,
                _are_known(client, ("load_manifest", "_parse_manifest", "get")),
                one.get("legacy_polyfills_motif", "legacy-polyfills"),
                "name" in getattr(entry, "_fields", ()),
            ),
        )


def _manifest_loader() -> Iterator[tuple[str, Reader]]:
    from django.conf import settings

    named = getattr(settings, "MANIFEST_LOADER", None) or {}
    name = named.get("manifest_file") or "manifest.json"
    folder = named.get("output_dir")
    folders = [folder] if folder else list(settings.STATICFILES_DIRS)
    kind = named.get("loader")
    is_known = kind is None or _are_known(kind, ("get_single_match", "get_multi_match"))
    for one in folders:
        below, place = one if isinstance(one, (list, tuple)) else ("", one)
        path = absolute(os.path.join(str(place), name))
        if folder or len(folders) == 1 or (path and os.path.isfile(path)):
            yield "", Reader(path, below, is_known)
            return


def _class(name: str) -> object:
    """Return a class by its dotted name, or None if it cannot be imported."""
    from django.utils.module_loading import import_string

    with suppress(Exception):
        found: object = import_string(name)
        return found
    return None


def _are_known(kind: object, names: tuple[str, ...]) -> bool:
    """Are these methods of the class ones whose ways are known: the app's, or ours?"""
    modules = [str(getattr(getattr(kind, name, None), "__module__", "")) for name in names]
    found = [module for module in modules if module]
    return bool(found) and all(module.startswith(_KNOWN) for module in found)
