"""The template languages of the project that compressor knows."""

from __future__ import annotations

from contextlib import contextmanager

from fab_static.host.project.engines.django import Engine, is_walked
from fab_static.host.project.templates import (
    Templates,
    is_page,
    jinja2_environments,
    jinja2_sources,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from django.template import Node


@contextmanager
def as_pages_are() -> Iterator[None]:
    """Have compressor find blocks where pages have them, in the language that compress speaks: the project's."""
    import copy

    from compressor.offline import django as offline
    from django.utils import translation

    def copied(node: Node) -> Node:
        twin = copy.copy(node)
        if hasattr(twin, "conditions_nodelists"):
            twin.conditions_nodelists = list(twin.conditions_nodelists)
        return twin

    language = translation.get_language()
    # a context function may have chosen a language; compress's threads have none
    translation.deactivate()
    # compressor replaces a child's blocks below an `if` of the *cached* parent: every later page then
    # seems to hold the first child's blocks (copy() shares that list); pages render without this
    offline.copy = copied
    try:
        yield
    finally:
        offline.copy = copy.copy
        if language:
            translation.activate(language)


def engines() -> Iterator[Engine]:
    """Yield the template languages of the project that compressor knows; to be walked within as_pages_are()."""
    from compressor.conf import settings
    from compressor.offline import django as offline

    charset = getattr(settings, "FILE_CHARSET", None) or "utf-8"
    templates = Templates()
    yield Engine(
        "django",
        offline.DjangoParser(charset=charset),
        [name for name in templates.names if is_walked(name, templates.source)],
        templates.source,
    )

    environments = jinja2_environments()
    if not environments:
        return
    from compressor.offline.jinja2 import Jinja2Parser

    # late: compiled only where a project has Jinja2
    from fab_static.host.project.engines.jinja2 import Jinja2Engine

    for environment in environments:
        if Jinja2Parser.COMPRESSOR_ID not in environment.extensions or not environment.loader:
            continue
        sources = jinja2_sources(environment, of_any_encoding=True)
        texts = {source.name: source.text for source in sources}
        parser = Jinja2Parser(charset=charset, env=environment)
        engine = Jinja2Engine("jinja2", parser, [], texts.__getitem__)
        engine.names = [name for name, text in texts.items() if is_page(name) or engine.is_in(text)]
        yield engine
