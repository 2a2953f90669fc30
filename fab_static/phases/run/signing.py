"""Tells hosts whose signatures count, and looks on the operator's machine whether those of a release do."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fab_static.errors import InventoryError, ReleaseError
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.trust import (
    BESIDE,
    OF_RELEASES,
    OF_SIGNERS,
    REVOKED,
    SIGNATURE,
    SIGNERS,
    release_words,
    signed_change,
    ssh_keygen,
    trust_digest,
    why_untrusted,
)
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.own_key import TRIAL, public_key, sign, tried
from fab_static.plan.inventory import Environment
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import of_unnamed_signers
from fab_static.remote import RemoteHost

OTHER_WORDS = "incorrect signature"  # ssh-keygen, where a signature is of other words
KEYS = ("ssh-", "ecdsa-", "sk-")  # how the kind of a public key begins


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: the bytes of a list of allowed signers, and of one of revoked keys, which may be empty."""

    signers: bytes
    revoked: bytes

    @property
    def sha256(self) -> str:
        """What a host that keeps these lists says of them."""
        return trust_digest(self.signers, self.revoked)

    def may_allow(self, key: str) -> bool:
        """Tell whether what `release.sign_with` makes may count; it does not where its public key is on no line."""
        public = public_key(key)
        if public is None or b"cert-authority" in self.signers:
            return True  # only a signature tells
        return public in keys_in(self.signers) and public not in keys_in(self.revoked)

    def why_not(self, words: bytes, signature: str, namespace: str) -> str | None:
        """Return why a signature of these words counts for nothing, or None if it counts.

        Raises:
            ReleaseError: this machine cannot check signatures.
        """
        signed = signature.encode("ascii", "replace")
        with tempfile.TemporaryDirectory(prefix="fab-static-") as folder:
            signers, revoked = Path(folder, SIGNERS), Path(folder, REVOKED)
            signers.write_bytes(self.signers)
            with _on_this_machine():
                why = why_untrusted(str(signers), words, signed, namespace, folder)
                if why is None and self.revoked:
                    revoked.write_bytes(self.revoked)
                    if why_untrusted(str(signers), words, signed, namespace, folder):
                        return "release.revoked_keys has the key, or is not a list of keys"
        return why


@contextlib.contextmanager
def _on_this_machine() -> Iterator[None]:
    """Say of what a host would refuse that this machine does.

    Raises:
        ReleaseError: it cannot check signatures.
    """
    try:
        yield
    except RefusedError as error:
        raise ReleaseError(error.what, where="this machine", mend=error.mend) from error


def trust_of(environment: Environment) -> Trust | None:
    """Return whose signatures the inventory says count, or None if anything counts.

    Raises:
        InventoryError: a list cannot be read, or nobody is allowed.
    """
    releases = environment.release
    if releases.allowed_signers is None:
        return None
    signers = _read("allowed_signers", releases.allowed_signers)
    if not keys_in(signers):
        raise InventoryError(
            "nobody is an allowed signer, so that no release could go live",
            where=f"release.allowed_signers: {releases.allowed_signers}",
            mend="write a name and a public key in a line: deploy@example.com ssh-ed25519 AAAA…",
        )
    if releases.revoked_keys is None:
        return Trust(signers, b"")
    return Trust(signers, _read("revoked_keys", releases.revoked_keys))


def keys_in(text: bytes) -> dict[str, list[int]]:
    """Return the public keys in a list, in base64, and the numbers of the lines that have each."""
    found: dict[str, list[int]] = {}
    for at, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        words = [] if line.startswith("#") else line.split()
        keys = [key for kind, key in pairwise(words) if kind.startswith(KEYS)]
        for key in keys[:1]:
            found.setdefault(key, []).append(at)
    return found


FORMS = {
    "allowed_signers": "a name and a public key in a line, as in ssh-keygen(1), ALLOWED SIGNERS",
    "revoked_keys": "a public key in a line, or as in ssh-keygen(1), KEY REVOCATION LISTS",
}


