"""The host agent: lists, checks, stores, links and flips, below one folder of one host.

Sent over the SSH connection when it is opened, and gone with it: nothing of ours is installed. It needs
only the standard library of Python 3.8. It speaks in frames, on its standard input and output:

    4 bytes  length of the head (big endian)
    4 bytes  length of the body
    head     one JSON object, ASCII; file names that are no Unicode travel as lone surrogates
    body     bytes, where a request or an answer has any

A request's head says what to `do`, and has a number, `n`; all frames of its answer have that number, and the
last one has `ok` or `error`. While it works the agent sends `tick` frames, so that a silent host is known from
a busy one; `moved` grows in them while the work goes on, so that a busy host is known from one that hangs.
Two frames are heard at once, whatever the agent works on: `alive`, and `cancel` with the number of a request.

Laws: it writes and removes below `deploy_to`, never through a link there, and at paths that a request names
in so many words (the static root, the project's own manifest). It also reads what describes the host:
/proc, PATH, nginx's configuration. Bytes are written aside and renamed; nothing sealed is ever written to.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import json
import os
import queue
import re
import select
import signal
import stat
import struct
import sys
import threading
import time
import types
import warnings
import zlib

TYPE_CHECKING = False
if (
    TYPE_CHECKING
):  # each module that is not imported at the start is milliseconds less on every host
    import hashlib
    import subprocess
    from typing import Any, BinaryIO, Callable, Dict, Iterator, NoReturn, Sequence, Tuple, Union

    Head = Dict[str, Any]
    Verb = Callable[["Agent", Head, bytes], Tuple[Head, bytes]]
    Running = Union["subprocess.Popen[bytes]", "Forked"]

PIECE = 256 * 1024  # bytes of a piece of a stream: large enough for speed, small enough for memory
SAMPLE = 2048  # bytes by which a file is judged to deflate or not
DEFLATE_LEVEL = 5  # a fifth less CPU time than 6, for 1 % more bytes
TICK_SECONDS = 2.0
WAITED_SECONDS = 1800.0  # so long a disk may take to sync, or brotli for one file
END_SECONDS = 0.5  # from SIGTERM to SIGKILL
LOCK_DEAD_SECONDS = 60.0  # a lock whose owner was not heard of for so long is nobody's
LOCK_WATCH_SECONDS = 12.0  # two beats: so long no beat may come before a silent lock is taken
OBJECT = re.compile(r"[0-9a-f]{64}")
RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
VERSION = re.compile(r"[0-9a-f]{7}")
SECOND_POOL = re.compile(r"\A(pool/[^/]+)~/")  # see places_of
ENCODED = (".gz", ".br")  # how a precompressed copy's name ends, where nginx looks for it
ENDING = re.compile(r"gz|br")
COPY = re.compile(r"gz|br|zst")  # as a project may write them
MOST_OF_IT = 0.95  # a copy larger than this share of its file is not kept (WhiteNoise's number)
RECORD = struct.Struct(">32sQ")  # in a stream of objects: SHA-256, size, then the bytes
TICKET = struct.Struct(">32sQH32s")  # to fetch one: SHA-256, size, which URL, the URL's signature
FRAME = struct.Struct(">II")
MAX_FRAME = 256 * 1024 * 1024
NAMES_TOLD = 200  # of files that are counted all
BEFORE = (
    ".before-fab-static"  # what a project's own manifest is renamed to when a link takes its place
)
RECORDED = re.compile(r"[a-z0-9_]+(-[0-9a-f]{16})?")  # what a recorded run is known by
WRITTEN_TOLD = 50  # files that a recorded run wrote
RECORDED_KEPT = 64  # recorded runs; the least recently used go first
RECORD_ENTRIES = 2000  # of log.jsonl that are looked at: years of deploys, and a bounded answer
RECORD_BYTES = 32 << 20  # of log.jsonl, from its end
HOLLOW_BYTES = 1 << 30  # a smaller file may be as sparse as it likes
STRANGE = ".strange"  # what stands in the way of a file of ours is renamed to
FOLDERS = ("objects", "pool", "releases", "recorded", "lock")  # what a link must not stand for
HELLO = b"\nfab_static agent 1\n"  # the first frame follows it


class RefusedError(Exception):
    """A request that cannot be done: what, where, and how to mend it."""

    def __init__(self, what: str, where: str, mend: str, kind: str = "host") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        self.kind = kind


class Work:
    """How far the request at hand is, and whether anybody waits for its answer."""

    steps = 0
    is_cancelled = False
    starting = threading.Lock()  # a command begins, or all are ended: never both
    ending = threading.Lock()  # held until the last process of what was cancelled has ended

    @classmethod
    def cancel(cls) -> None:
        """Let nobody begin a command any more. One whose start hangs is not waited for."""
        is_ours = cls.starting.acquire(timeout=END_SECONDS)
        cls.is_cancelled = True
        if is_ours:
            cls.starting.release()


def moved() -> None:
    """Count a step of long work, and end work that nobody waits for any more."""
    Work.steps += 1
    if Work.is_cancelled:
        raise RefusedError(
            "the operator interrupted it", "a request", "run the task again", "cancelled"
        )


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Count steps while a disk or another program works for us: that takes no time of our CPU.

    Not for longer than WAITED_SECONDS: a disk that never answers is a hang after all.
    """
    over = threading.Event()

    def count() -> None:
        end = time.monotonic() + WAITED_SECONDS
        while not over.wait(TICK_SECONDS / 2) and time.monotonic() < end:
            Work.steps += 1

    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()


# ---- names that come from outside -------------------------------------------------------------------


def checked_path(name: Any) -> str:
    """Return the name if it is a plain relative path that stays inside its folder."""
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise RefusedError(
            f"{name!r} is not a path inside the static root",
            "a file name in a release",
            "rename the file; names must be relative and hold no empty part, . or ..",
        )
    return str(name)


def in_folder(name: Any) -> str:
    """Return where a manifest stands in the folder of its release: in static, or ../manifests from there."""
    if isinstance(name, str) and name.startswith("../manifests/"):
        return checked_path(name[3:])
    return "static/" + checked_path(name)


def checked(pattern: Any, name: Any, what: str) -> str:
    """Return the name if it has the form that this kind of name always has."""
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise RefusedError(f"{name!r} is no {what}", "a request", f"name an existing {what}")
    return name


# ---- bytes on the disk ------------------------------------------------------------------------------


def mtime_of(sha256: str) -> int:
    """Return the time that a file with these bytes carries, in seconds since 1970.

    Made from the content, so that nginx gives one ETag and Last-Modified on every host, two contents of
    one size never share theirs, builds that hash mtimes are reproducible, and a file that somebody
    wrote to shows by a stat.
    """
    return 946684800 + int(sha256[:8], 16) % (1 << 29)  # from 2000 to 2017: never in the future


def begun_sha256(data: bytes = b"") -> hashlib._Hash:
    """Return a SHA-256, begun with these bytes."""
    import hashlib  # late: it takes 4 ms to load, and who only looks at a host needs none

    return hashlib.sha256(data)


def digests(path: str | int) -> tuple[str, str, int]:
    """Return SHA-256, the first 7 digits of SHA-1, and the size of a file, or of one that is open, in one read."""
    import hashlib

    sha256, sha1, size = hashlib.sha256(), hashlib.sha1(), 0  # noqa: S324 - the version format's own
    with open(path, "rb", closefd=isinstance(path, str)) as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            moved()
            sha256.update(piece)
            sha1.update(piece)
            size += len(piece)
    return sha256.hexdigest(), sha1.hexdigest()[:7], size


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = begun_sha256()
    # for thousands of small files, a file object takes as long as hashing them
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise not_plain(path)
        while piece := os.read(file, PIECE):
            moved()
            digest.update(piece)
    finally:
        os.close(file)
    return digest.hexdigest()


def aside(path: str) -> str:
    """Return a name beside this one that nobody else uses."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name[:40]}.{os.getpid()}-{os.urandom(4).hex()}")


def write_file(path: str, data: bytes) -> None:
    """Write a small file whole: aside, to the disk, renamed."""
    make_folders(os.path.dirname(path))
    temporary = aside(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        rename_over(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def rename_over(temporary: str, path: str) -> None:
    """Give a file its name; a folder that stands there is renamed, not removed."""
    try:
        os.replace(temporary, path)
    except IsADirectoryError:
        set_aside(path)
        os.replace(temporary, path)


def set_aside(path: str) -> None:
    """Rename what has the name of a file of ours and is none: it may be somebody's."""
    remove_tree(path + STRANGE)
    os.rename(path, path + STRANGE)


def to_disk(host: Host) -> None:
    """Have the disk hold all that was written below `deploy_to`: a host may lose its power.

    Once for any number of files; syncing each of ten thousand would take minutes.
    """
    descriptor = os.open(host.root, os.O_RDONLY)
    try:
        import ctypes  # late: it takes long to load, and some Pythons are built without

        with waiting():
            if ctypes.CDLL(None).syncfs(descriptor):
                os.sync()
    except (ImportError, AttributeError):  # not Linux
        with waiting():
            os.sync()
    finally:
        os.close(descriptor)


def point(link: str, target: str) -> None:
    """Make a symbolic link, or move it, in one rename: no instant without it."""
    make_folders(os.path.dirname(link))
    temporary = aside(link)
    os.symlink(target, temporary)
    try:
        rename_over(temporary, link)
    except BaseException:
        os.unlink(temporary)
        raise


def link_or_copy(source: str, target: str) -> None:
    """Hard-link, over what stands there; where an object has all the links it may have, copy."""
    try:
        os.link(source, target)
    except PermissionError:
        # fs.protected_hardlinks: nobody may link to what belongs to another account
        if os.lstat(source).st_uid == os.geteuid():
            raise
        make_own(source)
        link_or_copy(source, target)
    except FileExistsError:
        if not os.path.samefile(source, target):
            temporary = aside(target)
            link_or_copy(source, temporary)
            os.replace(temporary, target)
    except OSError as error:
        if error.errno != errno.EMLINK:
            raise
        temporary = aside(target)
        copy(source, temporary, times=True)
        os.chmod(temporary, 0o444)
        os.replace(temporary, target)


def make_own(path: str) -> None:
    """Put a copy that is ours in the place of an object of another account, who deployed here before."""
    temporary = aside(path)
    try:
        copy(path, temporary, times=True)
        os.chmod(temporary, 0o444)
        os.replace(temporary, path)
    except BaseException:
        remove_tree(temporary)
        raise


def is_program(name: str) -> bool:
    """Tell whether there is a program of this name."""
    import shutil

    return shutil.which(name) is not None


def copy(source: str, target: str, times: bool = False) -> None:
    """Copy a file's bytes; its times and mode too where they matter."""
    import shutil

    (shutil.copy2 if times else shutil.copyfile)(source, target)


def remove_tree(path: str) -> None:
    """Remove a folder and all in it, or a file, or a link (never what it leads to).

    However deep folders are nested: each moves up before it is emptied. No name is followed that another
    account may exchange meanwhile.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        top = os.open(path, flags)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    count = 0
    try:
        while names := os.listdir(top):
            for name in names:
                if is_unlinked(name, top):
                    continue
                folder = os.open(name, flags, dir_fd=top)
                try:
                    for inner in os.listdir(folder):
                        if not is_unlinked(inner, folder):
                            count += 1
                            moved = f".{count}-{os.urandom(4).hex()}"
                            os.rename(inner, moved, src_dir_fd=folder, dst_dir_fd=top)
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=top)
    except OSError as error:
        error.filename = os.path.join(path, str(error.filename))
        raise
    finally:
        os.close(top)
    os.rmdir(path)


def is_unlinked(name: str, folder: int) -> bool:
    """Remove a name from an open folder; False where it is a folder's own."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):  # macOS says the latter of folders
        if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            return False
        raise
    return True


def make_folders(path: str, mode: int = 0o777) -> None:
    """Make a folder and those that it lies in, however deep; os.makedirs calls itself for each."""
    absent = []
    while path and not os.path.isdir(path):
        absent.append(path)
        path = os.path.dirname(path)
    for folder in reversed(absent):
        try:
            os.mkdir(folder, mode)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


