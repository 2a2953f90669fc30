"""Tells what a deploy needs of the settings."""

from __future__ import annotations

import hashlib
import os
import re
import sys

from fab_static.host.project import versions_file
from fab_static.host.project.bundlers import manifests
from fab_static.host.project.compressor import compress_settings, manifest_path
from fab_static.host.project.libraries import libraries, version_of
from fab_static.host.project.paths import absolute, base_dir
from fab_static.host.project.places import (
    catalogues,
    catalogues_are_sources,
    held_places,
    source_places,
)
from fab_static.host.project.storage import (
    ignored_storage,
    prints_hashed_names,
    static_storage,
    staticfiles_manifest,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.plan.wire.questions import Compress, Settings, VersionsFile

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object, in its repr


def ask_settings(_: object) -> Settings:
    """Return what a deploy needs of the settings."""
    import django
    from django.conf import settings
    from django.core.management import get_commands

    compress = compress_settings()
    return {
        "django": django.get_version(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "compressor": version_of("django-compressor") if compress else None,
        "static_root": absolute(settings.STATIC_ROOT),
        "static_url": str(settings.STATIC_URL) if settings.STATIC_URL else None,
        "cdn_independent": is_cdn_independent(),
        "static_cdn": str(getattr(settings, "STATIC_CDN", "") or ""),
        "folder": os.getcwd(),
        "base_dir": absolute(base_dir()),
        "installed_apps": list(settings.INSTALLED_APPS),
        "commands": {
            name: app if isinstance(app, str) else type(app).__module__
            for name, app in get_commands().items()
        },
        "compress": compress,
        "baked_in": baked_in(compress),
        "offline_manifest": manifest_path(compress) if compress else None,
        "bundler_manifests": manifests(),
        "staticfiles_manifest": staticfiles_manifest(),
        "prints_hashed_names": prints_hashed_names(),
        **resource_versions(),
        "storage": static_storage(),
        "ignored_storage": ignored_storage(),
        "finders": list(settings.STATICFILES_FINDERS),
        **source_places(),
        "real_sources": sorted(map(os.path.realpath, source_places()["sources"])),
        "catalogues_are_sources": catalogues_are_sources(),
        "held": held_places(),
        "catalogues": catalogues(),
        "libraries": libraries(),
    }


def is_cdn_independent() -> bool:
    """Does the project say that its builds know no CDN? It is fab_static.django_app's setting."""
    from django.apps import apps
    from django.conf import settings

    return apps.is_installed("fab_static.django_app") and not getattr(
        settings, "FAB_STATIC_CDN_IN_BLOCKS", True
    )


def baked_in(compress: Compress | None) -> dict[str, str | bool | None]:
    """Return the settings that may stand in a rendered block, and so in its key, or in a file built."""
    from django.conf import settings

    found = {
        name: getattr(settings, name, None)
        for name in ("STATIC_URL", "STATIC_CDN", "DEBUG", "LANGUAGE_CODE", "USE_I18N")
    }
    if compress:
        names = ("COMPRESS_URL", "COMPRESS_OUTPUT_DIR", "COMPRESS_OFFLINE_CONTEXT")
        found.update((name, getattr(settings, name, None)) for name in names)
    # the context may hold anything, and may hold secrets: only whether it is the same is told
    return {
        name: value
        if isinstance(value, (bool, type(None)))
        else hashlib.sha256(_ADDRESS.sub("", repr(value)).encode()).hexdigest()[:12]
        if isinstance(value, (dict, list, tuple))
        else str(value)
        for name, value in found.items()
    }


def resource_versions() -> VersionsFile:
    """Return the versions file.

    Where nothing names it and none is there yet (`is_versions_file_known`), it will be one of
    `versions_files`: CommCare HQ's own commands write a .yaml.
    """
    files = versions_file.places(os.getcwd())
    path = versions_file.chosen(files)
    return {
        "resource_versions": path,
        "is_versions_file_known": len(files) == 1 or os.path.lexists(path),
        "versions_files": files,
    }
