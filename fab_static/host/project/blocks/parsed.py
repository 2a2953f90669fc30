"""Hears of every compress block that Django's parser meets, whatever tag keeps it."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, Tuple

    from compressor.templatetags.compress import CompressorNode
    from django.template.base import Node, NodeList, Parser, Template, Token

    Place = Tuple[str, str, int, int]  # template, file, line, number in that line

PLACE = "_fab_static_place"
HANDED = re.compile(r"""\s(?:post|pre)processor\s+["']?([\w.]+)""")  # django-sekizai


class Noted:
    """A compress block, or a tag that hands text to compressor, as it was met by Django's parser.

    Its `place` is (template, file, line, number in that line), the same however often it is parsed.
    """

    def __init__(
        self, parsed: Parsed, parser: Parser, node: CompressorNode | None, place: Place
    ) -> None:
        self.parsed = parsed
        self.node = node
        self.place = place
        self.template, _, self.line, _ = place
        *around, (_, own) = parser.command_stack
        self.around = [token.contents.split() for _, token in around]
        is_block = own.contents.split()[0] == "compress"
        shown = around[-1][1] if is_block and around else own
        self.tag = "{% " + shown.contents + " %}"

    def template_of(self) -> Template | None:
        """Return the template that it stands in, or None if that has no name."""
        from django.template.loader import get_template

        with suppress(Exception):
            found: Template | None = getattr(get_template(self.template), "template", None)
            return found
        return None

    def is_dead(self, contexts: list[dict[str, object]]) -> bool:
        """Can no page ask for it? So it is with what a child template holds outside of its parents' blocks."""
        words = [each[0] for each in self.around]
        if not any("extends" in word for word in words) or any("partial" in word for word in words):
            return False
        name = next((each[1] for each in self.around if each[0] == "block" and each[1:]), None)
        if name is None:
            return True
        return not any(name in names for names in self.blocks_of_parents(contexts))

    def blocks_of_parents(self, contexts: list[dict[str, object]]) -> Iterator[set[str]]:
        """Yield the names of the blocks of each template that this one extends, in any offline context."""
        from django.template import Context
        from django.template.loader_tags import ExtendsNode

        for values in contexts:
            template = self.template_of()
            context = Context(values)
            context.template = template
            with suppress(Exception):  # another context may name its parent
                while template is not None:
                    nodes = [each for each in template.nodelist if isinstance(each, ExtendsNode)]
                    template = nodes[0].get_parent(context) if nodes else None
                    if template is not None:
                        yield self.parsed.names.get(str(template.origin.name), set())


class Parsed:
    """Hears of every compress block that Django's parser meets, whatever tag keeps it."""

    def __init__(self) -> None:
        self.blocks: dict[Place, Noted] = {}
        self.handed: dict[Place, Noted] = {}
        self.names: dict[str, set[str]] = {}  # a template's file -> its {% block %}s
        self.included: dict[str, set[str]] = {}  # a template -> what {% include … with %} gives it
        self._parsers: list[Parser] = []

    def listen(self) -> None:
        """Have the parser and compressor's node tell of all to come."""
        from compressor.templatetags.compress import CompressorNode
        from django.template.base import Parser, TokenType

        parse, extend, init = Parser.parse, Parser.extend_nodelist, CompressorNode.__init__

        def parsing(parser: Parser, parse_until: Iterable[str] | None = None) -> NodeList:
            self._parsers.append(parser)
            try:
                return parse(parser, parse_until)
            finally:
                self._parsers.pop()

        def extending(parser: Parser, nodelist: NodeList, node: Node, token: Token) -> None:
            if token.token_type is TokenType.BLOCK:
                self.hear(parser, node, token)
            extend(parser, nodelist, node, token)

        def made(node: CompressorNode, *args: object, **kwargs: object) -> None:
            init(node, *args, **kwargs)
            if self._parsers and self._parsers[-1].command_stack:
                noted = self.note(self._parsers[-1], node)
                setattr(node, PLACE, noted.place)
                self.blocks.setdefault(noted.place, noted)

        for kind, name, function in (
            (Parser, "parse", parsing),
            (Parser, "extend_nodelist", extending),
            (CompressorNode, "__init__", made),
        ):
            setattr(kind, name, function)

    def note(self, parser: Parser, node: CompressorNode | None) -> Noted:
        """Return what stands at the tag that a parser reads now."""
        line = int(parser.command_stack[-1][1].lineno or 0)
        count = parser.__dict__.setdefault("_fab_static_lines", {})
        number = count[line] = count.get(line, -1) + 1
        origin = parser.origin
        template = str(getattr(origin, "template_name", None) or getattr(origin, "name", origin))
        return Noted(self, parser, node, (template, str(getattr(origin, "name", "")), line, number))

    def hear(self, parser: Parser, node: Node, token: Token) -> None:
        """Note of a tag what a block may depend on."""
        from django.template.loader_tags import BlockNode, IncludeNode

        if isinstance(node, BlockNode):
            names = self.names.setdefault(str(getattr(parser.origin, "name", "")), set())
            names.add(str(node.name))
        elif isinstance(node, IncludeNode):
            template = getattr(node.template, "var", None)
            if isinstance(template, str):
                name = template.partition("#")[0]  # of a partial
                self.included.setdefault(name, set()).update(node.extra_context)
        elif "processor" in token.contents and handed_to(token.contents):
            noted = self.note(parser, None)
            self.handed.setdefault(noted.place, noted)


def handed_to(tag: str) -> str | None:
    """Return the function of a tag's postprocessor, where that hands a text to compressor.

    compressor.contrib.sekizai.compress does, and so do functions that call it.
    """
    found = HANDED.search(tag)
    path = found.group(1) if found else ""
    if path.startswith("compressor."):
        return path
    module, _, name = path.rpartition(".")
    try:
        function = getattr(import_module(module), name)
    except Exception:  # none of ours: the page will say so
        return None
    function = getattr(function, "__wrapped__", function)
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    given = getattr(function, "__globals__", {})
    uses = [*names, *(str(getattr(given.get(word), "__module__", "")) for word in names)]
    return path if any(word.split(".")[0] == "compressor" for word in uses) else None
