"""What our commands read in templates: the text, and the uses of a tag.

fab_static.host.project.templates lists the templates, for these commands as for the gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from django.template.base import TokenType

from fab_static.errors import BuildError
from fab_static.host.project import templates
from fab_static.host.project.refusals import ProbeError
from fab_static.host.project.templates import Source


def every() -> Iterator[Source]:
    """Yield all templates that the gate sees.

    Raises:
        BuildError: the project's own function that gives a Jinja2 environment fails.
    """
    try:
        yield from templates.every()
    except ProbeError as error:
        raise BuildError(**error.error) from error


def tag_arguments(source: Source, tag: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, arguments) of each use of a tag, those in comments left out."""
    if source.environment:
        yield from _in_jinja2(source, tag)
    elif source.is_django:
        for token in templates.tokens_of(source.text):
            if token.token_type is TokenType.BLOCK and token.contents.split()[:1] == [tag]:
                yield token.lineno or 0, token.split_contents()[1:]


def _in_jinja2(source: Source, tag: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, argument) of each {% tag "argument" %}, and of each call: tag("argument")."""
    code = [token for token in _jinja2_tokens(source) if token[1] != "whitespace"]
    for before, (line, kind, name), first, second in zip(
        code, code[1:], code[2:], code[3:], strict=False
    ):
        if (kind, name) == ("name", tag):
            is_call = first[2] == "("
            given = second if is_call else first
            is_tag = before[1] in ("block_begin", "linestatement_begin")
            is_used = not given[1].endswith("_end") if is_tag else is_call and given[1] == "string"
            if is_used:
                yield line, [given[2]]


def _jinja2_tokens(source: Source) -> list[tuple[int, str, str]]:
    """Return the tokens of a template in Jinja2, those in comments left out, or none if Jinja2 cannot read it."""
    with suppress(Exception):  # no page shows it
        tokens = source.environment.lex(source.text)
        return [token for token in tokens if "comment" not in token[1]]
    return []


def without_comments(source: Source) -> str:
    """Return the template's text, without comments where we know its language."""
    if source.environment:
        return "".join(text for _, _, text in _jinja2_tokens(source))
    if source.is_django:
        return "\n".join(token.contents for token in templates.tokens_of(source.text))
    return source.text
