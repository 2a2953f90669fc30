"""Writes, renames, links and removes: no file is ever there in part, and nothing is followed that is a link."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import itertools
import os
import stat

from fab_static.host.agent.waiting import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.host.agent.protocol import Head, Verb
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

STRANGE = ".strange"  # what stands in the way of a file of ours is renamed to
OWN = f"{os.getpid()}-{os.urandom(4).hex()}"  # of this process
_number = itertools.count().__next__


def aside(path: str) -> str:
    """Return a name beside this one that nobody else uses."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name[:40]}.{OWN}-{_number()}"


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
    """Rename what has the name of a file of ours and is not one: it may be somebody's."""
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


def lasting(function: Verb) -> Verb:
    """Make a function answer only when what it wrote would outlive a loss of power."""

    @functools.wraps(function)
    def answer(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
        answered = function(agent, head, body)
        to_disk(agent.host)
        return answered

    return answer


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


def is_link_to(path: str, *targets: str) -> bool:
    """Tell whether a path is a symbolic link to one of the targets."""
    return os.path.islink(path) and os.readlink(path) in targets


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
