"""Whom a host trusts to sign releases, and whether one of them signed a release.

The host keeps the list itself, below `deploy_to`, and beside it the keys that were revoked. Once it has a list, it
takes another only by word of somebody on the list that it has: no frame, from whatever operator, talks it out of it.
"""

from __future__ import annotations

import contextlib
import os

from fab_static.host.agent.claims import claim
from fab_static.host.agent.digests import begun_sha256, digest_of
from fab_static.host.agent.disk import alone, aside, lasting, remove_tree, write_file
from fab_static.host.agent.plain import read_plain
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import read_seal
from fab_static.host.agent.waiting import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent

SIGNERS = "allowed_signers"  # below deploy_to; in the form of ssh-keygen(1), ALLOWED SIGNERS
REVOKED = "revoked_keys"  # beside that; in the form of ssh-keygen(1), KEY REVOCATION LISTS
LIVE_THEN = "live_before_signers"  # SHA-256 of the seal that was live when the list changed last
SIGNATURE = "release.json.sig"
# what stands beside a seal: how it was built, and the signature of both
BESIDE = {"statement": "release.intoto.json", "signature": SIGNATURE}
OF_RELEASES = "fab_static"  # namespaces: a signature in one does not count in the other
OF_SIGNERS = "fab_static-signers"
MOST = 1 << 20  # bytes of a list
MOST_BESIDE = 1 << 16
SECONDS = 30  # that ssh-keygen may take
TOO_OLD = ("unknown option", "illegal option", "invalid option")  # it knows no signatures


def signed_words(sha256: str) -> bytes:
    """Return what is signed of a seal."""
    return b"sha256:" + sha256.encode("ascii") + b"\n"


def release_words(seal: str, statement: str | None) -> bytes:
    """Return what is signed of a release: its seal, by SHA-256, and its statement, where it has one.

    So a statement that was changed, taken away or added makes the signature wrong.
    """
    if not statement:
        return signed_words(seal)
    return signed_words(seal) + signed_words(begun_sha256(statement.encode()).hexdigest())


def signed_change(before: str, after: str) -> bytes:
    """Return what is signed of a new list: with the one it takes the place of, so that none comes back."""
    return signed_words(before) + signed_words(after)


def trust_digest(signers: bytes, revoked: bytes) -> str:
    """Return the SHA-256 that stands for a list and its revoked keys; the list's own, where there are none."""
    digest = begun_sha256(signers).hexdigest()
    if not revoked:
        return digest
    both = signed_words(digest) + signed_words(begun_sha256(revoked).hexdigest())
    return begun_sha256(both).hexdigest()


def kept(host: Host, name: str = SIGNERS) -> bytes | None:
    """Return the list that this host keeps, or None if it never had one.

    Raises:
        RefusedError: another account may have written it: nothing can be trusted then.
    """
    try:
        data = read_plain(host.path(name), MOST)[0]
    except FileNotFoundError:
        return None
    why = host.why_not_ours(name)
    if why:
        raise RefusedError(
            why + ", and it says whom this host trusts to sign releases",
            host.path(name),
            "see who wrote it; move it away on that host, and deploy again",
        )
    return data


def refuse_untrusted(host: Host, release: str, *, back: bool = False) -> None:
    """Refuse a release that none of those signed whom this host trusts; it trusts everybody while it has no list.

    `back`: the flip before is undone. What was live when the list changed is right then, whoever signed it.

    Raises:
        RefusedError: it is not signed, or by somebody else.
    """
    if kept(host) is None:
        return
    if not (back and was_live(host, release)):
        refuse_unsigned(host, release, read_seal(host, release)[1], beside(host, release))


def refuse_unsigned(host: Host, release: str, sealed: bytes, found: Head) -> None:
    """Refuse a seal without a signature that counts here, of what was found beside it; see `refuse_untrusted`."""
    if kept(host) is None:
        return
    if not found.get("signature"):
        raise untrusted(host, f"release {release} is not signed", release)
    kept(host, REVOKED)  # as far as it is ours
    words = release_words(begun_sha256(sealed).hexdigest(), found.get("statement"))
    signed = found["signature"].encode("ascii", "replace")
    why = why_untrusted(host.path(SIGNERS), words, signed, OF_RELEASES, host.root)
    if why:
        what = f"release {release} is signed by nobody whom this host trusts: {why}"
        raise untrusted(host, what, release)


def was_live(host: Host, release: str | None) -> bool:
    """Tell whether a release was live when the list changed last, and is as it was."""
    sealed = digest_of(host.path("releases", release or "", "release.json"))
    return sealed is not None and kept(host, LIVE_THEN) == sealed.encode("ascii")


