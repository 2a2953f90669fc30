"""What {% compress %} blocks link to: rendered as django-compressor renders them for its offline manifest.

So `{% static theme.less %}`, a loop over names and a link that a tag prints are seen, which no reading of the
template's text could.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module
from typing import Any
from urllib.parse import unquote

from django.apps import apps
from django.conf import settings
from django.template import Context

from fab_static.django_app import project, templates

_MAY_HOLD_A_BLOCK = re.compile(r"\{%[-+]?\s*(?:compress|extends)\s")
_HOLDS_A_BLOCK = re.compile(r"\{%[-+]?\s*compress\s")


@dataclass
class Blocks:
    """The LESS files that compress blocks link to, and the templates of which that is not known."""

    entries: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)  # "page.html: why"


def read() -> Blocks:
    """Render every block of every template, in each of compressor's offline contexts."""
    blocks = Blocks()
    if not apps.is_installed("compressor"):
        return blocks
    contexts = _offline_contexts()
    for parser, name, text in _parsed_by():
        if not _MAY_HOLD_A_BLOCK.search(text):
            continue
        try:
            for rendered in _rendered(parser, name, contexts, blocks):
                reader = _Reader()
                reader.feed(rendered)
                blocks.entries |= reader.entries
                if reader.has_inline_less:
                    _note(blocks, name, 'what an inline <style type="text/less"> imports')
        except Exception as error:  # tags of the project raise what they like
            if _HOLDS_A_BLOCK.search(text):
                _note(blocks, name, f"{type(error).__name__}: {error}")
    return blocks


def _rendered(parser: Any, name: str, contexts: list[Any], blocks: Blocks) -> Iterator[str]:
    template = parser.parse(name)
    template.template_name = name
    for values in contexts:
        context = Context(parser.get_init_context(values))
        for node in list(parser.walk_nodes(template, context=context)):
            with context.push():
                if not parser.process_template(template, context):
                    continue
                try:
                    parser.process_node(template, context, node)
                    yield parser.render_nodelist(template, context, node)
                except Exception as error:
                    _note(blocks, name, f"{type(error).__name__}: {error}")


def _note(blocks: Blocks, name: str, why: str) -> None:
    if (note := f"{name}: {why}") not in blocks.unknown:
        blocks.unknown.append(note)


def _parsed_by() -> Iterator[tuple[Any, str, str]]:
    """Yield (compressor's parser, template's name for it, text) of every template."""
    from compressor.conf import settings as compressor_settings
    from compressor.offline.django import DjangoParser

    django_parser = DjangoParser(charset="utf-8")
    for source in templates.every():
        if source.is_django:
            yield django_parser, source.name, source.text
    get_environment: Callable[[], Any] = compressor_settings.COMPRESS_JINJA2_GET_ENVIRONMENT
    try:
        environment = get_environment()
        from compressor.offline.jinja2 import Jinja2Parser
    except Exception:  # the project has no Jinja2, as most
        return
    if environment and environment.loader and Jinja2Parser.COMPRESSOR_ID in environment.extensions:
        parser = Jinja2Parser(charset="utf-8", env=environment)
        for name in environment.list_templates():
            try:
                text, file, _ = environment.loader.get_source(environment, name)
            except Exception:  # noqa: S112  # an image among templates
                continue
            if file:
                yield parser, file, text


def _offline_contexts() -> list[Any]:
    """Return COMPRESS_OFFLINE_CONTEXT as a list, read as compress reads it."""
    from compressor.conf import settings as compressor_settings

    contexts = compressor_settings.COMPRESS_OFFLINE_CONTEXT
    if isinstance(contexts, str):
        module, _, function = contexts.rpartition(".")
        return list(getattr(import_module(module), function)())
    return list(contexts) if isinstance(contexts, (list, tuple)) else [contexts]


def static_prefixes() -> tuple[str, ...]:
    """Return what may stand before a static file's name in a URL, the longest first."""
    found = {project.url_prefix(), settings.STATIC_URL, getattr(settings, "COMPRESS_URL", None)}
    return tuple(sorted((str(each) for each in found if each), key=len, reverse=True))


class _Reader(HTMLParser):
    """Reads the links of a rendered block that compressor gives to lessc."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: set[str] = set()
        self.has_inline_less = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_less = "less" in (given.get("type") or "")
        url = (given.get("href") or "").split("?", 1)[0]
        if tag == "style":
            self.has_inline_less |= is_less
        elif tag == "link" and (is_less or url.endswith(".less")):
            prefix = next(filter(url.startswith, static_prefixes()), "")
            self.entries.add(unquote(url.removeprefix(prefix)).lstrip("/"))