def _read(key: str, name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InventoryError(
            f"the list of {key.replace('_', ' ')} cannot be read: {error.strerror}",
            where=f"release.{key}: {name}",
            mend=f"write it: {FORMS[key]}",
        ) from error


def refuse_unusable_key(environment: Environment) -> None:
    """Refuse a key of this machine that cannot sign, or whose signature would count nowhere, before a build for nothing.

    It signs words that mean nothing; where somebody would be asked for that, it is looked up in the list alone.

    Raises:
        InventoryError: `release.sign_with` cannot be used.
        ReleaseError: this machine cannot check signatures.
    """
    key, trust = environment.release.sign_with, trust_of(environment)
    signature = tried(key) if key else None
    if key is None or trust is None:
        return
    if signature:
        why = trust.why_not(TRIAL, signature, OF_RELEASES)
    else:
        why = None if trust.may_allow(key) else "no line of the list has it, or it was revoked"
    if why:
        raise InventoryError(
            f"what {key} signs goes live nowhere: {why}",
            where=f"release.sign_with, against release.allowed_signers: {environment.release.allowed_signers}",
            mend="name a key in release.sign_with whose public half is on a line of that list, and that was not revoked; "
            "or add its line: docs/archives.md",
        )


def refuse_untrusted(deploy: Deployment, release: Release) -> None:
    """Refuse a release that none of the inventory's allowed signers signed: hosts would, and a bucket cannot.

    Where it names none, but signs, the signature of a release must be right, whoever made it.

    Raises:
        ReleaseError: it is not signed, or by somebody else, or its signature is of other words.
    """
    why = why_untrusted_here(deploy, release)
    if why:
        signers = deploy.environment.release.allowed_signers
        mend, instead = _cure(deploy, release)
        raise ReleaseError(
            f"release {release.id} {why}",
            where=f"release.allowed_signers: {signers}" if signers else SIGNATURE,
            mend=mend,
            instead=instead,
        )


def _cure(deploy: Deployment, release: Release) -> tuple[str, str | None]:
    """Return what to do about a release that nobody signed who may, and the words of the command that does it."""
    name, trust = deploy.environment.name, trust_of(deploy.environment)
    if not any(release.id in state["releases"] for state in deploy.states.values()):
        return (
            f"have it signed where it was built: fab {release.environment} sign {release.id}; then take it again",
            None,
        )
    releases = deploy.environment.release
    if trust and releases.sign_with and not trust.may_allow(releases.sign_with):
        key, signers = releases.sign_with, releases.allowed_signers
        return f"sign with a key of {signers}; it does not have release.sign_with, {key}", None
    return f"if you vouch for it, sign it: fab {name} sign {release.id}", f"sign {release.id}"


def why_untrusted_here(deploy: Deployment, release: Release) -> str | None:
    """Return why a release is not signed as the inventory wants it, or None if it is; see `refuse_untrusted`."""
    trust, beside = trust_of(deploy.environment), deploy.seals.beside.get(release.id, {})
    signature, statement = beside.get("signature"), beside.get("statement")
    if signature is None:
        return "is not signed" if trust else None
    words = release_words(deploy.seals.sha256(release), statement)
    if trust:
        why = trust.why_not(words, signature, OF_RELEASES)
        what = "is signed by none of the allowed signers"
    else:
        signs = deploy.environment.release.sign_with
        why = _why_wrong(words, signature) if signs else None
        what = "has another signature"
    if why and OTHER_WORDS in why and not statement:
        why += f"; if {BESIDE['statement']} was beside it, it was taken away"
    return f"{what}: {why}" if why else None


def _why_wrong(words: bytes, signature: str) -> str | None:
    """Return why nobody can have made a signature of these words, or None if somebody has."""
    with tempfile.NamedTemporaryFile(prefix="fab-static-") as file:
        file.write(signature.encode("ascii", "replace"))
        file.flush()
        check = ["-Y", "check-novalidate", "-n", OF_RELEASES, "-s", file.name]
        with _on_this_machine():
            code, _, said = ssh_keygen(check, words)
    return said if code else None


def host_with_signers(deploy: Deployment) -> RemoteHost | None:
    """Return the host that tells whether hosts keep a list of signers; None where the inventory names it, or a key.

    All have the same list. A build host may be new each time.
    """
    releases = deploy.environment.release
    if releases.allowed_signers or releases.sign_with:
        return None
    return (*deploy.hosts("static", "web"), deploy.build)[0]


def refuse_unnamed_signers(deploy: Deployment) -> None:
    """Refuse to build what hosts would not flip to: they keep a list of signers, and nobody here signs.

    Raises:
        ReleaseError: saying so.
    """
    host = host_with_signers(deploy)
    if host and host.ask(verbs.SIGNERS)[0]["sha256"]:
        raise ReleaseError(
            "hosts make signed releases live alone, and the inventory names no key to sign with",
            where=f"{host.name}: {host.layout.deploy_to / SIGNERS}",
            mend=of_unnamed_signers(deploy.environment.name),
        )


def bring_trust(
    deploy: Deployment, hosts: Sequence[RemoteHost] | None = None, *, renews: bool = False
) -> None:
    """Have every host, or these, keep the inventory's lists of allowed signers and revoked keys.

    A host that has others takes ours only with the signature of somebody on its own.

    Args:
        deploy: the environment.
        hosts: which; None: all.
        renews: only where hosts have lists, and only ones under which our own signature counts: no release has
            shown that anybody can still sign for these hosts.

    Raises:
        RemoteError: a host refuses it: whom it trusts has not signed.
    """
    ours = trust_of(deploy.environment)
    if ours is None:
        return
    after, lists = ours.sha256, ours.signers + ours.revoked
    key = deploy.environment.release.sign_with

    def brought(host: RemoteHost) -> bool:
        before = host.ask(verbs.SIGNERS)[0]["sha256"]
        if before == after or (renews and not before):
            return False
        change = signed_change(before, after) if before and key else None
        signature = sign(key, change, OF_SIGNERS) if key and change else None
        if renews and (not signature or ours.why_not(change or b"", signature, OF_SIGNERS)):
            return False
        request = asks.Trust(size=len(ours.signers), signature=signature)
        host.ask(verbs.TRUST, request, lists)
        return True

    asked = deploy.hosts() if hosts is None else hosts
    told = [host.name for host, changed in deploy.on(asked, brought).items() if changed]
    if told:
        trust = "trusts" if len(told) == 1 else "trust"
        deploy.show.say(f"{', '.join(told)} {trust} the signers of this inventory now")
