"""Compares how we reach a host with how `ssh` would: what the inventory changes, and what we do not follow."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fab_static.errors import InventoryError
from fab_static.remote.ssh.algorithms import KNOWN, unknown
from fab_static.remote.ssh.asking import Asked, values_of_ssh
from fab_static.remote.ssh.hops import Hop, Way
from fab_static.remote.ssh.settings import account
from fab_static.remote.ssh.without_ssh import MACHINE_FILE

# settings of ssh's that change who is reached, how, or what a login finds there, and that we do not follow;
# each with what holds instead. ssh_config(5) has the others.
NOT_FOLLOWED = {
    "bindinterface": "name an address: BindAddress",
    "checkhostip": "keys are looked up by name",
    "forwardagent": "no agent is forwarded",
    "gssapiauthentication": "logins are by key",
    "hostbasedauthentication": "logins are by key",
    "knownhostscommand": "write its lines into a file of known_hosts",
    "pkcs11provider": "let ssh-agent hold the key: ssh-add -s",
    "preferredauthentications": "logins are by key",
    "proxyusefdpass": "a ProxyCommand must carry the bytes itself",
    "remotecommand": "the agent is started",
    "requiredrsasize": "Paramiko's own bound holds",
    "securitykeyprovider": "let ssh-agent hold the key",
    "sendenv": "set project.environment in the inventory",
    "setenv": "set project.environment in the inventory",
    "stricthostkeychecking": "an unknown key is always refused",
    "verifyhostkeydns": "keys are looked up in known_hosts",
}
_INCLUDE = re.compile(r"\s*include[\s=]+(.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Comparison:
    """How one host is reached, beside what ssh makes of it."""

    way: tuple[str, ...]  # user@host:port of each hop, with its role
    otherwise: tuple[str, ...]  # what the inventory says otherwise than ssh's configuration
    not_followed: tuple[str, ...]  # each with its line, and what holds instead
    client: str = ""  # what carries the bytes, where it is not Fabric


def compared(way: Way, instead: Mapping[str, str] = NOT_FOLLOWED) -> Comparison:
    """Return how the last hop of the way is reached, and what of ssh's configuration is not followed on it.

    Args:
        way: the hops to a host.
        instead: the settings that the client does not follow, each with what holds instead.

    Raises:
        InventoryError: ssh refuses its configuration.
    """
    target = way[-1]
    named = tuple(
        " ".join(part for part in (hop.role, f"{hop.settings.user}@{hop.settings.at}") if part)
        for hop in way
    )
    try:
        plain = values_of_ssh([*_file(target.asked), "--", target.asked.alias], target.asked.alias)
    except FileNotFoundError:
        return Comparison(named, (), ())  # what Paramiko's reader does not follow was told
    return Comparison(named, _otherwise(target, plain), tuple(_not_followed(way, instead)))


def _otherwise(target: Hop, plain: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what the inventory says, where ssh's configuration says otherwise."""
    asked = target.asked
    said = {"user": asked.user, "port": asked.port, "proxyjump": asked.jump}
    found = []
    for key, value in said.items():
        theirs = plain.get(key, ["none"])[0]
        if value and str(value) != theirs:
            found.append(f"{key} {value}, not {theirs}")
    return tuple(found)


def _not_followed(way: Way, unfollowed: Mapping[str, str]) -> Iterator[str]:
    for hop in way:
        alias, file = hop.asked.alias, hop.asked.file
        try:
            own = values_of_ssh([*hop.asked.options, "--", alias], alias)
            usual = values_of_ssh(["-F", "none" if file else MACHINE_FILE, "--", alias], alias)
        except (InventoryError, FileNotFoundError):
            continue
        for key, instead in unfollowed.items():
            if own.get(key) != usual.get(key):
                value = " ".join(own.get(key, ["none"]))
                yield f"{_place(key, file)}: {value}, for {alias}: {instead}"
        for keyword in KNOWN if unfollowed is NOT_FOLLOWED else ():
            key = keyword.lower()
            names = own.get(key, [""])[0].split(",")
            if own.get(key) != usual.get(key) and (lost := ", ".join(unknown(keyword, names))):
                yield f"{_place(key, file)}: {lost}, for {alias}: Paramiko does not know this"


def _place(key: str, file: str | None) -> str:
    """Return the keyword as it is written, with where it stands first."""
    for path, number, line in _lines(Path(file or f"{account().home}/.ssh/config")):
        word = re.match(r"\s*(\w+)", line)
        if word and word[1].lower() == key:
            return f"{word[1]} ({path}, line {number})"
    return key


def _lines(file: Path, depth: int = 0) -> Iterator[tuple[Path, int, str]]:
    """Yield the lines of a configuration, those of files that it includes among them."""
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        yield file, number, line
        included = _INCLUDE.match(line)
        if included and depth < 16:  # as deep as ssh goes
            for pattern in included[1].replace('"', "").split():
                whole = str(Path(f"{account().home}/.ssh", pattern.replace("~", account().home, 1)))
                for path in sorted(glob.glob(whole)):  # noqa: PTH207 - a whole path with a pattern in it
                    yield from _lines(Path(path), depth + 1)


def _file(asked: Asked) -> list[str]:
    return ["-F", asked.file] if asked.file else []
