"""What a call of the kernel reads or writes.

The names of calls are those of Linux, whatever the processor: a table says for each what its arguments mean. A call
that is in no table makes the run one that is not used again.
"""

from __future__ import annotations

import os
import re
from typing import Callable, Iterable

from fab_static.host.project.traces.arguments import (
    addresses_of,
    after_text,
    entries_of,
    open_path,
    path_of,
    script_of,
)
from fab_static.host.project.traces.lines import Call, Lines, NotUnderstoodError
from fab_static.host.project.traces.processes import Folder, Process, Processes
from fab_static.host.project.traces.seen import ABSENT, INSTALLED, Entry, Seen, cache_of
from fab_static.host.project.traces.strace import has_rights_of_its_own, is_confined

_NEW_VIEW = re.compile(r"CLONE_NEW(?:NS|USER|PID|CGROUP)\b")

NO_RIGHTS = "has rights of its own, which it loses under strace"
NOT_UNDERSTOOD = "its trace is not understood"
GONE = frozenset(["ENOENT", "ENOTDIR"])
NO_LOOK = frozenset(  # such a failure tells nothing of the file
    [
        "EFAULT",
        "EINTR",
        "EAGAIN",
        "EMFILE",
        "ENFILE",
        "ENOSYS",
        "EBADF",
        "ENOMEM",
        "ERESTARTSYS",
        "EOVERFLOW",
    ]
)
# sockets that answer what files of the machine say, or that only listen
NAMES_OF_USERS = ("/run/nscd/", "/var/run/nscd/", "/run/systemd/userdb/", "/var/lib/sss/pipes/")
LOGS = ("/dev/log", "/run/systemd/journal/")

OPENING = frozenset(["open", "openat", "openat2", "creat"])
LOOKING = frozenset(
    [
        *(
            "stat",
            "stat64",
            "lstat",
            "lstat64",
            "newfstatat",
            "fstatat64",
            "statx",
            "oldstat",
            "oldlstat",
        ),
        *("access", "faccessat", "faccessat2", "readlink", "readlinkat"),
    ]
)
TOUCHING = ("utime", "utimes", "futimesat", "utimensat", "utimensat_time64")
# what one that is confined may be refused, and goes on without
CHANGING = frozenset(
    [
        *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "bind"),
        *("mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "mknod", "mknodat", "truncate"),
        *("truncate64", "socket"),
    ]
)
NOT_LET = frozenset(["EACCES", "EXDEV"])
_TO_WRITE = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|TMPFILE)\b")
HARMLESS = frozenset(  # they look at no names and no bytes, or change what is not an input
    [
        *(
            "getcwd",
            "chmod",
            "fchmodat",
            "fchmodat2",
            "chown",
            "chown32",
            "lchown",
            "lchown32",
            "fchownat",
        ),
        *(
            "statfs",
            "statfs64",
            "inotify_add_watch",
        ),
        *(
            "setxattr",
            "lsetxattr",
            "getxattr",
            "lgetxattr",
            "listxattr",
            "llistxattr",
            "removexattr",
            "lremovexattr",
        ),
        *("fanotify_mark", "mq_open"),
    ]
)


