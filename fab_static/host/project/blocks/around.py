"""What stands around a compress block: variables and the tags that set them, and tags that may change its text."""

from __future__ import annotations

from contextlib import suppress

from fab_static.host.project.blocks.links import Link, may_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from django.template import Context
    from django.template.base import Node, Template, Token


class Around:
    """What stands around a block: variables and the tags that set them, and the tags that may change its text."""

    def __init__(self, names: Mapping[str, str] | None = None, links: tuple[Any, ...] = ()) -> None:
        self.names = dict(names or {})
        self.links = links  # outermost first: of Django, a Link each; of Jinja2, its `autoescape`

    def plus(self, names: Mapping[str, str], links: tuple[Any, ...] = ()) -> Around:
        """Return what stands around with more of it."""
        if not (names or links):
            return self
        return Around({**self.names, **names}, (*self.links, *links))

    def within(self, node: Node | Template) -> Around:
        """Return what stands around what a tag holds."""
        return self.plus(names_set_by(node)[0], (Link(node),) if may_change(node) else ())

    def behind(self, node: Node) -> Around:
        """Return what stands around what follows a tag."""
        from django.template.defaulttags import CycleNode

        # `{% cycle row %}` goes on with what `{% cycle 'a' 'b' as row %}` has begun
        return self.plus(names_set_by(node)[1], (Link(node),) * isinstance(node, CycleNode))

    def within_include(self, node: Node, template: Template) -> Around:
        """Return what stands around what an included template holds."""
        link = Link(node, template)
        is_alone = getattr(node, "isolated_context", True)
        names = {} if is_alone else {**self.names, **names_set_by(node)[0]}
        return Around(names, (*self.links, link))

    def holds(self, template: Template) -> bool:
        """Does a template include itself here?"""
        origin = str(template.origin.name)
        return any(origin == str(link.template.origin.name) for link in self.links if link.template)

    @property
    def is_included(self) -> bool:
        """Does the block stand in another template than the one that was walked?"""
        return any(getattr(link, "template", None) for link in self.links)

    @property
    def place(self) -> tuple[object, ...]:
        """Return what is the same for the tags in whatever page they stand."""
        return tuple(getattr(link, "place", None) or id(link) for link in self.links)


def names_set_by(node: Node | Template) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables that a tag sets for what it holds, and for what follows it: {variable: the tag}."""
    token = getattr(node, "token", None)
    contents = getattr(token, "contents", "")
    inside = [*getattr(node, "loopvars", ()), *getattr(node, "extra_context", ())]
    if hasattr(node, "loopvars"):
        inside.append("forloop")
    named = _as_name(token) if token and " as" in contents else []
    if not (inside or named):
        return {}, {}
    tag = contents.split()[0]
    holds = any(getattr(node, name, None) for name in getattr(node, "child_nodelists", ()))
    # {% static "a.js" as url %} sets it for all that follows, {% thumbnail … as image %} within
    return (
        dict.fromkeys(map(str, inside + named), tag),
        {} if holds else dict.fromkeys(named, tag),
    )


def _as_name(token: Token) -> list[str]:
    """Return the words that stand behind `as` in a tag; not those of a text in it."""
    words = token.split_contents()
    return [name for word, name in zip(words, words[1:]) if word in ("as", "asvar")]


def template_included(node: Node, template: Template, context: Context) -> Template | None:
    """Return the template that an include or inclusion tag renders; None for other tags, and where none is known."""
    from django.template.base import Template
    from django.template.library import InclusionNode
    from django.template.loader_tags import IncludeNode, construct_relative_path

    if not isinstance(node, (IncludeNode, InclusionNode)):
        return None
    with suppress(Exception):  # it is not there: the page will say so
        found: Any = (
            node.template.resolve(context) if isinstance(node, IncludeNode) else node.filename
        )
        found = getattr(found, "template", found)
        if isinstance(found, str):
            found = template.engine.get_template(
                construct_relative_path(str(node.origin.template_name), found)
            )
        elif not isinstance(found, Template):
            found = template.engine.select_template(list(found))
        return found if isinstance(found, Template) else None
    return None
