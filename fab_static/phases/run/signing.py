"""Signs seals on the operator's machine, and tells hosts whose signatures count."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from fab_static.plan.release import Release
from fab_static.plan.wire import asks, verbs
from fab_static.remote import RemoteHost

SECONDS = 120  # that ssh-keygen may wait: a key may have a passphrase, or want to be touched
OTHER_WORDS = "incorrect signature"  # ssh-keygen, where a signature is of other words
ARMOUR = "-----BEGIN SSH SIGNATURE-----"


def sign(key: str, words: bytes, namespace: str) -> str:
    """Have ssh-keygen sign; the key stays where it is: in its file, or with the SSH agent.

    Raises:
        InventoryError: the key cannot be used.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - no shell; the key is the operator's own word
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key],  # noqa: S607
            input=words,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unusable(key, str(error)) from error
    signature = ran.stdout.decode("ascii", "replace")
    if ran.returncode or not signature.startswith(ARMOUR):
        raise _unusable(key, ran.stderr.decode(errors="replace").strip()[-300:])
    return signature


def _unusable(key: str, why: str) -> InventoryError:
    return InventoryError(
        f"nothing can be signed with {key}: {why}",
        where="release.sign_with",
        mend=f"see whether this works: echo x | ssh-keygen -Y sign -n {OF_RELEASES} -f {key}; for a key of the SSH "
        "agent, name its .pub file",
    )


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: the bytes of a list of allowed signers, and of one of revoked keys, which may be empty."""

    signers: bytes
    revoked: bytes

    @property
    def sha256(self) -> str:
        """What a host that keeps these lists says of them."""
        return trust_digest(self.signers, self.revoked)

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


def trust_of(deploy: Deployment) -> Trust | None:
    """Return whose signatures the inventory says count, or None if anything counts.

    Raises:
        InventoryError: a list cannot be read, or nobody is allowed.
    """
    releases = deploy.environment.release
    if releases.allowed_signers is None:
        return None
    signers = _read("allowed_signers", releases.allowed_signers)
    lines = [line for line in signers.splitlines() if line.strip() and not line.startswith(b"#")]
    if not lines:
        raise InventoryError(
            "nobody is an allowed signer, so that no release could go live",
            where=f"release.allowed_signers: {releases.allowed_signers}",
            mend="write a name and a public key in a line: deploy@example.com ssh-ed25519 AAAA…",
        )
    if releases.revoked_keys is None:
        return Trust(signers, b"")
    return Trust(signers, _read("revoked_keys", releases.revoked_keys))


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


def refuse_untrusted(deploy: Deployment, release: Release) -> None:
    """Refuse a release that none of the inventory's allowed signers signed: hosts would, and a bucket cannot.

    Where it names none, but signs, the signature of a release must be right, whoever made it.

    Raises:
        ReleaseError: it is not signed, or by somebody else, or its signature is of other words.
    """
    why = why_untrusted_here(deploy, release)
    if why:
        name, signers = deploy.environment.name, deploy.environment.release.allowed_signers
        is_here = any(release.id in state["releases"] for state in deploy.states.values())
        raise ReleaseError(
            f"release {release.id} {why}",
            where=f"release.allowed_signers: {signers}" if signers else SIGNATURE,
            mend=f"if you vouch for it, sign it: fab {name} sign {release.id}"
            if is_here
            else f"have it signed where it was built: fab {release.environment} sign {release.id}; then take it again",
        )


def why_untrusted_here(deploy: Deployment, release: Release) -> str | None:
    """Return why a release is not signed as the inventory wants it, or None if it is; see `refuse_untrusted`."""
    trust, beside = trust_of(deploy), deploy.seals.beside.get(release.id, {})
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
            code, said = ssh_keygen(check, words)
    return next(iter(said.splitlines()), "it is not right") if code else None


def bring_trust(deploy: Deployment, hosts: Sequence[RemoteHost] | None = None) -> None:
    """Have every host, or these, keep the inventory's lists of allowed signers and revoked keys.

    A host that has others takes ours only with the signature of somebody on its own.

    Raises:
        RemoteError: a host refuses it: whom it trusts has not signed.
    """
    ours = trust_of(deploy)
    if ours is None:
        return
    after, lists = ours.sha256, ours.signers + ours.revoked
    key = deploy.environment.release.sign_with

    def brought(host: RemoteHost) -> bool:
        before = host.ask(verbs.SIGNERS)[0]["sha256"]
        if before == after:
            return False
        change = signed_change(before, after) if before and key else None
        signature = sign(key, change, OF_SIGNERS) if key and change else None
        request = asks.Trust(size=len(ours.signers), signature=signature)
        host.ask(verbs.TRUST, request, lists)
        return True

    asked = deploy.hosts() if hosts is None else hosts
    told = [host.name for host, changed in deploy.on(asked, brought).items() if changed]
    if told:
        trust = "trusts" if len(told) == 1 else "trust"
        deploy.show.say(f"{', '.join(told)} {trust} the signers of this inventory now")
