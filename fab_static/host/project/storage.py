"""The staticfiles storage: its class, where it writes, and how it names files."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Any, cast

from fab_static.host.project.paths import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.plan.wire.questions import Storage


def static_storage() -> Storage:
    """Return the staticfiles storage's class, and the folder that it writes; None: no folder of this machine."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.exceptions import ImproperlyConfigured

    found: Storage = {"class": None, "folder": None, "error": None}
    try:
        kind: type = staticfiles_storage.__class__
    except (ImportError, ImproperlyConfigured) as error:
        return {**found, "error": f"{type(error).__name__}: {error}"}
    except Exception:  # a manifest that cannot be read, say: the build writes it again
        return found
    found["class"] = f"{kind.__module__}.{kind.__qualname__}"
    if is_in_memory(kind):  # it has paths, and nothing on the disk
        return found
    # django-compressor's documentation has storages that keep a copy here and send one away
    for keeper in (staticfiles_storage, getattr(staticfiles_storage, "local_storage", None)):
        with suppress(Exception):
            found["folder"] = absolute(cast(Any, keeper).path(""))
            break
    return found


def is_in_memory(kind: type) -> bool:
    """Is it a storage that keeps its files in memory, or made of one?"""
    try:
        from django.core.files.storage import InMemoryStorage
    except ImportError:  # Django 4.1 and older have none
        return False
    return issubclass(kind, InMemoryStorage)


def ignored_storage() -> str | None:
    """Return the setting STATICFILES_STORAGE where this Django does not read it any more."""
    import django
    from django.conf import settings

    return getattr(settings, "STATICFILES_STORAGE", None) if django.VERSION >= (5, 1) else None


def staticfiles_manifest() -> str | None:
    """Return where Django's ManifestStaticFilesStorage keeps its manifest; None for other storages."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    storage: Any = staticfiles_storage
    try:
        # a storage of its own since Django 4.0
        keeper = getattr(storage, "manifest_storage", storage)
        return str(os.path.abspath(keeper.path(storage.manifest_name)))
    except Exception:  # another storage, or one that is not configured here
        return None


def prints_hashed_names() -> str | None:
    """Return the storage that raises for a name its manifest lacks, or None if pages need no manifest."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage

    storage: Any = staticfiles_storage
    try:
        if settings.DEBUG:  # then Django's storage prints plain names
            return None
        if storage.manifest_name and storage.manifest_strict:
            return f"{type(storage._wrapped).__module__}.{type(storage._wrapped).__qualname__}"
    except Exception:  # another storage, or one that is not configured here
        return None
    return None


def unjudged_storage() -> str | None:
    """Return why the staticfiles storage may name or leave out files as it likes, or None if it does not."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    kind: type = staticfiles_storage.__class__
    for name in ("save", "_save", "path", "exists", "delete", "get_available_name", "post_process"):
        method = getattr(kind, name, None)
        if method and method.__module__.split(".")[0] not in ("django", "whitenoise", "compressor"):
            return f"the storage {kind.__qualname__} has its own way to store files"
    return None


def not_where_the_url_leads(names: list[str]) -> list[str]:
    """Return the names for which the storage gives a URL below STATIC_URL, and the static root has no file."""
    from urllib.parse import unquote

    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage

    prefix, root = str(settings.STATIC_URL or ""), absolute(settings.STATIC_ROOT) or ""
    found = []
    for name in names:
        try:
            url = str(staticfiles_storage.url(name))
        except Exception:  # noqa: S112  # no page can ask for it
            continue
        path = unquote(re.split("[?#]", url)[0])
        below = path[len(prefix) :] if prefix and path.startswith(prefix) else ""
        if below and not os.path.isfile(os.path.join(root, below)):
            found.append(name)
    return found


def hashed_names() -> dict[str, str]:
    """Return name -> name with a hash, as the manifest says that collectstatic has just written."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    load = getattr(staticfiles_storage, "load_manifest", None)
    found = load() if load else {}
    return dict(found[0] if isinstance(found, tuple) else found)  # a pair since Django 4.1
