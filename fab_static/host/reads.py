"""What a run of the project's Python read, and whether all of that is as it was.

Sent to the project's own interpreter, where it records, and to the agent, where it looks. A run is used
again only when nothing that it could see has changed: the files it opened, looked for or listed, its
modules, its environment and its command line. What cannot be seen (a program it started, a connection, a
native library that reads for itself) makes a run that is not used again, with the reason.

As a program it takes FAB_STATIC_RECORD, JSON, out of its environment, records from then on, and runs
manage.py with the arguments given, as `python manage.py …` would, or another source:

    {"to": path of the record, "token": of this run, "given": what the agent says of the run, "start": seconds
     since 1970, "before": path of the last run's record, "manage": ["compress", "--force"], "inside": [folders
     and files whose states the caller keeps], "trust": [native modules that read nothing unseen]}

Code that knows better tells by audit events (`sys.audit` costs nothing where nobody listens):

    fab_static.child   the next process that this thread starts tells what it reads
    fab_static.read    path, state: it was read by such a process; SHA-256, "absent" or "folder"
    fab_static.apart   path, then None: in between this thread reads that file; inside, only parts of it count
    fab_static.part    path, name, value: this part of it was asked for
    fab_static.cache   folder: what is in it never changes what a run makes
    fab_static.unseen  why: this run must not be used again
    fab_static.end     answer: the run is over, whatever ends the process; JSON that is kept with it

Python 3.8 or later, standard library.
"""

# os and os.path throughout: what is recorded are the calls of os, thousands of them
# exec: to run the project's manage.py is what it is for
# ruff: noqa: S102, PTH100, PTH105, PTH109, PTH118
# ruff: noqa: PTH119, PTH120, PTH123

from __future__ import annotations

import atexit
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import socket
import stat
import sys
import threading

# not when it is first needed: an import within another, which a hook would be, may find half a package
from importlib.util import source_from_cache
from typing import Any, Callable, Iterable, Iterator, Mapping, Tuple

FORMAT = 2
RECORD = "FAB_STATIC_RECORD"
# A file changed within a tick of its file system's clock before the run may have been changed again since,
# unseen: above the kernel's 10 ms, or where whole seconds are kept, two seconds
# (git: Documentation/technical/racy-git).
TICK_NS = 50_000_000
COARSE_TICK_NS = 2_000_000_000
HASHED_BYTES = 8 << 20  # larger files are known by their stat data alone
# Of each login anew, or of the terminal; nothing that is built depends on it.
OF_THE_SESSION = frozenset(
    [
        "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "XDG_SESSION_ID",
        "XDG_SESSION_CLASS", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS", "INVOCATION_ID",
        "JOURNAL_STREAM", "OLDPWD", "PWD", "SHLVL", "TERM", "COLUMNS", "LINES", "WINDOWID",
        "FAB_STATIC_VERIFY_CACHE", "_",
    ]
)  # fmt: skip
# Native modules that open no file and no connection of their own, or only through CONNECTING.
READ_NOTHING = frozenset(
    [
        "_brotli", "_rcssmin", "_rjsmin", "_ruamel_yaml", "bcrypt",
        "brotli", "charset_normalizer", "cryptography", "Crypto", "greenlet", "hiredis",
        "jellyfish", "markupsafe", "msgpack", "multidict", "nacl", "numpy", "orjson",
        "propcache", "psycopg2", "MySQLdb", "pydantic_core", "rapidfuzz", "rcssmin", "regex",
        "rjsmin", "rpds", "setproctitle", "simplejson", "ujson", "wrapt", "xxhash", "yaml",
        "yarl", "zope", "zstandard",
    ]
)  # fmt: skip
OPEN_UNSEEN = ("_dbm", "_gdbm")  # of the standard library
CONNECTING = {  # where a native module's connections begin: module -> (class or None, function)
    "psycopg2": (None, "_connect"),
    "MySQLdb.connections": ("Connection", "__init__"),
}
STARTS = {
    "os.system": "it ran a shell command",
    "os.exec": "it became another program",
    "os.posix_spawn": "it started another program",
    "os.spawn": "it started another program",
    "os.fork": "it forked",
    "os.forkpty": "it forked",
    "pty.spawn": "it started another program",
}
CONNECTS = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
CHANGES = {  # events that name what they change: which arguments do
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.symlink": (1,),
    "os.link": (1,),
    "os.truncate": (0,),
}
HEARD = frozenset(
    [
        *("open", "import", "os.listdir", "os.scandir", "subprocess.Popen", "sqlite3.connect"),
        *("ctypes.dlopen", "fab_static.child", "fab_static.read", "fab_static.cache"),
        *("fab_static.apart", "fab_static.part"),
        *("fab_static.unseen", "fab_static.end", *CHANGES, *STARTS, *CONNECTS),
    ]
)
# known by stat data alone: only an installer writes there
_INSTALLED = tuple(os.path.join(prefix, "lib", "") for prefix in {sys.prefix, sys.base_prefix})
_IMPORTER = "<frozen importlib._bootstrap_external>"
_METADATA = os.path.join("importlib", "metadata")

