"""Reads known_hosts as OpenSSH does: hashed names, patterns, negations, ports, markers, several keys a host.

sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. A line that nobody can read is no line; it is told once.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hmac
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

REVOKED = "@revoked"
AUTHORITY = "@cert-authority"
_HASHED = re.compile(r"\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)")
_READING = threading.Lock()


@dataclass(frozen=True)
class Line:
    """One line of a known_hosts file."""

    file: str
    number: int
    marker: str  # "", REVOKED or AUTHORITY
    names: str
    kind: str  # of the key: ssh-ed25519
    key: bytes  # as it goes over the wire

    @property
    def at(self) -> str:
        """Where the line stands."""
        return f"{self.file}, line {self.number}"


@dataclass(frozen=True)
class KnownHosts:
    """All lines of some files. Most name one host; those are found by their name."""

    lines: tuple[Line, ...] = ()
    unreadable: tuple[str, ...] = ()  # where, and why
    _plain: dict[str, list[Line]] = field(default_factory=dict, compare=False)
    _other: list[Line] = field(default_factory=list, compare=False)  # hashed, or with patterns
    _place: dict[Line, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for at, line in enumerate(self.lines):
            self._place[line] = at
            if re.search(r"[*?!]", line.names) or line.names.startswith("|"):
                self._other.append(line)
            else:
                for name in set(line.names.lower().split(",")):
                    self._plain.setdefault(name, []).append(line)

    def of(self, name: str) -> tuple[Line, ...]:
        """Return the lines that name a host, in the order of the files."""
        name = name.lower()
        found = [*self._plain.get(name, ())]
        found += [line for line in self._other if is_named(name, line.names)]
        return tuple(sorted(found, key=self._place.__getitem__))


def is_named(name: str, names: str) -> bool:
    """Tell whether a host's name, in lower case, is among the names of a line."""
    hashed = _HASHED.fullmatch(names)
    if hashed:
        return _is_hashed(name, hashed[1], hashed[2])
    is_found = False
    for pattern in names.lower().split(","):
        if pattern.startswith("!"):
            if _matches(name, pattern[1:]):
                return False
        elif _matches(name, pattern):
            is_found = True
    return is_found


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))  # only * and ? mean more


def _is_hashed(name: str, salt: str, digest: str) -> bool:
    try:
        expected = hmac.digest(base64.b64decode(salt), name.encode(), "sha1")
        return hmac.compare_digest(expected, base64.b64decode(digest))
    except (binascii.Error, ValueError):
        return False


def read(files: Iterable[str], tell: Callable[[str], None] | None = None) -> KnownHosts:
    """Return the lines of these files; what cannot be read is told once."""
    stamps = tuple(stamp for file in dict.fromkeys(files) if (stamp := _stamp(file)))
    with _READING:
        misses = _read.cache_info().misses
        known = _read(stamps)
        is_new = _read.cache_info().misses > misses
    if is_new and known.unreadable and tell:
        tell(
            "nobody can read this of known_hosts, and it is passed over: "
            + "; ".join(known.unreadable)
        )
    return known


def _stamp(file: str) -> tuple[str, int, int] | None:
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return file, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=8)
def _read(stamps: tuple[tuple[str, int, int], ...]) -> KnownHosts:
    """Read the files once for all hosts: read for each, a fleet's lines take its square in time."""
    lines: list[Line] = []
    unreadable: list[str] = []
    for file, _, _ in stamps:
        try:
            text = Path(file).read_bytes().decode(errors="replace")
        except OSError as error:
            unreadable.append(f"{file}: {error.strerror}")
            continue
        for number, words in enumerate(text.split("\n"), 1):
            parsed = parse(words, file, number)
            if isinstance(parsed, Line):
                lines.append(parsed)
            elif parsed:
                unreadable.append(f"{file}, line {number}: {parsed}")
    return KnownHosts(tuple(lines), tuple(unreadable))


def parse(text: str, file: str, number: int) -> Line | str:
    """Return what a line says, or why nobody can read it; "" for one that says nothing."""
    words = text.split()
    if not words or words[0].startswith("#"):
        return ""
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", REVOKED, AUTHORITY):
        return f"{marker} is no marker"
    if len(words) < 3:
        return "it has no key"
    names, kind, encoded = words[:3]
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return "its key is not base64"
    size = int.from_bytes(key[:4], "big")
    if key[4 : 4 + size].decode(errors="replace") != kind or not _is_whole(key):
        return f"its key is no {kind}"
    return Line(file, number, marker, names, kind, key)


def _is_whole(key: bytes) -> bool:
    """Tell whether a key is made of whole strings, as every kind of key is."""
    at = parts = 0
    while at < len(key):
        at += 4 + int.from_bytes(key[at : at + 4], "big")
        parts += 1
    return at == len(key) and parts > 1
