"""Tells for which hosts ssh would say the same, so that it is asked once for all of them.

`ssh -v` names the files that it has read. Where no line of theirs tells two hosts apart, the answer for one is that
for the other, except for the name. Whatever is not as simple as that counts as apart, and ssh is asked.
"""

from __future__ import annotations

import fnmatch
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from fab_static.remote.ssh.asking import Asked
from fab_static.remote.ssh.settings import Settings, Values, settings

_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)")
# keywords whose value, or whose place in `ssh -G`, may hold the host's name
_OF_ONE_HOST = {
    "hostname",
    "canonicalizehostname",
    "canonicaldomains",
    "canonicalizepermittedcnames",
}
_EXPANDED_BY_US = {
    "proxycommand",
    "identityfile",
    "certificatefile",
    "identityagent",
    "controlpath",
}


@dataclass(frozen=True)
class Block:
    """The lines below one `Host`, as far as they matter here."""

    patterns: tuple[str, ...]
    is_of_one_host: bool  # a line below it may be another for each host

    def holds_for(self, alias: str) -> bool:
        """Tell whether the block holds for a host."""
        named = [one for one in self.patterns if not one.startswith("!")]
        excluded = [one[1:] for one in self.patterns if one.startswith("!")]
        return any(_matches(alias, one) for one in named) and not any(
            _matches(alias, one) for one in excluded
        )


class Alike:
    """Which hosts the files of a configuration do not tell apart."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._blocks: list[Block] | None = None
        blocks: list[Block] = []
        for file in files:
            found = _blocks(file)
            if found is None:
                return
            blocks += found
        self._blocks = blocks

    def key(self, alias: str) -> tuple[int, ...] | None:
        """Return what hosts that are alike have in common; None for one that is like no other."""
        if self._blocks is None:
            return None
        held = [at for at, block in enumerate(self._blocks) if block.holds_for(alias)]
        if any(self._blocks[at].is_of_one_host for at in held):
            return None
        return tuple(held)


class Answers:
    """What ssh said of hosts, each answer once for all that are alike."""

    def __init__(self, ask: Callable[[Asked], tuple[Values, Sequence[Path]]]) -> None:
        """Ask nothing yet.

        Args:
            ask: returns what ssh says of a host, and which files it read.
        """
        self._ask = ask
        self._alike: Alike | None = None
        self._said: dict[object, Future[tuple[str, Values]]] = {}
        self._lock = threading.Lock()

    def of(self, asked: Asked) -> Settings:
        """Return what ssh says of a host, or raise its refusal."""
        alias, values = self._once(self._key(asked), asked)
        if alias != asked.alias and any(
            asked.alias in jump for jump in values.get("proxyjump", ())
        ):
            alias, values = self._once(asked, asked)  # it may lead to itself: ssh knows
        own = {"user": asked.user, "port": asked.port}
        if values.get("hostname") == [alias.lower()]:
            own["hostname"] = asked.alias.lower()
        given = {key: [str(value)] for key, value in own.items() if value}
        return settings(asked.alias, {**values, **given})

    def _once(self, key: object, asked: Asked) -> tuple[str, Values]:
        with self._lock:
            is_first = key not in self._said
            said = self._said.setdefault(key, Future())
        if is_first:
            try:
                values, files = self._ask(asked)
                said.set_result((asked.alias, values))
            except BaseException as error:
                said.set_exception(error)
            else:
                self._learn(files, asked, said)
        if said.exception() and not is_first and key != asked:
            return self._once(asked, asked)  # what ssh refuses for one host it may take for another
        return said.result()

    def _learn(self, files: Sequence[Path], asked: Asked, said: Future[tuple[str, Values]]) -> None:
        """Keep the first answer for all that are like that host."""
        if self._alike is None:
            self._alike = Alike(files)
            with self._lock:
                self._said.setdefault(self._key(asked), said)

    def _key(self, asked: Asked) -> object:
        alike = self._alike.key(asked.alias) if self._alike else None
        if alike is None:
            return asked
        return alike, asked.user is None, asked.port is None, asked.jump, asked.file


def _matches(alias: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(alias, pattern.replace("[", "[[]"))


def _blocks(file: Path) -> list[Block] | None:
    """Return the blocks of a file, or None if it tells hosts apart by more than `Host`."""
    blocks = [Block(("*",), is_of_one_host=False)]
    for keyword, value in _lines(file):
        if keyword == "match" or (keyword == "host" and '"' in value):
            return None
        if keyword == "host":
            blocks.append(Block(tuple(value.split()), is_of_one_host=False))
        elif keyword in _OF_ONE_HOST or ("%" in value and keyword not in _EXPANDED_BY_US):
            blocks[-1] = Block(blocks[-1].patterns, is_of_one_host=True)
    return blocks


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        yield "match", ""  # it cannot be known what it says
        return
    for line in text.splitlines():
        if found := _LINE.match(line):
            yield found[1].lower(), found[2]
