"""What is found of one host: its folder, its disk, its clock, its PATH."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Facts
from fab_static.plan.wording import counted, first_of
from fab_static.remote import RemoteHost

LEAST_FREE_BYTES = 500_000_000


LEAST_FREE_INODES = 20_000


MOST_SKEW_SECONDS = 5.0


def of_host(host: RemoteHost) -> tuple[list[Finding], Facts]:
    """Return what is found of a host, and the facts that it told."""
    asked = time.time()
    facts, _ = host.ask(verbs.FACTS)
    answered = time.time()
    user, folder = host.hello["user"], str(host.layout.deploy_to)
    found = [good(host.name, "SSH", f"{user}, Python {host.hello['python']}")]
    if facts["writable"]:
        found.append(good(host.name, "deploy_to", f"{folder} can be written"))
    else:
        found.append(
            bad(
                host.name,
                "deploy_to",
                f"{user} may not write below {folder}",
                f"sudo install -d -o {user} {folder}",
            )
        )
    found += _below(host.name, facts, user, folder)
    free = facts["free_bytes"]
    if free < LEAST_FREE_BYTES or facts["free_inodes"] < LEAST_FREE_INODES:
        found.append(
            bad(
                host.name,
                "disk",
                f"{free:,} bytes and {facts['free_inodes']:,} inodes are free",
                f"free some space there; fab {host.environment.name} prune removes old releases",
            )
        )
    else:
        found.append(good(host.name, "disk", f"{free / 1e9:.1f} GB free"))
    skew = max(asked - facts["now"], facts["now"] - answered, 0.0)
    if skew > MOST_SKEW_SECONDS:
        found.append(
            bad(
                host.name,
                "clock",
                f"its clock is {skew:.0f} seconds off this machine's",
                "let it keep time by NTP: releases are named by time",
            )
        )
    else:
        found.append(good(host.name, "clock", "agrees with this machine's"))
    return found, facts


def _below(where: str, facts: Facts, user: str, folder: str) -> Iterator[Finding]:
    """Yield what is wrong below deploy_to: whose it is, who may write there, where it lies."""
    if facts["unwritable"]:
        some = ", ".join(facts["unwritable"][:3])
        yield bad(
            where,
            "deploy_to",
            f"{user} may not write in {counted(len(facts['unwritable']), 'folder')} there, such as {some}",
            f"sudo chown -R {user} {folder}",
        )
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
    for one in facts.get("open_path", ()):
        yield bad(
            where,
            "PATH",
            f"PATH has {one}, where other accounts may put programs that we start (git, node, brotli)",
            f"take it out of PATH for {user}, or: sudo chown root {one}; sudo chmod go-w {one}",
        )
    if facts["exposed"]:
        tell = advice if facts["is_a_groups"] else bad  # a group that deploys together wants it so
        yield tell(
            where,
            "deploy_to",
            "; ".join(first_of(facts["exposed"], 3))
            + ": whoever may write there decides what visitors get",
            f"sudo chown -R {user} {folder}; sudo chmod -R go-w {folder}. Where several accounts deploy, let "
            "them become one: ssh.become",
        )