class Calls:
    """Takes in a trace.

    Args:
        seen: is told what the calls mean.
        folder: the first process ran there.
    """

    def __init__(self, seen: Seen, folder: str) -> None:
        self.seen = seen
        self.lines = Lines()
        self._processes = Processes(folder)
        self._listing: dict[str, set[Entry] | None] = {}
        self._listening: set[str] = set()  # sockets of the run's own
        self._is_confined = is_confined()
        self._tables: dict[str, Callable[[Call, Process], None]] = {
            **dict.fromkeys(OPENING, self._opened),
            **dict.fromkeys(LOOKING, self._looked),
            **dict.fromkeys(("getdents", "getdents64"), self._listed),
            **dict.fromkeys(("execve", "execveat"), self._executed),
            **dict.fromkeys(("fork", "vfork", "clone", "clone2", "clone3", "unshare"), self._began),
            **dict.fromkeys(("chdir", "fchdir"), self._went),
            **dict.fromkeys(("rename", "renameat", "renameat2"), self._renamed),
            **dict.fromkeys(("link", "linkat", "symlink", "symlinkat"), self._linked),
            **dict.fromkeys(("mkdir", "mkdirat"), self._made_folder),
            **dict.fromkeys(
                ("unlink", "unlinkat", "rmdir", "mknod", "mknodat", "truncate", "truncate64"),
                self._changed_name,
            ),
            **dict.fromkeys(("connect", "sendto", "sendmsg", "sendmmsg"), self._asked),
            **dict.fromkeys(TOUCHING, self._touched),
            "bind": self._bound,
        }

    def take(self, lines: Iterable[str]) -> None:
        """Take in lines that strace wrote, in their order."""
        for line in lines:
            try:
                for call in self._processes.in_turn(self.lines.read(line)):
                    self._take(call)
            except NotUnderstoodError as error:
                self._not_understood(error)

    def end(self) -> None:
        """Take in what waits for lines that did not come."""
        try:
            for call in self._processes.begun_by_nobody():
                self._take(call)
        except NotUnderstoodError as error:
            self._not_understood(error)
        for folder in self._listing:  # which it did not read to the end
            self.seen.list(folder, None)

    def name_of(self, number: int) -> str:
        """Return the name of the program that a process is."""
        return self._processes.name_of(number)

    def _not_understood(self, error: NotUnderstoodError) -> None:
        if not any(why.startswith(NOT_UNDERSTOOD) for why in self.seen.unseen):  # one tells enough
            self.seen.is_unseen(f"{NOT_UNDERSTOOD}: {str(error)[:200]}")

    def _take(self, call: Call) -> None:
        if call.name in HARMLESS:
            return
        process = self._processes[call.process]
        if call.error in NO_LOOK:
            return
        if self._is_confined and _is_refused(call):
            self.seen.is_unseen(f"{_name(process)} was refused {call.name}")
        meaning = self._tables.get(call.name)
        if meaning:
            meaning(call, process)
        elif not call.error:
            name = process.programs[-1] if process.programs else "it"
            self.seen.is_unseen(f"{name} called {call.name}, which may read unseen", process.names)

    def _opened(self, call: Call, process: Process) -> None:
        path, flags = path_of(call, process)
        flags = flags.partition(" = ")[0].partition("mode=")[0]
        if not path:
            return
        if call.error:
            self._failed(call, path)
            return
        writes = call.name == "creat" or "O_WRONLY" in flags or "O_RDWR" in flags
        if "O_TMPFILE" in flags or "O_PATH" in flags:
            self.seen.look("kind", path)
        elif not writes and "O_TRUNC" not in flags:
            self.seen.look("kind" if "O_DIRECTORY" in flags else "bytes", path)
        elif call.name == "creat" or "O_TRUNC" in flags or "O_EXCL" in flags:
            self.seen.wrote(path)
        elif "O_APPEND" not in flags or "O_RDWR" in flags:  # what is only appended to is a log
            self.seen.changes(path)

    def _looked(self, call: Call, process: Process) -> None:
        path, rest = path_of(call, process)
        if not path:
            return
        if call.error and not (call.error == "EINVAL" and "readlink" in call.name):
            self._failed(call, path)
        elif call.name.startswith("readlink"):
            self.seen.look("link", path)
        elif "access" in call.name:
            if re.match(r"[FR]_OK\b", rest):
                self.seen.look("kind", path)
            else:
                self.seen.look_at_times(path, ())
        else:
            follows = not (
                call.name.startswith(("lstat", "oldlstat")) or "AT_SYMLINK_NOFOLLOW" in rest
            )
            if not follows:
                self.seen.look("link", path)
            if "S_IFREG" in rest and (follows or not INSTALLED.match(path)):
                self.seen.look_at_times(path, process.names)
            elif follows:
                self.seen.look("kind", path)

    def _failed(self, call: Call, path: str) -> None:
        if call.error == "EEXIST":
            self.seen.look("kind", path)
        else:
            self.seen.look("bytes", path, ABSENT if call.error in GONE else None)

    def _listed(self, call: Call, _process: Process) -> None:
        folder = open_path(call)
        if call.error:
            return
        if folder is None:
            raise NotUnderstoodError(f"{call.name}({call.arguments[:80]}")
        if not call.value:
            self.seen.list(folder, self._listing.pop(folder, set()))
            return
        entries, held = entries_of(call), self._listing.setdefault(folder, set())
        if entries is None or held is None:
            self._listing[folder] = None
        else:
            held.update(entries)

    def _executed(self, call: Call, process: Process) -> None:
        path, rest = path_of(call, process)
        if call.error:
            self._failed(call, path)
            return
        if not path:  # execveat of an open file: it was opened by its name
            return
        name = os.path.basename(path)
        process.becomes(name, script_of(name, rest))
        self.seen.run(path)
        if has_rights_of_its_own(path):
            self.seen.powerless.append(name)
            self.seen.is_unseen(f"{name} {NO_RIGHTS}", process.names)

    def _began(self, call: Call, process: Process) -> None:
        if call.error:
            return
        if _NEW_VIEW.search(call.arguments):
            self.seen.is_unseen(
                f"{_name(process)} changed what it sees of the file system", process.names
            )
        if call.name == "unshare":
            process.folder = Folder(process.folder.path)

    def _went(self, call: Call, process: Process) -> None:
        if call.name == "fchdir":
            if not call.error:
                process.folder.path = open_path(call) or ""
            return
        path, _ = path_of(call, process)
        if call.error:
            self._failed(call, path)
            return
        self.seen.look("kind", path)
        process.folder.path = os.path.realpath(path)

    def _renamed(self, call: Call, process: Process) -> None:
        old, rest = path_of(call, process)
        new, flags = path_of(call, process, rest)
        if call.error:
            self._failed(call, old)
        elif "RENAME_EXCHANGE" in flags:
            self.seen.is_unseen("it exchanged two files", process.names)
        else:
            if old not in self.seen.written:
                self.seen.look("bytes", old)
            self.seen.moved(old, new)

    def _linked(self, call: Call, process: Process) -> None:
        if call.name.startswith("symlink"):
            old, rest = "", after_text(call)
        else:
            old, rest = path_of(call, process)
        new, _ = path_of(call, process, rest)
        if call.error:
            self._failed(call, new if call.error == "EEXIST" else old or new)
            return
        if old and old not in self.seen.changed:  # of which its times will tell
            self.seen.look("bytes", old)
        self.seen.wrote(new)

    def _made_folder(self, call: Call, process: Process) -> None:
        path, _ = path_of(call, process)
        if call.error:
            self._failed(call, path)
        else:
            self.seen.made_folder(path)

    def _changed_name(self, call: Call, process: Process) -> None:
        path, _ = path_of(call, process)
        if call.error:
            self._failed(call, path)
            return
        if call.name.startswith("truncate"):
            self.seen.look("bytes", path)
        self.seen.wrote(path)

    def _touched(self, call: Call, process: Process) -> None:
        """Note that a cache was used: tools touch what they find there, to keep it."""
        path = "" if ", NULL" in call.arguments else path_of(call, process)[0]
        path = path or open_path(call) or ""
        if not call.error and cache_of(path):
            self.seen.changes(path)

    def _asked(self, call: Call, process: Process) -> None:
        for family, name in addresses_of(call, process):
            if family in ("AF_INET", "AF_INET6"):
                why = "asked the network"
            elif family in ("AF_NETLINK", "AF_UNSPEC") or (family == "AF_UNIX" and not name):
                continue
            elif family == "AF_UNIX":
                why = self._why_socket(call, name)
            else:
                why = f"asked another machine: {family}"
            if why:
                self.seen.is_unseen(f"{_name(process)} {why}", process.names)

    def _why_socket(self, call: Call, name: str) -> str:
        """Return why a question to a socket of this machine is not seen; "" where it is not such a question."""
        if name in self._listening or name.startswith((*NAMES_OF_USERS, *LOGS)):
            return ""
        if call.error in GONE or call.error == "ECONNREFUSED":
            self.seen.look("kind", name, ABSENT if call.error in GONE else None)
            return ""
        return f"asked a program that was running, through {name}"

    def _bound(self, call: Call, process: Process) -> None:
        for _, name in addresses_of(call, process):
            if name and not call.error:
                self._listening.add(name)
                if not name.startswith("@"):
                    self.seen.wrote(name)


def _is_refused(call: Call) -> bool:
    """Tell whether a call failed that would have changed something, or opened a way to others who do."""
    return call.error in NOT_LET and (
        call.name in CHANGING
        or call.name == "creat"
        or (call.name in OPENING and bool(_TO_WRITE.search(call.arguments)))
    )


def _name(process: Process) -> str:
    return process.programs[0] if process.programs else "it"
