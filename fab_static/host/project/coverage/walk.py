"""Walks every template, renders its compress blocks as compressor does, and notes what it finds."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Any, Iterator, Mapping

from fab_static.host.project.blocks.around import Around
from fab_static.host.project.coverage.languages import Heard, Languages
from fab_static.host.project.coverage.needs import Needs
from fab_static.host.project.coverage.surrounded import Surrounded
from fab_static.host.project.engines.django import Engine

TEXT_LIMIT = 20_000  # characters of a block told


class Page:
    """A template in one offline context."""

    def __init__(self, engine: Engine, name: str, template: Any, number: int, values: Any) -> None:
        from django.template import Context

        self.engine = engine
        self.name = name
        self.template = template
        self.number = number  # of the offline context
        self.values = values
        self.context = Context(engine.parser.get_init_context(values))

    def blocks(self) -> tuple[list[Block], list[Block]]:
        """Return the blocks that stand in the template, and those of the templates that it includes."""
        found = self.engine.nodes(self.template, self.context)
        own = [each for each in found if not each[1].is_included]
        return (
            [Block(self, at, *each) for at, each in enumerate(own)],
            [Block(self, -1, *each) for each in found if each[1].is_included],
        )


class Block:
    """A compress block of a page."""

    def __init__(self, page: Page, at: int, node: Any, around: Around) -> None:
        self.page = page
        self.node = node
        self.around = around
        self.met = page.engine.place(page.name, at, node)
        self.once = (page.engine.kind, *self.met)  # the same in whatever page it is rendered
        self.place = {
            "engine": page.engine.kind,
            "template": page.name,
            "block": at,
            "line": line_of(node),
            "in": origin_of(node) or page.name,
            "context": page.number,
        }

    def rendered(self) -> tuple[str, str]:
        """Return its text, and its key in the offline manifest."""
        from compressor.cache import get_offline_hexdigest

        page, parser = self.page, self.page.engine.parser
        page.context.push()
        try:
            parser.process_template(page.template, page.context)
            parser.process_node(page.template, page.context, self.node)
            text = parser.render_nodelist(page.template, page.context, self.node)
            return text, get_offline_hexdigest(text)
        finally:
            page.context.pop()


class Walk:
    """What a walk through all templates finds."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        languages: tuple[str, ...] = (),
        other_cdn: str | None = None,
    ) -> None:
        self.manifest = manifest
        self.other_cdn = other_cdn
        self.needs = Needs()
        self.languages = Languages(languages, manifest)
        self.surrounded = Surrounded(manifest)
        self.templates = 0
        self.blocks = 0
        self.missing: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.broken: list[dict[str, Any]] = []
        self.with_cdn: list[dict[str, Any]] = []
        self.rendered: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}
        self.met: set[tuple[Any, ...]] = set()
        self._forms: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._failed: set[tuple[Any, ...]] = set()
        self._watched: set[tuple[Any, ...]] = set()

    def through(self, engine: Engine, contexts: list[Any]) -> None:
        """Walk all templates of one engine."""
        self.needs.are_given_by(engine, contexts)
        for name in engine.names:
            try:
                template = engine.parse(name)
            except Exception as error:  # tags of the project raise what they like
                self._is_broken(engine, name, error)
                continue
            self.templates += 1
            errors: list[Exception] = []
            for number, values in enumerate(contexts):
                try:
                    self._look_up_all(Page(engine, name, template, number, values))
                except Exception as error:
                    errors.append(error)
            if errors and len(errors) == len(contexts):  # a parent may be named by one context only
                self._is_broken(engine, name, errors[0])

    def _look_up_all(self, page: Page) -> None:
        own, included = page.blocks()
        for block in included:
            self.needs.set_around.setdefault(block.once, {}).update(block.around.names)
            self._surround(block)
        for block in own:
            self.blocks += 1
            self.met.add(block.met)
            self._look_up(block)

    def _look_up(self, block: Block) -> None:
        try:
            with Heard() as heard:
                text, key = block.rendered()
            if self.other_cdn is not None and key not in self.texts:
                with static_cdn(self.other_cdn):
                    if block.rendered()[0] != text:
                        self.with_cdn.append(dict(block.place, text=text[:TEXT_LIMIT]))
        except Exception as error:  # what a page would answer 500 with
            self._has_failed(block, f"{type(error).__name__}: {error}")
            return
        if key not in self.texts and key not in self.manifest:
            self.missing.append(dict(block.place, key=key, text=text[:TEXT_LIMIT]))
        self.texts[key] = text[:TEXT_LIMIT]
        self.rendered.append(dict(block.place, key=key))
        self.surrounded.is_at(block.once, block.place)
        self._surround(block)
        self._watch(block, text, key)
        self._forms.setdefault(key, {}).setdefault(block.page.engine.form(block.node), block.place)
        if heard.language:
            self.languages.look_up(block.place, block.rendered, TEXT_LIMIT)

    def _surround(self, block: Block) -> None:
        page = block.page
        self.surrounded.look_up(
            page.engine,
            block.once,
            page.template,
            page.number,
            page.values,
            block.node,
            block.around,
        )

    def _watch(self, block: Block, text: str, key: str) -> None:
        """Render a block once more, and note what it needs; once for the same block of many pages."""
        page = block.page
        if (*block.once, page.number, key) not in self._watched:
            self._watched.add((*block.once, page.number, key))
            with suppress(Exception):  # it did not fail the first time
                again = page.engine.again(page.template, page.values, page.context, block.node)
                self.needs.watch(block.once, block.place, text, again, block.around.names)

    def _has_failed(self, block: Block, told: str) -> None:
        at = (block.page.engine.kind, block.page.name, block.place["block"], told)
        if at not in self._failed:
            self._failed.add(at)
            self.failed.append(dict(block.place, error=told))

    def _is_broken(self, engine: Engine, name: str, error: Exception) -> None:
        """Note a template that cannot be parsed, with whether that matters."""
        self.broken.append(
            {
                "engine": engine.kind,
                "template": name,
                "error": f"{type(error).__name__}: {error}",
                "has_compress": engine.has_compress(name),
            }
        )

    def places(self) -> list[dict[str, Any]]:
        """Return each block of a template once, however many pages render it, with its keys."""
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        met: set[tuple[Any, ...]] = set()
        for each in self.rendered:
            at = (each["in"], each["line"], each["context"])
            page = (each["engine"], each["template"])
            number = 0  # several may stand in one line
            while (*page, *at, number) in met:
                number += 1
            met.add((*page, *at, number))
            place = {name: each[name] for name in ("in", "line", "block", "context")}
            known = found.setdefault((*at, number), dict(place, keys={}))
            known["block"] = min(known["block"], each["block"])
            template = known["keys"].setdefault(each["key"], each["template"])
            known["keys"][each["key"]] = min(template, each["template"])
        return list(found.values())

    def ambiguous(self) -> list[dict[str, Any]]:
        """Return blocks of one text, and so one key, that ask for different output.

        compress keeps what it made first, by chance: a page may get a link in place of inline code.
        """
        return [
            {
                "key": key,
                "blocks": [
                    dict(place, form=" ".join(str(word) for word in form if word))
                    for form, place in forms.items()
                ],
            }
            for key, forms in self._forms.items()
            if len(forms) > 1
        ]


@contextmanager
def static_cdn(value: str) -> Iterator[None]:
    """Render as if STATIC_CDN were another one."""
    from django.conf import settings

    before = getattr(settings, "STATIC_CDN", "")
    settings.STATIC_CDN = value
    try:
        yield
    finally:
        settings.STATIC_CDN = before


def line_of(node: Any) -> int | None:
    """Return the line of a block, in the template that it stands in."""
    token = getattr(node, "token", None)
    return getattr(token, "lineno", None) or getattr(node, "lineno", None)


def origin_of(node: Any) -> str | None:
    """Return the name of the template that a block stands in: often one that the page extends."""
    return getattr(getattr(node, "origin", None), "template_name", None)