def open_plain(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a file below `deploy_to`, where others may have been: a plain file, or none at all.

    A link is not followed, and a pipe is not waited for.

    Raises:
        RefusedError: something else has its name.
    """
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
    else:
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
    raise not_plain(path)


def not_plain(path: str) -> RefusedError:
    return RefusedError(
        f"{os.path.basename(path)} is not a plain file",
        path,
        "find out who put it there, and move it away",
    )


def read_plain(path: str, most: int = MAX_FRAME) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a plain file, and its stat.

    Raises:
        RefusedError: it is none, or larger than any that we write.
    """
    file = open_plain(path)
    try:
        status = os.fstat(file)
        if status.st_size > most:
            raise RefusedError(
                f"{os.path.basename(path)} has {status.st_size} bytes, more than we write",
                path,
                "find out who wrote it, and move it away",
            )
        pieces = list(iter(lambda: os.read(file, 1 << 20), b""))
        return b"".join(pieces), status
    finally:
        os.close(file)


def read_json(path: str) -> Any:
    """Return the JSON of a plain file; None where there is no such file."""
    try:
        return parsed(path, read_plain(path)[0])
    except FileNotFoundError:
        return None


def parsed(path: str, data: bytes) -> Any:
    """Return the JSON that was read from a file."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            f"{os.path.basename(path)} is no JSON: {error}",
            path,
            "move the damaged file away; the next deploy writes it anew",
        ) from error


def is_ours(status: os.stat_result) -> bool:
    """Tell whether nobody but this user, or root, can have written a file, or what is in a folder."""
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_folder(path: str) -> bool:
    """Tell whether a folder stands there, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_release(name: Any) -> bool:
    """Tell whether it is the id of a release."""
    return isinstance(name, str) and RELEASE.fullmatch(name) is not None


def walk(root: str, links: set[str] | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file below a static root: path relative to it, and its stat; `links` takes those that are links.

    Raises:
        RefusedError: at a link that leads outside, and at what is neither file nor folder: their bytes are
            not the project's static files.
    """
    inside = os.path.realpath(root) + os.sep
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                moved()
                path = folder + entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path + "/")
                    continue
                is_link = entry.is_symlink()
                if is_link and links is not None:
                    links.add(path)
                if is_link and not (
                    os.path.realpath(entry.path).startswith(inside) and os.path.isfile(entry.path)
                ):
                    raise RefusedError(
                        f"{path} is a symbolic link to {os.readlink(entry.path)}",
                        root,
                        "collect without --link; a link must lead to a file in the static root",
                        "build",
                    )
                status = entry.stat()
                if not stat.S_ISREG(status.st_mode):
                    raise RefusedError(f"{path} is not a file", root, "remove it", "build")
                if is_hollow(status):
                    raise RefusedError(
                        f"{path} is a sparse file: {status.st_size} bytes, nearly all of them a hole",
                        root,
                        "remove it: it would take all those bytes on every host",
                        "build",
                    )
                yield path, status


def is_hollow(status: os.stat_result) -> bool:
    """Tell whether a large file is a hole; what a file system compresses takes more than this."""
    return status.st_size >= HOLLOW_BYTES and status.st_blocks * 512 < status.st_size // 100


class Host:
    """One host's folder: `deploy_to`, with objects, releases, pool, links, lock, journal and log."""

    def __init__(self, deploy_to: str, app: str, environment: str) -> None:
        self.root = deploy_to
        self.app = app
        self.environment = environment
        self.token: str | None = None  # of the lock that this agent holds for its operator
        self._linked: tuple[list[str], dict[str, set[str]]] | None = None
        self.odd: dict[str, str] = {}  # what was passed over below deploy_to, and why
        self.lifted: dict[str, str] = {}  # the project's links that are files now; see `lift`

    def path(self, *parts: str) -> str:
        return "/".join(
            (self.root, *parts)
        )  # join of os.path is half of what linking a release takes

    def object(self, sha256: str) -> str:
        return self.path("objects", sha256[:2], sha256)

    # ---- whose folder it is

    def claim(self) -> None:
        """Make the folder ours, or refuse when it is another app's or environment's."""
        ours = {"format": 1, "app": self.app, "environment": self.environment}
        self.check_claim()
        self.refuse_links()
        if not os.path.exists(self.path(".fab_static")):
            write_file(self.path(".fab_static"), json.dumps(ours).encode())

    def check_claim(self) -> None:
        claim = self.known(".fab_static", lambda found: {"app", "environment"} <= found.keys())
        if claim and (claim["app"], claim["environment"]) != (self.app, self.environment):
            raise RefusedError(
                "the folder belongs to {} {}, not to {} {}".format(
                    claim["app"], claim["environment"], self.app, self.environment
                ),
                self.root,
                "give each app and environment a deploy_to of its own",
            )

    def refuse_links(self) -> None:
        """Refuse to write or remove below a folder of ours that is a link: what it leads to is somebody's.

        `deploy_to` itself may be one: an operator keeps all of it on another disk.
        """
        for name in FOLDERS:
            self.refuse_link(self.path(name))
        for name in (
            "objects",
            "pool",
            "releases",
        ):  # of the others, what is no folder is set aside
            path = self.path(name)
            if os.path.lexists(path) and not is_folder(path):
                raise RefusedError(
                    f"{name} is not a folder", path, "find out who put it there, and move it away"
                )

    def refuse_link(self, path: str) -> None:
        """Refuse a path below `deploy_to` that is a link, or lies in one."""
        name = ""
        for part in path[len(self.root) + 1 :].split("/"):
            name = f"{name}/{part}" if name else part
            if os.path.islink(self.path(name)):
                raise RefusedError(
                    self.told_of_link(name),
                    self.path(name),
                    f"remove the link, and move the folder itself to {self.path(name)} if the link led to "
                    f"it; to keep all of it on another disk, let {self.root} as a whole be a link to there",
                )

    def told_of_link(self, name: str) -> str:
        return f"{name} is a symbolic link to {os.readlink(self.path(name))}"

    # ---- records: others may have written there, a crash may have cut them off

    def known(self, name: str, is_sound: Callable[[Head], bool] = bool) -> Head | None:
        """Return a record, a JSON object; None where there is none, or a strange one: `odd` says why."""
        try:
            found = read_json(self.path(name))
        except RefusedError as error:
            self.odd[name] = f"{error.what}; it is passed over"
            return None
        except OSError as error:
            self.odd[name] = f"{name} cannot be read ({error.strerror}); it is passed over"
            return None
        if found is None:
            return None
        if not isinstance(found, dict) or not is_sound(found):
            self.odd[name] = f"{name} does not hold what we write; it is passed over"
            return None
        return found

    def why_not_ours(self, name: str) -> str | None:
        """Return in words why a record is not to be obeyed: another may have written it."""
        status = os.lstat(self.path(name))
        if not is_ours(status):
            return f"{name} belongs to {owner_of(status)} (mode {stat.S_IMODE(status.st_mode):04o})"
        return None

    # ---- objects

    def has_object(self, sha256: str, size: int, *, look: bool = False) -> bool:
        """Tell whether the object is there, whole; one that somebody wrote to counts as missing.

        A whole one that was touched, or restored from a backup, gets its time back, unless we only look.
        """
        path = self.object(sha256)
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        if int(status.st_mtime) == mtime_of(sha256):
            return True
        if digests(path)[0] != sha256:
            return False
        if not look:
            try:
                os.utime(path, (mtime_of(sha256), mtime_of(sha256)))
            except PermissionError:  # another account's: one that is ours takes its place
                return False
        return True

    def writer(self, sha256: str, size: int) -> ObjectWriter:
        self.refuse_link(os.path.dirname(self.object(sha256)))
        return ObjectWriter(self.object(sha256), sha256, size, self.links_to_damaged(sha256))

    def links_to_damaged(self, sha256: str) -> list[str]:
        """Return the files of all releases and of the pool that are links to an object's damaged bytes.

        Empty where there is no such object: it is asked before one is written, and a whole one never is.
        """
        try:
            damaged = os.lstat(self.object(sha256))
        except FileNotFoundError:
            return []
        releases = self.releases()
        if self._linked is None or self._linked[0] != releases:  # read once for many objects
            linked: dict[str, set[str]] = {}
            for seal in self.seals():
                for path, known, _size in self.links_of(seal, ["static"]):
                    linked.setdefault(known, set()).update(map(self.path, places_of(path)))
            self._linked = releases, linked
        return [
            path
            for path in sorted(self._linked[1].get(sha256, ()))
            if os.path.lexists(path) and os.path.samestat(os.lstat(path), damaged)
        ]

    def keep_bytes(self, data: bytes) -> tuple[str, int]:
        """Store bytes as an object; return its name, their SHA-256, and its size."""
        sha256 = begun_sha256(data).hexdigest()
        if not self.has_object(sha256, len(data)):
            with self.writer(sha256, len(data)) as writer:
                writer.write(data)
        return sha256, len(data)

    def keep(self, source: int, sha256: str, size: int) -> None:
        """Copy an open file's bytes to the objects, checked (never linked: builds write files in place)."""
        if self.has_object(sha256, size):
            return
        writer = self.writer(sha256, size)
        os.lseek(source, 0, os.SEEK_SET)
        with writer, open(source, "rb", closefd=False) as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                writer.write(piece)

    # ---- releases

    def live(self, link: str = "current") -> str | None:
        """Return the release that a link names; None where it names none."""
        try:
            folder, _, name = os.readlink(self.path(link)).rpartition("/")
        except OSError:
            return None
        return name if folder == "releases" and RELEASE.fullmatch(name) else None

    def releases(self) -> list[str]:
        """Return the ids of the sealed releases, oldest first."""
        try:
            names = os.listdir(self.path("releases"))
        except FileNotFoundError:
            return []
        return sorted(
            name
            for name in names
            if RELEASE.fullmatch(name)
            and os.path.exists(self.path("releases", name, "release.json"))
        )

    def seal_of(self, release: str) -> dict[str, Any]:
        """Return what release.json holds."""
        return self.sealed(release)[0]

    def sealed(self, release: str, sha256: str | None = None) -> tuple[dict[str, Any], bytes]:
        """Return what release.json holds, and its bytes: of this SHA-256, where the operator names one."""
        checked(RELEASE, release, "release")
        path = self.path("releases", release, "release.json")
        try:
            data = read_plain(path)[0]
        except FileNotFoundError:
            raise RefusedError(
                f"there is no release {release}",
                self.path("releases"),
                "choose one that `releases` lists",
                "release",
            ) from None
        seal = parsed(path, data)
        if not is_seal(seal, release) or sha256 not in (None, begun_sha256(data).hexdigest()):
            raise RefusedError(
                f"release.json of {release} is not what was sealed",
                path,
                f"ship it anew from a host that has it: rollback --to {release} --repair",
                "release",
            )
        return seal, data

    def seals(self) -> Iterator[dict[str, Any]]:
        """Yield the seals of all releases here; one that cannot be read is passed over: `odd` says why."""
        for release in self.releases():
            try:
                yield self.seal_of(release)
            except RefusedError as error:
                self.odd[f"releases/{release}"] = error.what
            except OSError as error:
                self.odd[f"releases/{release}"] = (
                    f"release.json of {release} cannot be read: {error.strerror}"
                )

    def found(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return where a file that a release needs stands, and its status; None where it is nowhere."""
        for place in places_of(path):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                status = os.lstat(self.path(place))
                if not stat.S_ISDIR(status.st_mode):
                    return place, status
        return path, None

    def place_for(self, path: str, sha256: str, objects: Objects) -> str | None:
        """Return where a pool entry can be linked; None where a place has it.

        A name may be a file in one release and a folder in the next. While both are kept, the later one
        stands in the second pool.
        """
        for place in places_of(path):
            if objects.has_link(self.path(place), sha256):
                return None
            if not is_blocked(self.path(place)):
                return place
        raise RefusedError(
            f"{path} is both a file and a folder in releases that are kept, more than once over",
            self.path("pool"),
            "rename the file or the folder; or prune those releases first",
            "release",
        )

    def links_of(self, seal: dict[str, Any], roles: list[str]) -> Iterator[tuple[str, str, int]]:
        """Yield what a release needs on a host with these roles: path, SHA-256, size.

        Paths are relative to `deploy_to`; each is a hard link to its object. Precompressed copies stand
        beside their files, wherever nginx finds these.
        """
        files = seal["files"]
        base = "releases/" + checked(RELEASE, seal["id"], "release")
        manifests = [seal["offline_manifest"], seal.get("staticfiles_manifest")]
        for path, one in seal.get("manifests", {}).items():
            yield f"{base}/{in_folder(path)}", checked(OBJECT, one["sha256"], "object"), one["size"]
        versions = seal["versions"]
        if versions:
            sha256 = checked(OBJECT, versions["sha256"], "object")
            yield base + "/resource_versions.yml", sha256, versions["size"]
        if "static" in roles:
            made = {checked_path(path): with_copies(file) for path, file in files.items()}
            for path, copies in made.items():
                for ending, sha256, size in copies:
                    if not ending or path + ending not in files:  # else the project made it
                        yield f"{base}/static/{path}{ending}", sha256, size
            pool = [
                (checked(VERSION, version, "version"), path)
                for path, version in seal["versioned"].items()
                if path in files
            ]
            for folder, path in (*pool, *(("named", path) for path in seal["named"])):
                if path.endswith(ENCODED) and path[:-3] in files:  # of an older seal: no promise
                    continue
                for ending, sha256, size in made[path]:
                    yield f"pool/{folder}/{path}{ending}", sha256, size
        else:
            for manifest in filter(None, manifests):
                path = manifest["path"]
                if path in seal.get("manifests", {}):
                    continue
                path = checked_path(path)
                sha256 = checked(OBJECT, manifest["sha256"], "object")
                yield f"{base}/static/{path}", sha256, files[path]["size"]


def is_seal(seal: Any, release: str) -> bool:
    """Tell whether this has the shape of a release's seal; whether its content is right, its digest tells."""
    if not isinstance(seal, dict) or seal.get("id") != release:
        return False
    try:
        files, versions = seal["files"], seal["versions"]
        outside = seal.get("manifests", {})
        for one in (*files.values(), *outside.values(), *([versions] if versions else [])):
            if not all(isinstance(size, int) for _ending, _sha256, size in with_copies(one)):
                return False
        for path, version in seal["versioned"].items():
            checked(VERSION, version, "version")
            checked_path(path)
        manifests = [seal["offline_manifest"], seal.get("staticfiles_manifest")]
        named = [*seal["named"], *(one["path"] for one in manifests if one)]
        words = [seal[key] for key in ("created_at", "created_by", "environment", "digest")]
        return (
            all(map(checked_path, files))
            and {*named} <= {*files, *outside}
            and all(in_folder(path).startswith("manifests/") for path in outside)
            and all(
                isinstance(word, str)
                for word in (*words, *(one["sha256"] for one in manifests if one))
            )
        )
    except (RefusedError, LookupError, TypeError, ValueError, AttributeError):
        return False


def owner_of(status: os.stat_result) -> str:
    """Return the name of a file's owner."""
    import pwd

    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return f"the user {status.st_uid}"


def with_copies(file: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return a file and its precompressed copies: how the name ends, SHA-256, size."""
    found = [("", checked(OBJECT, file["sha256"], "object"), file["size"])]
    for ending, one in file.get("encodings", {}).items():
        checked(ENDING, ending, "ending of a precompressed copy")
        found.append(("." + ending, checked(OBJECT, one["sha256"], "object"), one["size"]))
    return found


class ObjectWriter:
    """Writes one object aside; on leaving without an error it is checked and renamed in.

    `links` are files that are to have its bytes too: hard links to the damaged object it replaces.
    """

    def __init__(self, path: str, sha256: str, size: int, links: Sequence[str] = ()) -> None:
        self.path = path
        self.links = links
        self.sha256 = sha256
        self.left = size
        self._hash = begun_sha256()
        self._temporary = aside(path)
        try:
            self._file = self._open()
        except FileNotFoundError:  # rarely: there are 256 folders, and thousands of objects
            make_folders(os.path.dirname(path))
            self._file = self._open()

    def _open(self) -> BinaryIO:
        return open(self._temporary, "xb")  # closed in __exit__

    def write(self, piece: bytes) -> None:
        moved()
        self._file.write(piece)
        self._hash.update(piece)
        self.left -= len(piece)

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            with self._file:
                if error is None:
                    self._finish()
            if error is None:
                self._rename_in()
                return
        except BaseException:
            self._remove()
            raise
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)

    def _finish(self) -> None:
        if self.left or self._hash.hexdigest() != self.sha256:
            raise RefusedError(
                f"the bytes that arrived are not those of object {self.sha256}",
                self.path,
                "run the task again; if it happens twice, a file changes while it is read",
            )
        self._file.flush()
        seconds = mtime_of(self.sha256)
        os.fchmod(self._file.fileno(), 0o444)
        os.utime(self._file.fileno(), (seconds, seconds))

    def _rename_in(self) -> None:
        for link in self.links:
            link_or_copy(self._temporary, link)
        os.replace(self._temporary, self.path)  # last: until then it is missing, and sent again


# ---- what can be asked ------------------------------------------------------------------------------

VERBS: dict[str, Verb] = {}


def verb(function: Verb) -> Verb:
    """Make a function answer requests that `do` its name."""
    VERBS[function.__name__] = function
    return function


def lasting(function: Verb) -> Verb:
    """Make a function answer only when what it wrote would outlive a loss of power."""

    @functools.wraps(function)
    def answer(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
        answered = function(agent, head, body)
        to_disk(agent.host)
        return answered

    return answer


@verb
def ping(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say nothing but that it is there."""
    return {}, b""


@verb
def state(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say what is live, what was before, which releases are here, and what the record says."""
    host = agent.host
    host.odd.clear()
    host.check_claim()
    if may_anybody_write(host.root):
        host.odd[""] = f"every account there may write below {host.root}: chmod o-w {host.root}"
    journal = host.known("journal.json")
    is_foreign = host.why_not_ours("journal.json") if journal is not None else None
    if is_foreign:
        host.odd["journal.json"] = is_foreign + "; nothing that it says was built is used again"
    for name in linked(host):
        host.odd[name] = f"{host.told_of_link(name)}; nothing is written through it"
    return {
        "current": host.live(),
        "previous": host.live("previous"),
        "releases": host.releases(),
        "provisional": provisional_flip(host),
        "unsettled": PROVISIONAL in host.odd,
        "record": record_of(host),
        "journal": journal,
        "journal_is_ours": not is_foreign,
        "odd": list(host.odd.values()),
        "now": time.time(),
    }, b""


def may_anybody_write(folder: str) -> bool:
    """Tell whether every account of this host may write in a folder."""
    try:
        return bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return False


def record_of(host: Host) -> list[dict[str, Any]]:
    """Return the entries of log.jsonl; a line that cannot be read is passed over, and `odd` counts it."""
    try:
        file = open_plain(host.path("log.jsonl"))
    except FileNotFoundError:
        return []
    except RefusedError as error:
        host.odd["log.jsonl"] = f"{error.what}; it is passed over"
        return []
    except OSError as error:
        host.odd["log.jsonl"] = f"log.jsonl cannot be read ({error.strerror}); it is passed over"
        return []
    with open(file, "rb") as lines:
        begins = max(0, os.fstat(file).st_size - RECORD_BYTES)
        lines.seek(begins)
        found = lines.read(RECORD_BYTES).split(b"\n")[
            bool(begins) :
        ]  # the first may be half a line
    entries = [entry_of(line) for line in found if line]
    record = [entry for entry in entries if entry is not None]
    if len(record) != len(entries):
        odd = len(entries) - len(record)
        host.odd["log.jsonl"] = (
            f"{odd} {'line' if odd == 1 else 'lines'} of log.jsonl cannot be read, and "
            f"{'is' if odd == 1 else 'are'} passed over"
        )
    return record[-RECORD_ENTRIES:]


def entry_of(line: bytes) -> dict[str, Any] | None:
    """Return a line of log.jsonl; None where it is none of ours: cut off by a crash, or strange."""
    try:
        entry = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    at = entry.get("at")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < 1e11:
        return None
    if entry.get("event") in ("activate", "undo") and not is_release(entry.get("release")):
        return None
    if "rolled_back" in entry and not is_release(entry["rolled_back"]):
        return None
    return entry


@verb
def note(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Append one entry to log.jsonl."""
    agent.host.claim()
    append(agent.host, head["entry"])
    return {}, b""


def append(host: Host, entry: Head) -> None:
    """Append one entry to log.jsonl, whole and on a line of its own."""
    line = json.dumps(dict(entry, at=time.time())) + "\n"
    with open(opened_record(host.path("log.jsonl")), "r+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                line = "\n" + line  # the line before was cut off by a crash
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def opened_record(path: str) -> int:
    """Open log.jsonl to write at its end; what is there and cannot be written to makes room for one that can."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    try:
        return open_plain(path, flags)
    except RefusedError:
        set_aside(path)
    except PermissionError:  # another account deployed before
        try:
            there = read_plain(path)[0]
        except PermissionError:
            set_aside(path)
        else:
            write_file(path, there)
    return open_plain(path, flags)


@verb
def read_release(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return release.json of one release, as it was sealed."""
    return {}, agent.host.sealed(head["release"])[1]


@verb
def summaries(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return a few words on each release."""
    found = []
    agent.host.odd.clear()
    for seal in agent.host.seals():
        found.append(
            {
                "id": seal["id"],
                "revision": seal.get("revision"),
                "created_at": seal["created_at"],
                "created_by": seal["created_by"],
                "environment": seal["environment"],
                "digest": seal["digest"],
                "files": len(seal["files"]),
                "bytes": sum(file["size"] for file in seal["files"].values()),
            }
        )
    return {"releases": found, "odd": list(agent.host.odd.values())}, b""


@verb
def read_object(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return the bytes of one small object; they are those that its name says."""
    sha256 = checked(OBJECT, head["object"], "object")
    data = read_plain(agent.host.object(sha256))[0]
    if begun_sha256(data).hexdigest() != sha256:
        raise RefusedError(
            f"object {sha256} is damaged",
            agent.host.object(sha256),
            "build anew: deploy",
            "release",
        )
    return {}, data


@verb
def put_object(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Store one small object; its name is its SHA-256."""
    agent.host.claim()
    sha256, size = agent.host.keep_bytes(body)
    return {"object": sha256, "size": size}, b""


@verb
def missing(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which of the objects are not here. Body: records of SHA-256 and size, both ways."""
    absent = bytearray()
    for raw, size in RECORD.iter_unpack(body):
        if not agent.host.has_object(raw.hex(), size, look=head.get("look", False)):
            absent += RECORD.pack(raw, size)
    return {}, bytes(absent)


@verb
def fetch(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Send objects as a stream of `pack` frames. Body: their records.

    What deflates travels in packs of its own: beside an image, a script would go at its full size.
    """
    plain, deflated = bytearray(), bytearray()
    for raw, size in RECORD.iter_unpack(body):
        left, is_cut = size, False
        with open(agent.host.object(raw.hex()), "rb") as file:
            piece = file.read(PIECE)
            pack = deflated if deflates(piece) else plain
            pack += RECORD.pack(raw, size)
            while piece:
                left -= len(piece)
                pack += piece
                # an object that goes in several frames goes to its end before another begins
                if len(pack) >= PIECE or (is_cut and not left):
                    is_cut = left > 0
                    send_pack(agent, pack, pack is deflated)
                piece = file.read(PIECE)
        if left:
            raise RefusedError(
                f"object {raw.hex()} has another size than its release says",
                agent.host.object(raw.hex()),
                "build anew: deploy",
            )
    for pack in (plain, deflated):
        if pack:
            send_pack(agent, pack, pack is deflated)
    return {}, b""


def deflates(piece: bytes) -> bool:
    """Tell whether bytes become smaller when they are deflated, by a sample from their middle."""
    sample = piece[len(piece) // 2 :][:SAMPLE]
    return len(zlib.compress(sample, 1)) < 0.9 * len(sample)


def send_pack(agent: Agent, pack: bytearray, deflate: bool) -> None:
    """Send what stands in the pack, and empty it."""
    if deflate:
        agent.send({"pack": "deflate", "raw": len(pack)}, zlib.compress(pack, DEFLATE_LEVEL))
    else:
        agent.send({"pack": "plain", "raw": len(pack)}, bytes(pack))
    pack.clear()


@verb
def store(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Store the objects of the `pack` frames that follow, up to the frame that says `end`."""
    agent.host.claim()
    unpacker = Unpacker(agent.host)
    failed: Exception | None = None
    with contextlib.closing(unpacker):
        while True:
            head, body = agent.next_frame()
            if "end" in head:
                break
            if failed is None:  # else read on: frames left over would be taken for requests
                try:
                    unpacker.feed(zlib.decompress(body) if head["pack"] == "deflate" else body)
                except Exception as error:
                    failed = error
        if failed is not None:
            raise failed
        unpacker.check_whole()
    return {"stored": unpacker.stored}, b""


class Unpacker:
    """Cuts a stream of records into objects."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.stored = 0
        self._rest = b""
        self._writer: ObjectWriter | None = None

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while True:
            if self._writer is None:
                if len(data) - at < RECORD.size:
                    break
                raw, size = RECORD.unpack_from(data, at)
                at += RECORD.size
                self._writer = self.host.writer(raw.hex(), size)
            piece = data[at : at + self._writer.left]
            at += len(piece)
            self._writer.write(piece)
            if self._writer.left:
                break
            writer, self._writer = self._writer, None
            writer.__exit__(None, None, None)
            self.stored += 1
        self._rest = data[at:]

    def check_whole(self) -> None:
        if self._writer or self._rest:
            raise RefusedError(
                "the stream ended inside an object", self.host.root, "run the task again"
            )

    def close(self) -> None:
        if self._writer:
            self._writer.__exit__(RefusedError, RefusedError("", "", ""), None)


FETCHERS = 16  # at once: hides the store's distance
FETCH_ATTEMPTS = 4
FETCH_SECONDS = 20.0  # for an answer to begin, or to go on


@verb
def fetch_urls(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Fetch objects over HTTP, many at once. Body: their tickets; `urls` are templates of the URLs.

    URLs are secrets: whoever has one may read. No error names more of them than the server.
    """
    host = agent.host
    host.claim()
    waiting: queue.SimpleQueue[tuple[str, int, str]] = queue.SimpleQueue()
    for raw, size, at, signature in TICKET.iter_unpack(body):
        sha256 = raw.hex()
        if not host.has_object(sha256, size):
            path = sha256[:2] + "/" + sha256
            url = head["urls"][at].replace("{object}", path)
            waiting.put((sha256, size, url.replace("{signature}", signature.hex())))
    failed: list[Exception] = []

    def work() -> None:
        fetcher = Fetcher(host)
        with contextlib.closing(fetcher):
            while not failed:
                try:
                    sha256, size, url = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    fetcher.fetch(sha256, size, url)
                except Exception as error:
                    failed.append(error)

    count = waiting.qsize()
    threads = [threading.Thread(target=work) for _ in range(min(FETCHERS, count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return {"stored": count}, b""


class Fetcher:
    """Fetches objects from one server, over one connection that stays open."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._connection: Any = None

    def fetch(self, sha256: str, size: int, url: str) -> None:
        import http.client
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        for attempt in range(1, FETCH_ATTEMPTS + 1):
            try:
                self._fetch(parts, sha256, size)
                return
            except RefusedError as error:
                self.close()
                if attempt == FETCH_ATTEMPTS or error.kind == "denied":
                    raise
            # never the exception's own words: they may hold the URL
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if isinstance(error, OSError) and error.filename:  # a full disk, say
                    raise
                if attempt == FETCH_ATTEMPTS:
                    why = getattr(error, "strerror", None) or type(error).__name__
                    raise RefusedError(
                        "the store cannot be reached: " + str(why).lower(),
                        str(parts.hostname),
                        "see whether this host reaches it (a firewall? a proxy?)",
                    ) from None
            time.sleep(0.1 * 2**attempt)

    def _fetch(self, parts: Any, sha256: str, size: int) -> None:
        answer = self._ask(parts)
        if answer.status != 200:
            answer.read(65536)
            raise RefusedError(
                "the store answered " + str(answer.status),
                str(parts.hostname),
                "see whether the operator's credentials may read the bucket, and have not expired",
                "host" if answer.status in (429, 500, 502, 503, 504) else "denied",
            )
        with self.host.writer(sha256, size) as writer:
            for piece in iter(lambda: answer.read(PIECE), b""):
                writer.write(piece)

    def _ask(self, parts: Any) -> Any:
        import http.client

        if self._connection is None:
            secure = parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(parts.hostname, parts.port, timeout=FETCH_SECONDS)
        self._connection.request("GET", parts.path + "?" + parts.query)
        return self._connection.getresponse()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@verb
@lasting
def build_release(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make the folder of a release and its pool entries from objects. Body: its release.json.

    The release is there, under its name, only when all of it is. `anew`: another release.json that stands
    there is not what was sealed, and is written anew.
    """
    host = agent.host
    host.claim()
    seal = json.loads(body.decode("utf-8"))
    release = checked(RELEASE, seal["id"], "release")
    folder = host.path("releases", release)
    there = None
    try:
        there = read_plain(os.path.join(folder, "release.json"))[0]
    except FileNotFoundError:
        pass
    except (RefusedError, OSError):
        there = b""  # it cannot be read
    is_other = there is not None and there != body
    if is_other and not head.get("anew"):
        raise RefusedError(
            f"release {release} is here already, sealed with other content",
            folder,
            "deploy again: a new release gets a new id",
            "release",
        )
    new = host.path("releases", f".{release}.new")
    remove_tree(new)
    make_folders(new)
    base = os.path.join("releases", release)
    folders: set[str] = set()
    links = {path: sha256 for path, sha256, _size in host.links_of(seal, head["roles"])}
    objects = Objects(host)
    for path, sha256 in links.items():
        moved()
        target = host.path(path)
        is_new = there is None and path.startswith(base + "/")
        if is_new:
            target = new + target[len(folder) :]
        elif objects.has_link(target, sha256):  # nearly all of them, nearly always
            continue
        elif path.startswith(base + "/"):
            relink(host, path, sha256)
            continue
        else:
            place = host.place_for(path, sha256, objects)
            if place is None:  # it is in the second pool already
                continue
            target = host.path(place)
            # a copy beside its file promises nothing
            if not (path.endswith(ENCODED) and path[:-3] in links):
                refuse_other_bytes(target, path, sha256)
        parent = os.path.dirname(target)
        if parent not in folders:
            host.refuse_link(parent)
            make_folders(parent)
            folders.add(parent)
        link_or_copy(host.object(sha256), target)
    if "static" in head["roles"]:
        refuse_hidden(host, seal, objects)
    if there is None:
        write_file(os.path.join(new, "release.json"), body)
        to_disk(host)  # all bytes before the name that says they are there
        os.rename(new, folder)
    else:
        remove_tree(new)
        if is_other:
            write_file(os.path.join(folder, "release.json"), body)
    return {"mended": is_other}, b""


class Objects:
    """Tells links to objects from other files; looks at each object once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, tuple[int, int]] = {}

    def has_link(self, path: str, sha256: str) -> bool:
        """Tell whether a file is a link to an object, and so has its bytes."""
        try:
            found = os.lstat(path)
            if sha256 not in self._known:
                known = os.stat(self._host.object(sha256))
                self._known[sha256] = known.st_dev, known.st_ino
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (found.st_dev, found.st_ino) == self._known[sha256]


def places_of(path: str) -> tuple[str, ...]:
    """Return where a file of a release may stand: the second pool is for names that are folders too."""
    if not path.startswith("pool/"):
        return (path,)
    pool, folder, rest = path.split("/", 2)
    return path, f"{pool}/{folder}~/{rest}"


def is_blocked(path: str) -> bool:
    """Tell whether no file can stand there: there is a folder, or a file in a folder's place."""
    with contextlib.suppress(OSError):
        os.rmdir(path)  # an empty one is a leftover
    if os.path.isdir(path):
        return True
    parent = os.path.dirname(path)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    return not os.path.isdir(parent)


def refuse_hidden(host: Host, seal: dict[str, Any], objects: Objects) -> None:
    """Refuse a file whose URL is answered from `pool/named` with other bytes: nginx looks there first."""
    files, named = seal["files"], set(seal["named"])
    for pool in (host.path("pool", "named"), host.path("pool", "named~")):
        for place in files_below(pool):
            path = os.path.relpath(place, pool)
            if (
                path not in files
                or path in named
                or (path.endswith(ENCODED) and path[:-3] in files)
            ):
                continue
            if not objects.has_link(place, files[path]["sha256"]):
                raise RefusedError(
                    f"{path} has other bytes than in a release that is kept, which named it by its content",
                    place,
                    "rename the file: browsers keep what its URL gave them for a year",
                    "release",
                )


def refuse_other_bytes(target: str, path: str, sha256: str) -> None:
    """Refuse a pool entry whose URL promised other bytes: caches keep them for a year.

    An entry that somebody wrote to is no promise; it is linked anew.
    """
    try:
        status = os.stat(target)
    except (FileNotFoundError, NotADirectoryError):
        return
    if int(status.st_mtime) != mtime_of(sha256):
        there = digests(target)[0]
        if there != sha256 and int(status.st_mtime) == mtime_of(there):
            raise RefusedError(
                f"{path} has other bytes here, and a URL must never change its bytes",
                target,
                "run resource_static after all that writes the file, then deploy again",
                "release",
            )


def relink(host: Host, path: str, sha256: str) -> None:
    """Mend one file of a release that is here: its object is right, it may not be."""
    target = host.path(path)
    host.refuse_link(os.path.dirname(target))
    make_folders(os.path.dirname(target))
    link_or_copy(host.object(sha256), target)


@verb
def verify(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Compare every file of a release with its seal: by stat, or (`bytes`) by reading all of it.

    `seal` is the SHA-256 of release.json by the operator's word: a host is not judged by its own. Null asks for it.
    """
    host = agent.host
    seal, sealed = host.sealed(head["release"], head.get("seal"))
    absent, changed = [], []
    right: dict[tuple[int, str], bool] = {}  # hard links of one object are read once
    for path, sha256, size in host.links_of(seal, head["roles"]):
        moved()
        place, status = host.found(path)
        if status is None:
            absent.append(path)
            continue
        same = (
            stat.S_ISREG(status.st_mode)
            and status.st_size == size
            and int(status.st_mtime) == mtime_of(sha256)
        )
        if same and head.get("bytes"):
            key = (status.st_ino, sha256)
            if key not in right:
                right[key] = sha256_of(host.path(place)) == sha256
                if not right[key]:  # so that a stat shows it, and the next `missing` names it
                    with contextlib.suppress(OSError):
                        os.utime(host.path(place), (0, 0))
            same = right[key]
        if not same:
            changed.append(path)
    folder = host.path("releases", seal["id"])
    manifest = seal["offline_manifest"]
    return {
        "missing": len(absent),
        "changed": len(changed),
        "examples": (absent + changed)[:5],
        "versions_sha256": digest_of(os.path.join(folder, "resource_versions.yml")),
        "offline_manifest_sha256": manifest
        and digest_of(os.path.join(folder, in_folder(manifest["path"]))),
        **({"seal_sha256": begun_sha256(sealed).hexdigest()} if "seal" in head else {}),
    }, b""


def digest_of(path: str) -> str | None:
    """Return the SHA-256 of a file as it is now; None where there is none."""
    try:
        return sha256_of(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, RefusedError):
        return None


PROVISIONAL = "provisional.json"
UNION = "union.json"  # the offline manifest of web processes while some may still be of the release before


@verb
def look_at(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return the SHA-256 of what stands behind the URLs of one path: live, versioned, content-named."""
    host = agent.host
    path = checked_path(head["path"])
    version = head["version"]
    if version is not None and not VERSION.fullmatch(version):
        version = None  # nginx takes it for unknown, too
    return {
        "current": digest_of(host.path("current", "static", path)),
        "pool": version and digest_of(host.path(host.found(f"pool/{version}/{path}")[0])),
        "named": digest_of(host.path(host.found(f"pool/named/{path}")[0])),
    }, b""


@verb
@lasting
def flip(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make a release live: `previous` to what was live, `current` to it, each in one rename.

    `links` maps a file of the project to its place below `deploy_to`: on web hosts the offline manifest
    (`manifest` names it) and the resource versions, which so flip with `current`.

    The flip is provisional until `confirm` comes: a watchdog that outlives this connection puts back
    what was live when nothing was heard of the operator for `confirm_timeout` seconds.
    """
    host = agent.host
    host.claim()
    release = checked(RELEASE, head["release"], "release")
    host.sealed(release, head.get("seal"))
    links = head["links"]
    for path, target in links.items():
        if os.path.isdir(path):
            raise RefusedError(
                f"{path} is a folder, and should be a link to {target}",
                path,
                "move it away; see COMPRESS_OFFLINE_MANIFEST in the project's settings",
            )
    with alone(host):
        before = host.live()
        if before != release:
            begin_provisionally(host, dict(head, current=before, previous=host.live("previous")))
        if before and before != release:
            point(host.path("previous"), "releases/" + before)
        union = write_union(host, before, release) if before and before != release else None
        if union and head["manifest"]:
            point(head["manifest"], union)
        point(host.path("current"), "releases/" + release)
        set_links(head["links"], union and head["manifest"])
        if last_activated(host) != release:  # a flip may have died before its note
            append(host, dict(head["entry"], event="activate", release=release))
    return {"before": before}, b""


def begin_provisionally(host: Host, head: Head, *, back: bool = False) -> None:
    """Note the flip, before anything moves, and start who will go back.

    `back`: the operator is on the way back already. The note says where a host stands, and nothing to obey:
    what is linked and reloaded on the way back the watchdog has in memory, and the operator in the inventory.
    """
    keys = ("release", "current", "previous")
    note = {"format": 1, **{key: head[key] for key in keys}, "at": time.time(), "back": back}
    write_file(host.path(PROVISIONAL), json.dumps(note).encode())
    start_watchdog(host, head, note)


def set_links(links: Head, joined: str | None) -> None:
    """Make the project's manifests links into `current`; not yet the one that is joined."""
    for path, target in links.items():
        if path == joined or (os.path.islink(path) and os.readlink(path) == target):
            continue
        if os.path.exists(path) and not os.path.islink(path):
            remove_tree(path + BEFORE)
            try:
                os.link(path, path + BEFORE)  # linked, not moved: no instant without the file
            except OSError:  # fs.protected_hardlinks, or a file system without links
                copy(path, path + BEFORE, times=True)
        point(path, target)


def provisional_flip(host: Host) -> Head | None:
    """Return how to go back from a flip that nobody confirmed, or whose way back is not at its end.

    An agent that died before it moved `current` leaves a note of a flip that never was: None.
    """
    known = noted_flip(host)
    if known is None or not (known["release"] == host.live() or known["back"]):
        return None
    why = host.why_not_ours(PROVISIONAL) or folder_of_others(host.root)
    if why:
        host.odd[PROVISIONAL] = why + "; what it says of a flip is not obeyed"
    return None if why else known


def noted_flip(host: Host) -> Head | None:
    """Return the note of a flip, whoever wrote it; None where there is none, or a strange one."""

    def is_sound(note: Head) -> bool:
        return (
            is_release(note.get("release"))
            and all(
                note.get(key) is None or is_release(note[key]) for key in ("current", "previous")
            )
            and isinstance(note.get("back"), bool)
        )

    known = host.known(PROVISIONAL, is_sound)
    return known and {key: known.get(key) for key in ("release", "current", "previous", "back")}


def folder_of_others(folder: str) -> str | None:
    """Return in words that other accounts may write in a folder; None where none may."""
    status = os.stat(folder)
    if is_ours(status):
        return None
    return f"other accounts may write in {folder} (mode {stat.S_IMODE(status.st_mode):04o})"


def write_union(host: Host, old: str, new: str) -> str | None:
    """Write both releases' offline manifests as one, the new one's keys winning; return its path."""
    union: Head = {}
    for release in (old, new):
        try:
            manifest = host.seal_of(release)["offline_manifest"]
            if not manifest:
                return None
            path = host.path("releases", release, in_folder(manifest["path"]))
            union.update(read_json(path) or {})
        except (RefusedError, OSError, TypeError, ValueError):
            return None  # it is damaged: a reason to go away from it, none to stay
    write_file(host.path(UNION), json.dumps(union, indent=2, sort_keys=True).encode())
    return host.path(UNION)


def last_activated(host: Host) -> str | None:
    """Return the release that the record's last activation, not undone, made live."""
    live: list[str] = []
    for entry in record_of(host):
        if entry.get("event") == "activate":
            live.append(entry["release"])
        elif entry.get("event") == "undo" and live and live[-1] == entry["release"]:
            live.pop()
    return live[-1] if live else None


@verb
@lasting
def confirm(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make a flip final, or the way back from one. False when it went back before the word came, or shall.

    `links` and `manifest` as in `flip`; on the way back none are needed.
    """
    host = agent.host
    with alone(host):
        if host.live() != head["release"]:
            return {"confirmed": False}, b""
        known = noted_flip(host)
        if known and known["release"] == head["release"]:
            if known["back"] and not host.why_not_ours(PROVISIONAL):
                return {"confirmed": False}, b""
            append(host, dict(head.get("entry", {}), event="confirm", release=head["release"]))
        manifest = head.get("manifest")
        if manifest and is_link_to(manifest, host.path(UNION)):
            point(
                manifest, head["links"][manifest]
            )  # every process was reloaded: from here on its own
        remove_tree(host.path(PROVISIONAL))
        remove_tree(host.path(UNION))
    return {"confirmed": True}, b""


def is_link_to(path: str, *targets: str) -> bool:
    """Tell whether a path is a symbolic link to one of the targets."""
    return os.path.islink(path) and os.readlink(path) in targets


@verb
@lasting
def doubt(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make a confirmed flip provisional again, because not every host could be told: all will go back.

    An operator who dies on the way there leaves a watchdog on every host, as one who dies on the way
    forth does. A `confirm` that comes late is refused.
    """
    host = agent.host
    with alone(host):
        if host.live() == head["release"] != head["current"]:
            begin_provisionally(host, head, back=True)
    return {}, b""


@verb
@lasting
def flip_back(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Put back what was live before a flip; does nothing where the flip never came.

    Where processes are to `reload` then, the flip stays noted until `confirm` says that they have: should
    the operator die before, the watchdog has them do it.
    """
    host = agent.host
    with alone(host):
        known, live = noted_flip(host), host.live()
        is_owed = head["current"] and head["reload"] and (known or live != head["current"])
        if is_owed:
            note = dict(head, release=known["release"] if known else live)
            with contextlib.suppress(OSError):  # on a full disk links move all the same
                begin_provisionally(host, note, back=True)
        go_back(host, head)
        if not is_owed:
            remove_tree(host.path(PROVISIONAL))
    return {}, b""


def go_back(host: Host, head: Head) -> None:
    """Put `current` and `previous` back, and the project's files where nothing of ours was live."""
    live = host.live()
    for name in ("current", "previous"):
        if head[name]:
            point(host.path(name), "releases/" + checked(RELEASE, head[name], "release"))
        else:
            remove_tree(host.path(name))
    for path, target in head["links"].items():
        if not is_link_to(path, target, host.path(UNION)):
            continue
        if head["current"]:
            point(path, target)
        else:  # nothing was live: the link leads nowhere, the project's own file did
            remove_tree(path)
            if os.path.exists(path + BEFORE):
                os.replace(path + BEFORE, path)
    remove_tree(host.path(UNION))
    # last: a link moves on a full disk too, a line may not; what was just removed makes room for it
    if live and live != head["current"]:
        append(host, dict(head["entry"], event="undo", release=live))


def start_watchdog(host: Host, head: Head, note: Head) -> None:
    """Start the process that goes back when the operator does not confirm; it outlives us.

    Forked: another Python that reads all this would take longer than the rest of a flip. Our other threads
    are not in it, and it takes no lock that one of them may have held.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: of the threads
        starter = os.fork()
    if starter:
        os.waitpid(starter, 0)  # it ends at once, and leaves its child to init
        return
    try:
        os.setsid()
        leave_files()
        watchdog(host, head, note)
    finally:
        os._exit(0)


def leave_files() -> None:
    """Let go of all files: the connection ends when nobody holds it any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    try:
        others = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # not Linux
        others = list(range(256))
    for descriptor in others:
        if descriptor > 2:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def watchdog(host: Host, head: Head, note: Head) -> None:
    """Wait until the flip is confirmed or put back; when nobody is heard of for too long, put it back.

    The agent touches the note whenever it hears of the operator. Time is measured by our own clock that
    only goes forward. What is done on the way back is what the operator has said, never what a file says.
    """
    if os.fork():
        os._exit(0)
    os.chdir("/")
    timeout = head["confirm_timeout"]
    path = host.path(PROVISIONAL)
    heard, touched = time.monotonic(), None
    while True:
        try:
            now = os.lstat(path).st_mtime_ns
        except FileNotFoundError:
            return
        if is_another_note(path, note):
            return
        if now != touched:
            heard, touched = time.monotonic(), now
        if time.monotonic() - heard >= timeout:
            because = f"nothing was heard of the operator for {timeout:g} seconds"
            try:
                with alone(host):
                    if not os.path.lexists(path) or is_another_note(path, note):
                        return
                    go_back(host, dict(head, entry=dict(head["entry"], because=because)))
                    remove_tree(path)
            except OSError:  # a full disk, say: the links may have moved, the next look tells
                time.sleep(1)
                continue
            if head["reload"]:
                import subprocess

                subprocess.run(["/bin/sh", "-c", head["reload"]], timeout=120, check=False)  # noqa: S603
            return
        time.sleep(min(0.2, timeout / 10))  # between two looks


def is_another_note(path: str, note: Head) -> bool:
    """Tell whether a later flip was noted; what is no note is no word of ours."""
    try:
        found = read_json(path)
    except (RefusedError, OSError):
        return False
    return isinstance(found, dict) and found != note and is_release(found.get("release"))


# ---- precompressed copies


@verb
def encode(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make precompressed copies of objects. Body: {SHA-256: [ending]}.

    Answers {SHA-256: {ending: [SHA-256, size], or null where it saves too little}}. What a release here has
    is taken over, so that an object has one copy as long as any release names it, whatever zlib is here.
    """
    from concurrent.futures import ThreadPoolExecutor

    host = agent.host
    host.claim()
    wanted = [
        (checked(OBJECT, sha256, "object"), checked(ENDING, ending, "ending"))
        for sha256, endings in json.loads(body.decode("utf-8")).items()
        for ending in endings
    ]
    if any(ending == "br" for _sha256, ending in wanted) and not is_program("brotli"):
        raise RefusedError(
            "there is no program brotli here, and build.precompress has br",
            "PATH: " + os.environ.get("PATH", ""),
            "install it there (Debian: apt-get install brotli), or take br out of build.precompress",
            "release",
        )
    known = encodings_of(host)
    made: dict[str, Head] = {sha256: {} for sha256, _ending in wanted}
    with ThreadPoolExecutor(
        os.cpu_count() or 1
    ) as workers:  # zlib and hashes let other threads run
        work = [workers.submit(encoded, host, *one, known.get(one)) for one in wanted]
        for (sha256, ending), done in zip(wanted, work):
            made[sha256][ending] = done.result()
    return {}, json.dumps(made).encode()


@verb
def mismatched(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which copies hold other bytes than their files. Body: [[ending, copy's SHA-256, file's]].

    Answers the places in that list. A copy that no program here can read counts as right.
    """
    wrong = []
    for at, (ending, copy, sha256) in enumerate(json.loads(body.decode("utf-8"))):
        path = agent.host.object(checked(OBJECT, copy, "object"))
        if not is_copy_of(path, sha256, checked(COPY, ending, "ending")):
            wrong.append(at)
    return {"wrong": wrong}, b""


def encodings_of(host: Host) -> dict[tuple[str, str], tuple[str, int]]:
    """Return the precompressed copies that releases here have: object, ending -> object, size."""
    known = {}
    for seal in host.seals():
        for file in seal["files"].values():
            for ending, one in file.get("encodings", {}).items():
                known[file["sha256"], ending] = (
                    checked(OBJECT, one["sha256"], "object"),
                    one["size"],
                )
    return known


def encoded(
    host: Host, sha256: str, ending: str, known: tuple[str, int] | None
) -> tuple[str, int] | None:
    """Return an object's precompressed copy, stored; None where it saves too little."""
    if known and host.has_object(*known):
        return known
    with open(host.object(sha256), "rb") as file:
        data = file.read()
    if begun_sha256(data).hexdigest() != sha256:  # else its copy would be whole, and wrong
        raise RefusedError(
            f"object {sha256} is damaged", host.object(sha256), "build anew: deploy", "release"
        )
    copy = ENCODERS[ending](data)
    if len(copy) > MOST_OF_IT * len(data):
        return None
    if known and begun_sha256(copy).hexdigest() != known[0]:
        return None  # it was lost, and another zlib made it: other hosts' pools hold that one
    return host.keep_bytes(copy)


def gzipped(data: bytes) -> bytes:
    """Return the data as gzip: always the same, since zlib's own header has neither name nor time."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush()


def brotlied(data: bytes) -> bytes:
    """Return the data as brotli, made by the program of that name."""
    import subprocess

    with waiting():
        ran = subprocess.run(
            ["brotli", "--stdout", "--quality=11", "-"],  # noqa: S607 - wherever it is on the PATH
            input=data,
            capture_output=True,
            check=False,
        )
    if ran.returncode:
        raise RefusedError(
            "brotli failed: " + ran.stderr.decode(errors="replace").strip(),
            "brotli --stdout --quality=11 -",
            "try it by hand, or take br out of build.precompress",
            "release",
        )
    return ran.stdout


def sha256_in_gzip(path: str) -> str | None:
    """Return the SHA-256 of what a gzip file holds; None where it is none."""
    import gzip

    content = begun_sha256()
    try:
        with gzip.open(path) as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                content.update(piece)
    except (OSError, EOFError, zlib.error):
        return None
    return content.hexdigest()


def sha256_printed(command: list[str]) -> str | None:
    """Return the SHA-256 of what a command prints; None where it fails."""
    import subprocess

    content = begun_sha256()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        printed = process.stdout
        assert printed is not None  # noqa: S101 - a pipe was asked for
        for piece in iter(lambda: printed.read(PIECE), b""):
            content.update(piece)
    return None if process.returncode else content.hexdigest()


def is_copy_of(copy: str, sha256: str, ending: str) -> bool:
    """Tell whether a compressed file holds these bytes; True where no program here can tell."""
    if ending == "gz":
        return sha256_in_gzip(copy) == sha256
    program = DECODERS[ending]
    return not is_program(program[0]) or sha256_printed([*program, copy]) == sha256


ENCODERS = {"gz": gzipped, "br": brotlied}
DECODERS = {
    "br": ["brotli", "--decompress", "--stdout"],
    "zst": ["zstd", "--decompress", "--stdout", "--quiet"],
}


# ---- the static root of the build -------------------------------------------------------------------


@verb
def guard(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Refuse a static root that a build must not empty; return its real path, and whether it is empty.

    `keep` maps what must not lie in it to its path; `sources` maps folders that finders read to whose they are:
    these must lie apart from it, either way. `is_written` tells whether the folder `written` is it, or below it.
    """
    root = guarded(agent.host, head)
    written = head["written"]
    return {
        "root": root,
        "is_empty": not (os.path.isdir(root) and os.listdir(root)),
        "is_written": bool(written) and is_inside(os.path.realpath(written), root),
    }, b""


def guarded(host: Host, head: Head) -> str:
    """Return the real path of a static root that holds nothing else, by `keep` and `sources`."""
    root: str = os.path.realpath(head["root"])
    refuse_file(root)
    ours = os.path.realpath(host.root)
    keep = dict(head["keep"], deploy_to=ours)
    keep["your home folder"] = os.path.expanduser("~")
    for name, path in keep.items():
        held = os.path.realpath(path)
        if is_inside(held, root) or (held == ours and is_inside(root, held)):
            raise RefusedError(
                f"STATIC_ROOT holds {name} ({path}), and a build starts by emptying it",
                root,
                "set STATIC_ROOT to a folder of its own",
                "build",
            )
    for path, reader in head.get("sources", {}).items():
        source = os.path.realpath(path)
        if is_inside(source, root) or is_inside(root, source):
            how = "is" if source == root else "lies in" if is_inside(root, source) else "holds"
            raise RefusedError(
                f"STATIC_ROOT {how} {path}, a folder of sources that {reader} reads, and a build starts "
                "by emptying STATIC_ROOT",
                root,
                "set STATIC_ROOT to a folder of its own, apart from all sources",
                "build",
            )
    return root


def refuse_file(root: str) -> None:
    """Refuse a static root that cannot be a folder, since it or what it should lie in is something else."""
    there = root
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        how = "is" if there == root else f"lies below {there}, which is"
        kind = "a file" if os.path.isfile(there) else "neither a file nor a folder"
        raise RefusedError(
            f"STATIC_ROOT {how} {kind}",
            root,
            f"set STATIC_ROOT to a folder of its own, or move {there} away",
            "build",
        )


@verb
def not_ours(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return how many files below a static root no build of ours has left there, and the first names.

    Body: the names to judge, JSON. A snapshot gives each file the time that belongs to its bytes; see `take_in`.
    """
    root = head["root"]
    others = []
    for name in json.loads(body.decode("utf-8")):
        path = os.path.join(root, checked_path(name))
        if (
            os.path.islink(path)
            or not os.path.isfile(path)
            or os.stat(path).st_mtime != mtime_of(sha256_of(path))
        ):
            others.append(name)
    return {"others": others[:NAMES_TOLD], "count": len(others)}, b""


@verb
def empty(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Empty the static root, so that nothing of an earlier build stays in it; or make it what `listing` says.

    Refuses what `guard` refuses.
    """
    root = guarded(agent.host, head)
    make_folders(root)
    if head.get("listing"):
        put_all_back(agent.host, head["root"], listing_of(agent, head["listing"])["files"])
    else:
        remove_all_in(root)
    return {}, b""


def remove_all_in(folder: str) -> None:
    for name in os.listdir(folder):
        remove_tree(os.path.join(folder, name))


def is_inside(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder


@verb
@lasting
def snapshot(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep the state of the static root (and `extra` files beside it) as objects, and so the listing of them.

    That is {"files": {path: [sha256, size, version]}, "extra": {path: [...] or null}}; `before` names that of the
    snapshot before, so that files that did not change since are not read. Files get the time that belongs to
    their bytes. Returns the listing's name and its `extra`.
    """
    host = agent.host
    host.claim()
    before = listing_of(agent, head["before"])["files"] if head.get("before") else {}
    listing: Head = {"files": {}, "extra": {}}
    read = 0
    for path, status in walk(head["root"]):
        known = before.get(path)
        if not known or not is_unchanged(status, known):
            known = take_in(host, os.path.join(head["root"], path), os.path.realpath(head["root"]))
            read += 1
        listing["files"][path] = known
    for path in head["extra"]:
        listing["extra"][path] = take_in(host, path) if os.path.isfile(path) else None
    stored, _ = put_object(agent, {}, json.dumps(listing, sort_keys=True).encode())
    return {"listing": stored["object"], "read": read, "extra": listing["extra"]}, b""


def listing_of(agent: Agent, name: str) -> Head:
    """Return what a snapshot has listed."""
    listing: Head = json.loads(read_object(agent, {"object": name}, b"")[1].decode("utf-8"))
    return listing


def is_unchanged(status: os.stat_result, known: list[Any]) -> bool:
    return status.st_size == known[1] and status.st_mtime == mtime_of(known[0])


def take_in(host: Host, path: str, root: str | None = None) -> list[Any]:
    """Keep a file as an object, and give it the time that belongs to its bytes.

    It is opened once: what another account puts in its place meanwhile is not read. With `root`, it must lie there.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise not_plain(path)
        if root and not is_inside(place_of(file, path), root):
            raise RefusedError(
                f"{path} led out of the static root when it was read",
                root,
                "find out who changes the static root while it is built",
                "build",
            )
        sha256, version, size = digests(file)
        host.keep(file, sha256, size)
        known = [sha256, size, version]
        if os.path.islink(path):
            return known
        if status.st_nlink > 1:  # its other name may be somebody's source
            put_back(host, path, known)
        else:
            with contextlib.suppress(
                PermissionError
            ):  # of another account: it is read again next time
                os.utime(file, (mtime_of(sha256), mtime_of(sha256)))
        return known
    finally:
        os.close(file)


def place_of(file: int, path: str) -> str:
    """Return where an open file lies: its real path, whatever its name leads to by now."""
    try:
        return os.readlink(f"/proc/self/fd/{file}")
    except OSError:  # not Linux
        return os.path.realpath(path)


@verb
def restore(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make the static root, and the extra files, what a snapshot's listing says."""
    listing = listing_of(agent, head["listing"])
    for path in listing["extra"]:
        if os.path.isdir(path):  # a snapshot keeps files alone
            raise RefusedError(
                f"{path} is a folder, and the resource versions are kept in a file of that name",
                path,
                "move the folder away, or set FAB_STATIC_VERSIONS_FILE to another file",
                "build",
            )
    changed = put_all_back(agent.host, head["root"], listing["files"])
    for path, known in listing["extra"].items():
        if known is None:
            remove_tree(path)
        else:
            put_back(agent.host, path, known)
    return {"changed": changed}, b""


def put_all_back(host: Host, root: str, files: dict[str, list[Any]]) -> int:
    """Make a folder hold these files and no other; return how many had to be changed."""
    make_folders(root)
    links: set[str] = set()
    there = dict(walk(root, links))
    gone = [path for path in there if path not in files]
    for path in gone:
        os.unlink(os.path.join(root, path))
    changed = [
        path
        for path, known in files.items()
        if path not in there or path in links or not is_unchanged(there[path], known)
    ]
    for path in changed:
        moved()
        put_back(host, os.path.join(root, checked_path(path)), files[path])
    return len(gone) + len(changed)


def put_back(host: Host, path: str, known: list[Any]) -> None:
    """Copy an object to its place (never a link: the next phase writes there)."""
    parent = os.path.dirname(path)
    if os.path.isdir(path) and not os.path.islink(path):
        remove_tree(path)
    make_folders(parent)
    temporary = aside(path)
    copy(host.object(known[0]), temporary)
    os.utime(temporary, (mtime_of(known[0]), mtime_of(known[0])))
    os.replace(temporary, path)


@verb
def to_lift(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return which of the links `lift` would turn into files."""
    links = head["links"]
    return {"lifted": [path for path in links if is_link_to(path, links[path])]}, b""


@verb
def lift(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """On a host that builds and renders: turn the project's links into files while a build writes them.

    A build that wrote through such a link would write into the live release. Returns those turned. Whoever
    asks puts them back with `lower`; if he is gone, the agent does it at its end.
    """
    lifted: list[str] = []
    try:
        for path, target in head["links"].items():
            if not is_link_to(path, target):
                continue
            with Work.starting:  # once the operator is gone, no more is lifted
                moved()
                agent.host.lifted[path] = target
                lifted.append(path)
                temporary = aside(path)
                try:
                    copy(path, temporary)
                    os.replace(temporary, path)
                except FileNotFoundError:
                    os.unlink(path)
    except BaseException:  # a full disk, say: all of them, or none
        lower(agent, dict(head, lifted=lifted), b"")
        raise
    return {"lifted": lifted}, b""


@verb
def lower(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Put the links back that `lift` turned into files."""
    for path in head["lifted"]:
        point(path, head["links"][path])
        agent.host.lifted.pop(path, None)
    return {}, b""


# ---- commands ---------------------------------------------------------------------------------------


@verb
def run(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Run a command; its output goes out as it comes, in `output` frames. Body: its standard input.

    The environment's values travel here, never on a command line. The command has its own process
    group, which ends with it, at the time-out, or when the operator is gone. With `record`, a command
    whose input is host/reads.py leaves a record of what it read: `token` says which; see `recall`.
    """
    order = head.get("record")
    token = os.urandom(8).hex()
    told = order_to_record(agent, head, token) if order else {}
    process: Running | None = None
    if told and head.get("shares_start"):
        process = agent.in_fork(head, told)
    if process is None:
        if order and order.get("collect"):  # nobody there tells what of it is as it was
            remove_all_in(order["collect"]["root"])
        variables = (
            {"FAB_STATIC_RECORD": json.dumps(told), **order.get("variables", {})} if order else {}
        )
        try:
            with Work.starting:
                moved()
                process = started(head, body, variables)
                agent.children.add(process.pid)
        except OSError as error:
            return {"code": 127, "cannot_start": f"{error.filename}: {error.strerror}"}, b""
    pid = process.pid
    over = threading.Event()

    def end_in_time() -> None:
        over.set()
        end_all([pid], 0)

    timer = threading.Timer(head["timeout"], end_in_time)
    timer.daemon = True
    timer.start()
    try:
        for piece in output_of(process):
            agent.send({"output": True}, piece)
        code = process.wait()
    finally:
        timer.cancel()
        end_group(pid)
        process.wait()
        agent.children.discard(pid)
        if order and order.get("redirected"):
            agent.end_start()  # nothing is asked after the gate, and a reload wants the memory
    with Work.ending:
        moved()
    answer: Head = {"code": code, "timed_out": code < 0 and over.is_set()}
    if order:
        path = recorded(agent, order["name"])
        record = agent.reads.read_record(path)
        if record and record["token"] == token and code == 0:
            written = record.get("written", [])[:WRITTEN_TOLD]
            answer.update(token=token, unseen=record["unseen"], written=written)
        else:
            remove_tree(path)
    return answer, b""


@verb
def learn(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take in host/reads.py, which knows what a run has read. Body: its source.

    `one_start` is the program that sets the project up once for several commands.
    """
    reads = types.ModuleType("reads")
    exec(compile(body, "fab_static/host/reads.py", "exec"), vars(reads))  # noqa: S102 - the operator's own
    agent.reads = reads
    agent.one_start = head["one_start"].encode()
    return {}, b""


@verb
def set_up(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Begin to set the project up, as a `run` to come would have it that shares its start; wait for nothing."""
    agent.begin_start(head)
    return {}, b""


@verb
def recall(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say of a recorded run whether all that it read is as it was.

    `left` are files besides that must be as one of the states given: {path: [SHA-256 or null]}; `shown` are files,
    and others that the run would be shown in place of them. Returns
    `token`, and the answer that the run gave as body; or `why` it must be run again.
    """
    path = recorded(agent, head["name"])
    record = agent.reads.read_record(path)
    if record is None:
        return {"why": "it was not recorded yet"}, b""
    for file, states in head.get("left", {}).items():
        if digest_of(file) not in states:
            return {"why": f"{file} has changed"}, b""
    shown = head.get("shown", {})
    why = agent.reads.changed(record, lambda salt: given_to(agent, head, salt), shown)
    if why:
        return {"why": why}, b""
    if head.get("keep"):  # it was used; who only looks writes nothing
        os.utime(path)
    return {"token": record["token"]}, (record["answer"] or "").encode()


@verb
def replay(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say what a recorded run that made the listing `left` of `was` makes of `now`: `listing`, or `why` nobody knows."""
    record = agent.reads.read_record(recorded(agent, head["name"]))
    if record is None or record["token"] != head["token"]:
        return {"why": "it ran elsewhere since"}, b""
    try:
        was, left, now = (listing_of(agent, head[name]) for name in ("was", "left", "now"))
    except FileNotFoundError:
        return {"why": "what it worked on is not known any more"}, b""
    listing, why = agent.reads.replayed(record["inside"], head["root"], was, left, now)
    if listing is None:
        return {"why": why}, b""
    data = json.dumps(listing, sort_keys=True).encode()
    if head.get("keep"):  # who only looks writes nothing
        put_object(agent, {}, data)
    files = {
        path: {"asked": asked, "object": (now["extra"].get(path) or [None])[0]}
        for path, asked in record["inside"]["parts"].items()
    }
    return {"listing": begun_sha256(data).hexdigest(), "parts": files}, b""


def given_to(agent: Agent, head: Head, salt: str) -> Head:
    environment = dict(os.environ, **head["environment"])
    given: Head = agent.reads.given(head["what"], head["folder"], environment, salt)
    return given


def order_to_record(agent: Agent, head: Head, token: str) -> Head:
    """Return what host/reads.py is told; an earlier record of that name is gone then."""
    agent.host.claim()
    order = head["record"]
    path = recorded(agent, order["name"])
    before = path + ".before"
    make_folders(os.path.dirname(path), 0o700)
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, before)
    others = [
        os.path.join(os.path.dirname(path), name) for name in os.listdir(os.path.dirname(path))
    ]
    for old in sorted(others, key=os.path.getmtime)[:-RECORDED_KEPT]:
        remove_tree(old)
    given = given_to(agent, {**head, "what": order["what"]}, os.urandom(16).hex())
    start = time.time()
    return {"to": path, "before": before, "token": token, "given": given, "start": start, **order}


def recorded(agent: Agent, name: str) -> str:
    """Return where a recorded run is; in a folder that is ours, since what it answered is used again."""
    folder = agent.host.path("recorded")
    with contextlib.suppress(FileNotFoundError):
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or not is_ours(status):
            set_aside(folder)
    return os.path.join(folder, checked(RECORDED, name, "name of a recorded run"))


def started(
    head: Head, body: bytes, variables: Head, inherited: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, and feed it its standard input."""
    import subprocess  # late: it takes 6 ms to load, and most hosts run nothing

    process = subprocess.Popen(  # noqa: S603 - to run the inventory's commands is what it is for
        head["command"],
        cwd=head.get("folder"),
        env=dict(os.environ, **head.get("environment", {}), **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=inherited,
    )
    threading.Thread(target=feed, args=(process.stdin, body), daemon=True).start()
    return process


class OneStart:
    """The project's Python, set up once; commands run in forks of it: host/one_start.py."""

    def __init__(self, head: Head, source: bytes) -> None:
        import socket

        self.control, theirs = socket.socketpair()
        self.control.settimeout(head["timeout"])
        self.key = start_key(head)
        trust = head["record"]["trust"]
        order = {
            "control": theirs.fileno(),
            "start": time.time(),
            "trust": trust,
            "redirects": "redirected" in head["record"],
        }
        with theirs:
            self.process = started(
                head, source, {"FAB_STATIC_RECORD": json.dumps(order)}, [theirs.fileno()]
            )
        self._lines = b""
        self.printed = b""  # while it was set up
        self._refusal: Head | None = None

    @property
    def output(self) -> Any:
        """What it prints, and its forks."""
        return self.process.stdout

    def refusal(self) -> Head:
        """Wait until it is set up, or has failed: return why commands must be started by themselves; {} where not."""
        if self._refusal is None:
            self._refusal = self._set_up()
        return self._refusal

    def _set_up(self) -> Head:
        while not select.select([self.control], [], [], 0)[0]:
            if select.select([self.output, self.control], [], [])[0] == [self.output]:
                piece = os.read(self.output.fileno(), PIECE)
                if not piece:
                    break  # it has ended, which the other tells too
                self.printed += piece
        return self.heard()

    def ask(self, order: Head) -> Head:
        """Ask for a command; return what is said of its beginning."""
        try:
            self.control.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            return {"why": "it has ended"}
        return self.heard()

    def is_heard(self) -> bool:
        """Tell whether something was said."""
        return b"\n" in self._lines or bool(select.select([self.control], [], [], 0)[0])

    def heard(self) -> Head:
        """Return the next thing that is said."""
        while b"\n" not in self._lines:
            try:
                piece = self.control.recv(PIECE)
            except OSError:
                piece = b""
            if not piece:
                return {"why": "it has ended"}
            self._lines += piece
        line, _, self._lines = self._lines.partition(b"\n")
        said: Head = json.loads(line.decode("utf-8"))
        return said

    def end(self) -> None:
        """End it, and all that it left in its session."""
        self.control.close()
        end_group(self.process.pid)
        self.process.wait()
        self.output.close()


def start_key(head: Head) -> list[Any]:
    """Return what two commands have alike that may share a start."""
    record = head["record"]
    parts = (head["command"], head.get("folder"), head.get("environment"), record["trust"])
    return [*parts, "redirected" in record]


class Forked:
    """A command in a fork of one start, as Popen would have it."""

    def __init__(self, start: OneStart, pid: int) -> None:
        self.pid = pid
        self.stdout = start.output
        self.end_is_told = start.control
        self._start = start
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, if it has ended."""
        if self._code is None and self._start.is_heard():
            self._code = self._start.heard().get("code", -signal.SIGKILL)
        return self._code

    def wait(self) -> int:
        """Return the exit code, once it has ended."""
        while self._code is None:
            self._code = self._start.heard().get("code", -signal.SIGKILL)
        return self._code


def output_of(process: Running) -> Iterator[bytes]:
    """Yield what a command prints, until it has ended and all of it was read.

    Not until the pipe ends: a daemon that it started in a session of its own may hold that for ever.
    """
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    said = [process.end_is_told] if isinstance(process, Forked) else []  # its pipe does not end
    while True:
        ended = process.poll() is not None
        looked = select.select([process.stdout, *said], [], [], 0 if ended else 0.1)[0]
        if process.stdout in looked:
            piece = os.read(process.stdout.fileno(), PIECE)
            if not piece:
                return
            yield piece
        elif ended:
            return


def feed(pipe: Any, data: bytes) -> None:
    with contextlib.suppress(OSError):
        pipe.write(data)
    with contextlib.suppress(OSError):
        pipe.close()


def end_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def end_all(commands: Sequence[int], patience: float = END_SECONDS) -> None:
    """End commands, and all that they started, also in sessions of its own: asked to, then killed."""
    family = family_of(commands)
    deadline = time.monotonic() + patience
    if patience:
        send_to(commands, family, signal.SIGTERM)
    while time.monotonic() < deadline and still(family):
        time.sleep(0.01)  # between two looks
    send_to(commands, still(family), signal.SIGKILL)
    while time.monotonic() < deadline + END_SECONDS and still(family):
        time.sleep(0.01)


def family_of(commands: Sequence[int]) -> dict[int, str]:
    """Return commands, their sessions and all that descends from them: process id -> when it started."""
    running = processes()
    waiting = set(commands)
    family: dict[int, str] = {}
    while waiting:
        family.update({pid: running[pid][2] for pid in waiting if pid in running})
        waiting = {
            pid
            for pid, (parent, session, _start) in running.items()
            if pid not in family and (parent in family or session in family)
        }
    return family


def processes() -> dict[int, tuple[int, int, str]]:
    """Return what runs: process id -> its parent, its session, when it started; nothing where no /proc is."""
    found: dict[int, tuple[int, int, str]] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                    # proc(5): the program's name, in parentheses, may hold anything; then state, parent, …
                    fields = file.read().decode("ascii", "replace").rpartition(")")[2].split()
                    if len(fields) > 19 and fields[0] != "Z":
                        found[int(name)] = (int(fields[1]), int(fields[3]), fields[19])
    return found


def still(family: dict[int, str]) -> dict[int, str]:
    """Return those that run still, and are who they were."""
    running = processes()
    return {pid: start for pid, start in family.items() if running.get(pid, (0, 0, ""))[2] == start}


def send_to(commands: Sequence[int], family: dict[int, str], number: int) -> None:
    for pid in commands:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


@verb
def http(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Ask a URL from this host, until it answers 200 or `timeout` seconds are over.

    With `release`, until the JSON it answers names that release: it is what the process has read.
    """
    deadline = time.monotonic() + head["timeout"]
    wait = 0.05
    while True:
        moved()
        answer, page = answer_of(head["url"], max(0.1, deadline - time.monotonic()))
        if answer == "200" and head.get("release"):
            answer = running_release(page)
        done = answer == (head.get("release") or "200")
        if done or time.monotonic() + wait > deadline:
            return {"answer": answer}, b""
        time.sleep(wait)  # between two questions; the deadline bounds it
        wait = min(1.0, wait * 2)


def running_release(page: bytes) -> str:
    """Return the release that a web process says it has read."""
    try:
        return str(json.loads(page.decode("utf-8"))["release"])
    except (ValueError, KeyError, TypeError):
        return "200, but no JSON that names a release"


def answer_of(url: str, timeout: float) -> tuple[str, bytes]:
    """Return the status of a URL, redirects not followed, or why there is none; and the answer's start."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        with contextlib.closing(connection):
            query = "?" + parts.query if parts.query else ""
            connection.request("GET", (parts.path or "/") + query)
            answer = connection.getresponse()
            return str(answer.status), answer.read(65536)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__, b""


# ---- the lock ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(host: Host) -> Iterator[None]:
    """Hold the folder while the lock is looked at and changed: two agents never do so at once."""
    make_folders(host.root)
    descriptor = os.open(host.root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def holder(host: Host) -> dict[str, Any] | None:
    """Return who holds the lock, with the seconds since the last heartbeat; None where it is free."""
    if not is_folder(host.path("lock")):
        return None
    owner = host.known("lock/owner.json", is_owner) or {
        "owner": "unknown",
        "since": os.stat(host.path("lock")).st_mtime,
        "phase": "unknown",
        "token": None,
    }
    beat = host.path("lock", "heartbeat")
    heard = os.lstat(beat if os.path.lexists(beat) else host.path("lock")).st_mtime
    silent = time.time() - heard
    owner["silent_seconds"] = max(0.0, silent)
    owner["abandoned"] = os.path.exists(host.path("lock", "abandoned"))
    # a beat of the future: the clock was set back, and says nothing
    owner["dead"] = owner["abandoned"] or not -LOCK_DEAD_SECONDS <= silent <= LOCK_DEAD_SECONDS
    return dict(owner)


def is_owner(owner: Head) -> bool:
    """Tell whether this is what `lock` notes of an owner."""
    since, process = owner.get("since"), owner.get("process")
    return (
        all(isinstance(owner.get(key), str) for key in ("owner", "phase", "token"))
        and isinstance(since, (int, float))
        and 0 <= since < 1e11
        and (process is None or isinstance(process, int))
    )


def own_lock(host: Host) -> dict[str, Any] | None:
    """Return the owner's record while this agent holds the lock; None once it is another's, or free."""
    owner = host.known("lock/owner.json", is_owner)
    return owner if owner and host.token and owner["token"] == host.token else None


def watched(host: Host) -> tuple[Any, ...] | None:
    """Return which beat was the last of a lock that looks dead, once none followed it for two beats.

    None where it does not look dead, says that it is, or beats after all: a clock that jumps ahead, or a
    machine that slept, makes every owner look silent for long. Measured by a clock that only goes forward.
    """
    with alone(host):
        present = holder(host)
        last = last_beat(host)
    if not present or not present["dead"] or present["abandoned"]:
        return None
    deadline = time.monotonic() + LOCK_WATCH_SECONDS
    while time.monotonic() < deadline:
        moved()
        time.sleep(min(0.2, LOCK_WATCH_SECONDS / 10))  # between two looks
        if last_beat(host) != last:
            return None
    return last


def last_beat(host: Host) -> tuple[Any, ...]:
    """Return what is another one after every beat, and for every owner."""
    found: list[Any] = []
    for name in ("", "heartbeat"):
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(host.path("lock", name))
            found.append((status.st_ino, status.st_mtime_ns))
    return tuple(found)


@verb
def look_at_lock(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say who holds the lock."""
    present = None
    if os.path.isdir(agent.host.root):  # who only looks makes no folder
        with alone(agent.host):  # else it may be taken, or released, between two looks of ours
            present = holder(agent.host)
    return {"holder": public(present), "now": time.time()}, b""


def public(owner: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what anybody may know of an owner: all but the token, by which he proves himself."""
    return owner and {key: value for key, value in owner.items() if key != "token"}


@verb
def lock(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take the lock for the operator of this connection; it lives as long as the connection does."""
    host = agent.host
    host.claim()
    silent_since = None if head.get("steal") else watched(host)
    with alone(host):
        present = holder(host)
        is_dead = present and (
            present["abandoned"] or (present["dead"] and last_beat(host) == silent_since)
        )
        if present and not is_dead and not head.get("steal"):
            return {"taken": False, "holder": public(present)}, b""
        if present:
            remove_tree(host.path("lock"))
        elif os.path.lexists(host.path("lock")):
            set_aside(host.path("lock"))
        os.mkdir(host.path("lock"))
        host.token = os.urandom(16).hex()
        since = time.time()
        owner = {
            "format": 1,
            "owner": head["owner"],
            "process": head.get("process"),
            "phase": head["phase"],
            "since": since,
            "token": host.token,
        }
        try:
            write_file(host.path("lock", "owner.json"), json.dumps(owner).encode())
            write_file(host.path("lock", "heartbeat"), b"")
        except BaseException:  # a full disk, say: nobody's lock must not keep the next one out
            host.token = None
            remove_tree(host.path("lock"))
            raise
    return {"taken": True, "took_over": public(present), "now": since}, b""


@verb
def beat(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Renew the lock, and say at which phase its owner is. `ours` is false when somebody stole it."""
    host = agent.host
    with alone(host):
        owner = own_lock(host)
        if owner:
            os.utime(host.path("lock", "heartbeat"))  # not written: on a full disk it beats as well
            if owner["phase"] != head["phase"]:
                owner["phase"] = head["phase"]
                write_phase(host, owner)
        present = holder(host)
    return {"ours": owner is not None, "holder": public(present)}, b""


def write_phase(host: Host, owner: Head) -> None:
    """Note at which phase the owner is; on a full disk the note is old, and the lock no less his."""
    try:
        write_file(host.path("lock", "owner.json"), json.dumps(owner).encode())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


@verb
def unlock(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Release the lock, if it is still this operator's own."""
    host = agent.host
    with alone(host):
        owner = own_lock(host)
        if owner:
            remove_tree(host.path("lock"))
        host.token = None
    return {"ours": owner is not None}, b""


def abandon_lock(host: Host) -> None:
    """Leave word that the owner's connection ended without a release: nobody need wait for it.

    What a build lifted is a link again then, unless the build is another's by now.
    """
    with contextlib.suppress(OSError, ValueError, RefusedError):
        if host.token:
            with alone(host):
                if own_lock(host):  # renamed, not written: on a full disk nobody need wait either
                    for path, target in host.lifted.items():
                        with contextlib.suppress(OSError):
                            point(path, target)
                    os.replace(host.path("lock", "heartbeat"), host.path("lock", "abandoned"))


# ---- the journal, and what may go -------------------------------------------------------------------


@verb
def write_journal(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Write journal.json whole. Body: its text."""
    agent.host.claim()
    write_file(agent.host.path("journal.json"), body)
    return {}, b""


@verb
def prune(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Remove releases, then every pool entry and object that no release left needs.

    The live release and the one before are never removed, whatever the request says.
    """
    host = agent.host
    host.claim()
    kept = {host.live(), host.live("previous")}
    removed = []
    for release in head["releases"]:
        folder = host.path("releases", checked(RELEASE, release, "release"))
        if release not in kept and os.path.isdir(folder):
            gone = host.path("releases", f".{release}.gone")
            remove_tree(gone)
            os.rename(folder, gone)
            removed.append(release)
    leftovers(host)
    host.odd.clear()
    links, objects = needed(host, head["roles"])
    if host.odd:  # what such a release or journal needs, nobody knows
        return {"removed": removed, "freed": 0, "odd": list(host.odd.values())}, b""
    remove_files(host, "pool", lambda path: path in links or SECOND_POOL.sub(r"\1/", path) in links)
    freed = remove_files(host, "objects", lambda path: os.path.basename(path) in objects)
    remove_empty_folders(host.path("pool"))
    return {"removed": removed, "freed": freed}, b""


def leftovers(host: Host) -> None:
    """Remove what an interrupted task left aside; we hold the lock, so nobody works on it."""
    releases = host.path("releases")
    for name in os.listdir(releases) if is_folder(releases) else []:
        if name.startswith("."):
            remove_tree(os.path.join(releases, name))


def remove_files(host: Host, name: str, is_needed: Callable[[str], bool]) -> int:
    """Remove the files below a folder of ours that nothing needs; return how many bytes they had.

    A link is removed, and never followed; not even one that takes a folder's place meanwhile.
    """
    freed = 0
    root = os.path.realpath(host.root)
    for path in folders_below(host.path(name)):
        parent = os.path.relpath(path, host.root)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if place_of(folder, path) != os.path.join(root, parent):
                host.refuse_link(path)
                raise RefusedError(
                    f"{parent} was exchanged while it was read", path, "find out who writes there"
                )
            with os.scandir(folder) as entries:
                for entry in entries:
                    moved()
                    if entry.is_dir(follow_symlinks=False) or is_needed(f"{parent}/{entry.name}"):
                        continue
                    freed += entry.stat(follow_symlinks=False).st_size
                    os.unlink(entry.name, dir_fd=folder)
        finally:
            os.close(folder)
    return freed


def needed(host: Host, roles: list[str]) -> tuple[set[str], set[str]]:
    """Return the pool paths and the objects that the releases and the journal still need."""
    links: set[str] = set()
    objects: set[str] = set()
    for seal in host.seals():
        for path, sha256, _size in host.links_of(seal, roles):
            links.add(path)
            objects.add(sha256)
        if "build" in roles:  # it ships them to hosts that lack them
            for file in seal["files"].values():
                objects.update(sha256 for _ending, sha256, _size in with_copies(file))
    for name in listings(host):
        objects.add(name)
        with contextlib.suppress(
            RefusedError, OSError, ValueError, TypeError, LookupError, AttributeError
        ):
            listing = read_json(host.object(name))
            for known in (*listing["files"].values(), *listing["extra"].values()):
                if known:
                    objects.add(known[0])
    return links, objects


def listings(host: Host) -> Iterator[str]:
    """Yield the objects that the journal says were left by phases, or given to them."""
    phases = (host.known("journal.json") or {}).get("phases")
    for phase in phases.values() if isinstance(phases, dict) else ():
        for key in ("base", "listing"):
            name = phase.get(key) if isinstance(phase, dict) else None
            if isinstance(name, str) and OBJECT.fullmatch(name):
                yield name


def files_below(folder: str) -> Iterator[str]:
    for parent in folders_below(folder):
        with os.scandir(parent) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.path


def folders_below(folder: str) -> Iterator[str]:
    """Yield a folder and all below it, each before those in it; os.walk calls itself for each, before 3.12."""
    waiting = [folder] if is_folder(folder) else []
    while waiting:
        parent = waiting.pop()
        yield parent
        with contextlib.suppress(FileNotFoundError), os.scandir(parent) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def remove_empty_folders(folder: str) -> None:
    for parent in reversed(list(folders_below(folder))):
        if parent != folder:
            with contextlib.suppress(OSError):
                os.rmdir(parent)


@verb
def facts(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say what the doctor wants to know of a host."""
    folder = agent.host.root
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    disk = os.statvfs(folder)
    return {
        "free_bytes": disk.f_bavail * disk.f_frsize,
        "free_inodes": disk.f_favail,
        "writable": os.access(folder, os.W_OK | os.X_OK),
        "exists": os.path.isdir(agent.host.root),
        "inodes": inodes(agent.host),
        "unwritable": unwritable(agent.host),
        "elsewhere": elsewhere(agent.host),
        "exposed": exposed(agent.host),
        "linked": [
            agent.host.told_of_link(name)
            for name in linked(agent.host)
            if agent.host.path(name) not in elsewhere(agent.host)
        ],
        "open_path": open_path(),
        "is_a_groups": os.path.isdir(agent.host.root)
        and not may_anybody_write(agent.host.root)
        and bool(os.stat(agent.host.root).st_mode & stat.S_IWGRP),
        "now": time.time(),
    }, b""


def inodes(host: Host) -> list[int] | None:
    """Return numbers that two hosts have alike who share a folder; None where there is no folder."""
    found = []
    for name in ("", ".fab_static", "objects", "releases"):
        with contextlib.suppress(OSError):
            found.append(os.stat(host.path(name)).st_ino)
    return found or None


def folders_of_ours(host: Host) -> Iterator[str]:
    """Yield the folders that every deploy may have to write in, as far as they are there."""
    for name in ("", "releases", "pool", "objects"):
        folder = host.path(name) if name else host.root
        if os.path.isdir(folder):
            yield folder
        if name == "objects":
            with contextlib.suppress(OSError):
                for one in sorted(os.listdir(folder)):
                    yield os.path.join(folder, one)


def unwritable(host: Host) -> list[str]:
    """Return the folders below `deploy_to` that this user may not write in."""
    return [folder for folder in folders_of_ours(host) if not os.access(folder, os.W_OK | os.X_OK)]


def elsewhere(host: Host) -> list[str]:
    """Return the folders that lie on another file system than `deploy_to`, or are mounts of their own."""
    mounts: set[str] = set()
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as lines:
        mounts = {os.fsdecode(line.split()[4]) for line in lines}
    found = []
    for name in ("objects", "releases", "pool"):
        path = host.path(name)
        with contextlib.suppress(OSError):
            is_other = os.stat(path).st_dev != os.stat(host.root).st_dev
            if is_other or os.path.realpath(path) in mounts:
                found.append(path)
    return found


def exposed(host: Host) -> list[str]:
    """Return in words what below `deploy_to` other accounts may write, or have written."""
    found = []
    records = ("journal.json", "log.jsonl", PROVISIONAL, ".fab_static", "recorded", "lock", UNION)
    for path in (*folders_of_ours(host), *map(host.path, records)):
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            if status.st_uid not in (os.geteuid(), 0):
                found.append(f"{path} belongs to {owner_of(status)}")
            elif status.st_mode & stat.S_IWOTH and not stat.S_ISLNK(status.st_mode):
                found.append(f"every account may write {path}")
            elif status.st_mode & stat.S_IWGRP and not stat.S_ISLNK(status.st_mode):
                found.append(f"its group may write {path}")
    return found


def linked(host: Host) -> list[str]:
    """Return the names of the folders of ours, and of what lies in them, that are links."""
    names = [name for name in FOLDERS if os.path.islink(host.path(name))]
    for folder in filter(lambda name: is_folder(host.path(name)), ("objects", "pool", "releases")):
        with contextlib.suppress(OSError), os.scandir(host.path(folder)) as entries:
            names += sorted(f"{folder}/{entry.name}" for entry in entries if entry.is_symlink())
    return names


def open_path() -> list[str]:
    """Return the folders of PATH in which other accounts may put programs, by names that we start."""
    found = []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        with contextlib.suppress(OSError):
            status = os.stat(folder or ".")
            if (
                not os.path.isabs(folder)
                or status.st_uid not in (os.geteuid(), 0)
                or (status.st_mode & stat.S_IWOTH)
            ):
                found.append(folder or ".")
    return found


MARK = re.compile(r"[0-9a-f]{16}")


@verb
def mark(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Set a mark, or `remove` it, by which another host shows that it shares the folder."""
    path = agent.host.path(".mark-" + checked(MARK, head["mark"], "mark"))
    if head.get("remove"):
        remove_tree(path)
    else:
        write_file(path, b"")
    return {}, b""


@verb
def is_marked(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which of the `marks` are here; each is looked up: a listing may come from a cache of NFS."""
    marks = [checked(MARK, mark, "mark") for mark in head["marks"]]
    there = [mark for mark in marks if os.path.lexists(agent.host.path(".mark-" + mark))]
    return {"marked": there}, b""


# ---- the web server's way in


@verb
def closed_to_nginx(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which folder nginx's user may not enter on the way to a file, and who that is and how it is known.

    `folder` is null where there is none. `path` is a file below `deploy_to`, or nothing.
    """
    path = agent.host.path(head["path"]) if head.get("path") else agent.host.root
    users = nginx_users(agent.host.root)
    for user in users:
        folder = closed_folder(path, user)
        if folder:
            return {"folder": folder, "user": user["name"], "known_by": user["known_by"]}, b""
    return {"folder": None, "user": users[0]["name"], "known_by": users[0]["known_by"]}, b""


def nginx_users(root: str) -> list[Head]:
    """Return whom nginx's worker processes run as: of the servers whose configuration names `root`, if any does."""
    workers: list[tuple[bool, Head]] = []
    for process in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else []):
        with contextlib.suppress(OSError, KeyError, ValueError):
            with open(f"/proc/{process}/cmdline", "rb") as file:
                if not file.read(100).startswith(b"nginx: worker process"):
                    continue
            with open(f"/proc/{process}/status", encoding="utf-8") as file:
                status = dict(line.split(":", 1) for line in file)
            uid, groups = (
                int(status["Uid"].split()[1]),
                status["Gid"].split() + status["Groups"].split(),
            )
            user = {"uid": uid, "groups": set(map(int, groups)), "name": name_of_user(uid)}
            user["known_by"] = "its worker processes"
            workers.append((root in nginx_configuration(status["PPid"].strip()), user))
    ours = [user for is_ours, user in workers if is_ours] or [user for _, user in workers]
    if ours:
        return ours
    found = re.search(r"^\s*user\s+([\w.-]+)", text_of("/etc/nginx/nginx.conf"), re.MULTILINE)
    with contextlib.suppress(ImportError, KeyError):
        import grp
        import pwd

        entry = pwd.getpwnam(found[1] if found else "")
        members = {one.gr_gid for one in grp.getgrall() if entry.pw_name in one.gr_mem}
        user = {"uid": entry.pw_uid, "groups": members.union([entry.pw_gid]), "name": entry.pw_name}
        return [{**user, "known_by": "/etc/nginx/nginx.conf"}]
    return [{"uid": -1, "groups": set(), "name": "others", "known_by": "no nginx that is seen"}]


def nginx_configuration(master: str) -> str:
    """Return the text of the configuration that a running nginx was started with, what it includes too."""
    with open(f"/proc/{master}/cmdline", "rb") as file:
        words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").split()
    path = words[words.index("-c") + 1] if "-c" in words[:-1] else "/etc/nginx/nginx.conf"
    text = text_of(path)
    import glob

    for pattern in re.findall(r"^\s*include\s+([^;]+);", text, re.MULTILINE):
        for included in glob.glob(os.path.join(os.path.dirname(path), pattern.strip("\"' "))):
            text += text_of(included)
    return text


def text_of(path: str) -> str:
    """Return the text of a small file; nothing where it cannot be read."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 20)
    return ""


def name_of_user(uid: int) -> str:
    """Return the name of a user, or its number."""
    with contextlib.suppress(ImportError, KeyError):
        import pwd

        return pwd.getpwuid(uid).pw_name
    return str(uid)


def closed_folder(path: str, user: Head) -> str | None:
    """Return the first folder on the way to a path that a user may not enter, all links followed."""
    parts = os.path.realpath(path).split("/")[1:-1]
    if os.path.isdir(path):
        parts = os.path.realpath(path).split("/")[1:]
    folder = ""
    for part in parts:
        folder += "/" + part
        try:
            status = os.stat(folder)
        except OSError:
            return None  # it is not there yet, or not ours to look at
        if user["uid"] in (0, status.st_uid):
            may = user["uid"] == 0 or status.st_mode & stat.S_IXUSR
        elif status.st_gid in user["groups"]:
            may = status.st_mode & stat.S_IXGRP
        else:
            may = status.st_mode & stat.S_IXOTH
        if not may and not has_acl(folder):
            return folder
    return None


def has_acl(path: str) -> bool:
    """Tell whether more than the mode says who may enter."""
    with contextlib.suppress(OSError, AttributeError):
        return "system.posix_acl_access" in os.listxattr(path)
    return False


# ---- the channel ------------------------------------------------------------------------------------


class Agent:
    """Answers the requests of one operator, one after the other, until the connection ends."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._frames: queue.Queue[tuple[Head, bytes]] = queue.Queue(maxsize=32)
        self._busy = threading.Event()
        self._number: Any = None  # of the request at hand
        self._cancelled: Any = None  # the number of one that nobody waits for
        self.children: set[int] = set()
        self.reads: Any = None  # host/reads.py, once it was sent
        self.one_start = b""  # host/one_start.py, with it
        self._start: OneStart | None = None
        self._starts_alone = False  # each command is a process of its own
        self.host: Host

    def in_fork(self, head: Head, order: Head) -> Forked | None:
        """Run a command in a fork of the project's one start; None where it must be started by itself."""
        for _ in range(2):  # anew where what it read has changed
            if self._starts_alone:
                break
            start = self.begin_start(head)
            if start is None:
                break
            if start.refusal():
                self._starts_alone = True
                self.end_start()
                break
            said = start.ask(order)
            if "pid" in said:
                if start.printed:
                    self.send({"output": True}, start.printed)
                    start.printed = b""
                self.children.add(said["pid"])
                return Forked(start, said["pid"])
            self.end_start()
            if said.get("alone"):
                break
        return None

    def begin_start(self, head: Head) -> OneStart | None:
        """Return the project's one start that this command shares, begun now if need be; None: it cannot be."""
        if self._start and self._start.key != start_key(head):
            self.end_start()
        if self._start is None and not self._starts_alone:
            try:
                with Work.starting:
                    moved()
                    self._start = OneStart(head, self.one_start)
                    self.children.add(self._start.process.pid)
            except OSError:  # the command's own process says what is wrong
                return None
        return self._start

    def end_start(self) -> None:
        """End the project's one start, if there is one."""
        if self._start:
            self._start.end()
            self.children.discard(self._start.process.pid)
            self._start = None

    def serve(self) -> NoReturn:
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._tick, daemon=True).start()
        os.write(self._sink, HELLO)  # a login's greeting may stand before it
        self.send(
            {
                "agent": 1,
                "python": ".".join(map(str, sys.version_info[:3])),
                "user": user(),
                "machine": os.uname().nodename,
            }
        )
        while True:
            head, body = self.next_frame()
            self._begin(head)
            self._busy.set()
            try:
                answer, data = self._answer(head, body)
                answer["ok"] = True
                self.send(answer, data)
            except Exception as error:
                self.send({"error": explained(error)})
            finally:
                self._busy.clear()

    def _begin(self, head: Any) -> None:
        """Take up a request: what is sent from here on has its number."""
        self._number = head.get("n") if isinstance(head, dict) else None
        Work.is_cancelled = self._number is not None and self._number == self._cancelled

    def _cancel(self, number: Any) -> None:
        """End the work on a request that nobody waits for, and the commands that run for it."""
        self._cancelled = number
        if number == self._number:
            with Work.ending:
                Work.cancel()
                end_all(list(self.children))

    def _answer(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        if head.get("deflated"):
            body = zlib.decompress(body)
        if head["do"] == "open":
            self.host = Host(head["deploy_to"], head["app"], head["environment"])
            return {}, b""
        return VERBS[head["do"]](self, head, body)

    def send(self, head: Head, body: bytes = b"") -> None:
        if self._number is not None:
            head = dict(head, n=self._number)
        text = json.dumps(head).encode("ascii")
        with self._writing:
            for data in (FRAME.pack(len(text), len(body)) + text, body):
                view = memoryview(data)
                while view:
                    view = view[os.write(self._sink, view) :]

    def next_frame(self) -> tuple[Head, bytes]:
        return self._frames.get()

    def _read(self) -> None:
        """Read ahead, so that the end of the connection is seen while a command runs."""
        try:
            while True:
                head_size, body_size = FRAME.unpack(self._exactly(FRAME.size))
                if head_size > MAX_FRAME or body_size > MAX_FRAME:
                    break
                head = json.loads(self._exactly(head_size).decode("ascii"))
                body = self._exactly(body_size)
                # these two are no requests: they must be heard while one is worked on
                if isinstance(head, dict) and "alive" in head:
                    self._heard()
                elif isinstance(head, dict) and "cancel" in head:
                    self._cancel(head["cancel"])
                else:
                    self._frames.put((head, body))
        except (EOFError, ValueError, OSError, RecursionError):
            pass
        self._end()

    def _heard(self) -> None:
        """Tell the watchdog of a provisional flip that the operator is there."""
        with contextlib.suppress(FileNotFoundError, AttributeError):
            os.utime(self.host.path(PROVISIONAL))

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = os.read(self._source, min(size, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _end(self) -> NoReturn:
        """The operator is gone: end what runs for him. Files are safe at any point: renamed or not."""
        self._writing.acquire(timeout=END_SECONDS)  # and never let go: nobody reads any more
        Work.cancel()
        end_all(list(self.children))
        if hasattr(self, "host"):
            abandon_lock(self.host)
        os._exit(0)

    def _tick(self) -> None:
        while True:
            self._busy.wait()
            time.sleep(TICK_SECONDS)
            if self._busy.is_set():
                steps = Work.steps + int(
                    10 * time.process_time()
                )  # a hang takes no time of the CPU
                try:
                    self.send({"tick": True, "moved": steps})
                except OSError:
                    self._end()


def user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name
        return str(os.getuid())


def explained(error: BaseException) -> Head:
    """Return an error as what, where and mend; a bug keeps its traceback."""
    if isinstance(error, RefusedError):
        return {"what": error.what, "where": error.where, "mend": error.mend, "kind": error.kind}
    if isinstance(error, OSError) and error.errno:
        mend = {
            errno.ENOSPC: "free some space there; what is live has not changed",
            errno.EDQUOT: "raise the user's quota; what is live has not changed",
            errno.EACCES: f"give the user {user()} the right to write there",
            errno.EPERM: f"give the user {user()} the right to write there",
            errno.EROFS: "mount that file system for writing",
            errno.ENAMETOOLONG: "shorten the file's name",
            errno.EXDEV: "keep objects/, releases/ and pool/ on one file system: files are hard links",
        }.get(error.errno, f"see as the user {user()} what is wrong with it there")
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror).lower()
        return {"what": what, "where": str(error.filename or ""), "mend": mend, "kind": "host"}
    import traceback

    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {
        "what": f"the agent failed: {error.__class__.__name__}",
        "where": "host/agent.py",
        "mend": "this is a bug of fab_static; please report it with this traceback:\n" + trace,
        "kind": "bug",
    }


def main() -> NoReturn:
    """Serve the connection this program was started for."""
    os.umask(0o022)  # nginx must read what we write, whatever the umask of the login
    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # the end of the connection is seen as end of input
    # what a command or a bug prints must not come between the frames
    sink = os.dup(1)
    os.dup2(2, 1)
    Agent(0, sink).serve()


if __name__ == "__main__":
    main()
