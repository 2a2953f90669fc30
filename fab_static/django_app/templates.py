"""Every template of every engine, as its loaders give it: the first hit of a name is rendered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.template.base import Lexer, TokenType
from django.template.loaders.filesystem import Loader


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
            places: dict[str, tuple[list[Any], str | None]] = {}
            asked: list[Any] = []  # before the one that lists a template: they may have it unlisted
            for loader in _unwrapped(backend.engine.template_loaders):
                for name, path in _names(loader):
                    places.setdefault(name, ([*asked, *([] if path else [loader])], path))
                if not _is_plain(loader):
                    asked.append(loader)
            for name in sorted(places):
                text = _text(name, *places[name], backend.engine.file_charset)
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


def _names(loader: Any) -> Iterator[tuple[str, str | None]]:
    """Yield the names of a loader's templates, with the file that it would open, where it does no more than that."""
    if hasattr(loader, "templates_dict"):
        yield from ((name, None) for name in loader.templates_dict)
    elif hasattr(loader, "get_dirs"):
        is_plain = _is_plain(loader)
        for folder in loader.get_dirs():
            for name in _files_below(folder):
                yield name, os.path.join(folder, name) if is_plain else None  # noqa: PTH118  # thousands


def _is_plain(loader: Any) -> bool:
    """Tell whether a loader opens the first file of a name in its folders, as Django's own do, and does no more."""
    methods = ("get_template_sources", "get_contents")
    return all(getattr(type(loader), name, None) is getattr(Loader, name) for name in methods)


def _files_below(folder: str | os.PathLike[str]) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if not name.startswith(".") and name != "__pycache__"
        ]
        for name in files:
            if not name.startswith(".") and not name.endswith((".py", ".pyc")):
                yield Path(parent, name).relative_to(folder).as_posix()


def _text(name: str, loaders: list[Any], path: str | None, charset: str) -> str | None:
    """Return a template's text from a loader, else the file; None: an image, say, in a folder of templates."""
    try:
        for loader in loaders:
            for origin in loader.get_template_sources(name):
                with suppress(TemplateDoesNotExist):
                    return str(loader.get_contents(origin))
        return Path(path).read_text(charset) if path else None
    except (UnicodeDecodeError, FileNotFoundError):
        return None
