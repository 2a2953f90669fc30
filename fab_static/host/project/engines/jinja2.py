"""Jinja2: which blocks compressor finds in it, and how pages render them."""

from __future__ import annotations

import re
from contextlib import suppress

from fab_static.host.project.blocks.around import Around
from fab_static.host.project.blocks.depends import Asked, noting_undefined
from fab_static.host.project.engines.django import Engine, Rendering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping, Sequence

    from django.template import Context
    from jinja2.nodes import CallBlock, Keyword, Node, ScopedEvalContextModifier
    from jinja2.nodes import Template as PlainTemplate

    class Template(PlainTemplate):
        """A template that knows its name."""

        template_name: str


class Jinja2Engine(Engine):
    """Jinja2, whose templates compressor reads as files; pages get them from any loader."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.uses: dict[str, list[tuple[str, dict[str, str]]]] = {}  # template -> its users

    def parse(self, name: str) -> Template:
        """Return a template as pages get it: by its loader."""
        environment = self.parser.env
        source = environment.loader.get_source(environment, name)[0]
        template: Template = environment.parse(source, name=name)
        template.template_name = name
        return template

    def nodes(self, template: Template, context: Context) -> list[tuple[CallBlock, Around]]:
        """Return every compress block of a template, those that compressor passes over too."""
        from jinja2.nodes import Call, CallBlock, ExtensionAttribute

        list(self.parser.walk_nodes(template, context=context))  # has each built, not looked up
        found: list[tuple[CallBlock, Around]] = []
        # compressor does not look into `elif`, nor behind the body of a loop
        for node, around in jinja2_nodes(template, Around()):
            if (
                isinstance(node, CallBlock)
                and isinstance(node.call, Call)
                and isinstance(node.call.node, ExtensionAttribute)
                and node.call.node.identifier == self.parser.COMPRESSOR_ID
            ):
                found.append((node, around))
            self._note_use(template, node, around)
        return sorted(found, key=lambda each: int(each[0].lineno))

    def _note_use(self, template: Template, node: Node, around: Around) -> None:
        """Note what a template sets for one that it includes or extends."""
        from jinja2 import nodes

        names = around.names
        if isinstance(node, nodes.Extends):
            for each in template.body:
                if isinstance(each, (nodes.Assign, nodes.AssignBlock)):
                    names = {**names, **names_in(each.target, "set")}
        elif not (isinstance(node, nodes.Include) and node.with_context):
            return
        with suppress(nodes.Impossible):  # a variable names it
            used = node.template.as_const()
            for name in [used] if isinstance(used, str) else used:
                self.uses.setdefault(name, []).append((template.template_name, names))

    def set_for(self, name: str, seen: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the variables that templates set for one that they include or extend: {variable: the tag}."""
        found = {}
        for user, names in self.uses.get(name, ()):
            if user not in seen:
                found.update({**self.set_for(user, (*seen, name)), **names})
        return found

    def form(self, node: CallBlock) -> tuple[str | None, ...]:
        """Return what a block asks for: kind, mode and name."""
        kind, mode, name = (getattr(argument, "value", None) for argument in node.call.args)
        return (kind, mode, name)

    def again(
        self,
        template: Template,
        values: Mapping[str, object],
        _context: Context,
        node: CallBlock,
    ) -> Rendering:
        """Render a block as if for the first time, and note what it looks for in vain, and asks."""
        from jinja2 import meta, nodes

        body = nodes.Template(node.body, lineno=1)
        body.set_environment(self.parser.env)
        given = self.parser.get_init_context(values)
        names = set(meta.find_undeclared_variables(body)) - {*given}  # in all branches
        with noting_undefined(self.parser.env, names), Asked() as asked:
            text = self.parser.render_nodelist(template, given, node)
        return Rendering(text, names - {"STATIC_URL"}, asked.names)

    def otherwise(
        self,
        template: Template,
        values: Mapping[str, object],
        node: CallBlock,
        around: Around,
        is_built: Callable[[str], bool],
    ) -> tuple[str, str] | None:
        """Return the innermost tag around a block that makes another text of it, and that text; None for none."""
        from jinja2 import nodes

        given = self.parser.get_init_context(values)
        once, again = (self.parser.render_nodelist(template, given, node) for _ in range(2))
        if once != again or not is_built(once):
            return None
        body = node.body
        for tag, options in [*map(escaping, reversed(around.links))] or self._by_name(template):
            body = [nodes.ScopedEvalContextModifier(options, body, lineno=1)]
            body[0].set_environment(self.parser.env)
            text = self.parser._render_nodes(template, given, body)
            if not is_built(text):
                return tag, text
        return None

    def _by_name(self, template: Template) -> Iterator[tuple[str, list[Keyword]]]:
        """Yield what an environment that escapes by names does for this template's, where compress has none."""
        from jinja2 import nodes

        choose = self.parser.env.autoescape
        if callable(choose):
            is_on = nodes.Const(choose(template.template_name))
            yield "the environment's autoescape", [nodes.Keyword("autoescape", is_on)]

    def is_given(self, name: str, values: Mapping[str, object]) -> bool:
        """Does an offline context give this variable?"""
        return name in self.parser.get_init_context(values)

    def is_in(self, text: str) -> bool:
        """Does a text hold a compress block?"""
        start = re.escape(self.parser.env.block_start_string)
        return bool(re.search(start + r"[-+]?\s*compress\s", text))


def escaping(modifier: ScopedEvalContextModifier) -> tuple[str, list[Keyword]]:
    """Return a Jinja2 `autoescape` tag, as it is told, and what it sets."""
    value = getattr(modifier.options[0].value, "value", "…")
    return f"{{% autoescape {str(value).lower()} %}}", modifier.options


def jinja2_nodes(node: Node, around: Around) -> Iterator[tuple[Node, Around]]:
    """Yield every node of a Jinja2 template, with what stands around it."""
    from jinja2 import nodes

    within: dict[str, str] = {}
    links: tuple[Node, ...] = ()
    if isinstance(node, nodes.For):
        within = {**names_in(node.target, "for"), "loop": "for"}
    elif isinstance(node, nodes.With):
        within = names_in(node.targets, "with")
    elif isinstance(node, (nodes.Macro, nodes.CallBlock)):
        word = "macro" if isinstance(node, nodes.Macro) else "call"
        within = names_in(node.args, word)
    elif isinstance(node, nodes.ScopedEvalContextModifier):
        links = (node,)
    inner = around.plus(within, links)
    for child in node.iter_child_nodes():
        yield child, inner
        yield from jinja2_nodes(child, inner)
        if isinstance(child, (nodes.Assign, nodes.AssignBlock)):
            inner = inner.plus(names_in(child.target, "set"))
        elif isinstance(child, nodes.Import):
            inner = inner.plus({child.target: "import"})
        elif isinstance(child, nodes.FromImport):
            names = [name if isinstance(name, str) else name[1] for name in child.names]
            inner = inner.plus(dict.fromkeys(names, "from"))


def names_in(target: Node | Sequence[Node], tag: str) -> dict[str, str]:
    """Return the names that a Jinja2 tag sets: {name: the tag}."""
    from jinja2 import nodes

    found = {}
    for each in [target] if isinstance(target, nodes.Node) else target:
        for name in [each, *each.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                found[name.name] = tag
    return found
