"""Logs in on one hop: which keys are shown, in which order, and what it means when none lets us in.

The order is ssh's (sshconnect2.c, pubkey_prepare): certificates, keys of the configuration that the
agent holds, the agent's others, keys in files. What `fab -i` and the inventory name comes before all.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.pkey import PublicBlob

from fab_static.plan.inventory import Environment, Ssh
from fab_static.remote.ssh.agent import SIGN_SECONDS, Agent, HeldKey
from fab_static.remote.ssh.certificate import SUFFIX, parse
from fab_static.remote.ssh.hops import Ways
from fab_static.remote.ssh.key_files import CERTIFICATE, KeyFile, UnusableKeyError, certificate_in
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings


@dataclass(frozen=True)
class Shown:
    """One key that may be shown."""

    name: str  # as messages call it
    key: paramiko.PKey


@dataclass(frozen=True)
class Tried:
    """What another client showed, and how it ended."""

    shown: tuple[str, ...]  # keys, as it names them: their files
    unsigned: tuple[tuple[str, str], ...]  # keys that the hop would take, and why they did not sign
    methods: tuple[str, ...]  # by which the hop would let us in
    is_partly_in: bool  # a key was right, and the hop wants more
    is_cut_off: bool  # too many keys were shown


class Login:
    """One try to be let in on a hop."""

    def __init__(self, settings: Settings, ssh: Ssh) -> None:
        self._settings = settings
        self._ssh = ssh
        self._given = ssh.given
        self._named = [KeyFile(path) for path in (*ssh.given.key_files, ssh.identity) if path]
        looked_for = settings.identity_files if ssh.given.look_for_keys else ()
        named = {file.path for file in self._named}
        self._files = [KeyFile(path) for path in looked_for if path not in named]
        self._passed_over: list[UnusableKeyError] = []
        self._shown: list[str] = []

    def on(self, transport: paramiko.Transport) -> None:
        """Log in.

        Raises:
            HopError: the hop does not let us in.
        """
        agent = Agent(self._settings.identity_agent)
        try:
            if not self._settings.pubkey_authentication:
                keys: Iterator[Shown] = iter(())
            else:
                keys = self._keys(agent)
            if not self._is_let_in(transport, keys):
                raise self._refused(agent)
        finally:
            agent.close()

    def _is_let_in(self, transport: paramiko.Transport, keys: Iterator[Shown]) -> bool:
        user = self._settings.user
        for shown in keys:
            self._shown.append(shown.name)
            is_touched = isinstance(shown.key, HeldKey) and shown.key.wants_a_touch
            transport.auth_timeout = SIGN_SECONDS if is_touched else self._settings.patience
            try:
                wants = transport.auth_publickey(user, shown.key)
            except paramiko.BadAuthenticationType as error:
                if self._given.password is None:
                    raise self._other_methods(error.allowed_types) from error
                break
            except paramiko.AuthenticationException as error:
                if not transport.is_active():
                    raise self._cut_off(error) from error
                self._note_unsigned(shown)
                continue
            except paramiko.SSHException as error:
                if not transport.is_active():
                    raise
                self._passed_over.append(
                    UnusableKeyError(f"{shown.name}: {error}", "see: ssh-add -l")
                )
                continue
            if not wants:
                return True
            if "publickey" not in wants and self._given.password is None:
                raise self._other_methods(wants, first="a key, and then ")
        return self._is_let_in_by_password(transport)

    def _note_unsigned(self, shown: Shown) -> None:
        """Note a key with which the agent did not sign."""
        problem = getattr(shown.key, "problem", "")
        if problem:
            self._passed_over.append(
                UnusableKeyError(
                    f"the agent does not sign with {shown.name}: {problem}",
                    "see whether it waits for a touch, a PIN or a yes: ssh-add -T KEY.pub",
                    is_locked=True,
                )
            )

    def _is_let_in_by_password(self, transport: paramiko.Transport) -> bool:
        if self._given.password is None:
            return False
        self._shown.append("the password")
        transport.auth_timeout = self._settings.patience
        try:
            return not transport.auth_password(self._settings.user, self._given.password)
        except paramiko.BadAuthenticationType as error:
            raise self._other_methods(error.allowed_types) from error
        except paramiko.AuthenticationException as error:
            if not transport.is_active():
                raise self._cut_off(error) from error
            return False

    def refusal(self, tried: Tried) -> HopError:
        """Return why another client, which looks for the same keys, was not let in."""
        agent = Agent(self._settings.identity_agent)
        try:
            for _ in self._keys(agent):
                pass  # what cannot be shown is noted on the way
        finally:
            agent.close()
        self._passed_over = [one for one in self._passed_over if not one.for_paramiko_alone]
        self._shown = [
            name for name in tried.shown if not any(_names(one, name) for one in self._passed_over)
        ]
        self._passed_over += [_does_not_sign(name, why) for name, why in tried.unsigned]
        if tried.is_cut_off:
            return self._cut_off(EOFError())
        if tried.is_partly_in and "publickey" not in tried.methods:
            return self._other_methods(list(tried.methods), first="a key, and then ")
        if tried.methods and "publickey" not in tried.methods and not tried.shown:
            return self._other_methods(list(tried.methods))
        return self._refused(agent)

    def locked(self) -> str | None:
        """Return the first file of a key that needs a passphrase, and that no agent holds."""
        agent = Agent(self._settings.identity_agent)
        try:
            held = {_wire(key) for key in agent.keys}
        finally:
            agent.close()
        for file in self._named or self._files:
            if file.is_locked and file.public not in held:
                return file.path
        return None

    # ---- the keys, in order

    def _keys(self, agent: Agent) -> Iterator[Shown]:
        """Yield each key once."""
        seen = set()
        for shown in self._all_keys(agent):
            public = shown.key.public_blob
            wire = public.key_blob if public else _wire(shown.key)
            if wire in seen:
                continue
            seen.add(wire)
            if self._may_be_shown(wire):
                yield shown
            else:
                self._passed_over.append(
                    UnusableKeyError(
                        f"{shown.name}: PubkeyAcceptedAlgorithms does not allow its kind",
                        "mend PubkeyAcceptedAlgorithms in ssh's configuration, or take another key",
                    )
                )

    def _may_be_shown(self, wire: bytes) -> bool:
        """Tell whether the configuration allows keys of this kind."""
        kind, allowed = paramiko.Message(wire).get_text(), self._settings.pubkey_algorithms
        names = [kind]
        if kind.removesuffix(SUFFIX) == "ssh-rsa":
            suffix = SUFFIX if kind.endswith(SUFFIX) else ""
            names = [f"rsa-sha2-512{suffix}", f"rsa-sha2-256{suffix}"]
        return not allowed or any(name in allowed for name in names)

    def _all_keys(self, agent: Agent) -> Iterator[Shown]:
        held = {_wire(key): key for key in agent.keys}
        for file in self._named:
            yield from self._beside(file, held)
            yield from self._of_file(file, held, is_named=True)
        for path in self._settings.certificate_files:
            yield from self._certified(certificate_in(path), path, held)
        for file in self._files:
            yield from self._beside(file, held)
        for file in self._files:
            if (public := file.public) in held and public:
                yield Shown(f"{file.path} (in the agent)", held[public])
        if not self._settings.identities_only:
            for key in agent.keys:
                yield Shown(f"the agent's {key.comment or key.get_name()}", _as_listed(key))
        for file in self._files:
            yield from self._of_file(file, held)

    def _of_file(
        self, file: KeyFile, held: Mapping[bytes, HeldKey], *, is_named: bool = False
    ) -> Iterator[Shown]:
        public = file.public
        if public in held and public:
            if is_named:
                yield Shown(f"{file.path} (in the agent)", held[public])
            return
        if not file.exists and not is_named:  # one of those where ssh looks by default
            return
        try:
            yield Shown(file.path, file.private(self._given.passphrase))
        except UnusableKeyError as error:
            self._passed_over.append(error)

    def _beside(self, file: KeyFile, held: Mapping[bytes, HeldKey]) -> Iterator[Shown]:
        path = f"{file.path}{CERTIFICATE}"
        yield from self._certified(certificate_in(path), path, held)

    def _certified(
        self, blob: PublicBlob | None, path: str, held: Mapping[bytes, HeldKey]
    ) -> Iterator[Shown]:
        """Yield the key that a certificate is for, with it."""
        if blob is None:
            return
        try:
            wanted = parse(blob.key_blob).key
        except ValueError:  # of a kind of key that no file of ours holds
            return
        key: paramiko.PKey | None = held.get(wanted)
        for file in (*self._named, *self._files):
            if key is None and file.exists and file.public in (wanted, None):
                try:
                    key = file.private(self._given.passphrase)
                except UnusableKeyError:
                    continue  # it is told where the file is tried alone
                key = key if key.asbytes() == wanted else None
        if key is not None:
            yield Shown(path, _with(blob, key))

    # ---- why we are not let in

    def _refused(self, agent: Agent) -> HopError:
        user = self._settings.user
        if not self._settings.pubkey_authentication:
            return HopError(
                "ssh's configuration says PubkeyAuthentication no, and fab_static logs in with keys",
                "set it to yes for this host",
            )
        over = [error.what for error in self._passed_over]
        if not self._shown:
            what = "there is no key to log in with" + "".join(f"; {one}" for one in over)
            if agent.problem:
                what += f"; {agent.problem}"
            mend = self._passed_over[0].mend if self._passed_over else (
                "ssh-add a key, or name one: ssh: {identity: ~/.ssh/id_ed25519}"
            )  # fmt: skip
            return HopError(what, mend)
        locked = [error for error in self._passed_over if error.is_locked]
        what = f"the host does not let {user} in with the keys of {', '.join(self._names())}"
        mend = (
            f"put the public key into ~{user}/.ssh/authorized_keys there, "
            "or name another ssh.user or ssh.identity"
        )
        if over:
            what += "; not tried: " + "; ".join(over)
        if locked or (self._passed_over and self._named):
            mend = (locked or self._passed_over)[0].mend
        return HopError(what, mend)

    def _names(self) -> list[str]:
        names = list(dict.fromkeys(self._shown))
        return names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]

    def _cut_off(self, error: BaseException) -> HopError:
        if "timeout" in str(error).lower():
            return HopError(
                f"the login did not end within {self._settings.patience:g} seconds",
                "see what the host's login waits for (PAM, LDAP, DNS), or raise ssh.connect_timeout",
            )
        count = len(self._shown)
        return HopError(
            f"the host ended the login after {count} key{'s' if count > 1 else ''}: too many were tried "
            f"({', '.join(self._names())})",
            "name the right one: ssh: {identity: ~/.ssh/id_ed25519}, or IdentitiesOnly yes with an "
            "IdentityFile in ~/.ssh/config",
        )

    def _other_methods(self, methods: list[str], first: str = "") -> HopError:
        words = ", ".join(methods) or "nothing"
        return HopError(
            f"the host wants {first}{words} of {self._settings.user}, and fab_static answers no questions",
            "allow public keys alone for this user there (AuthenticationMethods, PubkeyAuthentication of "
            "its sshd_config)",
        )


def locked_key(environment: Environment) -> str | None:
    """Return the file of a key that hosts are to be shown, where nobody has said its passphrase.

    Raises:
        InventoryError: ssh's configuration cannot be followed, or the inventory names no key.
    """
    ways = Ways(environment)
    for host in environment.hosts:
        for hop in () if host.local else ways.to(host):
            if found := Login(hop.settings, environment.ssh).locked():
                return found
    return None


def _names(error: UnusableKeyError, name: str) -> bool:
    return bool(re.search(rf"(^|\s){re.escape(name)}([\s:]|$)", error.what))


def _does_not_sign(name: str, why: str) -> UnusableKeyError:
    """Return what to say of a key that the hop would take, and that did not sign."""
    if "agent" in why:
        return UnusableKeyError(
            f"the agent does not sign with {name}: {why}",
            "see whether it waits for a touch, a PIN or a yes: ssh-add -T KEY.pub",
            is_locked=True,
        )
    return UnusableKeyError(
        f"{name} does not sign: {why}",
        f"touch it when it blinks; where it wants a PIN, let an agent ask for it: ssh-add {name}",
        is_locked=True,
    )


def _with(blob: PublicBlob, key: paramiko.PKey) -> Any:
    """Return the key with a certificate, and leave the key itself without."""
    signed: Any = (
        HeldKey(key.agent, key.blob, key.comment) if isinstance(key, HeldKey) else copy.copy(key)
    )
    signed.public_blob = blob
    return signed


def _as_listed(key: HeldKey) -> paramiko.PKey:
    """Return an agent's key: as a certificate where it is listed as one."""
    is_certificate = key.get_name().endswith(SUFFIX)
    return _with(PublicBlob(key.get_name(), key.blob), key) if is_certificate else key


def _wire(key: paramiko.PKey) -> bytes:
    """Return a key as the agent lists it: with its certificate, where it has one."""
    blob: bytes = getattr(key, "blob", None) or key.asbytes()
    return blob
