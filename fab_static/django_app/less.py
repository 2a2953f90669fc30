"""Compiles LESS for django-compressor: in Node processes that stay, and only what has changed.

One line of settings, in the place of lessc's command:

    COMPRESS_PRECOMPILERS = [("text/less", "fab_static.django_app.less.LessFilter")]

The output is lessc's, byte for byte. What is kept of it, and where, is told in fab_static.django_app.cache.

Settings:
    FAB_STATIC_LESS          the folder of the `less` package; default: node_modules/less in the project's
                             folder or above it
    FAB_STATIC_LESS_OPTIONS  options of less.render, {"math": "always", "paths": [...]}; default: lessc's own
    FAB_STATIC_LESS_TIMEOUT  seconds that a sheet may take; default 120
    FAB_STATIC_LESS_WORKERS  Node processes at once; default 1; compress asks from four threads
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compressor.exceptions import FilterError
from compressor.filters import FilterBase
from django.conf import settings

from fab_static.django_app import cache, node, project
from fab_static.errors import BuildError

_WORKER = Path(__file__).with_name("less_worker.js")
_TIMEOUT_SECONDS = 120.0
# Options that are functions or objects in Node, or that make lessc write more than the style sheet.
_NOT_HERE = ("plugins", "pluginManager", "filename", "rootFileInfo", "depends", "lint")
# Options that write the paths of files into the output.
_WRITES_PATHS = ("sourceMap", "dumpLineNumbers")


class LessFilter(FilterBase):  # type: ignore[misc]  # django-compressor ships no types
    """The precompiler of text/less."""

    def __init__(self, content: str, attrs: Any = None, **kwargs: Any) -> None:
        super().__init__(content, attrs, **kwargs)

    def input(self, **_: Any) -> str:
        """Return the style sheet that the content is the source of.

        Raises:
            FilterError: it does not compile, or the compiler does not run; says what, where and how to mend.
        """
        try:
            return compiled(self.content, self.filename)
        except BuildError as error:
            raise FilterError(str(error)) from error


def compiled(content: str, filename: str | None) -> str:
    """Return CSS, from the cache or from `less`.

    Args:
        content: the source.
        filename: where it stands, which its imports are relative to; None for what stands in a page.

    Raises:
        BuildError: it does not compile, or the compiler does not run.
    """
    where = filename or "a style element in a template"
    package, version = _package()
    program = node.program(needed_by=f"{where}, which is LESS")
    options = _options()
    file = os.path.abspath(filename) if filename else ""  # noqa: PTH100  # links kept, as lessc does
    cwd = str(Path.cwd())
    request = {"content": content, "filename": file, "options": options, "cwd": cwd}
    make = functools.partial(_made, [program, str(_WORKER), str(package)], request, where)
    kept = cache.from_settings()
    if kept is None:
        return make().data.decode()
    paths_matter = any(options.get(name) for name in _WRITES_PATHS)
    key = cache.digest(
        "less",
        *(hashlib.sha256(file.read_bytes()).hexdigest() for file in (_WORKER, node.READS)),
        node.identity(program),
        version,
        options,
        content,
        [path if paths_matter or not path else kept.name(path) for path in (file, cwd)],
    )
    return kept.result(key, make).decode()


def _made(command: list[str], request: Mapping[str, Any], where: str) -> cache.Made:
    seconds = float(getattr(settings, "FAB_STATIC_LESS_TIMEOUT", _TIMEOUT_SECONDS))
    # one by default: each warms up by itself, and on two cores two were no quicker (benchmarks/less.py)
    size = int(getattr(settings, "FAB_STATIC_LESS_WORKERS", 1))
    pool = node.pool(command, size=size, timeout_seconds=seconds)
    try:
        answer = pool.ask(request)
        if answer.get("stale"):  # a package has changed since the process read of it
            answer = pool.ask(request)
    except node.NodeError as error:
        raise BuildError(
            f"the LESS compiler gave no answer: {error}",
            where=where,
            mend="look for a loop without end in that sheet, and at the memory of the build host; "
            "FAB_STATIC_LESS_TIMEOUT gives it more seconds",
        ) from error
    if "error" in answer:
        raise _failure(answer["error"], where)
    node.tell(answer["files"], answer["unkept"] and f"{where}: {answer['unkept']}")
    return cache.Made(answer["css"].encode(), None if answer["unkept"] else answer["files"])


def _failure(error: Mapping[str, Any], where: str) -> BuildError:
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
        mend = "install it again: npm install less; it needs to be 3 or later"
    if error.get("type") == "File":
        mend = (
            "correct that path; one that is true among the sources only is what "
            "manage.py fix_less_imports_collectstatic corrects"
        )
    kind = f"{error['type']}Error: " if error.get("type") else ""
    return BuildError(f"{kind}{str(error.get('message')).strip()}", where=place, mend=mend)


def _package() -> tuple[Path, str]:
    """Return the folder of the project's `less` and its version."""
    named = getattr(settings, "FAB_STATIC_LESS", None)
    above = [project.folder(), *project.folder().parents]
    folders = [Path(named)] if named else [folder / "node_modules" / "less" for folder in above]
    for folder in folders:
        try:
            return folder, str(json.loads(project.read_text(folder / "package.json"))["version"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BuildError(
                f"the package less cannot be read: {error}",
                where=str(folder),
                mend="install it again: npm install less",
            ) from error
    raise BuildError(
        "there is no package less",
        where=str(folders[0]),
        mend="run npm install less in the project's folder, or name the package's: FAB_STATIC_LESS",
    )


def _options() -> dict[str, Any]:
    options = dict(getattr(settings, "FAB_STATIC_LESS_OPTIONS", None) or {})
    wrong = [name for name in _NOT_HERE if name in options]
    try:
        json.dumps(options)
    except TypeError:
        wrong = wrong or ["a value that JSON cannot write"]
    if wrong:
        raise BuildError(
            f"FAB_STATIC_LESS_OPTIONS cannot hold {wrong[0]}",
            where=f"settings {settings.SETTINGS_MODULE}",
            mend="load plugins in the sheet with @plugin, or keep lessc's command in COMPRESS_PRECOMPILERS",
        )
    return options
