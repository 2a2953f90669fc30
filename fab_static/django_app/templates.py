"""Every template of every engine, as its loaders give it: the first hit of a name is rendered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.template.base import Lexer, TokenType


@dataclass(frozen=True)
class Source:
    """A template's name, its text, and whether it is in Django's own language."""

    name: str
    text: str
    is_django: bool


def every() -> Iterator[Source]:
    """Yield all templates, whatever their extension; names sorted within each engine."""
    for backend in engines.all():
        if isinstance(backend, DjangoTemplates):
            loaders = list(_unwrapped(backend.engine.template_loaders))
            for name in sorted({name for loader in loaders for name in _names(loader)}):
                text = _text(loaders, name)
                if text is not None:
                    yield Source(name, text, is_django=True)
        else:
            seen: set[str] = set()
            for folder in getattr(backend, "template_dirs", ()):
                for name in sorted(_files_below(folder)):
                    if name not in seen:
                        seen.add(name)
                        text = Path(folder, name).read_text("utf-8", errors="replace")
                        yield Source(name, text, is_django=False)


def tag_arguments(source: Source, tag: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, arguments) of each use of a tag, those in comments left out.

    Django's own lexer reads the text: it needs no tag library, so that a template which another
    project's tag keeps from parsing is read all the same, and {% verbatim %} is understood.
    """
    in_comment = False
    for token in Lexer(source.text).tokenize():
        if token.token_type is not TokenType.BLOCK:
            continue
        name, *arguments = token.split_contents() or [""]
        if in_comment:
            in_comment = name != "endcomment"
        elif name == "comment":
            in_comment = True
        elif name == tag:
            yield token.lineno or 0, arguments


def without_comments(source: Source) -> str:
    """Return the template's text, without Django's comments where it is in Django's language."""
    if not source.is_django:
        return source.text
    kept: list[str] = []
    in_comment = False
    for token in Lexer(source.text).tokenize():
        if token.token_type is TokenType.BLOCK and (words := token.contents.split()):
            in_comment = words[0] == "comment" or (in_comment and words[0] != "endcomment")
        if not in_comment and token.token_type is not TokenType.COMMENT:
            kept.append(token.contents)
    return "\n".join(kept)


def _unwrapped(loaders: list[Any]) -> Iterator[Any]:
    for loader in loaders:
        yield from _unwrapped(loader.loaders) if hasattr(loader, "loaders") else [loader]


def _names(loader: Any) -> Iterator[str]:
    if hasattr(loader, "templates_dict"):
        yield from loader.templates_dict
    elif hasattr(loader, "get_dirs"):
        for folder in loader.get_dirs():
            yield from _files_below(folder)


def _files_below(folder: str | os.PathLike[str]) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if not name.startswith(".") and name != "__pycache__"
        ]
        for name in files:
            if not name.startswith(".") and not name.endswith((".py", ".pyc")):
                yield Path(parent, name).relative_to(folder).as_posix()


def _text(loaders: list[Any], name: str) -> str | None:
    for loader in loaders:
        for origin in loader.get_template_sources(name):
            try:
                return str(loader.get_contents(origin))
            except TemplateDoesNotExist:
                continue
            except UnicodeDecodeError:
                return None  # an image, say, in a folder of templates
    return None
