"""Every template of the project, as its loaders give it: for the gate, the lint, and the commands of django_app.

Pages get a template from the first loader that has it. Another one of that name, in a later loader, is shown only
where the first one extends it.
"""

from __future__ import annotations

import os
import posixpath
import re
from contextlib import suppress
from typing import Any, Iterable, Iterator, List, NamedTuple, Tuple

from fab_static.host.project.refusals import ProbeError, place_of

EXTENDS = re.compile(r"""\{%-?\s*extends\s+["']([^"']+)["']""")
_USED = re.compile(r"""\{%-?\s*(?:extends|include)\s+["']([^"']+)["']""")
# of a template: loaders that are asked first, then a file that is opened, and its encoding
Place = Tuple[List[Any], str, str]


class Source(NamedTuple):
    """One template: its name, its text, and the file or other place that it comes from."""

    name: str
    text: str
    place: str
    is_django: bool = False  # is it in Django's own language?
    environment: Any = None  # of Jinja2, where it is in that language


def every() -> Iterator[Source]:
    """Yield every template, whatever its file is called; an image among them is left out.

    Raises:
        ProbeError: see jinja2_environments().
    """
    from django.template import engines as backends

    for backend in backends.all():
        if hasattr(backend, "engine"):
            yield from Templates([backend]).every()
        elif not hasattr(backend, "env"):
            yield from _files_of(backend)
    for environment in jinja2_environments():
        yield from jinja2_sources(environment)


