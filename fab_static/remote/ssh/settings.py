"""What OpenSSH's configuration says of one host: only what we follow, typed, with `~` and tokens put in."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

Values = Mapping[str, Sequence[str]]  # as `ssh -G` prints them: keyword in lower case -> its lines

# of ssh_config(5), TOKENS
_TOKEN = re.compile(r"%(.)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
DEFAULT_PORT = 22
USUAL_TIMEOUT = 10.0


@dataclass(frozen=True)
class Settings:
    """How one host is reached. Times in seconds; files as whole paths."""

    alias: str  # the word by which the host was asked for
    hostname: str
    port: int
    user: str
    proxy_jump: tuple[str, ...] = ()  # the last one is next to the host
    proxy_command: str | None = None
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    identity_agent: str | None = None  # the agent's socket
    pubkey_authentication: bool = True
    host_key_alias: str | None = None
    trusts_localhost: bool = False  # NoHostAuthenticationForLocalhost
    user_known_hosts: tuple[str, ...] = ()
    global_known_hosts: tuple[str, ...] = ()
    revoked_host_keys: str | None = None
    host_key_algorithms: tuple[str, ...] = ()
    ca_signature_algorithms: tuple[str, ...] = ()
    pubkey_algorithms: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()  # of this and the next two: where a line chooses them
    macs: tuple[str, ...] = ()
    kex_algorithms: tuple[str, ...] = ()
    address_family: str = "any"  # or inet, inet6
    bind_address: str | None = None
    connect_timeout: float | None = None
    connection_attempts: int = 1
    alive_interval: int = 0  # seconds; 0: not set
    alive_count: int = 3
    compression: bool = False

    @cached_property
    def known_as(self) -> str:
        """The name under which known_hosts has the host's key."""
        if self.host_key_alias:
            return self.host_key_alias
        if self.port == DEFAULT_PORT:
            return self.hostname
        return f"[{self.hostname}]:{self.port}"

    @property
    def patience(self) -> float:
        """How long each step of the way may take."""
        return self.connect_timeout or USUAL_TIMEOUT

    @property
    def at(self) -> str:
        """The address and the port, as messages name them."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Account:
    """Who runs us, as ssh knows it: by the passwd entry, not by HOME."""

    name: str
    uid: int
    home: str


@lru_cache(maxsize=1)
def account() -> Account:
    """Return the account that runs us."""
    uid = os.getuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # a container with a uid of its own; ssh itself refuses to work there
        return Account(os.environ.get("USER", str(uid)), uid, os.environ.get("HOME", "/"))
    return Account(entry.pw_name, uid, entry.pw_dir)


def settings(alias: str, values: Values) -> Settings:
    """Return what the values say of a host."""
    one = _One(alias, values)
    return Settings(
        alias=alias,
        hostname=one.hostname,
        port=one.port,
        user=one.user,
        proxy_jump=tuple(
            one.proxied(hop) for hop in one.text("proxyjump", "none").split(",") if hop != "none"
        ),
        proxy_command=one.proxied(one.optional("proxycommand")) or None,
        identity_files=one.files("identityfile"),
        certificate_files=one.files("certificatefile"),
        identities_only=one.is_on("identitiesonly"),
        identity_agent=one.agent(),
        pubkey_authentication=one.is_on("pubkeyauthentication", default=True),
        trusts_localhost=one.is_on("nohostauthenticationforlocalhost"),
        host_key_alias=one.optional("hostkeyalias"),
        user_known_hosts=one.paths("userknownhostsfile"),
        global_known_hosts=one.paths("globalknownhostsfile"),
        revoked_host_keys=one.optional("revokedhostkeys"),
        host_key_algorithms=one.names("hostkeyalgorithms"),
        ca_signature_algorithms=one.names("casignaturealgorithms"),
        pubkey_algorithms=one.names("pubkeyacceptedalgorithms"),
        ciphers=one.names("ciphers"),
        macs=one.names("macs"),
        kex_algorithms=one.names("kexalgorithms"),
        address_family=one.text("addressfamily", "any").lower(),
        bind_address=one.optional("bindaddress"),
        connect_timeout=one.seconds("connecttimeout"),
        connection_attempts=int(one.seconds("connectionattempts") or 1),
        alive_interval=int(one.seconds("serveraliveinterval") or 0),
        alive_count=int(one.seconds("serveralivecountmax") or 3),
        compression=one.is_on("compression"),
    )


class _One:
    """The values of one host, read by type."""

    def __init__(self, alias: str, values: Values) -> None:
        self._values = values
        self._alias = alias
        self.hostname = self.text("hostname", alias)
        self.port = int(self.seconds("port") or DEFAULT_PORT)
        self.user = self.text("user", account().name)

    def text(self, key: str, default: str = "") -> str:
        found = self._values.get(key)
        return found[0] if found else default

    def optional(self, key: str) -> str | None:
        value = self.text(key)
        return None if value.lower() in ("", "none") else value

    def is_on(self, key: str, *, default: bool = False) -> bool:
        value = self.text(key).lower()
        return value in ("yes", "true") if value else default

    def seconds(self, key: str) -> float | None:
        digits = re.match(r"\d+", self.text(key))  # without ssh a comment may stand behind it
        return float(digits[0]) or None if digits else None

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(name for name in self.text(key).split(",") if name)

    def files(self, key: str) -> tuple[str, ...]:
        wanted = (value for value in self._values.get(key, ()) if value.lower() != "none")
        return tuple(dict.fromkeys(map(self.file, wanted)))

    def paths(self, key: str) -> tuple[str, ...]:
        return tuple(map(self.file, _paths(self.text(key))))

    def file(self, path: str) -> str:
        """Return a path with its `~`, tokens and variables put in."""
        text = _TOKEN.sub(lambda match: self._token(match[1]), path)
        text = _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), text)
        if text.startswith("~"):
            text = _home(text)
        return text

    def proxied(self, command: str | None) -> str:
        """Return a ProxyCommand, or a hop of ProxyJump, with its tokens put in."""
        return _TOKEN.sub(lambda match: self._token(match[1], "%hnpr"), command or "")

    def agent(self) -> str | None:
        """Return the socket of the agent: of IdentityAgent, else of SSH_AUTH_SOCK."""
        named = self.text("identityagent", "SSH_AUTH_SOCK")
        if named.lower() == "none":
            return None
        if named == "SSH_AUTH_SOCK":
            return os.environ.get("SSH_AUTH_SOCK") or None
        if named.startswith("$") and not named.startswith("${"):
            return os.environ.get(named[1:]) or None
        return self.file(named)

    def _token(self, letter: str, allowed: str = "%dhikLlnpru") -> str:
        if letter not in allowed:
            return f"%{letter}"
        return {**_machine(), **self._of_host}.get(letter, f"%{letter}")

    @cached_property
    def _of_host(self) -> Mapping[str, str]:
        return {
            "h": self.hostname,
            "n": self._alias,
            "k": self.optional("hostkeyalias") or self._alias,
            "p": str(self.port),
            "r": self.user,
        }


@lru_cache(maxsize=1)
def _machine() -> Mapping[str, str]:
    name, who = socket.gethostname(), account()
    return {
        "%": "%",
        "d": who.home,
        "i": str(who.uid),
        "u": who.name,
        "l": name,
        "L": name.partition(".")[0],
    }


def _home(text: str) -> str:
    """Return a path that begins with ~ or ~user as ssh reads it: by the passwd entry."""
    name, slash, rest = text[1:].partition("/")
    try:
        home = pwd.getpwnam(name).pw_dir if name else account().home
    except KeyError:
        return text
    return f"{home}{slash}{rest}"


def _paths(text: str) -> tuple[str, ...]:
    """Return the paths of a line that `ssh -G` prints without quotes: a name may hold spaces."""
    paths: list[str] = []
    for word in text.split(" "):
        if not paths or word.startswith(("/", "~")):
            paths.append(word)
        else:
            paths[-1] += f" {word}"
    return tuple(path for path in paths if path and path.lower() != "none")
