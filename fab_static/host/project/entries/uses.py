"""Finds each use of a bundler's tag in a template, with what stands there in quotes.

A name that is not text in quotes is known when a page is rendered alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib import import_module
from typing import Mapping, NamedTuple

from fab_static.host.project.entries.tags import FUNCTIONS, LIBRARIES, OWN_TAGS, Asked
from fab_static.host.project.templates import tokens_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Sequence

    from fab_static.host.project.templates import Source

_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1).)*)\1""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")
_KEYWORD = re.compile(r"(\w+)=(.+)", re.DOTALL)
_WORDS = sorted({*OWN_TAGS, *(tag for tags in LIBRARIES.values() for tag in tags)})
_MAY_USE = re.compile("|".join(_WORDS)).search


class Use(NamedTuple):
    """A tag in a template: its line, how it is called there, and its arguments."""

    line: int
    tag: str
    asked: Asked
    given: Mapping[str, str | None]  # parameter -> text; None: it is not text in quotes


def uses_in(source: Source, libraries: Mapping[str, str], builtins: Sequence[str]) -> Iterator[Use]:
    """Yield each use of a bundler's tag in a template.

    Args:
        source: the template.
        libraries: the tag libraries of its engine, name -> module.
        builtins: the modules of those that need no {% load %}.
    """
    if source.environment:
        yield from _in_jinja2(source)
    elif source.is_django and _MAY_USE(source.text):
        yield from _in_django(source.text, libraries, builtins)


def _in_django(text: str, libraries: Mapping[str, str], builtins: Sequence[str]) -> Iterator[Use]:
    from django.template.base import TokenType

    known: dict[str, Asked] = dict(OWN_TAGS)
    for module in builtins:
        _learn(known, module, None)
    for token in tokens_of(text):
        if token.token_type is not TokenType.BLOCK:
            continue
        words = token.split_contents()
        if words[:1] == ["load"]:
            for module, names in _loaded(words[1:], libraries):
                _learn(known, module, names)
        elif words and words[0] in known:
            asked = known[words[0]]
            yield Use(token.lineno or 0, words[0], asked, _arguments(words[1:], asked.parameters))


def _loaded(
    words: Sequence[str], libraries: Mapping[str, str]
) -> Iterator[tuple[str, Sequence[str] | None]]:
    """Yield the modules that {% load %} names, with the names that it takes; None: all."""
    if len(words) >= 3 and words[-2] == "from":
        named: Sequence[str] | None = words[:-2]
        words = words[-1:]
    else:
        named = None
    for word in words:
        if word in libraries:
            yield libraries[word], named


def _learn(known: dict[str, Asked], module: str, names: Sequence[str] | None) -> None:
    """Note what the tags of a library do from here on; those of another one's name are its own."""
    ours = LIBRARIES.get(module, {})
    for tag in _tags_of(module):
        if names is not None and tag not in names:
            continue
        if tag in ours:
            known[tag] = ours[tag]
        elif tag not in OWN_TAGS:
            known.pop(tag, None)


def _tags_of(module: str) -> Sequence[str]:
    with suppress(Exception):  # a library that cannot be imported has no page
        return list(import_module(module).register.tags)
    return []


def _arguments(words: Sequence[str], parameters: Sequence[str]) -> dict[str, str | None]:
    """Return what a tag is given, by the names of its parameters."""
    given: dict[str, str | None] = {}
    words = words[: words.index("as")] if "as" in words else words
    positional = iter(parameters)
    for word in words:
        keyword = _KEYWORD.fullmatch(word)
        if keyword and not _QUOTED.fullmatch(word):
            given[keyword.group(1)] = text_in(keyword.group(2))
        else:
            name = next(positional, None)
            if name:
                given[name] = text_in(word)
    return given


def text_in(word: str) -> str | None:
    """Return the text of a word in quotes; None for a variable, or text with a filter."""
    quoted = _QUOTED.fullmatch(word)
    return _ESCAPED.sub(r"\1", quoted.group(2)) if quoted else None


def _in_jinja2(source: Source) -> Iterator[Use]:
    """Yield each call of a bundler's function that the environment gives to its templates."""
    from jinja2 import nodes

    functions = {
        name: asked
        for name, value in source.environment.globals.items()
        for asked in [_asked_by(value)]
        if asked
    }
    if not any(name in source.text for name in functions):
        return
    with suppress(Exception):  # it does not parse, so no page shows it
        for call in source.environment.parse(source.text).find_all(nodes.Call):
            name = str(getattr(call.node, "name", ""))
            if name in functions:
                asked = functions[name]
                given = dict(zip(asked.parameters, map(_constant, call.args)))
                given.update((each.key, _constant(each.value)) for each in call.kwargs)
                yield Use(call.lineno, name, asked, given)


def _asked_by(function: object) -> Asked | None:
    function = getattr(function, "__func__", function)
    module, name = (str(getattr(function, key, "")) for key in ("__module__", "__name__"))
    return FUNCTIONS.get(module, {}).get(name)


def _constant(node: object) -> str | None:
    value = getattr(node, "value", None)
    return value if type(node).__name__ == "Const" and isinstance(value, str) else None
