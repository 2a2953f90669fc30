"""The walk through a project's templates: the gate takes it, and so does the LESS fixer of django_app."""

from __future__ import annotations

from fab_static.host.project.blocks.around import Around
from fab_static.host.project.engines.django import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from compressor.templatetags.compress import CompressorNode

    from fab_static.plan.wire.questions import Place


def walk(
    engine: Engine,
    contexts: list[dict[str, object]],
    look: Callable[[Page], None],
    is_broken: Callable[[Engine, str, Exception], None],
) -> int:
    """Show every template in each offline context; return how many there are that can be parsed.

    Args:
        engine: whose templates.
        contexts: the offline contexts.
        look: is shown each page.
        is_broken: is told of a template that cannot be parsed, or that fails in all contexts, and why.
    """
    parsed = 0
    for name in engine.names:
        try:
            template = engine.parse(name)
        except Exception as error:  # tags of the project raise what they like
            is_broken(engine, name, error)
            continue
        parsed += 1
        errors: list[Exception] = []
        for number, values in enumerate(contexts):
            try:
                look(Page(engine, name, template, number, values))
            except Exception as error:
                errors.append(error)
        if errors and len(errors) == len(contexts):  # a parent may be named by one context only
            is_broken(engine, name, errors[0])
    return parsed


class Page:
    """A template in one offline context."""

    def __init__(
        self, engine: Engine, name: str, template: Any, number: int, values: Mapping[str, object]
    ) -> None:
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

    def __init__(self, page: Page, at: int, node: CompressorNode, around: Around) -> None:
        self.page = page
        self.node = node
        self.around = around
        self.met = page.engine.place(page.name, at, node)
        self.once = (page.engine.kind, *self.met)  # the same in whatever page it is rendered
        self.place: Place = {
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


def line_of(node: CompressorNode) -> int | None:
    """Return the line of a block, in the template that it stands in."""
    token = getattr(node, "token", None)
    return getattr(token, "lineno", None) or getattr(node, "lineno", None)


def origin_of(node: CompressorNode) -> str | None:
    """Return the name of the template that a block stands in: often one that the page extends."""
    return getattr(getattr(node, "origin", None), "template_name", None)
