"""compress's style sheets, compiled ahead: while other phases run, on a processor that they leave idle.

A sheet that imports a framework takes a second, and build_requirejs uses one processor for long. So a fork of the
project's one start begins compress beside it. Of what compress does, this one leaves results of precompilers in the
cache, and nothing else: it saves no file and writes no manifest. compress then waits until it has ended, and finds
the results. Each counts only while everything that it was made from is as it was. So a sheet that a phase has changed
meanwhile is compiled again.

A command that no compress has shown to write nothing but its output is confined: the phase that runs meanwhile would be
taken for who wrote the rest.

Nothing is done ahead where that would be in vain, since precompilers leave no results in the cache, or where the
project has a compress or compressors of its own, which may write. What fails here fails again in compress, which
tells of it.

Settings:
    FAB_STATIC_COMPILE_AHEAD  False: compress alone renders templates; default True

Python 3.8 or later, standard library, and the project's django-compressor.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from importlib import import_module
from typing import Any, Callable, NoReturn

from fab_static.host.project.traces import temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

_KNOWN = ("compressor.", "fab_static.")  # whose compressors write where we think


class Ahead:
    """The fork, as its parent has it, and the other forks of that.

    Args:
        told: where it tells at its end how many calls of precompilers it made.
        living: held open by its parent: when nobody holds it any more, the fork ends.
    """

    def __init__(self, told: int, living: int) -> None:
        self._told = told
        self.living = living

    def wait(self) -> int:
        """Wait until it has ended; return how many calls of precompilers it made."""
        pieces: list[bytes] = []
        while pieces[-1:] != [b""]:
            pieces.append(os.read(self._told, 100))
        return int(b"".join(pieces) or b"0")


def begin(
    control: socket.socket,
    become: Callable[[list[str]], None],
    words: list[str],
    trust: list[str],
    *,
    commands: bool,
) -> Ahead | None:
    """Begin compress in a fork; return what the parent has of it. None: there is no processor for it.

    Args:
        control: the parent's; its other end must see when the parent has ended.
        become: makes the words of manage.py, for those too who kept them, others.
        words: of compress's command, without manage.py.
        trust: native modules and programs that the inventory vouches for.
        commands: whether precompilers that are commands are known to write nothing beside their output. Others run
            where the kernel keeps them from it: see host/project/confining.
    """
    if _processors() < 2:
        return None
    told, tells = os.pipe()
    lives, living = os.pipe()
    if os.fork():
        os.close(tells)
        os.close(lives)
        return Ahead(told, living)
    try:
        os.setsid()
        for descriptor in (told, living):
            os.close(descriptor)
        control.close()
        _say_nothing()
        _stay_beside(lives)
        sys.argv = ["manage.py", *words]
        become(sys.argv)
        _compile(tells, words, trust, commands=commands)
    finally:
        _end()


def _processors() -> int:
    """Return how many processors we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _stay_beside(lives: int) -> None:
    """Return in a fork of this process, and stay beside it until it ends, or the build does: `lives` is closed then.

    After that the programs that it started are ended, and its temporary files removed. Only then is waked whoever
    waits for it.
    """
    begins = temporary.begin_with_another()
    over, working = os.pipe()
    worker = os.fork()
    if not worker:
        os.close(over)
        os.setpgid(0, 0)
        return
    try:
        os.close(working)
        select.select([lives, over], [], [])
        with contextlib.suppress(ProcessLookupError):  # it ended before it had a group
            os.killpg(worker, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        temporary.remove_all(begins)
    finally:
        _end()


def _end() -> NoReturn:
    os._exit(1)


def _say_nothing() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _compile(tells: int, words: list[str], trust: list[str], *, commands: bool) -> None:
    """Run compress, and keep what its precompilers make."""
    from fab_static.host.project import compressing
    from fab_static.host.project.precompilers import beginning

    calls = beginning.begin_now(trust)
    if calls is None or not _is_understood():
        return
    if not commands and _has_commands():
        from fab_static.host.project.confining import confine

        commands = confine(calls.kept.folder)
    calls.in_vain = _end
    sys.addaudithook(lambda event, _arguments: event == "fab_static.unseen" and _end())
    import_module(beginning.COMPRESS).write_offline_manifest = lambda *_: None  # type: ignore[attr-defined]
    import_module("compressor.base").Compressor.output = _compiler(commands)
    compressing.begin()
    from django.core.management import ManagementUtility

    try:
        ManagementUtility(["manage.py", *words]).execute()
    finally:
        os.write(tells, str(calls.made).encode())


def _is_understood() -> bool:
    """Tell whether nothing but compressor's own code, and ours, would write."""
    from compressor import base
    from compressor.conf import settings
    from compressor.utils import get_class
    from django.core.management import get_commands

    command = import_module("compressor.management.commands.compress")
    known = getattr(settings, "COMPRESSORS", None) or {}
    return (
        getattr(settings, "FAB_STATIC_COMPILE_AHEAD", True)
        and get_commands().get("compress") == "compressor"
        and hasattr(command, "write_offline_manifest")
        and hasattr(base.Compressor, "precompile")
        and hasattr(base.Compressor, "split_contents")
        # it keeps results by the text of a sheet alone, whatever that imports
        and not getattr(settings, "COMPRESS_CACHEABLE_PRECOMPILERS", ())
        and bool(known)
        and all(get_class(name).__module__.startswith(_KNOWN) for name in known.values())
    )


def _compiler(commands: bool) -> Callable[..., str]:
    """Return what stands in the place of Compressor.output: it compiles what a block names, and returns nothing."""
    from compressor import base

    def output(self: Any, *_arguments: object, **_options: object) -> str:
        for kind, value, basename, element in self.split_contents():
            attributes = self.parser.elem_attribs(element)
            precompiler = self.precompiler_mimetypes.get(attributes.get("type"))
            if precompiler is None or not _leaves_results(precompiler, commands):
                continue
            charset, filename = attributes.get("charset", self.charset), None
            if kind == base.SOURCE_FILE:
                filename, value = value, self.get_filecontent(value, charset)
            options = {"filename": filename, "charset": charset, "basename": basename}
            self.precompile(value, kind=kind, elem=element, method=base.METHOD_INPUT, **options)
        return ""

    return output


def _has_commands() -> bool:
    """Tell whether a precompiler is a command."""
    from compressor.conf import settings

    return any(map(_is_command, dict(settings.COMPRESS_PRECOMPILERS).values()))


def _leaves_results(precompiler: str, commands: bool) -> bool:
    """Tell whether what a precompiler makes is kept, and nothing else left: it is a filter of ours, or a command."""
    if _is_command(precompiler):
        return commands
    return getattr(_filter_of(precompiler), "__module__", "").startswith("fab_static.")


def _is_command(precompiler: str) -> bool:
    """Tell whether a precompiler starts a program: it is a line of a shell, or a class that makes one."""
    from compressor.filters.base import CompilerFilter

    found = _filter_of(precompiler)
    return found is None or (isinstance(found, type) and issubclass(found, CompilerFilter))


def _filter_of(precompiler: str) -> Any:
    """Return what a precompiler names, or None if it is a line of a shell, as compressor tells them apart."""
    module, _, name = precompiler.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, TypeError, ValueError, AttributeError):
        return None
