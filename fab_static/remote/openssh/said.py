"""What one ssh has said on standard error, line by line: its own words, and those of LogLevel DEBUG1."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

_DEBUG = re.compile(r"debug\d: |OpenSSH_\d|Authenticated to |Transferred: |Bytes per second: ")
_OFFERED = re.compile(r"debug1: Offering public key: (.+) \S+ SHA256:\S+(.*)")
_ACCEPTED = re.compile(r"debug1: Server accepts key: (.+) (\S+) SHA256:")
_UNSIGNED = re.compile(r'sign_and_send_pubkey: signing failed for \S+ "(.*?)"[^:]*: (.*)')
_ALGORITHM = re.compile(r"debug1: kex: host key algorithm: ([\w.@-]+)")
_METHODS = re.compile(r"debug1: Authentications that can continue: (\S+)")
_DENIED = re.compile(r"Permission denied \((\S+)\)")
_NOT_OPENED = re.compile(r"channel (\d+): open failed: (.*)")
_FORWARDED = re.compile(r"debug1: channel (\d+): free: direct-tcpip: .*? for (\S+) port (\d+),")


@dataclass(frozen=True)
class Said:
    """The lines of one ssh, in order."""

    lines: tuple[str, ...]

    @cached_property
    def words(self) -> str:
        """What it would have said without LogLevel; one line."""
        spoken = [line.strip() for line in self.lines if not _DEBUG.match(line)]
        return "; ".join(line for line in spoken if line.strip("@ "))

    @property
    def shown(self) -> tuple[str, ...]:
        """The keys that it offered: files, or what an agent calls them."""
        found = (_OFFERED.match(line) for line in self.lines)
        return tuple(
            f"{one[1]}{' (in the agent)' if one[2].endswith('agent') else ''}"
            for one in found
            if one
        )

    @property
    def unsigned(self) -> tuple[tuple[str, str], ...]:
        """The keys that did not sign, and why."""
        found = (_UNSIGNED.search(line) for line in self.lines)
        return tuple((one[1], one[2]) for one in found if one)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that the hop would still take."""
        denied = _DENIED.search(self.words)
        lists = [one[1] for line in self.lines if (one := _METHODS.match(line))]
        last = denied[1] if denied else lists[-1] if lists else ""
        return tuple(word for word in last.split(",") if word)

    @property
    def algorithm(self) -> str | None:
        """The algorithm by which the hop showed its key."""
        found = [one[1] for line in self.lines if (one := _ALGORITHM.match(line))]
        return found[-1] if found else None

    @property
    def is_proxy_gone(self) -> bool:
        """Whether the program ended that was the way to the hop, before the hop said anything."""
        return "UNKNOWN port 65535" in self.words

    @property
    def is_partly_in(self) -> bool:
        """Whether a key was right, and the hop wanted more."""
        return any("with partial success" in line for line in self.lines)

    def why_not_through(self, host: str, port: int) -> str | None:
        """Return what was said of the last way through this hop to another that did not open."""
        words: dict[str, str] = {}
        found = None
        for line in self.lines:
            if one := _NOT_OPENED.match(line):
                words[one[1]] = one[2].strip()
            elif (one := _FORWARDED.match(line)) and (one[2], one[3]) == (host, str(port)):
                found = words.pop(one[1], None) or found
        return found


def touched(line: str) -> str | None:
    """Return the security key that somebody may have to touch after this line."""
    found = _ACCEPTED.match(line)
    return found[1] if found and "-SK" in found[2].upper() else None


def is_signing(line: str) -> bool:
    """Tell whether a key is to sign after this line: a person, or a token, may take its time."""
    return bool(_ACCEPTED.match(line))


def said(lines: Iterable[str]) -> Said:
    """Return what was said."""
    return Said(tuple(lines))
