"""Says what begins before anything that takes long is loaded, and answers Ctrl-C until a task does.

`fab` imports Fabric before it reads a fabfile: half a second of a processor on a small machine. Our own modules
come after the first line. So this module imports what Python has loaded anyway, and PyYAML, which Fabric loads.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

LOOKING = {  # their words on standard output are an answer, which a program may read
    *("plan", "status", "releases", "diff", "why", "check", "unlock"),
    *("nginx", "cdn-function", "export", "--json", "-j", "--dry-run"),
}
ASK_NOBODY = {"init", "report", "--help", "--quiet", "--url"}
HELP_OR_QUIET = {"h", "q"}  # short options; several may stand in one word
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
    """Say which hosts will be asked, where `fab` reads this folder's fabfile to run a task of ours."""
    words = _words_of_program()
    path = _inventory(words, folder / "inventories")
    if path is None or _SAID:
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    _SAID.append(_line(path, words) or "")
    if _SAID[0]:
        stream = _stream(words)
        stamp = time.strftime("%H:%M:%S ") if stream is sys.stdout and not _is_seen(stream) else ""
        _write(stream, stamp + _SAID[0])


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


def _words_of_program() -> list[str]:
    """Return the words of the command line that name tasks, or none if no command line runs us."""
    invoke = sys.modules.get("invoke.program")
    frame = sys._getframe()
    while invoke and (frame := frame.f_back):  # type: ignore[assignment]
        program = frame.f_locals.get("self")
        if isinstance(program, invoke.Program) and hasattr(program, "core"):
            args = program.args
            is_asked = any(args[name].value for name in ("help", "list", "complete", "dry"))
            return [] if is_asked else list(program.core.unparsed)
    return []


def _inventory(words: Sequence[str], folder: Path) -> Path | None:
    """Return the inventory of the environment that the words name last before a task, or None if none is run."""
    found = None
    for word in words:
        path = _file_of(word.rpartition(".")[2], folder)
        if path is None and found:
            return found  # a task follows, or a word of it
        found = path or found
    return None


def _file_of(name: str, folder: Path) -> Path | None:
    names = (name, name.replace("-", "_"))
    paths = [folder / f"{one}.{ending}" for one in names for ending in ("yml", "yaml")]
    usable = name.isprintable() and "/" not in name and name not in ("", "example")
    return next((path for path in paths if path.is_file()), None) if usable else None


def _line(path: Path, words: Sequence[str]) -> str | None:
    """Return the line, or None if nobody is asked, or the inventory will be refused."""
    short = {letter for word in words if word[:1] == "-" != word[1:2] for letter in word[1:]}
    if ASK_NOBODY & {*words} or HELP_OR_QUIET & short:
        return None
    import yaml  # not above: without the first line none of it is needed

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = path.read_text("utf-8")
        hosts = yaml.load(text, loader)["hosts"]  # noqa: S506 - a safe one
        count = len({*hosts} - {*_left_out(words)})
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return None  # what is wrong is said when it is read in earnest
    return f"{path.stem}: asks {count} {'host' if count == 1 else 'hosts'} ..." if count else None


def _left_out(words: Sequence[str]) -> Iterator[str]:
    """Yield the hosts that --without names."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if option == "--without":
            yield from (value or following).split(",")


def _stream(words: Sequence[str]) -> TextIO | None:
    """Return where it is said: never in an answer that a program may read."""
    if not LOOKING & {word.rpartition(".")[2] for word in words}:
        return sys.stdout
    return next((stream for stream in (sys.stdout, sys.stderr) if _is_seen(stream)), None)
