"""What django-compressor is set to do: its settings, its offline contexts, its offline manifest."""

from __future__ import annotations

import json
import os
from importlib import import_module

from fab_static.host.project.paths import absolute
from fab_static.host.project.refusals import ProbeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fab_static.plan.wire.questions import Compress


def compress_settings() -> Compress | None:
    """Return django-compressor's settings, its defaults applied, or None if it is not used."""
    from django.apps import apps

    if not apps.is_installed("compressor"):
        return None
    from compressor.conf import settings

    return {
        "root": absolute(settings.COMPRESS_ROOT),
        "output_dir": settings.COMPRESS_OUTPUT_DIR,
        # a setting since django-compressor 2.2; its name was fixed before
        "manifest_name": getattr(settings, "COMPRESS_OFFLINE_MANIFEST", "manifest.json"),
        "url": str(settings.COMPRESS_URL),
        "enabled": bool(settings.COMPRESS_ENABLED),
        "offline": bool(settings.COMPRESS_OFFLINE),
        "css_hashing_method": settings.COMPRESS_CSS_HASHING_METHOD,
    }


def compressor_setting(name: str, default: object = None) -> Any:
    """Return a setting, compressor's defaults applied."""
    from compressor.conf import settings

    return getattr(settings, name, default)


def manifest_path(compress: Compress) -> str:
    """Return where compressor reads its offline manifest: its storage's word, where it has one."""
    try:
        from compressor.storage import default_offline_manifest_storage as storage

        return str(os.path.abspath(storage.path(compress["manifest_name"])))
    except (ImportError, NotImplementedError, AttributeError):
        return str(
            os.path.join(str(compress["root"]), compress["output_dir"], compress["manifest_name"])
        )


def offline_manifest(path: str | None) -> dict[str, str]:
    """Return the manifest in a file; "": of a release that has none; None: the one that this project's pages would read.

    A link where theirs stands may lead nowhere yet: no release with a manifest was live. That is an empty one.
    """
    from compressor.cache import get_offline_manifest

    if path == "":
        return {}
    try:
        if path is None:
            try:
                return dict(get_offline_manifest())
            except FileNotFoundError:
                return {}
        with open(path, encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (OSError, ValueError, TypeError) as error:
        raise ProbeError(
            f"the offline manifest cannot be read: {error}",
            path or "the project's own",
            "build it again: manage.py compress",
        ) from error


def offline_contexts() -> list[dict[str, object]]:
    """Return COMPRESS_OFFLINE_CONTEXT as a list, read as compress reads it."""
    from compressor.conf import settings

    contexts = settings.COMPRESS_OFFLINE_CONTEXT
    if isinstance(contexts, str):
        module, _, function = contexts.rpartition(".")
        try:
            contexts = getattr(import_module(module), function)()
        except Exception as error:
            raise ProbeError(
                f"COMPRESS_OFFLINE_CONTEXT failed: {type(error).__name__}: {error}",
                contexts,
                "correct that function: compress needs it too",
            ) from error
        return list(contexts)
    return list(contexts) if isinstance(contexts, (list, tuple)) else [contexts]