# as they are before anybody replaces them: the probe shows the project another file in a file's place
_open, _stat, _lstat, _readlink, _scandir = open, os.stat, os.lstat, os.readlink, os.scandir

Stamp = Tuple[int, int, int, int]
Input = Tuple[str, str]  # aspect, path


# --- states ---------------------------------------------------------------------------------------


def state_of(aspect: str, path: str) -> str:
    """Return one aspect of a path as it is now.

    `bytes`: SHA-256; `names`, `modules`, `packages`: of a folder's names, all or those that can be imported or
    are metadata; `kind`: what it is; `link`: where it leads, or what it is; `times`: size and time.
    """
    try:
        if aspect == "bytes":
            return _sha256(path)
        if aspect in LISTINGS:
            return _digest(sorted(filter(None, map(LISTINGS[aspect], _entries(path)))))
        if aspect == "link" and stat.S_ISLNK(_lstat(path).st_mode):
            return "link to " + _readlink(path)
        found = _stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    except IsADirectoryError:
        return "folder"
    except OSError as error:
        return f"error {error.errno}"
    kind = "folder" if stat.S_ISDIR(found.st_mode) else "file"
    if aspect == "times" and kind == "file":
        return f"{found.st_size} {found.st_mtime_ns} {found.st_mode:o}"
    return kind


def _entries(path: str) -> list[tuple[str, bool]]:
    with _scandir(path) as entries:
        return [(entry.name, entry.is_dir()) for entry in entries]


def _any_name(entry: tuple[str, bool]) -> str:
    name, is_folder = entry
    return "" if name == "__pycache__" else name + "/" * is_folder


def _module(entry: tuple[str, bool]) -> str:
    name, is_folder = entry
    if is_folder:
        return name + "/" if name.isidentifier() and name != "__pycache__" else ""
    return name if name.endswith((".py", ".pyc", ".so", ".zip", ".pth")) else ""


def _package(entry: tuple[str, bool]) -> str:
    return entry[0] if entry[0].lower().endswith((".dist-info", ".egg-info", ".egg")) else ""


LISTINGS: dict[str, Callable[[tuple[str, bool]], str]] = {
    "names": _any_name,
    "modules": _module,
    "packages": _package,
}


def stamp_of(path: str) -> Stamp | None:
    """Return what stands for a file's bytes, or a folder's names, while it stays; None where there is none."""
    try:
        found = _stat(path)
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _settled(stamp: Stamp, start_ns: int) -> bool:
    """Tell whether the last change was so long before the start that a later one has another time."""
    coarse = stamp[2] % 1_000_000_000 == 0
    return stamp[2] < start_ns - (COARSE_TICK_NS if coarse else TICK_NS)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    if not stat.S_ISREG(_stat(path).st_mode) and not stat.S_ISDIR(_stat(path).st_mode):
        return "no file"  # a pipe would wait for a writer
    with _open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


# --- in the agent ---------------------------------------------------------------------------------


def given(
    what: list[str], folder: str | None, environment: Mapping[str, str], salt: str
) -> dict[str, Any]:
    """Return what a run is given; equal for two runs that differ in nothing but time.

    `what` is the interpreter, and what it is to run.
    Variables are told by a salted hash of each: the record must hold no secret, nor what one could be
    guessed from.
    """
    program = os.path.realpath(what[0])
    return {
        "command": what,
        "folder": folder,
        "program": [program, stamp_of(program)],
        "machine": socket.gethostname(),
        "user": os.getuid(),
        "salt": salt,
        "variables": {
            name: hmac.new(salt.encode(), os.fsencode(value), "sha256").hexdigest()[:24]
            for name, value in sorted(environment.items())
            if name not in OF_THE_SESSION
        },
    }


