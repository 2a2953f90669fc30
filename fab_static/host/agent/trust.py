"""Whom a host trusts to sign releases, and whether one of them signed a release.

The host keeps the list itself, below `deploy_to`. Once it has one, it takes another only by word of somebody on
the list that it has: no frame, from whatever operator, talks it out of it.
"""

from __future__ import annotations

import contextlib
import os

from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import begun_sha256
from fab_static.host.agent.disk import alone, aside, lasting, write_file
from fab_static.host.agent.plain import read_plain
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import read_seal
from fab_static.host.agent.waiting import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

SIGNERS = "allowed_signers"  # below deploy_to; the form is that of ssh-keygen(1), ALLOWED SIGNERS
SIGNATURE = "release.json.sig"  # beside the seal
OF_RELEASES = "fab_static"  # namespaces: a signature in one is none in the other
OF_SIGNERS = "fab_static-signers"
MOST = 1 << 20  # bytes of a list
MOST_SIGNATURE = 1 << 16
SECONDS = 30  # that ssh-keygen may take


def signed_words(sha256: str) -> bytes:
    """Return what is signed of a seal."""
    return b"sha256:" + sha256.encode("ascii") + b"\n"


def signed_change(before: str, after: str) -> bytes:
    """Return what is signed of a new list: with the one it takes the place of, so that none comes back."""
    return signed_words(before) + signed_words(after)


def kept_signers(host: Host) -> bytes | None:
    """Return the list that this host keeps, or None if it never had one.

    Raises:
        RefusedError: another account may have written it: nothing can be trusted then.
    """
    try:
        data = read_plain(host.path(SIGNERS), MOST)[0]
    except FileNotFoundError:
        return None
    why = host.why_not_ours(SIGNERS)
    if why:
        raise RefusedError(
            why + ", and it says whom this host trusts to sign releases",
            host.path(SIGNERS),
            "see who wrote it; move it away on that host, and deploy anew",
        )
    return data


def refuse_untrusted(host: Host, release: str) -> None:
    """Refuse a release that none of those signed whom this host trusts; it trusts everybody while it has no list.

    Raises:
        RefusedError: it is not signed, or by somebody else.
    """
    if kept_signers(host) is None:
        return
    sealed = read_seal(host, release)[1]
    path = host.path("releases", release, SIGNATURE)
    try:
        signature = read_plain(path, MOST_SIGNATURE)[0]
    except FileNotFoundError:
        raise untrusted(host, f"release {release} is not signed", release) from None
    words = signed_words(begun_sha256(sealed).hexdigest())
    why = why_untrusted(host.path(SIGNERS), words, signature, OF_RELEASES, host.root)
    if why:
        what = f"release {release} is signed by nobody whom this host trusts: {why}"
        raise untrusted(host, what, release)


def signature_of(host: Host, release: str) -> str | None:
    """Return the signature that a release came with, or None if there is none that can be read."""
    try:
        data = read_plain(host.path("releases", release, SIGNATURE), MOST_SIGNATURE)[0]
    except (OSError, RefusedError):
        return None
    return data.decode("ascii", "replace")


def untrusted(host: Host, what: str, release: str) -> RefusedError:
    return RefusedError(
        what,
        host.path("releases", release, SIGNATURE),
        f"if you vouch for it, sign it: fab {host.environment} sign {release}",
        "release",
    )


def why_untrusted(
    signers: str, words: bytes, signature: bytes, namespace: str, folder: str
) -> str | None:
    """Return why a signature of these words counts for nothing, or None if one of a list made it.

    Args:
        signers: the file of the list.
        words: what was signed.
        signature: as ssh-keygen writes it.
        namespace: what it was signed for.
        folder: where a file may stand for a moment: ssh-keygen reads a signature from a file alone.
    """
    path = aside(os.path.join(folder, SIGNATURE))
    try:
        with open(path, "xb") as file:
            file.write(signature)
        found, said = ssh_keygen(["-Y", "find-principals", "-s", path, "-f", signers])
        names = [name for name in said.split("\n")[0].split(",") if name and name[0] != "!"]
        if found or not names:
            return "none of the allowed signers made the signature"
        check = ["-Y", "verify", "-f", signers, "-I", names[0], "-n", namespace, "-s", path]
        code, said = ssh_keygen(check, words)
        if code == 0:
            return None
        return next(iter(said.splitlines()), "the signature is not right")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def ssh_keygen(words: list[str], data: bytes = b"") -> tuple[int, str]:
    """Run ssh-keygen; return its exit code and what it said.

    Raises:
        RefusedError: there is none, or one that knows no signatures.
    """
    import subprocess  # late: it takes 6 ms to load

    try:
        with waiting():
            ran = subprocess.run(  # noqa: S603 - no shell, and no word of the operator's
                ["ssh-keygen", *words],  # noqa: S607 - wherever this host has it
                input=data,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise no_ssh_keygen(str(error)) from None
    said = ran.stdout.decode("utf-8", "replace")
    if "unknown option" in said or "illegal option" in said or "invalid option" in said:
        raise no_ssh_keygen("it is older than 8.2")
    return ran.returncode, said


def no_ssh_keygen(why: str) -> RefusedError:
    return RefusedError(
        f"this host cannot check who signed a release: {why}",
        "ssh-keygen",
        "install OpenSSH 8.2 or later there: apt-get install openssh-client",
    )


# ---- verbs


def signers(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which list this host keeps, and whether it can check signatures."""
    kept = kept_signers(agent.host)
    why = None
    try:
        ssh_keygen(["-Y", "find-principals", "-s", os.devnull, "-f", os.devnull])
    except RefusedError as error:
        why = error.what
    return {
        "sha256": begun_sha256(kept).hexdigest() if kept is not None else None,
        "unable": why,
    }, b""


@lasting
def trust(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep another list of allowed signers. Body: the list.

    The first one is taken as it comes. Every other needs the `signature` of somebody on the one that it follows.
    """
    host = agent.host
    claim(host)
    with alone(host):
        kept = kept_signers(host)
        if kept is not None and kept != body:
            before, after = (begun_sha256(one).hexdigest() for one in (kept, body))
            signature = (head.get("signature") or "").encode("ascii", "replace")
            words = signed_change(before, after)
            why = why_untrusted(host.path(SIGNERS), words, signature, OF_SIGNERS, host.root)
            if why:
                raise RefusedError(
                    f"this host takes a new list of allowed signers only from one of its own: {why}",
                    host.path(SIGNERS),
                    "sign with a key that it trusts (release.sign_with), or, on that host, put the new list there",
                )
        ssh_keygen(["-Y", "find-principals", "-s", os.devnull, "-f", os.devnull])
        write_file(host.path(SIGNERS), body)
    return {}, b""
