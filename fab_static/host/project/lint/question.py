"""Gives the project's own templates to the lint."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

from fab_static.host.project.lint.pages import lint
from fab_static.host.project.paths import base_dir
from fab_static.host.project.templates import every


def ask_lint(_: object) -> dict[str, Any]:
    """Return what the project's own templates spend on requests; see lint()."""
    from django.conf import settings
    from django.contrib.staticfiles import finders
    from django.contrib.staticfiles.storage import HashedFilesMixin, staticfiles_storage

    sources: dict[str, str] = {}
    own = []
    for source in every():
        if source.name not in sources and (source.is_django or source.environment):
            sources[source.name] = source.text
            if is_own(source.place):
                own.append(source.name)

    def style(name: str) -> str | None:
        try:
            with open(str(finders.find(name)), encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except Exception:  # a name that no finder knows, or refuses
            return None

    return lint(
        own,
        sources,
        style=style,
        static_url=str(settings.STATIC_URL or ""),
        versioning=versioning_libraries(),
        is_hashed=isinstance(staticfiles_storage, HashedFilesMixin),
        blocks_promise=bool(getattr(settings, "COMPRESS_SRI_HASHES", None)),
    )


def is_own(place: str) -> bool:
    """Is this template the project's, not a library's? One without a file is the project's."""
    if not os.path.isfile(place):
        return True
    real = os.path.realpath(place)
    if "site-packages" in real or "dist-packages" in real or "node_modules" in real:
        return False
    folders = {os.getcwd(), base_dir() or os.getcwd()}
    return any(real.startswith(os.path.realpath(folder) + os.sep) for folder in folders)


def versioning_libraries() -> list[str]:
    """Return the tag libraries that have a `static` of their own, as CommCare HQ and fab_static do.

    Where every template has such a library without `{% load %}`, the list holds "" too.
    """
    from django.template import engines as backends

    plain = {"django.templatetags.static", "django.contrib.staticfiles.templatetags.staticfiles"}
    found = []
    for backend in backends.all():
        if not hasattr(backend, "engine"):
            continue
        modules = dict(backend.engine.libraries)
        modules.update(("", builtin) for builtin in backend.engine.builtins if builtin not in plain)
        for library, module in modules.items():
            with suppress(Exception):
                register = import_module(module).register
                if module not in plain and "static" in {**register.tags, **register.filters}:
                    found.append(library)
    return found