def changed(
    record: Mapping[str, Any],
    now: Callable[[str], Mapping[str, Any]],
    shown: Mapping[str, str],
) -> str | None:
    """Return what has changed since a run was recorded, in words; None where nothing has.

    Args:
        record: as it was written.
        now: salt -> what the run would be given now.
        shown: files -> others that the run would be shown in place of these; of the same bytes they are the same,
            whatever their times.
    """
    if record.get("format") != FORMAT:
        return "it was recorded by another version of fab_static"
    if record["unseen"]:
        return str(record["unseen"][0])
    then, today = record["given"], now(record["given"]["salt"])
    if then["variables"] != today["variables"]:
        names = {**then["variables"], **today["variables"]}
        name = next(n for n in names if then["variables"].get(n) != today["variables"].get(n))
        return f"the environment variable {name} has changed"
    for key, words in (("command", "the command"), ("program", "the interpreter")):
        if json.loads(json.dumps(today[key])) != then[key]:
            return words + " has changed"
    if json.loads(json.dumps(today)) != then:
        return "it ran elsewhere"
    read = {path for aspect, path, _, _ in record["inputs"] if aspect == "bytes" and path in shown}
    for aspect, path, state, stamp in record["inputs"]:
        if path in shown:
            is_known = state == state_of(aspect, shown[path]) or (
                aspect == "times" and path in read
            )
            if not is_known:
                return f"{shown[path]} is another than {path} was"
            continue
        if stamp is not None and stamp_of(path) == tuple(stamp):
            continue
        is_now = state_of(aspect, path) if state else ""
        if is_now != state or not state:
            if is_now == "absent":
                return f"{path} is gone"
            return "{} {}".format(path, "is there now" if state == "absent" else "has changed")
    return None


def replayed(
    inside: Mapping[str, Any],
    root: str,
    was: Mapping[str, Any],
    left: Mapping[str, Any],
    now: Mapping[str, Any],
) -> tuple[dict[str, Any] | None, str]:
    """Return what a run that made `left` of `was` makes of `now`; else None, and what it read that is another.

    The three are listings: {"files": {path below root: state}, "extra": {path: state, None: absent}}. A run
    that reads nothing of what differs does to `now` what it did to `was`.
    """
    if not was["extra"].keys() == left["extra"].keys() == now["extra"].keys():
        return None, "other files are kept beside the static root"
    roots = tuple(_forms(root))

    def key(path: str) -> str:
        """A path below root, or in full; "" is root itself."""
        start = next((form for form in roots if (path + "/").startswith(form)), "")
        return os.path.normpath(path)[len(start) :] if start else path

    before, after, found = (
        {**one["files"], **{path: state for path, state in one["extra"].items() if state}}
        for one in (was, left, now)
    )
    folders = [_folders(files) for files in (before, found)]
    differs = {path for path in before.keys() | found.keys() if before.get(path) != found.get(path)}
    came = {path for path in differs if path not in before or path not in found}  # or went
    came |= folders[0] ^ folders[1]
    listed = {os.path.dirname(path) for path in came}  # folders with other names in them
    for aspect, path in inside["reads"]:
        name = key(path)
        if (
            name in came
            or (name in differs and aspect in ("bytes", "times"))
            or (name in listed and aspect in LISTINGS)
            or (aspect == "tree" and any(each.startswith(name + "/") for each in differs))
        ):
            return None, f"{path} has changed"
    writes = set(map(key, inside["writes"]))
    for name in writes:
        if os.path.dirname(name) in came or name in folders[0] ^ folders[1]:
            return None, f"the folder of {name} came, or went"
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    for path in touched | writes:
        if path in after:
            found[path] = after[path]
        else:
            found.pop(path, None)
    extra = {path: found.pop(path, None) for path in now["extra"]}
    return {"files": found, "extra": extra}, ""


def _folders(paths: Iterable[str]) -> set[str]:
    """Return all folders that hold files."""
    found: set[str] = set()
    for path in paths:
        path = os.path.dirname(path)
        while path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found


def read_record(path: str) -> dict[str, Any] | None:
    """Return a record; None where there is none, or it is broken."""
    try:
        with open(path, "rb") as file:
            record = json.loads(file.read().decode("utf-8"))
        return record if isinstance(record, dict) and "given" in record else None
    except (OSError, ValueError):
        return None