def beside(host: Host, release: str) -> Head:
    """Return what stands beside a seal; None for what cannot be read."""
    found: Head = dict.fromkeys(BESIDE)
    for what, name in BESIDE.items():
        with contextlib.suppress(OSError, RefusedError):
            data = read_plain(host.path("releases", release, name), MOST_BESIDE)[0]
            found[what] = data.decode("ascii", "replace")
    return found


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
        signers: the file of the list; the revoked keys stand beside it, where there are any.
        words: what was signed.
        signature: as ssh-keygen writes it.
        namespace: what it was signed for.
        folder: where a file may stand for a moment: ssh-keygen reads a signature from a file alone.
    """
    path = aside(os.path.join(folder, SIGNATURE))
    try:
        with open(path, "xb") as file:
            file.write(signature)
        check = ["-Y", "verify", "-f", signers, "-n", namespace, "-s", path]
        revoked = os.path.join(os.path.dirname(signers), REVOKED)
        if os.path.lexists(revoked):
            check += ["-r", revoked]
        why = "none of the allowed signers made the signature"
        for name in names_of(path, signers):
            code, _, why = ssh_keygen([*check, "-I", name], words)
            if code == 0:
                return None
        return why
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def names_of(signature: str, signers: str) -> Iterator[str]:
    """Yield the names that a list gives to who made a signature; the first line that has the key comes first.

    ssh-keygen finds that line alone, whatever it is for; so the lines are looked through one by one after it.
    """
    found = names_in(signature, signers)
    yield from found
    if not found:
        return
    with open(signers, "rb") as file:
        for line in file:
            yield from (
                name for name in names_in(signature, "/dev/stdin", line) if name not in found
            )


def names_in(signature: str, signers: str, data: bytes = b"") -> list[str]:
    found = ssh_keygen(["-Y", "find-principals", "-s", signature, "-f", signers], data)[1]
    names = found.replace(",", "\n").splitlines()  # commas: as 8.2 writes several
    return [name for name in names if name[:1] not in ("", "!")]


def ssh_keygen(words: list[str], data: bytes = b"") -> tuple[int, str, str]:
    """Run ssh-keygen; return its exit code, what it found, and the last line that it said.

    Raises:
        RefusedError: there is none, or one that knows no signatures.
    """
    import subprocess  # late: it takes 6 ms to load

    try:
        with waiting():
            ran = subprocess.run(  # noqa: S603 - no shell, and no word of the operator's
                ["ssh-keygen", *words],  # noqa: S607 - wherever this host has it
                input=data,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise no_ssh_keygen(str(error)) from None
    found, said = (text.decode("utf-8", "replace") for text in (ran.stdout, ran.stderr))
    if any(word in said for word in TOO_OLD):
        raise no_ssh_keygen("it is older than 8.2")
    return ran.returncode, found, (found + said).strip().split("\n")[-1]


def no_ssh_keygen(why: str) -> RefusedError:
    return RefusedError(
        f"this host cannot check who signed a release: {why}",
        "ssh-keygen",
        "install OpenSSH 8.2 or later there: apt-get install openssh-client",
    )


# ---- verbs


def signers(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Say which list this host keeps, with which revoked keys, and whether it can check signatures."""
    list_kept = kept(agent.host)
    why = None
    try:
        ssh_keygen(["-Y", "find-principals", "-s", os.devnull, "-f", os.devnull])
    except RefusedError as error:
        why = error.what
    return {
        "sha256": None
        if list_kept is None
        else trust_digest(list_kept, kept(agent.host, REVOKED) or b""),
        "unable": why,
    }, b""


@lasting
def trust(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep another list of allowed signers. Body: the list, of `size` bytes, and the keys that were revoked.

    The first one is taken as it comes. Every other needs the `signature` of somebody on the one that it follows.
    """
    host = agent.host
    claim(host)
    new, revoked = body[: head["size"]], body[head["size"] :]
    with alone(host):
        old, after = kept(host), trust_digest(new, revoked)
        before = None if old is None else trust_digest(old, kept(host, REVOKED) or b"")
        if before and before != after:
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
        live = before != after and digest_of(host.path("current", "release.json"))
        if live:
            write_file(host.path(LIVE_THEN), live.encode("ascii"))
        if revoked:
            write_file(host.path(REVOKED), revoked)
        else:
            remove_tree(host.path(REVOKED))
        write_file(host.path(SIGNERS), new)
    return {}, b""
