"""What {% compress %} blocks link to: rendered as django-compressor renders them for its offline manifest.

So `{% static theme.less %}`, a loop over names and a link that a tag prints are seen, which no reading of the
template's text could.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote

from django.apps import apps
from django.conf import settings

from fab_static.django_app import project
from fab_static.errors import BuildError
from fab_static.host.project.compressor import offline_contexts
from fab_static.host.project.engines.django import Engine
from fab_static.host.project.engines.known import as_pages_are, engines
from fab_static.host.project.engines.pages import Page, walk
from fab_static.host.project.refusals import ProbeError


@dataclass
class Blocks:
    """The LESS files that compress blocks link to, and the templates of which that is not known."""

    entries: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)  # "page.html: why"

    def look(self, page: Page) -> None:
        """Note what the blocks of a page link to."""
        for block in page.blocks()[0]:
            try:
                reader = _Reader()
                reader.feed(block.rendered()[0])
            except Exception as error:  # what a page would answer 500 with
                self.note(page.engine, page.name, _told(error))
                continue
            self.entries |= reader.entries
            if reader.has_inline_less:
                self.note(page.engine, page.name, 'what an inline <style type="text/less"> imports')

    def is_broken(self, engine: Engine, name: str, error: Exception) -> None:
        """Note a template that cannot be parsed, where it holds a block."""
        if engine.has_compress(name):
            self.note(engine, name, _told(error))

    def note(self, engine: Engine, name: str, why: str) -> None:
        """Note what is not known of a template: Jinja2's by its file, since Django's may have one of that name."""
        if engine.kind == "jinja2":
            environment = engine.parser.env
            with suppress(UnicodeDecodeError):
                name = environment.loader.get_source(environment, name)[1] or name
        if (note := f"{name}: {why}") not in self.unknown:
            self.unknown.append(note)


def read() -> Blocks:
    """Render every block that the gate sees, in each of compressor's offline contexts.

    Raises:
        BuildError: a function of the project's that compress needs, too, fails.
    """
    blocks = Blocks()
    if not apps.is_installed("compressor"):
        return blocks
    try:
        contexts = offline_contexts()
        with as_pages_are():
            for engine in engines():
                walk(engine, contexts, blocks.look, blocks.is_broken)
    except ProbeError as error:
        raise BuildError(**error.error) from error
    return blocks


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


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