# --- in the project's interpreter -----------------------------------------------------------------


class Inside:
    """What a run reads and writes of files whose states the caller keeps: the static root's, for one."""

    def __init__(self) -> None:
        self._roots: tuple[str, ...] = ()  # as paths begin
        self._looks: set[tuple[str, tuple[str, ...]]] = set()  # path, aspects
        self._writes: set[str] = set()
        self._parts: dict[str, dict[str, Any]] = {}  # path -> name -> value

    def add(self, path: str) -> None:
        """Note from now on what is read and written of a file, or of all in a folder."""
        self._roots = tuple({*self._roots, *_forms(path)})

    def __contains__(self, path: str) -> bool:
        return (path + "/").startswith(self._roots)

    def looked(self, path: str, aspects: tuple[str, ...]) -> None:
        """Note a look at aspects of a path, unless the run itself made them."""
        if path not in self._writes:
            self._looks.add((path, aspects))

    def opened(self, path: str, mode: Any, flags: Any) -> None:
        """Note what an opening reads, and whether it writes."""
        writes = _is_to_write(mode, flags)
        is_new = "x" in mode if isinstance(mode, str) else flags & os.O_EXCL
        is_emptied = "w" in mode if isinstance(mode, str) else flags & os.O_TRUNC
        if is_new:
            self.looked(path, ("kind",))
            writes = not os.path.lexists(path)
        elif not (writes and is_emptied):
            self.looked(path, ("bytes",))
        if writes:
            self._writes.add(path)

    def changed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what one of CHANGES depends on, and what it changes, if it will."""
        paths = [_absolute(each) for each in arguments[: 1 + max(CHANGES[event])]]
        inside = [path if path and path in self else None for path in paths]
        first, last = paths[0], inside[-1]
        if inside[0]:
            # what is moved, linked or cut off is what is left; else it succeeds, or does not
            moves = event in ("os.rename", "os.link", "os.symlink", "os.truncate")
            is_tree = event == "os.rename" and state_of("kind", inside[0]) == "folder"
            self.looked(inside[0], ("tree" if is_tree else "bytes" if moves else "kind",))
            if event == "os.rmdir":
                self.looked(inside[0], ("names",))
        if event in ("os.link", "os.symlink") and last:
            self.looked(last, ("kind",))
        fails = event in ("os.link", "os.symlink", "os.mkdir") and last and os.path.lexists(last)
        if fails or (event in ("os.rename", "os.link") and first and not os.path.lexists(first)):
            return
        self._writes.update(path for at in CHANGES[event] if (path := inside[at]))

    def asked(self, path: str, name: str, value: Any) -> None:
        """Note that a part of a file was asked for."""
        if path in self and path not in self._writes:
            self._parts.setdefault(path, {})[name] = value

    def document(self, read: Iterable[Input], written: Iterable[str]) -> dict[str, Any]:
        """Return `reads`, aspects and paths; the paths of `writes`; and `parts` asked for.

        Args:
            read: what was noted before it was said that this lies inside.
            written: likewise.
        """
        reads = {(aspect, path) for path, aspects in self._looks for aspect in aspects}
        reads.update(each for each in read if each[1] in self)
        writes = {*self._writes, *(path for path in written if path in self)}
        return {"reads": sorted(reads), "writes": sorted(writes), "parts": self._parts}


class Recorder:
    """Records what this process reads, from the moment it is started."""

    def __init__(self, start: float, inside: Iterable[str], trust: Iterable[str]) -> None:
        self.start_ns = int(start * 1e9)
        self._anothers: tuple[str, ...] = ()  # what is another's to watch: as paths begin
        self.inside = Inside()
        for path in inside:
            self.leave_inside(path)
        self.trust = READ_NOTHING | set(trust)
        # -> the stat data when first looked at, and the state then, where stat data does not stand for it
        self.inputs: dict[Input, tuple[Stamp | None, str | None]] = {}
        self.written: dict[str, bool] = {}  # path -> was it read before
        self.set_up: frozenset[str] = frozenset()  # written before the command began
        self.unseen: list[str] = []
        self._looks: set[tuple[str, tuple[str, ...]]] = set()  # noted already: path, aspects
        self._here = threading.local()
        self._listens_to_django = False
        self._doors = dict(CONNECTING)
        self.ended: Callable[[str], None] = lambda _: None
        self.before: Mapping[str, Any] = {}  # the last run's record
        self._states: dict[Input, list[Any]] = {}  # in it
        self.more: dict[str, Any] = {}  # that is to be kept with this one

    def knows(self, before: Mapping[str, Any] | None) -> None:
        """Take in the record of the last run: what is as it was then need not be read to know its state."""
        self.before = before or {}
        for row in self.before.get("inputs", ()):
            if row[3] is not None:
                self._states[row[0], row[1]] = row

    def is_as_before(self, path: str) -> bool:
        """Tell whether a file is the one that the last run read."""
        row = self._states.get(("bytes", path))
        return row is not None and stamp_of(path) == tuple(row[3])

    def begin(self) -> None:
        """Listen from now on."""
        # what was imported so far was searched for here
        for folder in {*sys.path, *sys.path_importer_cache}:
            self.note("modules", folder)
            self._note_path_files(folder)
        self._wrap_stat()
        sys.addaudithook(self.hook)

    # ---- what happens

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what an audit event tells of."""
        if event not in HEARD:
            return
        if event == "fab_static.apart":
            self._here.off = arguments[0] is not None and arguments[0] in self.inside
        if getattr(self._here, "off", False):
            return
        if event == "open" and self._is_left_out(arguments[0]):
            if arguments[0] in self.inside:
                self.inside.opened(*arguments)
            return
        self._here.off = True
        try:
            self._heard(event, arguments)
        except Exception as error:  # the project must not fail of it
            self.is_unseen(f"what it did could not be recorded: {error!r}")
        finally:
            self._here.off = False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._listens_to_django:
            self._listen_to_django()
        if event == "import":
            self._watch_doors()
        elif event == "open":
            self._opened(*arguments)
        elif event in ("os.listdir", "os.scandir"):
            self.note(_listing_for(sys._getframe(2).f_code.co_filename), arguments[0])
        elif event in CHANGES:
            self.inside.changed(event, arguments)
            for at in CHANGES[event]:
                path = _absolute(arguments[at])
                if path and path not in self.inside:
                    self._wrote(path)
        elif event == "subprocess.Popen":
            if getattr(self._here, "vouched", False):
                self._here.vouched = False
            else:
                self.is_unseen(f"it started {_shown(arguments[0], arguments[1])}")
        elif event in STARTS:
            self.is_unseen(STARTS[event])
        elif event in CONNECTS:
            if not str(arguments[-1]).startswith("/dev/log"):
                self.is_unseen("it asked the network")
        elif event == "sqlite3.connect":
            self._opened_database(arguments[0])
        elif event == "ctypes.dlopen":
            if arguments[0]:
                self.is_unseen(f"it loaded the native library {arguments[0]}")
        elif event == "fab_static.child":
            self._here.vouched = True
        elif event == "fab_static.read":
            self.note("bytes", arguments[0], arguments[1])
        elif event == "fab_static.part":
            self.inside.asked(*arguments)
        elif event == "fab_static.cache":
            self.leave_out(os.path.abspath(arguments[0]))
        elif event == "fab_static.unseen":
            self.is_unseen(str(arguments[0]))
        elif event == "fab_static.end":
            self.ended(arguments[0])

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Note nothing that this thread does meanwhile."""
        before = getattr(self._here, "off", False)
        self._here.off = True
        try:
            yield
        finally:
            self._here.off = before

    def first_change(self) -> str | None:
        """Return which of the things noted so far is not as it was any more; None where all are."""
        for (aspect, path), (stamp, state) in self.inputs.items():
            if stamp is not None and _settled(stamp, self.start_ns) and stamp == stamp_of(path):
                continue
            if state is None or state_of(aspect, path) != state:
                return f"{path} has changed since the project was set up"
        return None

    def leave_out(self, path: str) -> None:
        """Watch a file, or a folder and all in it, no more."""
        self._anothers = tuple({*self._anothers, *_forms(path)})

    def leave_inside(self, path: str) -> None:
        """Note of a file, or a folder and all in it, what is read and written, but no states."""
        self.leave_out(path)
        self.inside.add(path)

    def _is_left_out(self, path: Any) -> bool:
        """Tell at once whether a path as the project gives it is one that nobody watches here."""
        return isinstance(path, str) and path.startswith(self._anothers) and "/.." not in path

    def is_unseen(self, why: str) -> None:
        """Note why this run must not be used again."""
        if why not in self.unseen:
            self.unseen.append(why)

    def note(self, aspect: str, path: Any, state: str | None = None) -> None:
        """Note that an aspect of a path is looked at now; `state` is what a child read of it.

        A file's bytes are hashed when the run is over, unless they may change unseen until then.
        """
        name = _absolute(path)
        if name is None or name in self.written:
            return
        if name in self.inside:
            self.inside.looked(name, (aspect,))
            return
        source = _source_of(name) if aspect == "bytes" else None
        key = (aspect, source or name)  # a compiled module is made from its source
        if key not in self.inputs:
            stamp = stamp_of(key[1]) if aspect == "bytes" or aspect in LISTINGS else None
            is_late = aspect == "bytes" and stamp is not None and _settled(stamp, self.start_ns)
            if state is None and not is_late:
                state = state_of(*key)
            self.inputs[key] = (stamp, state)
        elif state is not None:
            stamp, known = self.inputs[key]
            if known is None:
                self.inputs[key] = (stamp, state)
            elif known != state:
                self.is_unseen(f"{name} changed while it was read")

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if not _is_to_write(mode, flags):
            self.note("bytes", path)
        elif not (isinstance(mode, str) and mode.startswith("a") and "+" not in mode):
            # what is only appended to is a log
            if isinstance(mode, str) and "+" in mode and "w" not in mode:
                self.note("bytes", path)
            self._wrote(path)

    def _wrote(self, path: Any) -> None:
        name = _absolute(path)
        if name is not None and name not in self.written:
            self.written[name] = ("bytes", name) in self.inputs or ("names", name) in self.inputs

    def _opened_database(self, path: Any) -> None:
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if name in (":memory:", "") or "mode=memory" in name:
            return
        if name.startswith("file:"):
            name = name[len("file:") :].split("?")[0]
        for ending in ("", "-wal", "-journal"):
            self.note("bytes", name + ending)

    def _listen_to_django(self) -> None:
        signals = sys.modules.get("django.db.backends.signals")
        created = getattr(signals, "connection_created", None)
        if created is None:
            return
        self._listens_to_django = True

        def connected(connection: Any = None, **_: Any) -> None:
            if getattr(connection, "vendor", "") != "sqlite":  # that one's file is seen
                alias = getattr(connection, "alias", "")
                self.is_unseen(f"it asked the database {alias}")

        created.connect(connected, weak=False)

    def _watch_doors(self) -> None:
        for name, (owner, function) in list(self._doors.items()):
            place = sys.modules.get(name)
            if owner:
                place = getattr(place, owner, None)
            before = getattr(place, function, None)
            if place is None or before is None:
                continue
            del self._doors[name]

            def connect(*args: Any, before: Any = before, name: str = name, **kwargs: Any) -> Any:
                self.is_unseen(f"it asked a database through {name}")
                return before(*args, **kwargs)

            setattr(place, function, connect)

    def _note_path_files(self, folder: str) -> None:
        """Note the .pth files that were read before we listened."""
        try:
            names = _entries(folder)
        except OSError:
            return
        for name, _ in names:
            if name.endswith(".pth"):
                self.note("bytes", os.path.join(folder, name))

    def _wrap_stat(self) -> None:
        """Replace the functions of os that look at a file and raise no audit event."""
        for module, name, aspects in (
            (os, "stat", ("times",)),
            (os, "lstat", ("link", "times")),
            (os, "access", ("times",)),
            (os, "readlink", ("link",)),
            (os.path, "exists", ("kind",)),
            (os.path, "isfile", ("kind",)),
            (os.path, "isdir", ("kind",)),
            (os.path, "lexists", ("link",)),
            (os.path, "islink", ("link",)),
        ):
            _replace(module, name, self._noting(getattr(module, name), aspects))
        _replace(os, "open", self._opening(os.open))
        accessor: Any = getattr(pathlib, "_NormalAccessor", None)
        if accessor is not None:  # up to Python 3.10 it keeps functions of os, which are no methods
            for name in ("stat", "lstat"):
                setattr(accessor, name, staticmethod(getattr(os, name)))

    def _noting(self, function: Callable[..., Any], aspects: tuple[str, ...]) -> Callable[..., Any]:
        def look(path: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(self._here, "off", False):
                return function(path, *args, **kwargs)
            is_left_out = self._is_left_out(path)
            self._here.off = True  # exists() asks stat()
            try:
                if is_left_out:
                    if path in self.inside:
                        self.inside.looked(path, aspects)
                    return function(path, *args, **kwargs)
                # the first look counts: thousands look at one folder again and again
                key = (path, aspects) if isinstance(path, str) and not kwargs else None
                if key is None or key not in self._looks:
                    self._looked(path, aspects, **kwargs)
                    if key is not None and path.startswith("/"):
                        self._looks.add(key)
                return function(path, *args, **kwargs)
            finally:
                self._here.off = False

        return look

    def _looked(self, path: Any, aspects: tuple[str, ...], **kwargs: Any) -> None:
        try:
            if kwargs.get("follow_symlinks", True) is False:
                aspects = ("link", "times")
            for aspect in aspects:
                self.note(aspect, _beside(path, kwargs.get("dir_fd")))
        except Exception as error:
            self.is_unseen(f"what it looked at could not be recorded: {error!r}")

    def _opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> Any:
            if not kwargs or kwargs.get("dir_fd") is None or getattr(self._here, "off", False):
                return function(path, flags, *args, **kwargs)  # its own event names it
            self._here.off = True
            try:
                self._opened(_beside(path, kwargs["dir_fd"]), None, flags)
                return function(path, flags, *args, **kwargs)
            finally:
                self._here.off = False

        return opened

    # ---- what is left of it

    def record(self) -> tuple[list[Any], list[str]]:
        """Return the inputs with their states, and why the run must not be used again, if it must not."""
        self._here.off = True
        self._modules()
        inputs: dict[Input, list[Any]] = {}
        for (aspect, path), (stamp, state) in sorted(self.inputs.items()):
            if self._is_anothers(path):
                continue
            if self.written.get(path):
                self.is_unseen(f"it read {path} and wrote it")
            inputs[aspect, path] = self._input(aspect, path, stamp, state)
        for path in self.written:
            # what it left elsewhere must be there still, as it left it
            if not self._is_anothers(path) and state_of("kind", path) == "file":
                inputs["bytes", path] = ["bytes", path, state_of("bytes", path), None]
                if path not in self.set_up:
                    self.more.setdefault("written", []).append(os.path.realpath(path))
        return list(inputs.values()), self.unseen

    def _input(self, aspect: str, path: str, stamp: Stamp | None, state: str | None) -> list[Any]:
        is_settled = stamp is not None and _settled(stamp, self.start_ns)
        if aspect == "bytes" and stamp is not None:
            is_settled = is_settled and stamp == stamp_of(path)
            if state is None and not is_settled:
                self.is_unseen(f"{path} changed while it was read")
            known = self._states.get((aspect, path))
            if state is None and is_settled and known and tuple(known[3]) == stamp:
                return known
            large = stamp[0] > HASHED_BYTES or path.startswith(_INSTALLED)
            if state is None and large:
                return [aspect, path, "", stamp]
            now = state_of(aspect, path)
            if state is not None and now != state:
                self.is_unseen(f"{path} changed while it was read")
            state = now
        return [aspect, path, state, stamp if is_settled else None]

    def _modules(self) -> None:
        own = sys.base_prefix + os.sep
        if not sys.modules.keys().isdisjoint(OPEN_UNSEEN):
            self.is_unseen("it may have opened a dbm database")
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str):
                continue
            key = ("bytes", os.path.abspath(file))
            stamp = stamp_of(file)
            if key not in self.inputs and stamp and not _settled(stamp, self.start_ns):
                self.is_unseen(f"{file} changed while it was read")  # imported before we listened
            self.note("bytes", file)
            is_ours = file.startswith(own) and "lib-dynload" in file
            if file.endswith(".so") and not is_ours and name.split(".")[0] not in self.trust:
                self.is_unseen(
                    f"it loaded the native module {name}, which may read unseen: name it in build.trust "
                    "if it does not"
                )

    def _is_anothers(self, path: str) -> bool:
        if path.startswith("/proc/self/") or _is_device(path):
            return True
        if os.sep + "__pycache__" + os.sep in path + os.sep:
            return (
                _source_of(path) is None
            )  # pkgutil lists the folder itself, whoever compiles meanwhile
        return (path + "/").startswith(self._anothers)


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    before = getattr(module, name)
    function.__name__ = name
    setattr(module, name, function)
    for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if before in group:  # shutil asks whether the function can do it
            group.add(function)


def _is_to_write(mode: Any, flags: Any) -> bool:
    """Tell of an opening whether what is opened may be written to."""
    if isinstance(mode, str):
        return not set(mode).isdisjoint("wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def _forms(path: str) -> set[str]:
    """Return as what a file's path, or those of all in a folder, may begin."""
    return {os.path.join(form, "") for form in (path, os.path.realpath(path))}


