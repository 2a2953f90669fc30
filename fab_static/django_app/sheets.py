"""What the filters of LESS and SCSS share: a package of the project's, options from its settings, one Node process.

What is kept of the output, and where, is told in fab_static.django_app.cache.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compressor.exceptions import FilterError
from compressor.filters import FilterBase
from django.conf import settings

from fab_static.django_app import cache, node, project
from fab_static.errors import BuildError

_SERVES = Path(__file__).with_name("node_worker.js")
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Language:
    """A language of style sheets, and the npm package that compiles it."""

    name: str  # as messages have it
    package: str
    oldest: str  # version of it that will do
    folder_setting: str
    options_setting: str
    timeout_setting: str
    workers_setting: str
    worker: Path
    not_here: tuple[str, ...]  # options that cannot be set
    instead: str  # what to do without them

    def options(self) -> dict[str, object]:
        """Return the options of its compiler.

        Raises:
            BuildError: one cannot be handed over, or writes more than the style sheet.
        """
        options = dict(getattr(settings, self.options_setting, None) or {})
        wrong = [name for name in self.not_here if name in options]
        try:
            json.dumps(options)
        except TypeError:
            wrong = wrong or ["a value that JSON cannot write"]
        if wrong:
            raise BuildError(
                f"{self.options_setting} cannot hold {wrong[0]}",
                where=f"settings {settings.SETTINGS_MODULE}",
                mend=self.instead,
            )
        return options

    def found(self) -> tuple[Path, str]:
        """Return the folder of the project's package, and its version.

        Raises:
            BuildError: it is not installed, or cannot be read.
        """
        named = getattr(settings, self.folder_setting, None)
        above = [project.folder(), *project.folder().parents]
        folders = (
            [Path(named)] if named else [each / "node_modules" / self.package for each in above]
        )
        for folder in folders:
            try:
                return folder, str(
                    json.loads(project.read_text(folder / "package.json"))["version"]
                )
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise BuildError(
                    f"the package {self.package} cannot be read: {error}",
                    where=str(folder),
                    mend=f"install it again: npm install {self.package}",
                ) from error
        raise BuildError(
            f"there is no package {self.package}",
            where=str(folders[0]),
            mend=f"run npm install {self.package} in the project's folder, or name the package's: {self.folder_setting}",
        )


@dataclass(frozen=True)
class Sheet:
    """What is to be compiled."""

    content: str
    filename: str | None  # where it stands, which its imports are relative to; None: in a page
    more: Mapping[str, object]  # that the compiler is told, too
    paths_matter: bool = False  # the output holds paths of files

    @property
    def where(self) -> str:
        """The sheet, as messages name it."""
        return self.filename or "a style element in a template"


class SheetFilter(FilterBase):  # type: ignore[misc]  # django-compressor ships no types
    """A precompiler whose work is done here."""

    def __init__(self, content: str, attrs: Any = None, **kwargs: Any) -> None:
        super().__init__(content, attrs, **kwargs)
        self.mimetype = str((attrs or {}).get("type") or "")

    def input(self, **_: Any) -> str:
        """Return the style sheet that the content is the source of.

        Raises:
            FilterError: it does not compile, or the compiler does not run; says what, where and how to mend.
        """
        try:
            return self.css()
        except BuildError as error:
            raise FilterError(str(error)) from error

    def css(self) -> str:
        """Return the style sheet.

        Raises:
            BuildError: it does not compile, or the compiler does not run.
        """
        raise NotImplementedError


def compiled(language: Language, sheet: Sheet, options: Mapping[str, object]) -> str:
    """Return CSS, from the cache or from the compiler.

    Raises:
        BuildError: it does not compile, or the compiler does not run.
    """
    package, version = language.found()
    program = node.program(needed_by=f"{sheet.where}, which is {language.name}")
    file = os.path.abspath(sheet.filename) if sheet.filename else ""  # noqa: PTH100  # links kept, as their commands do
    cwd = str(Path.cwd())
    request = {
        "content": sheet.content,
        "filename": file,
        "options": options,
        "cwd": cwd,
        **sheet.more,
    }
    command = [program, str(language.worker), str(package)]
    make = functools.partial(_made, language, command, request, sheet.where)
    kept = cache.from_settings()
    if kept is None:
        return make().data.decode()
    ours = (language.worker, _SERVES, node.READS)
    key = cache.digest(
        language.package,
        *(hashlib.sha256(each.read_bytes()).hexdigest() for each in ours),
        node.identity(program),
        version,
        options,
        sheet.content,
        dict(sheet.more),
        [path if sheet.paths_matter or not path else kept.name(path) for path in (file, cwd)],
    )
    return kept.result(key, make).decode()


def _made(
    language: Language, command: list[str], request: Mapping[str, object], where: str
) -> cache.Made:
    seconds = float(getattr(settings, language.timeout_setting, _TIMEOUT_SECONDS))
    # one by default: each warms up on its own, and on two cores two took as long (benchmarks/less.py)
    size = int(getattr(settings, language.workers_setting, 1))
    pool = node.pool(command, size=size, timeout_seconds=seconds)
    try:
        answer = pool.ask(request)
        if answer.get("stale"):  # a package has changed since the process read of it
            answer = pool.ask(request)
    except node.NodeError as error:
        raise BuildError(
            f"the {language.name} compiler gave no answer: {error}",
            where=where,
            mend="look for a loop without end in that sheet, and at the memory of the build host; "
            f"{language.timeout_setting} gives it more seconds",
        ) from error
    if "error" in answer:
        raise _failure(language, answer["error"], where)
    node.tell(answer["files"], answer["unkept"] and f"{where}: {answer['unkept']}")
    return cache.Made(answer["css"].encode(), None if answer["unkept"] else answer["files"])


def _failure(language: Language, error: Mapping[str, Any], where: str) -> BuildError:
    place = error.get("filename") or where
    line, column = error.get("line"), error.get("column")
    if line:
        place += f", line {line}, column {(column or 0) + 1}"
        lines = enumerate(error.get("extract") or [], line - 1)
        place += "".join(
            f"\n         {number} {text}" for number, text in lines if text is not None
        )
    mend = "correct that line"
    if error.get("type") == "Load":
        mend = f"install it again: npm install {language.package}; it needs to be {language.oldest} or later"
    if error.get("type") == "File":
        mend = (
            "correct that path; one that is true among the sources only is what "
            "manage.py fix_less_imports_collectstatic corrects"
        )
    kind = f"{error['type']}Error: " if error.get("type") else ""
    return BuildError(f"{kind}{str(error.get('message')).strip()}", where=place, mend=mend)
