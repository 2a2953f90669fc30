"""Shows the project other files in place of some: so it answers for a release that is not live yet."""

from __future__ import annotations

import builtins
import io
import os
import sys
from contextlib import suppress
from typing import Any, Callable, Mapping, cast

from fab_static.host.project.reads.paths import is_to_write

_others: dict[str, str] = {}  # real path -> what is read in its place
_names: set[str] = set()  # of these
_is_redirectable = False


def redirect(files: Mapping[str, str]) -> None:
    """Make every read of exactly these paths read the other file instead, however the project opens it.

    So a web host answers for a release that is not live yet, even where the project reads
    resource_versions.yml with code of its own.
    """
    if files:
        make_redirectable()
        _others.update((real(path), other) for path, other in files.items())
        _names.update(map(os.path.basename, _others))


def make_redirectable() -> None:
    """Replace what opens files and looks at them, so that redirect() counts for those too who keep the functions."""
    global _is_redirectable  # of the interpreter as a whole
    if _is_redirectable:
        return
    _is_redirectable = True

    builtins.open = io.open = cast(Any, Redirectable(builtins.open, "file", "mode"))
    os.open = Redirectable(os.open, "path", "flags")
    for name in ("stat", "lstat", "access"):
        setattr(os, name, Redirectable(getattr(os, name), "path"))
    pathlib = sys.modules.get("pathlib")
    for accessor in (
        "_NormalAccessor",
        "_normal_accessor",
    ):  # Python 3.8 and 3.9 keep functions of os here
        held = getattr(pathlib, accessor, None)
        if held is not None:
            for name in ("stat", "lstat", "open"):
                with suppress(AttributeError, TypeError):
                    setattr(
                        held,
                        name,
                        staticmethod(getattr(os, name))
                        if isinstance(held, type)
                        else getattr(os, name),
                    )


class Redirectable:
    """A function that opens a file or looks at it, and is shown another in place of some.

    No function itself: where a class keeps it, it must not become a method, as builtin ones do not either.
    """

    def __init__(self, function: Callable[..., Any], path: str, mode: str | None = None) -> None:
        self._function = function
        self._path, self._mode = path, mode  # the parameters: its path, and how it is opened
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if function in group:  # shutil asks whether it can do that
                group.add(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do what the function does."""
        if _names:
            args, kwargs = self._shown(args, kwargs)
        return self._function(*args, **kwargs)

    def _shown(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given: dict[Any, Any] = {**dict(zip((self._path, self._mode), args)), **kwargs}
        how = given.get(self._mode)
        writes = self._mode is not None and is_to_write(how, how)
        if writes or given.get("dir_fd") is not None:
            return args, kwargs
        other = other_of(given.get(self._path))
        return ((other, *args[1:]), kwargs) if args else (args, {**kwargs, self._path: other})


def other_of(path: Any) -> Any:
    """Return the path of what is read in place of a file; its own for all but a few."""
    if isinstance(path, (str, bytes, os.PathLike)):
        text = os.fsdecode(path)
        if os.path.basename(text) in _names:
            return _others.get(real(text), path)
    return path


def real(path: str) -> str:
    """Return the path with links in its folders followed, but not a link that it is itself."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)
