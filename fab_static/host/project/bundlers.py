"""Finds the manifests of bundlers that web processes read, by the settings of who reads them."""

from __future__ import annotations

import os

from fab_static.host.project.paths import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.plan.wire.questions import BundlerFile


def manifests() -> list[BundlerFile]:
    """Return each manifest: its path, the folder of the static root that its names are relative to, who reads it."""
    from django.apps import apps

    readers = {
        "webpack_loader": _webpack_loader,
        "django_vite": _vite,
        "manifest_loader": _manifest_loader,
    }
    return [
        {"path": path, "below": below, "reader": app}
        for app, found in readers.items()
        if apps.is_installed(app)
        for path, below in found()
        if path
    ]


def _webpack_loader() -> Iterator[tuple[str | None, str]]:
    from django.conf import settings

    named = getattr(settings, "WEBPACK_LOADER", None) or {"DEFAULT": {}}
    for one in named.values():
        yield absolute(one.get("STATS_FILE", "webpack-stats.json")), one.get("BUNDLE_DIR_NAME", "")


def _vite() -> Iterator[tuple[str | None, str]]:
    from django.conf import settings

    named = getattr(settings, "DJANGO_VITE", None)
    if named is None:  # as before version 3
        named = {
            "default": {
                "dev_mode": getattr(settings, "DJANGO_VITE_DEV_MODE", False),
                "manifest_path": getattr(settings, "DJANGO_VITE_MANIFEST_PATH", None),
                "static_url_prefix": getattr(settings, "DJANGO_VITE_STATIC_URL_PREFIX", ""),
            }
        }
    for one in named.values():
        if one.get("dev_mode"):
            continue
        below = one.get("static_url_prefix") or ""
        path = one.get("manifest_path") or os.path.join(
            str(settings.STATIC_ROOT or ""), below, "manifest.json"
        )
        yield absolute(path), below


def _manifest_loader() -> Iterator[tuple[str | None, str]]:
    from django.conf import settings

    named = getattr(settings, "MANIFEST_LOADER", None) or {}
    name = named.get("manifest_file") or "manifest.json"
    folder = named.get("output_dir")
    folders = [folder] if folder else list(settings.STATICFILES_DIRS)
    for one in folders:
        below, place = one if isinstance(one, (list, tuple)) else ("", one)
        path = absolute(os.path.join(str(place), name))
        if folder or (path and os.path.isfile(path)):
            yield path, below
            return