def _listing_for(file: str) -> str:
    """Return which of a folder's names the code that lists it cares for."""
    if file == _IMPORTER:
        return "modules"
    return "packages" if _METADATA in file else "names"


def _absolute(path: Any) -> str | None:
    """Return a path in full; None for what is none: an open descriptor that is no file."""
    if path is None:
        return os.getcwd()  # os.listdir() of here
    if isinstance(path, int):
        try:
            path = os.readlink(f"/proc/self/fd/{path}")
        except OSError:
            return None
        return path if path.startswith("/") else None
    return os.path.abspath(os.fsdecode(path))


def _beside(path: Any, folder: int | None) -> Any:
    """Return a path that is relative to an open folder."""
    if folder is None or isinstance(path, int):
        return path
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))


def _is_device(path: str) -> bool:
    """Tell whether it is a device, as /dev/null is; what lies in /dev/shm is none."""
    if not path.startswith("/dev/") or path.startswith("/dev/shm/"):  # noqa: S108  # we only look
        return False
    try:
        return stat.S_ISCHR(_stat(path).st_mode)
    except OSError:
        return False


def _source_of(path: str) -> str | None:
    """Return the source that a compiled module was made from, where it is there."""
    if not path.endswith(".pyc"):
        return None
    try:
        source = source_from_cache(path)
    except (ValueError, NotImplementedError):
        return None
    return source if state_of("kind", source) == "file" else None


