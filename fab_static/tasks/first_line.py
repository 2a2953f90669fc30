"""Says what begins before what takes long is loaded, and answers Ctrl-C until a task does.

`fab` imports Fabric before it reads a fabfile: half a second of a processor on a small machine. Then the words and the
inventory are read, so that nothing that is refused is said to ask a host. All that connects to hosts is loaded after
the first line.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from fab_static.errors import InventoryError
from fab_static.plan.ids import may_name
from fab_static.plan.spelling import spelled
from fab_static.plan.wording import counted
from fab_static.tasks import ctrl_c

if TYPE_CHECKING:
    from invoke.program import Program

    from fab_static.plan.inventory import Environment

Given = tuple[str, dict[str, Any]]  # a task, and its options by their names

# their words on standard output are an answer, which a program may read
LOOKING = {
    *("plan", "status", "releases", "diff", "why", "check", "unlock"),
    *("nginx", "cdn-function", "export"),
}
ANSWERS = ("json", "dry_run")  # options with which other tasks answer so, too
ASKS_NOBODY = {"nginx", "cdn-function"}  # once their --url is given
NAME_RELEASES = ("to", "release", "old", "new")
ONLY_TELLS = ("help", "list", "complete", "dry")  # of `fab` itself
INTERRUPTED = "interrupted; nothing was contacted yet"
_SAID: list[str] = []  # `from fab_static import namespace` asks twice


def calling_folder() -> Path:
    """Return the folder of the fabfile that imports us: beside it stand the inventories."""
    frame = sys._getframe()  # no other way: an import has no arguments
    while frame := frame.f_back:  # type: ignore[assignment]
        file = frame.f_globals.get("__file__")
        name = frame.f_globals.get("__name__", "")
        if file and name.partition(".")[0] not in ("fab_static", "importlib"):
            folder = Path(file).resolve().parent
            # a fabfile may be a package: then the inventories stand beside its folder
            is_package = (
                not (folder / "inventories").is_dir() and (folder.parent / "inventories").is_dir()
            )
            return folder.parent if is_package else folder
    return Path.cwd()


def begin(folder: Path) -> None:
    """Answer Ctrl-C, where `fab` reads this folder's fabfile to run tasks in an environment."""
    program = _program()
    if program is None or any(program.args[name].value for name in ONLY_TELLS):
        return
    named = any(_is_environment(word, folder / "inventories") for word in program.core.unparsed)
    if named and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
        ctrl_c.tidy()


def say(environment: Environment) -> None:
    """Say which hosts will be asked, once the words and the inventory were read and no fault was found."""
    tasks = _tasks_in(spelled(environment.name))
    line = _line(environment, tasks)
    if line is None or _SAID:
        return
    _SAID.append(line)
    stream = _stream(tasks)
    stamp = time.strftime("%H:%M:%S ") if stream is sys.stdout and not _is_seen(stream) else ""
    _write(stream, stamp + line)


def end() -> None:
    """Leave Ctrl-C to whoever comes next: a task of ours, or one of the team's own."""
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupted(number: int, _: object) -> NoReturn:
    """Say so, and end as Python does: `fab` makes exit 1 of it.

    Raises:
        KeyboardInterrupt: always.
    """
    signal.signal(number, signal.SIG_IGN)  # once is enough
    _write(sys.stderr, INTERRUPTED)
    raise KeyboardInterrupt


def _write(stream: TextIO | None, line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody can read it: the task will say so
        if stream:
            stream.write(line + "\n")
            stream.flush()


def _is_seen(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):  # it is closed
        return False


def _program() -> Program | None:
    """Return the program behind `fab`, or None if no command line runs us."""
    invoke = sys.modules.get("invoke.program")
    frame = sys._getframe()
    while invoke and (frame := frame.f_back):  # type: ignore[assignment]
        found = frame.f_locals.get("self")
        if isinstance(found, invoke.Program) and hasattr(found, "core"):
            program: Program = found
            return program
    return None


def _is_environment(word: str, folder: Path) -> bool:
    name = word.rpartition(".")[2]
    names = (name, name.replace("-", "_"))
    paths = [folder / f"{one}.{ending}" for one in names for ending in ("yml", "yaml")]
    usable = name.isprintable() and "/" not in name and name not in ("", "example")
    return usable and any(path.is_file() for path in paths)


def _tasks_in(environment: str) -> list[Given]:
    """Return the tasks that follow an environment's name on the command line, each with its options."""
    program = _program()
    found = [(one.name.rpartition(".")[2], one.as_kwargs) for one in getattr(program, "tasks", ())]
    names = [name for name, _ in found]
    return found[names.index(environment) + 1 :] if environment in names else []


def _line(environment: Environment, tasks: Sequence[Given]) -> str | None:
    """Return the line, or None if nobody is asked, nothing is to be said, or an option will be refused."""
    if not tasks or tasks[0][0] == "report" or any(_is_silent(*one) for one in tasks):
        return None
    options = [pair for _, given in tasks for pair in given.items() if pair[1]]
    # not above: who reads an inventory has loaded them
    from fab_static.plan.inventory.without import without
    from fab_static.tasks.ours import left_out, seconds

    try:
        for name, value in options:
            if name == "wait":
                seconds(value)
            elif name == "without":
                environment = without(environment, left_out(value).get("without", ()))
            elif name in NAME_RELEASES and not may_name(value):
                return None
    except InventoryError:
        return None  # the task refuses it
    return f"{environment.name}: asks {counted(len(environment.hosts), 'host')} ..."


def _is_silent(task: str, given: Mapping[str, object]) -> bool:
    return bool(given.get("quiet") or (task in ASKS_NOBODY and given.get("url")))


def _stream(tasks: Sequence[Given]) -> TextIO | None:
    """Return where it is said: never in an answer that a program may read."""
    if not any(name in LOOKING or any(map(given.get, ANSWERS)) for name, given in tasks):
        return sys.stdout
    return next((stream for stream in (sys.stdout, sys.stderr) if _is_seen(stream)), None)
