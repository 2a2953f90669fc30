"""Django's own template language: which blocks compressor finds in it, and how pages render them."""

from __future__ import annotations

import re
from contextlib import suppress

from fab_static.host.project.blocks.alone import Leaf, Outside
from fab_static.host.project.blocks.around import Around, template_included
from fab_static.host.project.blocks.depends import Asked, noting_context
from fab_static.host.project.blocks.links import Link
from fab_static.host.project.blocks.parsed import HANDED, PLACE, handed_to
from fab_static.host.project.templates import EXTENDS, is_page, tokens_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping

    from compressor.offline.django import DjangoParser
    from compressor.templatetags.compress import CompressorNode
    from django.template import Context
    from django.template.base import Node, Template

_MAY_EXTEND = re.compile(r"\{%-?\s*extends\s")
_COMPRESS = re.compile(r"\{%[-+]?\s*compress\s")


class Engine:
    """One template language: its templates, and compressor's offline parser for it.

    `Any` stands for its template, which is of another class in each language.
    """

    def __init__(
        self, kind: str, parser: DjangoParser, names: list[str], source: Callable[[str], str]
    ) -> None:
        self.kind = kind
        self.parser = parser
        self.names = names
        self.source = source
        self._without: set[str] = set()  # included templates that hold no block

    def parse(self, name: str) -> Any:
        """Return a template as pages get it: by its loader."""
        template = self.parser.parse(name)
        template.template_name = name
        return template

    def nodes(self, template: Any, context: Context) -> list[tuple[CompressorNode, Around]]:
        """Return the compress blocks that compressor finds, and those of the templates that this one includes."""
        return list(self._within(template, template, context, Around()))

    def _within(
        self, node: Node | Template, template: Template, context: Context, outer: Around
    ) -> Iterator[tuple[CompressorNode, Around]]:
        """Yield what compressor's own walk_nodes() yields, with what stands around each."""
        from compressor.templatetags.compress import CompressorNode
        from django.template.base import TextNode, VariableNode

        around = outer.within(node)
        instead = getattr(node, "nodelist_empty", None) or ()  # of a loop, and outside of it
        for child in self.parser.get_nodelist(node, template, context):
            if isinstance(child, (TextNode, VariableNode)):
                continue
            here = outer if any(child is each for each in instead) else around
            if isinstance(child, CompressorNode) and child.is_offline_compression_enabled(
                forced=True
            ):
                yield child, here
                continue
            yield from self._within(child, template, context, here)
            yield from self._included(child, template, context, here)
            around = around.behind(child)

    def _included(
        self, node: Node, template: Template, context: Context, around: Around
    ) -> Iterator[tuple[CompressorNode, Around]]:
        """Yield the blocks of the template that a tag includes, if it includes one."""
        from django.template import Context

        included = template_included(node, template, context)
        if included is None or around.holds(included) or included.origin.name in self._without:
            return
        inner = around.within_include(node, included)
        found = []
        with suppress(Exception):  # the walk of the included template itself tells of it
            found = list(self._within(included, included, Context(context.flatten()), inner))
        if not found:
            self._without.add(included.origin.name)
        yield from found

    def otherwise(
        self,
        template: Any,
        values: Mapping[str, object],
        node: CompressorNode,
        around: Around,
        is_built: Callable[[str], bool],
    ) -> tuple[str, str] | None:
        """Return the innermost tag around a block that makes another text of it, and that text; None for none.

        A tag counts only where it finds all that it looks for: what a page would give it, nobody knows here.
        """
        links = around.links
        engine = template.engine
        if not engine.autoescape:
            links = (Link.of_engine(), *links)
        once, again = (self._texts(template, values, (), node) for _ in range(2))
        if not links or once != again or not all(map(is_built, once)):
            return None
        for at in reversed(range(len(links))):
            texts = self._texts(template, values, links[at:], node)
            for text in texts or self._texts(template, values, links[at:], node, is_scope=True):
                if not is_built(text):
                    return links[at].tag, text
        return None

    def _texts(
        self,
        template: Template,
        values: Mapping[str, object],
        links: tuple[Link, ...],
        node: CompressorNode,
        *,
        is_scope: bool = False,
    ) -> list[str]:
        """Return the texts of a block within tags, or none if they do not render it, or lack something.

        With `is_scope`, of these tags only what needs no data: escaping, languages, formats, and that loops repeat.
        """
        context = noting_context(self.parser.get_init_context(values))
        with Outside() as outside:
            leaf = Leaf(node, context, outside)
            inner = leaf.node
            for link in reversed(links):
                inner = link.around(inner, is_scope=is_scope)
            with suppress(Exception), context.bind_template(template):
                inner.render(context)
        return leaf.texts

    def form(self, node: CompressorNode) -> tuple[str | None, ...]:
        """Return what a block asks for: kind, mode and name."""
        return (node.kind, node.mode, node.name)

    def place(self, name: str, at: int, node: CompressorNode) -> tuple[object, ...]:
        """Return what is the same for a block in whatever page it is rendered."""
        return getattr(node, PLACE, None) or (name, at)

    def again(
        self, template: Any, values: Mapping[str, object], context: Context, node: CompressorNode
    ) -> Rendering:
        """Render a block as if for the first time, and note what it looks for in vain, and asks."""
        from django.template.loader_tags import BLOCK_CONTEXT_KEY

        fresh = noting_context(self.parser.get_init_context(values))
        blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
        if blocks is not None:  # of the page that extends this template
            fresh.render_context[BLOCK_CONTEXT_KEY] = blocks
        with Asked() as asked:
            text = self.parser.render_nodelist(template, fresh, node)
        roots = {name.split(".")[0] for name in fresh.variables}
        names = fresh.variables.union(fresh.names.difference(roots, ["forloop"]))
        # the key holds no STATIC_URL; {{ block.super }} is compressor's to fill in
        return Rendering(text, names - {"STATIC_URL", "block", "block.super"}, asked.names)

    def set_for(self, name: str, seen: tuple[str, ...] = ()) -> dict[str, str]:  # noqa: ARG002
        """Return the variables that templates set for one that they use, where the walk itself does not see it."""
        return {}

    def is_given(self, name: str, values: Mapping[str, object]) -> bool:
        """Does an offline context give this variable?"""
        from django.template import Context, Variable, VariableDoesNotExist

        try:
            Variable(name).resolve(Context(self.parser.get_init_context(values)))
        except VariableDoesNotExist:
            return False
        return True

    def has_compress(self, name: str, seen: tuple[str, ...] = ()) -> bool:
        """Does the text of the template, or of one it extends, hold a compress block?"""
        try:
            text = self.source(name)
        except Exception:  # a missing parent holds nothing
            return False
        if self.is_in(text):
            return True
        return any(
            self.has_compress(parent, (*seen, name))
            for parent in EXTENDS.findall(text)
            if parent not in (*seen, name)
        )

    def is_in(self, text: str) -> bool:
        """Does a text hold a compress block, or hand its own to compressor? Comments do not count."""
        from django.template.base import TokenType

        if not _COMPRESS.search(text) and "processor" not in text:
            return False
        return any(
            token.contents.split()[:1] == ["compress"] or handed_to(token.contents)
            for token in tokens_of(text)
            if token.token_type is TokenType.BLOCK
        )


class Rendering:
    """One rendering of a block: its text, the names it looked for in vain, the functions it asked."""

    def __init__(self, text: str, names: set[str], asked: set[str]) -> None:
        self.text = text
        self.names = names
        self.asked = asked


def is_walked(name: str, source: Callable[[str], str]) -> bool:
    """Is it a page, for compress by its name, or else a template that may ask for a compress block?"""
    if is_page(name):
        return True
    try:
        text = source(name)
    except LookupError:
        return False
    return bool(
        _COMPRESS.search(text)
        or _MAY_EXTEND.search(text)
        or ("processor" in text and HANDED.search(text))
    )
