"""Notes that a run asks for the name of its machine, or of its account: no audit event tells of it.

What a project makes by such a name it would not make on another machine. Python's own modules make the same call for the
kind of the system, and do not count.
"""

from __future__ import annotations

import os
import pwd
import re
import sys
from typing import Callable, Iterable, Iterator, Mapping

from fab_static.host.project.imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.project.reads.notes import Notes

MACHINE, ACCOUNT = "knows_machine", "knows_account"  # keys of a record
WHOSE = {MACHINE: "machine", ACCOUNT: "account"}
# of Python: they pass on the kind of the system, or the home folder, which is a place
_PASS_NO_NAME_ON = frozenset(["platform", "sysconfig", "distutils.util", "posixpath"])
_NODE = 1  # where uname's answer has the name


def begin(notes: Notes) -> None:
    """Replace the functions that tell such a name by ones that note it."""

    def note(key: str) -> None:
        if not notes.here.off:
            notes.more[key] = True

    def of_machine() -> None:
        note(MACHINE)

    uname = os.uname
    os.uname = lambda: Uname(uname(), of_machine)  # type: ignore[assignment,return-value]
    _replace(os, "getlogin", lambda: note(ACCOUNT))
    _replace(pwd, "getpwuid", lambda: note(ACCOUNT))
    when_imported("platform", lambda: _watch_platform(of_machine))


def _watch_platform(of_machine: Callable[[], None]) -> None:
    for name in ("node", "uname"):
        _replace(sys.modules["platform"], name, of_machine)


def _replace(module: object, name: str, note: Callable[[], None]) -> None:
    function: Callable[..., object] = getattr(module, name)

    def asked(*args: object) -> object:
        if _is_for_the_name():
            note()
        return function(*args)

    asked.__name__ = name
    setattr(module, name, asked)


def _is_for_the_name() -> bool:
    """Tell whether whoever asks, two frames up, may pass the name on."""
    return sys._getframe(2).f_globals.get("__name__") not in _PASS_NO_NAME_ON


def name_in(data: bytes, record: Mapping[str, object]) -> str | None:
    """Return whose name these bytes hold, which the run of a record made, and that name; None: they hold none."""
    for name, whose in _names(record):
        pattern = rb"(?<![0-9A-Za-z])" + re.escape(os.fsencode(name)) + rb"(?![0-9A-Za-z])"
        if re.search(pattern, data):
            return f"{whose}, {name}"
    return None


def _names(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the names that must not be in what a run made, and whose they are.

    A program tells nobody that it asks for the machine's name, as node's os.hostname() does; so that is looked for where
    it cannot be a word of the project's.
    """
    machine = os.uname().nodename.partition(".")[0]
    is_no_word = len(machine) > 5 and not machine.isalpha()
    if machine != "localhost" and (record.get(MACHINE) or is_no_word):
        yield machine, WHOSE[MACHINE]
    if record.get(ACCOUNT):
        yield pwd.getpwuid(os.getuid()).pw_name, WHOSE[ACCOUNT]


class Uname(tuple):  # type: ignore[type-arg]
    """What os.uname() returns; notes where somebody looks at the name of the machine in it."""

    _note: Callable[[], None]

    def __new__(cls, found: Iterable[object], note: Callable[[], None]) -> Uname:
        """Take over what was found."""
        made = super().__new__(cls, found)
        made._note = note
        return made

    sysname = property(lambda self: tuple.__getitem__(self, 0))
    release = property(lambda self: tuple.__getitem__(self, 2))
    version = property(lambda self: tuple.__getitem__(self, 3))
    machine = property(lambda self: tuple.__getitem__(self, 4))

    @property
    def nodename(self) -> str:
        """The name of the machine."""
        return str(self[_NODE])

    def __getitem__(self, at: int | slice) -> object:  # type: ignore[override]  # as a tuple, in fewer words
        if isinstance(at, slice) or at in (_NODE, _NODE - len(self)):
            self._note()
        return super().__getitem__(at)

    def __iter__(self) -> Iterator[object]:
        if sys._getframe(1).f_globals.get("__name__") not in _PASS_NO_NAME_ON:
            self._note()
        return super().__iter__()

    def __repr__(self) -> str:
        self._note()
        return super().__repr__()
