"""The arguments of a call, as strace writes them: paths, open folders, names in a folder, addresses."""

from __future__ import annotations

import os
import re

from fab_static.host.project.traces.lines import Call, NotUnderstoodError, unescaped
from fab_static.host.project.traces.processes import Process
from fab_static.host.project.traces.seen import Entry

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_AT = re.compile(
    r"(AT_FDCWD|-?\d+)(?:<([^>]*)>)?(?:\(deleted\))?, " + _TEXT + r"(?!\.)(?:, )?", re.DOTALL
)
_PATH = re.compile(_TEXT + r"(?!\.)(?:, )?", re.DOTALL)
_DESCRIPTOR = re.compile(r"-?\d+<([^>]*)>")
_ENTRY = re.compile(
    r"\{d_ino=\d+, d_off=-?\d+, d_reclen=\d+, (?:d_type=(\w+), )?d_name="
    + _TEXT
    + r"(\.\.\.)?(?:, d_type=(\w+))?\}",
    re.DOTALL,
)
_ADDRESS = re.compile(r"sa_family=(AF_\w+)(?:, sun_path=(@?)" + _TEXT + r")?", re.DOTALL)
_INTERPRETERS = re.compile(r"node|nodejs|bun|deno|python[\d.]*|ruby|perl|php|sh|bash|dash")
_WORDS = re.compile(_TEXT)
_DOTS = frozenset([(".", "DT_DIR"), ("..", "DT_DIR")])
WITH_FOLDER = frozenset(  # calls whose paths may be relative to an open folder
    [
        *("openat", "openat2", "newfstatat", "fstatat64", "statx", "faccessat", "faccessat2"),
        *("readlinkat", "execveat", "unlinkat", "mkdirat", "mknodat"),
        *("utimensat", "utimensat_time64", "futimesat"),
        *("renameat", "renameat2", "linkat", "symlinkat"),
    ]
)


def path_of(call: Call, process: Process, rest: str | None = None) -> tuple[str, str]:
    """Return the first path among arguments, in full, and what follows it. "": an open file is meant.

    Raises:
        NotUnderstoodError: there is none.
    """
    text = call.arguments if rest is None else rest
    found = (_AT if call.name in WITH_FOLDER else _PATH).match(text)
    if not found:
        if "AT_EMPTY_PATH" in text or text.startswith("NULL"):
            return "", text
        raise NotUnderstoodError(f"{call.name}({text}")
    name = unescaped(found[found.re.groups])
    base = process.folder.path
    if found.re is _AT and found[2] is not None:
        base = unescaped(found[2])
        if found[1] == "AT_FDCWD":
            process.folder.path = base
    return (full(name, base) if name else ""), text[found.end() :]


def after_text(call: Call) -> str:
    """Return what follows the text that arguments begin with."""
    found = _PATH.match(call.arguments)
    if not found:
        raise NotUnderstoodError(f"{call.name}({call.arguments}")
    return call.arguments[found.end() :]


def script_of(program: str, rest: str) -> str:
    """Return the name of the script that an interpreter is started with, or "".

    Args:
        program: its name.
        rest: what follows its path: `["node", "bin/r.js", "-o", "build.js"], 0x7ffd /* 9 vars */`.
    """
    if not _INTERPRETERS.fullmatch(program):
        return ""
    for word in _WORDS.findall(rest.partition("]")[0])[1:]:
        if not word.startswith("-"):
            return os.path.basename(unescaped(word))
    return ""


def open_path(call: Call) -> str | None:
    """Return the path of the open file that arguments begin with, or None if strace did not tell."""
    found = _DESCRIPTOR.match(call.arguments)
    return unescaped(found[1]) if found else None


def entries_of(call: Call) -> frozenset[Entry] | None:
    """Return the names that a call read from a folder, or None if strace did not tell all."""
    found = _ENTRY.findall(call.arguments)
    if not found or any(cut for _, _, cut, _ in found):
        return None
    return frozenset((unescaped(name), one or other) for one, name, _, other in found) - _DOTS


def addresses_of(call: Call, process: Process) -> list[tuple[str, str]]:
    """Return what a call connects to: the family of each address, and for a socket with a name that name."""
    found = []
    for family, is_abstract, text in _ADDRESS.findall(call.arguments):
        name = unescaped(text)
        if name and not is_abstract:
            name = full(name, process.folder.path)
        found.append((family, is_abstract + name))
    return found


def full(name: str, base: str) -> str:
    """Return a path in full; of `..` after a link to a folder, the one that the kernel finds.

    Raises:
        NotUnderstoodError: it is relative to a folder that nobody knows.
    """
    if not name.startswith("/"):
        if not base.startswith("/"):
            raise NotUnderstoodError(f"{name} is relative to a folder that is not known")
        name = base.rstrip("/") + "/" + name
    if "/.." in name:
        at = name.rindex("/..") + 3
        name = os.path.realpath(name[:at]) + name[at:]
    return os.path.normpath(name) if "//" in name or "/." in name or name.endswith("/") else name
