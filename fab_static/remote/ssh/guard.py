"""Judges the key that a hop shows, as ssh does with StrictHostKeyChecking=yes, and says which kinds to ask for."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable, Iterable
from typing import NoReturn

import paramiko

from fab_static.remote.ssh import known_hosts
from fab_static.remote.ssh.certificate import SUFFIX, Certificate, parse, why_not
from fab_static.remote.ssh.known_hosts import AUTHORITY, REVOKED, Line
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.revoked import revoked_by
from fab_static.remote.ssh.settings import DEFAULT_PORT, Settings

KINDS = {  # of keys that we can verify: by the algorithms that a host is asked for
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "rsa-sha2-512": "ssh-rsa",
    "rsa-sha2-256": "ssh-rsa",
}

_ANEW = "sign the host's key again, or put the key itself into known_hosts"


class Guard:
    """What is known of one hop, before and after it has shown its key."""

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[str], None] | None = None,
        *,
        is_direct: bool = True,
        is_local: bool = False,
    ) -> None:
        """Look up what is known of the hop.

        Args:
            settings: of the hop.
            tell: takes what is told once.
            is_direct: whether no other machine or program lies between.
            is_local: whether it is at a loopback address of this machine.
        """
        self._settings = settings
        self._is_direct = is_direct
        self._is_trusted = is_local and settings.trusts_localhost and not settings.host_key_alias
        known = known_hosts.read((*settings.user_known_hosts, *settings.global_known_hosts), tell)
        self._lines = known.of(settings.known_as)
        self._without_port: tuple[Line, ...] = ()
        if settings.port != DEFAULT_PORT and not settings.host_key_alias:
            self._without_port = known.of(settings.hostname)  # ssh looks there next

    def algorithms(self) -> tuple[str, ...]:
        """Return the algorithms to ask the host for: those of known keys first, in the settings' order."""
        allowed = [name for name in self._settings.host_key_algorithms if _plain(name) in KINDS]
        if not self._settings.host_key_algorithms:  # an ssh that does not say
            allowed = [*(f"{name}{SUFFIX}" for name in KINDS), *KINDS]
        lines = (*self._lines, *self._without_port)
        kinds = {line.kind for line in lines if not line.marker}
        has_authority = any(line.marker == AUTHORITY for line in lines)

        def is_known(name: str) -> bool:
            return has_authority if name.endswith(SUFFIX) else KINDS[name] in kinds

        return (
            *(name for name in allowed if is_known(name)),
            *(name for name in allowed if not is_known(name) and not name.endswith(SUFFIX)),
        )

    def judge(self, key: paramiko.PKey) -> None:
        """Let pass whose key is known, and nobody else.

        Raises:
            HopError: it is unknown, another one, or revoked; or its certificate is not good.
        """
        blob = key.public_blob.key_blob if key.public_blob else key.asbytes()
        certificate = self._certificate(blob)
        plain = key.asbytes()  # with which the hop has signed
        if certificate and certificate.key != plain:
            raise HopError("the host's certificate is for another key", _ANEW)
        self._judge(plain, certificate)

    def judge_shown(self, blob: bytes) -> None:
        """Judge a key, or a certificate with its key, that another client was shown.

        Raises:
            HopError: as of `judge`.
        """
        certificate = self._certificate(blob)
        self._judge(certificate.key if certificate else blob, certificate)

    def _judge(self, plain: bytes, certificate: Certificate | None) -> None:
        self._refuse_revoked(plain, certificate)
        if self._is_trusted:  # as the operator's configuration says
            return
        problem = None
        if certificate and self._is_of_authority(certificate):
            problem = why_not(
                certificate,
                (self._settings.host_key_alias or self._settings.hostname).lower(),
                self._settings.ca_signature_algorithms or tuple(KINDS),
            )
            if problem is None:
                return
        if _has(plain, self._lines) or (not _keys(self._lines) and _has(plain, self._without_port)):
            return
        if problem:
            self._bad_certificate(problem)
        if known := _keys(self._lines):
            self._changed(plain, known)
        self._unknown(plain, certificate)

    def _is_of_authority(self, certificate: Certificate) -> bool:
        """Tell whether who signed it may sign for this host."""
        authorities = _keys(self._lines, AUTHORITY) or _keys(self._without_port, AUTHORITY)
        return any(line.key == certificate.authority for line in authorities)

    def _certificate(self, blob: bytes) -> Certificate | None:
        if not paramiko.Message(blob).get_text().endswith(SUFFIX):
            return None
        try:
            return parse(blob)
        except ValueError as error:
            raise HopError(
                f"the host shows {error}, which cannot be verified",
                _ANEW,
            ) from error

    # ---- what is refused

    def _refuse_revoked(self, plain: bytes, certificate: Certificate | None) -> None:
        shown = {plain, *([certificate.authority] if certificate else [])}
        for line in (*self._lines, *self._without_port):
            if line.marker == REVOKED and line.key in shown:
                whose = "the host's key" if line.key == plain else "the key that signed the host's"
                raise HopError(
                    f"{whose} is REVOKED ({fingerprint(line.key)}): {line.at}",
                    "somebody may hold a copy of that key: give the host a new one before anything else",
                )
        file = self._settings.revoked_host_keys
        if file and (problem := revoked_by(file, shown)):
            raise HopError(
                f"the host's key {problem} (RevokedHostKeys)",
                "give the host a new key, or mend RevokedHostKeys in ssh's configuration",
            )

    def _bad_certificate(self, problem: str) -> NoReturn:
        raise HopError(
            f"the host's certificate is not good: {problem}",
            "sign the host's key again: ssh-keygen -s CA -h -I ID -n "
            f"{self._settings.host_key_alias or self._settings.hostname} KEY.pub",
        )

    def _changed(self, plain: bytes, known: list[Line]) -> NoReturn:
        kind = paramiko.Message(plain).get_text()
        alike = [line for line in known if line.kind == kind] or known
        places = ", ".join(dict.fromkeys(line.at for line in alike))
        was = " or ".join(dict.fromkeys(fingerprint(line.key) for line in alike))
        raise HopError(
            f"the host's key has CHANGED: it was {was}, now it is {fingerprint(plain)}. "
            f"SOMEBODY MAY STAND IN BETWEEN ({places})",
            "find out why before anything else. If the host was set up again: ssh-keygen -f "
            f"{shlex.quote(alike[0].file)} -R {shlex.quote(self._settings.known_as)}; then "
            + self._to_make_known(plain),
        )

    def _unknown(self, plain: bytes, certificate: Certificate | None) -> NoReturn:
        authorities = [line for line in self._lines if line.marker == AUTHORITY]
        signed = ""
        if certificate:
            signed = f"; its certificate is signed by {fingerprint(certificate.authority)}, which is not known"
        elif authorities:
            signed = (
                f"; it shows no certificate, and it is known by one alone ({authorities[0].at})"
            )
        raise HopError(
            f"the host's key is not known ({paramiko.Message(plain).get_text()} {fingerprint(plain)})"
            + signed,
            "compare the fingerprint with the host's own, then " + self._to_make_known(plain),
        )

    def _to_make_known(self, plain: bytes) -> str:
        """Return how to add the key to known_hosts, and the line itself."""
        settings = self._settings
        kind = paramiko.Message(plain).get_text()
        line = f"{settings.known_as} {kind} {base64.b64encode(plain).decode()}"
        if not self._is_direct or settings.host_key_alias:
            return f"add to {self._file()}: {line}"
        port = "" if settings.port == DEFAULT_PORT else f"-p {settings.port} "
        return (
            f"add it: ssh-keyscan {port}{settings.hostname} >> {shlex.quote(self._file())}"
            f"; the line is: {line}"
        )

    def _file(self) -> str:
        files = self._settings.user_known_hosts or self._settings.global_known_hosts
        return files[0] if files else "a file that UserKnownHostsFile names"


def fingerprint(key: bytes) -> str:
    """Return a key's fingerprint as ssh shows it."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def _keys(lines: Iterable[Line], marker: str = "") -> list[Line]:
    return [line for line in lines if line.marker == marker]


def _has(key: bytes, lines: Iterable[Line]) -> bool:
    return any(line.key == key for line in _keys(lines))


def _plain(algorithm: str) -> str:
    return algorithm.removesuffix(SUFFIX)
