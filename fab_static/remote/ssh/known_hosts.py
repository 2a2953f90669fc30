"""Reads known_hosts as OpenSSH does: hashed names, patterns, negations, ports, markers, several keys a host.

sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. A line that nobody can read is not a line; it is told once.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hmac
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
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


class KnownHosts:
    """All lines of some files, with an index: a fleet asks for each of its hosts."""

    def __init__(self, lines: Iterable[Line] = (), unreadable: Iterable[str] = ()) -> None:
        self.unreadable = tuple(unreadable)  # where, and why
        self._plain: dict[str, list[tuple[int, Line]]] = {}
        self._hashed: list[tuple[bytes, bytes, int, Line]] = []
        self._patterns: list[tuple[int, Line]] = []
        for at, line in enumerate(lines):
            if parts := _salt_and_digest(line.names):
                self._hashed.append((*parts, at, line))
            elif re.search(r"[*?!]", line.names):
                self._patterns.append((at, line))
            else:
                for name in set(line.names.lower().split(",")):
                    self._plain.setdefault(name, []).append((at, line))

    def of(self, name: str) -> tuple[Line, ...]:
        """Return the lines that name a host, in the order of the files."""
        name = name.lower()
        encoded = name.encode()
        found = [*self._plain.get(name, ())]
        found += [
            (at, line)
            for salt, digest, at, line in self._hashed
            if hmac.digest(salt, encoded, "sha1") == digest
        ]
        found += [(at, line) for at, line in self._patterns if _is_among(name, line.names)]
        return tuple(line for _, line in sorted(found, key=itemgetter(0)))


def _salt_and_digest(names: str) -> tuple[bytes, bytes] | None:
    """Return what stands for a name that is hidden (HashKnownHosts)."""
    hashed = _HASHED.fullmatch(names)
    try:
        return (base64.b64decode(hashed[1]), base64.b64decode(hashed[2])) if hashed else None
    except binascii.Error:
        return None


def _is_among(name: str, patterns: str) -> bool:
    """Tell whether a name matches one of the patterns, and none that begins with !."""
    is_found = False
    for pattern in patterns.lower().split(","):
        if pattern.startswith("!"):
            if _matches(name, pattern[1:]):
                return False
        elif _matches(name, pattern):
            is_found = True
    return is_found


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))  # only * and ? mean more


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
    return KnownHosts(lines, unreadable)


def parse(text: str, file: str, number: int) -> Line | str:
    """Return what a line says, or why nobody can read it; "" for one that says nothing."""
    words = text.split()
    if not words or words[0].startswith("#"):
        return ""
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", REVOKED, AUTHORITY):
        return f"{marker} is not a marker"
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
