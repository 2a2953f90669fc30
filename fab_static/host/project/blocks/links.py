"""A tag around a compress block, and copies of it that hold the block alone."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

    from django.template import Context
    from django.template.base import Node, NodeList, Template


class Link:
    """One tag around a block, with the template that it includes, if it includes one."""

    def __init__(self, node: Node, template: Template | None = None) -> None:
        self.node = node
        self.template = template
        token = getattr(node, "token", None)
        self.tag = "{% " + str(getattr(token, "contents", "")) + " %}"
        self.place = (self.tag, str(getattr(node, "origin", "")), getattr(token, "lineno", 0))

    @classmethod
    def of_engine(cls) -> Link:
        """Return what stands around all blocks where TEMPLATES says that nothing is escaped."""
        from django.template.base import Node, NodeList
        from django.template.defaulttags import AutoEscapeControlNode

        link = cls(AutoEscapeControlNode(False, NodeList([Node()])))
        link.tag = '"autoescape": False in TEMPLATES'
        return link

    def around(self, inner: Any, *, is_scope: bool) -> Any:
        """Return a copy of the tag that holds `inner` alone."""
        import copy

        from django.template.base import NodeList
        from django.template.defaulttags import CycleNode, ForNode

        held = NodeList([as_node(inner)])
        if isinstance(self.node, CycleNode):
            return NodeList([self.node, *held])
        if is_scope and isinstance(self.node, ForNode):
            return Repeated(held)
        if is_scope and not is_scope_tag(self.node) and self.template is None:
            return held
        twin: Any = copy.copy(self.node)
        if self.template is not None:
            included = copy.copy(self.template)
            included.nodelist = held
            if is_scope:
                return included
            if hasattr(twin, "extra_context"):
                twin.template = Fixed(included)
            else:
                twin.filename = included
            return twin
        for name in twin.child_nodelists:
            if getattr(twin, name, None):
                setattr(twin, name, held)
        return twin


def as_node(inner: Node | NodeList | Repeated | Template) -> Node:
    """Return what a list of nodes can hold: it renders as this does."""
    from django.template.base import Node

    if isinstance(inner, Node):
        return inner

    class Held(Node):
        def render(self, context: Context) -> str:
            return inner.render(context)

    return Held()


class Fixed:
    """Stands for a template's name in a tag."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def resolve(self, _: object) -> Template:
        """Return the template, whatever the context."""
        return self.template


class Repeated:
    """A loop over nobody knows what: it repeats what it holds, and sets no variable of its own."""

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> str:
        """Render it twice, as Django's `for` does."""
        with context.push(forloop={}):
            return "".join(self.nodelist.render(context) for _ in range(2))


def is_scope_tag(node: Node) -> bool:
    """Is it one of Django's tags that change how values are written, and need no data for it?"""
    from django.template.defaulttags import AutoEscapeControlNode
    from django.templatetags.i18n import LanguageNode
    from django.templatetags.l10n import LocalizeNode
    from django.templatetags.tz import LocalTimeNode, TimezoneNode

    kinds = (AutoEscapeControlNode, LanguageNode, LocalizeNode, LocalTimeNode, TimezoneNode)
    return isinstance(node, kinds)


def may_change(node: Node | Template) -> TypeGuard[Node]:
    """May a tag change the text of a block that it holds?

    {% if %} and {% ifchanged %} only ask for it or not, and {% cache %} would keep what stands in for a page.
    """
    if not any(getattr(node, name, None) for name in getattr(node, "child_nodelists", ())):
        return False
    from django.template.defaulttags import FilterNode, IfChangedNode, IfNode, SpacelessNode
    from django.template.loader_tags import BlockNode, ExtendsNode
    from django.templatetags.cache import CacheNode

    plain = (BlockNode, CacheNode, ExtendsNode, FilterNode, IfChangedNode, IfNode, SpacelessNode)
    return hasattr(node, "token") and not isinstance(node, plain)