def _shown(program: Any, arguments: Any) -> str:
    words = arguments if isinstance(arguments, (list, tuple)) else [program]
    return os.path.basename(os.fsdecode(words[0])) if words else str(program)


# --- as a program ---------------------------------------------------------------------------------


def main(program: str | None = None, name: str = "") -> None:
    """Record from now on to the end of the process, and run manage.py, or the source given."""
    order = json.loads(os.environ.pop(RECORD))
    recorder = Recorder(order["start"], order["inside"], order["trust"])
    recorder.knows(read_record(order["before"]))

    if program is None:
        atexit.register(write, recorder, order)  # first, and so called last
    else:
        recorder.ended = lambda answer: write(recorder, order, answer)
    recorder.begin()
    if program is not None:
        exec(compile(program, name, "exec"), {"__name__": "__main__"})
    else:
        sys.argv = ["manage.py", *order["manage"]]
        run_as_main("manage.py")


def write(recorder: Recorder, order: Mapping[str, Any], answer: str | None = None) -> None:
    """Write down what was read; where that fails, the run is not used again."""
    try:
        inputs, unseen = recorder.record()
        more = {
            **recorder.more,
            "inside": recorder.inside.document(recorder.inputs, recorder.written),
        }
        write_record(order, inputs, unseen, more, answer)
    except Exception as error:
        sys.stderr.write(f"fab_static: what it read was not recorded: {error!r}\n")


