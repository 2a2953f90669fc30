"""One start of the project for several commands: it is set up once, and each command runs in a fork of it.

Setting a project up (settings, apps, models, URLs) takes 0.3 seconds for a small one, and 10 or more for a large
one. A build has six commands. The order in FAB_STATIC_RECORD is as for reads/run, with two differences. `redirects`
tells whether commands may be shown other files. `control` stands in place of `to`, `given` and `manage`: a socket
over which commands come, a line of JSON each, and answers go:

    {} or {"why": words}                  it is ready; or each command must be started on its own
    {"to", "before", "token", "given", "manage", "inside", "builds"} comes: of one command; of collectstatic with
     "collect": {"root": the static root, "onto": the run that left what is in it; null: it is empty}; in place of
     "manage" may come "main", a module whose main() ends its process, and "variables" for its environment; "redirected"
     are files that it shows the project others in place of
    {"pid": number}, then {"code": number}       it began, and ended; both as for a process of its own
    {"why": words}                        it did not begin: what the setting up read has changed since, say;
     with "alone": true another start would not do either

{"ahead": {"words" of compress, "commands", "trust"}} comes, too, and is not answered: see host/project/ahead.py.

A command must not be able to tell the difference. So a command starts the project on its own where

- the project looked at its command line while it was set up;
- the project started threads, or did anything that reads/recorder cannot see;
- something that the setting up read has changed since.

The fork also runs the rest of manage.py.

Python 3.8 or later, standard library, and the project's Django.
"""

from __future__ import annotations

import _io
import atexit
import contextlib
import gc
import io
import json
import os
import socket
import sys
import threading
from importlib import import_module
from typing import Any, Callable, Iterator, Mapping

from fab_static.host.project.imports import add_command
from fab_static.host.project.reads.recorder import Recorder
from fab_static.host.project.reads.run import RECORD, run_as_main, write
from fab_static.host.project.reads.states import read_record
from fab_static.host.project.redirect import make_redirectable, real

TYPE_CHECKING = False
if TYPE_CHECKING:  # compiled only in the fork that needs it
    from fab_static.host.project.ahead import Ahead
    from fab_static.host.project.collecting import Collecting

TRACING = "fab_static.host.project.traces.strace"
WAITING = "fab_static_waiting"  # the command that has not begun yet
_DJANGOS_OWN = "/django/core/management/__init__.py"


class CommandLine(list):  # type: ignore[type-arg]
    """The words that manage.py hands to Django; notes where anybody else looks at them."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.looked: str | None = None

    def becomes(self, words: list[str]) -> None:
        """Be another command's, for those too who kept it."""
        super().__setitem__(slice(None), words)


def _noting(name: str) -> Callable[..., Any]:
    method = getattr(list, name)

    def looked_at(line: CommandLine, *args: Any) -> Any:
        frame = sys._getframe(1)
        if not frame.f_code.co_filename.endswith(_DJANGOS_OWN):
            line.looked = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        return method(line, *args)

    return looked_at


for _name in (
    *("__getitem__", "__iter__", "__len__", "__contains__", "__eq__", "__ne__", "__lt__", "__gt__"),
    *("__add__", "__iadd__", "__mul__", "__reversed__", "__repr__", "__setitem__", "__delitem__"),
    *("copy", "count", "index", "pop", "insert", "append", "extend", "remove", "sort", "reverse"),
):
    setattr(CommandLine, _name, _noting(_name))


