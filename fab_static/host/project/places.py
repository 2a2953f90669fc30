"""Which folders finders read, and which hold more than collected files."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from fab_static.host.project.finders import FINDERS
from fab_static.host.project.paths import absolute, base_dir, folder_of, is_below, own_apps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from fab_static.plan.wire.questions import Sources

_WRITTEN = (
    *("MEDIA_ROOT", "SESSION_FILE_PATH", "FILE_UPLOAD_TEMP_DIR", "EMAIL_FILE_PATH"),
    *("PRIVATE_STORAGE_ROOT", "SENDFILE_ROOT"),  # of django-private-storage, of django-sendfile2
)


def source_places() -> Sources:
    """Return `sources`, the folders that finders read: path -> whose it is; and why that is not all, if it is not."""
    from django.contrib.staticfiles.finders import get_finders

    places: dict[str, str] = {}
    try:
        for finder in get_finders():
            name = f"{type(finder).__module__}.{type(finder).__qualname__}"
            if type(finder).__module__ == FINDERS:
                name = type(finder).__qualname__
            for path, setting in places_of(finder):
                places.setdefault(path, f"{name} ({setting})" if setting else name)
    except Exception as error:  # on a web host its sources may be missing
        return {"sources": places, "sources_unknown": f"{type(error).__name__}: {error}"}
    return {"sources": places, "sources_unknown": None}


def places_of(finder: Any) -> Iterator[tuple[str, str]]:
    """Yield each folder that a finder reads, with the setting that names it. An app's counts before it is there."""
    if getattr(type(finder).list, "__module__", "") != FINDERS:
        # it may list nothing of its storages, as compressor's does, whose storage is the static root
        storages = {id(storage): storage for _, storage in finder.list([])}
        found = [(folder_of(storage), "") for storage in storages.values()]
    else:
        found = [
            (absolute(path), "STATICFILES_DIRS") for _, path in getattr(finder, "locations", ())
        ]
        if hasattr(finder, "source_dir"):
            found += [
                (os.path.join(folder, finder.source_dir), f"the app {app}")
                for app, folder in own_apps()
            ]
        if hasattr(finder, "storage"):
            found.append((folder_of(finder.storage), ""))
    for path, setting in found:
        if path:
            yield path, setting


def held_places() -> dict[str, str]:
    """Return what lies in folders that hold more than collected files: what it is -> its path."""
    from django.conf import settings

    places: dict[str, str | None] = {
        "BASE_DIR": base_dir(),
        "the libraries of the project's Python": os.path.join(sys.prefix, "lib"),
    }
    for folder in dict.fromkeys((os.getcwd(), base_dir() or os.getcwd())):
        for name in ("node_modules", ".git", "manage.py"):
            places[f"{name} of {folder}"] = os.path.join(folder, name)
    for app, folder in own_apps():
        places[f"the app {app}"] = folder
        places[f"the templates of {app}"] = os.path.join(folder, "templates")
        places[f"the translations of {app}"] = os.path.join(folder, "locale")
    named = [("LOCALE_PATHS", path) for path in settings.LOCALE_PATHS]
    named += [("FIXTURE_DIRS", path) for path in settings.FIXTURE_DIRS]
    named += [
        ("DATABASES", database.get("NAME"))
        for database in settings.DATABASES.values()
        if is_in_a_file(database.get("ENGINE"), database.get("NAME"))
    ]
    named += [("TEMPLATES", path) for each in settings.TEMPLATES for path in each.get("DIRS") or ()]
    places.update((f"{setting} {absolute(path)}", absolute(path)) for setting, path in named)
    places.update(written_places())
    return {name: path for name, path in places.items() if path}


def written_places() -> Iterator[tuple[str, str]]:
    """Yield the files and folders that the running site writes: the setting that names it, and its path."""
    from django.conf import settings

    named = [(setting, getattr(settings, setting, None)) for setting in _WRITTEN]
    for alias, cache in settings.CACHES.items():
        location = cache.get("LOCATION")
        if is_in_a_file(cache.get("BACKEND"), location):
            named.append((f'CACHES["{alias}"]', location))
    for name, handler in ((settings.LOGGING or {}).get("handlers") or {}).items():
        named.append((f'LOGGING (the handler "{name}")', handler.get("filename")))
    for setting, path in named:
        if path and isinstance(path, (str, os.PathLike)):
            yield setting, os.path.abspath(os.fspath(path))
    for setting, storage in other_storages():
        folder = folder_of(storage)
        if folder:
            yield setting, folder


def is_in_a_file(kind: object, place: object) -> bool:
    """Does a database or a cache keep what it has in a file? Its place may be a URL that holds a password."""
    if not isinstance(place, (str, os.PathLike)) or place == ":memory:":
        return False
    return os.path.isabs(place) or any(word in str(kind) for word in ("lite", "filebased"))


def other_storages() -> Iterator[tuple[str, Any]]:
    """Yield the storages that are not filled by a build, with the setting that names each."""
    from django.contrib.staticfiles.storage import StaticFilesStorage
    from django.core.files import storage as module

    handler: Any = getattr(module, "storages", None)  # since Django 4.2
    if handler is None:
        yield "DEFAULT_FILE_STORAGE", module.default_storage
        return
    for alias in list(handler.backends):
        with suppress(Exception):  # not configured here
            storage = handler[alias]
            is_built = isinstance(storage, StaticFilesStorage) or any(
                kind.__module__ == "compressor.storage" for kind in type(storage).__mro__
            )
            if alias != "staticfiles" and not is_built:
                yield f'STORAGES["{alias}"]', storage


def catalogues() -> str | None:
    """Return the folder into which django-statici18n writes its catalogues, or None if it is not used."""
    from django.apps import apps

    if not apps.is_installed("statici18n"):
        return None
    from statici18n.conf import settings

    return absolute(os.path.join(settings.STATICI18N_ROOT or "", settings.STATICI18N_OUTPUT_DIR))


def catalogues_are_sources() -> bool:
    """Does django-statici18n write its catalogues into a folder that finders read?"""
    from django.conf import settings

    folder = catalogues()
    root = absolute(settings.STATIC_ROOT)
    if not folder or not root or is_below(folder, root):
        return False
    # not of the folder itself: it comes with the first build, and the answer is asked for once
    real = os.path.join(os.path.realpath(os.path.dirname(folder)), os.path.basename(folder))
    places = source_places()["sources"]
    return any(is_below(each, os.path.realpath(path)) for path in places for each in (folder, real))