def write_record(
    order: Mapping[str, Any],
    inputs: list[Any],
    unseen: list[str],
    more: Mapping[str, Any],
    answer: str | None,
) -> None:
    """Write a record whole, for its user alone."""
    document = {
        "format": FORMAT,
        "token": order["token"],
        "given": order["given"],
        "inputs": inputs,
        "unseen": unseen,
        **more,
        "answer": answer,
    }
    temporary = "{}.{}".format(order["to"], os.getpid())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        # json.dump is written in Python, and takes five times as long
        file.write(json.dumps(document))
    os.replace(temporary, order["to"])


def run_as_main(script: str) -> None:
    """Run a script as `python script` does, tracebacks included."""
    path = os.path.abspath(script)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[:1] = [os.path.dirname(os.path.realpath(path))]
    main = sys.modules["__main__"]
    names = vars(main)
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    names.update(__file__=path if sys.version_info >= (3, 9) else script, __cached__=None)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(
            f"{sys.executable}: can't open file '{path}': [Errno {error.errno}] {error.strerror}\n"
        )
        sys.exit(2)
    try:
        exec(compile(source, path, "exec"), names)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        trace = error.__traceback__  # without this frame of ours
        error.__traceback__ = trace.tb_next if trace else None
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main(globals().get("PROGRAM"), globals().get("NAME", ""))