class Waiting:
    """The management command that becomes others."""

    def __init__(self, recorder: Recorder, control: socket.socket) -> None:
        self._recorder = recorder
        self._control = control
        self._line = CommandLine(["manage.py", WAITING])
        self._order: Mapping[str, Any] | None = None  # of the command that this fork runs
        self._collecting: Collecting | None = None
        self._ahead: Ahead | None = None
        self._files: list[io.IOBase] = []  # open when it was set up
        atexit.register(self._write)  # first, and so called last

    def set_up(self) -> None:
        """Run manage.py; come back in each command's fork alone."""
        add_command(WAITING, self)
        sys.argv = self._line
        code: object = 0
        try:
            run_as_main("manage.py")
        except SystemExit as error:
            code = error.code
        if not self._order:
            sys.exit(code)  # type: ignore[arg-type]  # whatever it was
        self._end(code)

    def run_from_argv(self, _argv: list[str]) -> None:
        """Wait for commands; come back in each one's fork, when it has run."""
        from django.conf import settings

        settings.INSTALLED_APPS  # noqa: B018  # raises what is wrong with them, which Django kept to itself
        orders = self._orders()
        self._files = _files()
        gc.freeze()  # no fork need look through all of this for garbage, and have its pages copied
        self._say(self._refusal())
        for order in orders:
            if "ahead" in order:
                if not self._ahead and not self._refusal():
                    from fab_static.host.project import ahead

                    with self._recorder.paused():
                        self._ahead = ahead.begin(
                            self._control, self._line.becomes, **order["ahead"]
                        )
                continue
            refusal = self._refusal() or self._refusal_of(order)
            if refusal:
                self._say(refusal)
                break
            with self._recorder.paused():
                process = os.fork()
            if not process:
                return self._become(order)
            self._say({"pid": process})
            if TRACING in sys.modules:  # tried once, for the forks to come
                sys.modules[TRACING].why_not()
            _, status = os.waitpid(process, 0)
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self._say({"code": code})
        os._exit(0)

    def _become(self, order: Mapping[str, Any]) -> None:
        os.setsid()
        self._control.close()
        if self._ahead:
            os.close(self._ahead.living)
        with self._recorder.paused():
            for path in order["inside"]:
                self._recorder.leave_inside(path)
            self._recorder.makes(order.get("builds", ()))
            self._recorder.knows(read_record(order["before"]))
        self._recorder.set_up = frozenset(self._recorder.written)
        self._order = order
        if "main" in order:
            os.environ.update(order["variables"])
            self._recorder.ended = lambda answer: write(self._recorder, order, answer)
            import_module(order["main"]).main()
        words = ["manage.py", *order["manage"]]
        self._line.becomes(words)
        sys.argv = words
        from django.core.management import ManagementUtility

        if "collect" in order:
            from fab_static.host.project.collecting import Collecting

            self._collecting = Collecting(self._recorder, **order["collect"])
            self._collecting.begin(words[1:])
        if "begins" in order:
            import_module(order["begins"]).begin_in_fork(
                order["trust"], self._ahead.wait if self._ahead else int
            )
        ManagementUtility(words).execute()

    def _write(self) -> None:
        if self._order:
            if self._collecting:
                with self._recorder.paused():
                    self._collecting.end()
            write(self._recorder, self._order)

    def _end(self, code: object) -> None:
        """End as the interpreter does, but leave all memory to the system at once.

        To free it object by object takes a tenth of a second, on pages that have to be copied for it.
        """
        if not isinstance(code, (int, type(None))):
            sys.stderr.write(f"{code}\n")
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
        with contextlib.suppress(Exception):  # told already
            atexit._run_exitfuncs()
        gc.collect()
        for file in {*self._files, *_files(), sys.stdout, sys.stderr}:
            with contextlib.suppress(Exception):  # closed, say
                file.flush()
        os._exit(code & 0xFF if isinstance(code, int) else int(code is not None))

    def _refusal(self) -> dict[str, str]:
        """Return why a command must not run in a fork of this; {} where it may."""
        self._recorder.settle(all_of_them=True)
        if self._line.looked:
            return {"why": f"the project looks at its command line: {self._line.looked}"}
        if threading.active_count() > 1:
            return {"why": "the project starts threads"}
        with self._recorder.paused():
            if "django.db" in sys.modules:
                sys.modules["django.db"].connections.close_all()
            why = next(iter(self._recorder.unseen), None) or self._recorder.first_change()
        return {"why": why} if why else {}

    def _refusal_of(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Return why this command must not: it would know what stands in a file that it is not to read."""
        with self._recorder.paused():  # to follow links is a look at them
            hidden = {real(path) for path in order.get("redirected", ())}
            names = tuple(path[path.rindex("/") :] for path in hidden)
            for _, path in self._recorder.inputs:
                if path.endswith(names) and real(path) in hidden:
                    return {"why": f"{path} was read when the project was set up", "alone": True}
        return {}

    def _orders(self) -> Iterator[dict[str, Any]]:
        with self._control.makefile("r", encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def _say(self, answer: Mapping[str, Any]) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._control.sendall(json.dumps(answer).encode() + b"\n")


def _files() -> list[io.IOBase]:
    # by its type alone: isinstance asks each object for its class, and a lazy one of Django's sets itself up for that
    return [each for each in gc.get_objects() if issubclass(type(each), _io._IOBase)]


def main() -> None:
    """Set the project up, and run commands until nobody is left to ask for one."""
    order = json.loads(os.environ.pop(RECORD))
    control = socket.socket(fileno=order["control"])
    control.set_inheritable(False)
    recorder = Recorder(order["start"], [], order["trust"])
    recorder.begin()
    if order["redirects"]:
        make_redirectable()
    Waiting(recorder, control).set_up()