class Templates:
    """The templates of Django's own language, in every loader of the project."""

    def __init__(self, backends: Iterable[Any] | None = None) -> None:
        from django.template import engines

        self._loaders: list[Any] = []
        self._places: dict[str, Place] = {}
        asked: list[Any] = []  # before a file of a later loader: they may have it unlisted
        for backend in engines.all() if backends is None else backends:
            if hasattr(backend, "engine"):
                for loader in unwrapped(backend.engine.template_loaders):
                    self._loaders.append(loader)
                    is_asked = not opens_files(loader)
                    if is_asked:
                        asked = [*asked, loader]
                    for listed, path in listed_by(loader):
                        file = "" if is_asked else path
                        place = (asked, file, backend.engine.file_charset)
                        self._places.setdefault(listed, place)
        self.names = sorted(self._places)

    def find(self, name: str) -> tuple[str, str]:
        """Return a template's text, and the file or other place that it comes from.

        Raises:
            LookupError: no loader has it.
            UnicodeDecodeError: it is not in the encoding that pages read it in: an image, perhaps.
        """
        asked, path, charset = self._places.get(name, ([], "", ""))
        for found in given_by(asked, name):
            return found
        if path:  # its loader would look for it in other folders first, where it is not
            try:
                with open(path, encoding=charset) as file:
                    return file.read(), path
            except UnicodeDecodeError:
                raise
            except (OSError, UnicodeError):  # gone by now; or UTF-16 that does not begin as such
                pass
        for found in given_by(self._loaders, name):
            return found
        raise LookupError(name)

    def source(self, name: str) -> str:
        """Return a template's text, whatever its encoding."""
        try:
            return self.find(name)[0]
        except UnicodeDecodeError as error:
            return text_of(error)

    def every(self) -> Iterator[Source]:
        """Yield every template, and those that no loader lists and that another extends or includes by name."""
        names = dict.fromkeys(self.names)
        waiting = [*names]
        for name in waiting:
            for text, place in self._shown(name):
                yield Source(name, text, place, is_django=True)
                used = [full_name(each, name) for each in _USED.findall(text)]
                new = dict.fromkeys(each for each in used if each not in names)
                names.update(new)
                waiting += new

    def _shown(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield what pages show of a name: its first hit, and the next one where that extends its own name."""
        with suppress(LookupError, UnicodeDecodeError):  # not there; an image, say
            text, place = self.find(name)
            yield text, place
            behind = given_by(self._loaders, name)
            while name in (full_name(each, name) for each in EXTENDS.findall(text)):
                hit = next((each for each in behind if each[1] != place), None)
                if hit is None:
                    return
                text, place = hit
                yield hit


def full_name(name: str, within: str) -> str:
    """Return the name of a template that another one names, which may be relative: ./base.html."""
    if not name.startswith(("./", "../")):
        return name
    return posixpath.normpath(posixpath.join(posixpath.dirname(within), name))


def given_by(loaders: list[Any], name: str) -> Iterator[tuple[str, str]]:
    """Yield the texts and places that loaders have for a name, the first of which pages get.

    Raises:
        UnicodeDecodeError: one is not in the encoding that pages read it in.
    """
    for loader in loaders:
        for origin in loader.get_template_sources(name):
            try:
                found = str(loader.get_contents(origin)), str(origin.name)
            except UnicodeDecodeError:
                raise
            except Exception:  # noqa: S112  # not there
                continue
            yield found


def opens_files(loader: Any) -> bool:
    """Does a loader open the first file of a name in its folders, as Django's own do, and no more?"""
    from django.template.loaders.filesystem import Loader

    methods = ("get_template_sources", "get_contents")
    return all(getattr(type(loader), name, None) is getattr(Loader, name) for name in methods)


def unwrapped(loaders: list[Any]) -> list[Any]:
    """Return loaders with those that a cached loader wraps."""
    return [
        inner
        for loader in loaders
        for inner in (unwrapped(loader.loaders) if hasattr(loader, "loaders") else [loader])
    ]


def listed_by(loader: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of all templates of a loader, as compress lists them, and their files."""
    if hasattr(loader, "templates_dict"):
        yield from ((name, "") for name in loader.templates_dict)
        return
    folders = []
    with suppress(Exception):  # a loader without folders
        folders = [str(origin) for origin in loader.get_template_sources("")]
    if not any(map(os.path.isdir, folders)) and hasattr(loader, "get_dirs"):
        folders = [str(folder) for folder in loader.get_dirs()]
    for folder in folders:
        yield from files_in(folder)


def files_in(folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and path of every file below a folder of templates, but no hidden ones and no code."""
    seen = set()
    for parent, within, files in os.walk(folder, followlinks=True):  # as pages do
        real = os.path.realpath(parent)
        if real in seen:
            within.clear()
            continue
        seen.add(real)
        below = os.path.relpath(parent, folder).replace("\\", "/") + "/"
        below = "" if below == "./" else below
        for name in files:
            if not name.startswith(".") and not name.endswith((".py", ".pyc")):
                yield below + name, os.path.join(parent, name)


def is_page(name: str) -> bool:
    """Is it one of the files that compress looks at when it is not told otherwise?"""
    return name.endswith(".html")


def text_of(error: UnicodeDecodeError) -> str:
    """Return a text that is not in the encoding that it was read in, so far as ASCII goes."""
    is_utf_16 = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
    return error.object.decode("utf-16" if is_utf_16 else "latin-1", "replace")


def tokens_of(text: str) -> Iterator[Any]:
    """Yield the tokens of a template in Django's language, those in comments left out.

    Django's own lexer reads the text. It needs no tag library: so a template is read, too, that a tag of another
    project's keeps from parsing.
    """
    from django.template.base import Lexer, TokenType

    is_comment = False
    for token in Lexer(text).tokenize():
        if is_comment:
            is_comment = token.contents != "endcomment"
        elif token.token_type is TokenType.BLOCK and token.contents.split()[:1] == ["comment"]:
            is_comment = True
        elif token.token_type is not TokenType.COMMENT:
            yield token


def jinja2_environments() -> list[Any]:
    """Return the Jinja2 environments that pages are rendered in: the one compress uses, and the rest.

    Raises:
        ProbeError: the project's own COMPRESS_JINJA2_GET_ENVIRONMENT fails, as compress would.
    """
    from django.apps import apps
    from django.template import engines as backends

    found = [backend.env for backend in backends.all() if hasattr(backend, "env")]
    own = _jinja2_of_compressor() if apps.is_installed("compressor") else None
    if own is not None and not any(own is each for each in found):
        found.append(own)
    return [each for each in found if hasattr(each, "list_templates") and each.loader]


def _jinja2_of_compressor() -> Any:
    from compressor.conf import settings
    from django.template.utils import InvalidTemplateEngineError

    get = getattr(settings, "COMPRESS_JINJA2_GET_ENVIRONMENT", None)
    try:
        return get() if get else None
    except (InvalidTemplateEngineError, ImportError):
        return None  # no Jinja2 under that name, as in most projects
    except Exception as error:
        raise ProbeError(
            f"COMPRESS_JINJA2_GET_ENVIRONMENT failed: {type(error).__name__}: {error}",
            place_of(error),
            "correct that function: manage.py compress --engine jinja2 needs it too",
        ) from error


def jinja2_sources(environment: Any, *, of_any_encoding: bool = False) -> Iterator[Source]:
    """Yield every template that an environment's loader can list."""
    names: list[str] = []
    with suppress(Exception):  # a loader that cannot list its own
        names = sorted(environment.list_templates())
    for name in names:
        with suppress(Exception):  # an image, say
            try:
                text, file, _ = environment.loader.get_source(environment, name)
            except UnicodeDecodeError as error:
                if not of_any_encoding:
                    continue
                text, file = text_of(error), ""
            yield Source(name, text, str(file or ""), environment=environment)


def _files_of(backend: Any) -> Iterator[Source]:
    """Yield the files in the folders of a template language that we do not know."""
    seen = set()
    for folder in getattr(backend, "template_dirs", ()):
        for name, path in files_in(str(folder)):
            if name not in seen:
                seen.add(name)
                with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                    yield Source(name, file.read(), path)
