"""collectstatic onto what it left the last time: only files whose source has changed are copied again.

Django's own way of doing so trusts the order of file times, and keeps what was removed. This one asks the record of
the last run (reads/) whether a source is as it was, and removes what no finder finds any more. It does
so where collectstatic is known to copy and nothing else: Django's command, its plain storage, and finders that find
files on disk. Everywhere else the static root is emptied first, and the command does what it does.

Python 3.8 or later, standard library, and the project's Django.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from typing import Any, Mapping

from fab_static.host.project.reads.recorder import Recorder

_PIECE = 1 << 20  # bytes read at once
_METHODS = (  # whatever replaces one of them may do more
    "handle",
    "collect",
    "set_options",
    "copy_file",
    "link_file",
    "delete_file",
    "clear_dir",
)


class Collecting:
    """One run of collectstatic.

    Args:
        recorder: of what it reads; `before` is the last run's record.
        root: the static root; it holds what the run `onto` left, or nothing.
        onto: that run's token; None: root is empty.
    """

    def __init__(self, recorder: Recorder, root: str, onto: str | None) -> None:
        self._recorder = recorder
        self._root = root
        self._known: Mapping[str, str] = {}  # what root holds: name -> its source
        self._collected: dict[str, str] = {}  # by us: name -> its source
        self._left_to_command: set[str] = set()
        self._folders: set[str] = set()  # that are there
        self._is_plain = False
        if onto and recorder.before.get("token") == onto:
            self._known = recorder.before.get("collected") or {}

    def begin(self, words: list[str]) -> None:
        """Take the copying over, where that changes nothing but its time; `words`: the command's, its name first."""
        self._is_plain = _only_copies(words, self._root)
        _refuse_what_is_no_file()
        if not (self._is_plain and self._known):
            self._known = {}
            _empty(self._root)
        if self._is_plain:
            from django.contrib.staticfiles.management.commands.collectstatic import Command

            collect, copy_file = Command.collect, Command.copy_file

            def collect_all(command: Command) -> dict[str, list[str]]:
                done = collect(command)
                self._remove_what_was_not_found()
                return done

            def copy(command: Command, path: str, prefixed_path: str, storage: Any) -> None:
                if not self._copy(command, path, prefixed_path, storage):
                    copy_file(command, path, prefixed_path, storage)

            Command.collect = collect_all  # type: ignore[assignment, method-assign]
            Command.copy_file = copy  # type: ignore[assignment, method-assign]

    def _copy(self, command: Any, path: str, name: str, storage: Any) -> bool:
        """Copy a file, if it must be; False where that is the command's to do."""
        from django.core.files.storage import FileSystemStorage

        target = os.path.join(self._root, name)
        if type(storage) is not FileSystemStorage:
            self._left_to_command.add(name)
            _make_room(target, self._root)
            return False
        source = storage.path(path)
        self._collected[name] = source
        if self._known.get(name) == source and self._recorder.is_as_before(source):
            self._recorder.note("bytes", source)
            command.unmodified_files.append(name)
            return True
        command.log(f"Copying '{source}'", level=2)
        if self._known:
            _make_room(target, self._root)
        folder = os.path.dirname(target)
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        self._copy_bytes(source, target)
        mode = command.storage.file_permissions_mode
        if mode is not None:
            os.chmod(target, mode)
        command.copied_files.append(name)
        return True

    def _copy_bytes(self, source: str, target: str) -> None:
        """Copy a file as shutil.copyfile would; what was copied, and nothing that comes later, is noted as read."""
        recorder = self._recorder
        recorder.note("bytes", source)  # its stat data, before it is read
        digest = hashlib.sha256()
        with recorder.paused(), contextlib.ExitStack() as opened:
            # a pipe would wait for a writer
            reads = _opened(opened, source, os.O_RDONLY | os.O_NONBLOCK)
            _refuse_other_than_file(os.fstat(reads).st_mode, source)
            writes = _opened(opened, target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for piece in iter(lambda: os.read(reads, _PIECE), b""):
                digest.update(piece)
                left = memoryview(piece)
                while left:
                    left = left[os.write(writes, left) :]
        recorder.note("bytes", source, digest.hexdigest())
        recorder.inside.wrote(target)

    def _remove_what_was_not_found(self) -> None:
        gone = self._known.keys() - self._collected.keys() - self._left_to_command
        for name in gone:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                os.unlink(os.path.join(self._root, name))
        with self._recorder.paused():
            for folder in sorted({os.path.dirname(name) for name in gone}, reverse=True):
                with contextlib.suppress(OSError):  # it holds others
                    while folder:
                        os.rmdir(os.path.join(self._root, folder))
                        folder = os.path.dirname(folder)

    def end(self) -> None:
        """Have it noted what the root holds, if that is these copies alone."""
        if not self._is_plain:
            return
        start = len(os.path.join(self._root, ""))
        there = {
            os.path.join(parent, name)[start:]
            for parent, _, names in os.walk(self._root)
            for name in names
        }
        if there == self._collected.keys():
            self._recorder.more["collected"] = self._collected


def _refuse_what_is_no_file() -> None:
    """Have collectstatic refuse a pipe among the static files: it would wait for a writer."""
    from django.contrib.staticfiles.management.commands.collectstatic import Command

    delete_file = Command.delete_file

    def refuse(command: Command, path: str, prefixed_path: str, storage: Any) -> bool:
        _refuse_no_file(storage, path)
        return bool(delete_file(command, path, prefixed_path, storage))

    Command.delete_file = refuse  # type: ignore[assignment, method-assign]


def _refuse_no_file(storage: Any, path: str) -> None:
    with contextlib.suppress(NotImplementedError, OSError):
        source = storage.path(path)
        _refuse_other_than_file(os.stat(source).st_mode, source)


def _refuse_other_than_file(mode: int, source: str) -> None:
    from django.core.management.base import CommandError

    if not stat.S_ISREG(mode):
        raise CommandError(f"{source} is not a file, but a pipe or a device: remove it")


def _opened(opened: contextlib.ExitStack, path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o666)
    opened.callback(os.close, descriptor)
    return descriptor


def _only_copies(words: list[str], root: str) -> bool:
    """Tell whether the project's collectstatic copies files and does nothing else."""
    from django.contrib.staticfiles.management.commands.collectstatic import Command
    from django.contrib.staticfiles.storage import StaticFilesStorage, staticfiles_storage
    from django.core.management import get_commands, load_command_class

    if words[0] != "collectstatic":
        return False
    app = get_commands().get("collectstatic")
    command: Any = load_command_class(app, "collectstatic") if isinstance(app, str) else app
    if not isinstance(command, Command):
        return False
    for name in _METHODS:
        method = getattr(type(command), name)
        if method is not getattr(Command, name) or method.__module__ != Command.__module__:
            return False
    asked = command.create_parser("manage.py", "collectstatic").parse_args(words[1:])
    if asked.link or asked.dry_run or asked.clear:
        return False
    return (
        staticfiles_storage.__class__ is StaticFilesStorage
        and staticfiles_storage.directory_permissions_mode is None
        and os.path.realpath(staticfiles_storage.location) == os.path.realpath(root)
    )


def _make_room(target: str, root: str) -> None:
    """Remove what stands where a file is to come: its forerunner, a folder, or a file where a folder must be."""
    folder = os.path.dirname(target)
    while len(folder) > len(root):
        if os.path.isfile(folder):
            os.unlink(folder)
        folder = os.path.dirname(folder)
    _remove(target)


def _empty(root: str) -> None:
    for name in os.listdir(root):
        _remove(os.path.join(root, name))


def _remove(path: str) -> None:
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if is_folder:
        shutil.rmtree(path)
    else:
        os.unlink(path)
