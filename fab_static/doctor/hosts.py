"""What is found of one host: its folder, its disk, its clock, its PATH."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import RemoteError
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Facts
from fab_static.plan.wording import counted, first_of
from fab_static.remote import RemoteHost

LEAST_FREE_BYTES = 500_000_000
LEAST_FREE_INODES = 20_000
MOST_SKEW_SECONDS = 5.0


def of_host(host: RemoteHost) -> tuple[list[Finding], Facts | None]:
    """Return what is found of a host, and the facts that it told; None where it refuses whatever else is asked."""
    asked = time.time()
    facts, _ = host.ask(verbs.FACTS)
    skew = max(asked - facts["now"], facts["now"] - time.time(), 0.0)
    user, folder = host.hello["user"], str(host.layout.deploy_to)
    found = [good(host.name, "SSH", f"{user}, Python {host.hello['python']}")]
    found.append(_writing(host.name, facts, user, folder))
    found += _below(host.name, facts, user, folder)
    found += [_disk(host, facts), _clock(host.name, skew)]
    try:
        host.ask(verbs.STATE)
    except RemoteError as error:
        if not error.is_refusal:
            raise
        return [*found, bad(host.name, "deploy_to", error.told(host.name), error.mend)], None
    return found, facts


def _writing(where: str, facts: Facts, user: str, folder: str) -> Finding:
    if facts["writable"]:
        return good(where, "deploy_to", f"{folder} can be written")
    cure = f"sudo install -d -o {user} {folder}"
    return bad(where, "deploy_to", f"{user} may not write below {folder}", cure)


def _disk(host: RemoteHost, facts: Facts) -> Finding:
    free, inodes = facts["free_bytes"], facts["free_inodes"]
    if free >= LEAST_FREE_BYTES and inodes >= LEAST_FREE_INODES:
        return good(host.name, "disk", f"{free / 1e9:.1f} GB free")
    what = f"{free:,} bytes and {inodes:,} inodes are free"
    cure = f"free some space there; fab {host.environment.name} prune removes old releases"
    return bad(host.name, "disk", what, cure)


def _clock(where: str, skew: float) -> Finding:
    if skew <= MOST_SKEW_SECONDS:
        return good(where, "clock", "agrees with this machine's")
    what = f"its clock is {skew:.0f} seconds off this machine's"
    return bad(where, "clock", what, "let it keep time by NTP: releases are named by time")


def _below(where: str, facts: Facts, user: str, folder: str) -> Iterator[Finding]:
    """Yield what is wrong below deploy_to: whose it is, where it lies, who may write there."""
    if closed := facts["unwritable"]:
        some = f"{counted(len(closed), 'folder')} there, such as {', '.join(closed[:3])}"
        what = f"{user} may not write in {some}"
        yield bad(where, "deploy_to", what, f"sudo chown -R {user} {folder}")
    yield from _led_elsewhere(where, facts, folder)
    yield from _open_to_others(where, facts, user, folder)


def _led_elsewhere(where: str, facts: Facts, folder: str) -> Iterator[Finding]:
    if facts["elsewhere"]:
        yield bad(
            where,
            "deploy_to",
            f"{' and '.join(facts['elsewhere'])} lie on another file system",
            "keep objects/, releases/ and pool/ on one file system: files are hard links, so that each takes "
            "its bytes once on the disk and in memory",
        )
    for one in facts.get("linked", ()):
        yield bad(
            where,
            "deploy_to",
            f"{one}: nothing is written or removed through it",
            f"remove the link, and move the folder itself to {folder} if the link led to it; to keep all of it "
            f"on another disk, let {folder} as a whole be a link to there",
        )


def _open_to_others(where: str, facts: Facts, user: str, folder: str) -> Iterator[Finding]:
    for one in facts.get("open_path", ()):
        yield bad(
            where,
            "PATH",
            f"PATH has {one}, where other accounts may put programs that we start (git, node, brotli)",
            f"take it out of PATH for {user}, or: sudo chown root {one}; sudo chmod go-w {one}",
        )
    if facts["exposed"]:
        tell = advice if facts["is_a_groups"] else bad  # a group that deploys together wants it so
        some = "; ".join(first_of(facts["exposed"], 3))
        yield tell(
            where,
            "deploy_to",
            f"{some}: whoever may write there decides what visitors get",
            f"sudo chown -R {user} {folder}; sudo chmod -R go-w {folder}. Where several accounts deploy, let "
            "them become one: ssh.become",
        )
