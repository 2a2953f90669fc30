"""Every template of the project, as its loaders give it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Iterator

from fab_static.host.project.refusals import ProbeError, place_of


class Templates:
    """The templates of Django's own language, in every loader of the project."""

    def __init__(self) -> None:
        from django.template import engines as backends

        self.loaders: list[Any] = []
        for backend in backends.all():
            if hasattr(backend, "engine"):
                self.loaders += unwrapped(backend.engine.template_loaders)
        self.names = sorted({name for loader in self.loaders for name in names_of(loader)})

    def find(self, name: str) -> tuple[str, str]:
        """Return a template's text, and the file or other place that it comes from.

        Raises:
            LookupError: no loader has it.
            UnicodeDecodeError: it is not in the encoding that pages read it in: an image, perhaps.
        """
        for loader in self.loaders:
            for origin in loader.get_template_sources(name):
                try:
                    return str(loader.get_contents(origin)), str(origin.name)
                except UnicodeDecodeError:
                    raise
                except Exception:  # noqa: S112  # not there
                    continue
        raise LookupError(name)

    def source(self, name: str) -> str:
        """Return a template's text, whatever its encoding."""
        try:
            return self.find(name)[0]
        except UnicodeDecodeError as error:
            return text_of(error)


def unwrapped(loaders: list[Any]) -> list[Any]:
    """Return loaders with those that a cached loader wraps."""
    return [
        inner
        for loader in loaders
        for inner in (unwrapped(loader.loaders) if hasattr(loader, "loaders") else [loader])
    ]


def names_of(loader: Any) -> Iterator[str]:
    """Yield the names of all templates of a loader, as compress lists them."""
    if hasattr(loader, "templates_dict"):
        yield from loader.templates_dict
        return
    try:
        folders = [str(origin) for origin in loader.get_template_sources("")]
    except Exception:  # a loader without folders
        return
    for folder in folders:
        seen = set()
        for parent, within, files in os.walk(folder, followlinks=True):  # as pages do
            if os.path.realpath(parent) in seen:
                within.clear()
                continue
            seen.add(os.path.realpath(parent))
            for name in files:
                if not name.startswith(".") and not name.endswith((".py", ".pyc")):
                    yield os.path.relpath(os.path.join(parent, name), folder).replace("\\", "/")


def is_page(name: str) -> bool:
    """Is it one of the files that compress looks at when it is not told otherwise?"""
    return name.endswith(".html")


def text_of(error: UnicodeDecodeError) -> str:
    """Return a text that is not in the encoding that it was read in, so far as ASCII goes."""
    is_utf_16 = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
    return error.object.decode("utf-16" if is_utf_16 else "latin-1", "replace")


def jinja2_environments() -> list[Any]:
    """Return the Jinja2 environments that pages are rendered in: the one compress uses, and the rest.

    Raises:
        ProbeError: the project's own COMPRESS_JINJA2_GET_ENVIRONMENT fails, as compress would.
    """
    from compressor.conf import settings
    from django.template import engines as backends
    from django.template.utils import InvalidTemplateEngineError

    found = [backend.env for backend in backends.all() if hasattr(backend, "env")]
    get = getattr(settings, "COMPRESS_JINJA2_GET_ENVIRONMENT", None)
    try:
        own = get() if get else None
    except (
        InvalidTemplateEngineError,
        ImportError,
    ):  # no Jinja2 under that name, as in most projects
        own = None
    except Exception as error:
        raise ProbeError(
            f"COMPRESS_JINJA2_GET_ENVIRONMENT failed: {type(error).__name__}: {error}",
            place_of(error),
            "correct that function: manage.py compress --engine jinja2 needs it too",
        ) from error
    if own is not None and not any(own is each for each in found):
        found.append(own)
    return [each for each in found if hasattr(each, "list_templates") and each.loader]


def jinja2_texts(environment: Any, *, of_any_encoding: bool = False) -> dict[str, str]:
    """Return the text of every template that an environment's loader can list."""
    texts: dict[str, str] = {}
    try:
        names = environment.list_templates()
    except Exception:  # a loader that cannot list its own
        return texts
    for name in sorted(names):
        with suppress(Exception):
            try:
                texts[name] = environment.loader.get_source(environment, name)[0]
            except UnicodeDecodeError as error:
                if of_any_encoding:
                    texts[name] = text_of(error)
    return texts
