"""Which revision a checkout is at, and which commits lie between it and what is live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fab_static.errors import FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wording import counted, left_out
from fab_static.remote import Question, RemoteHost

REVISION = ("rev-parse", "--verify", "HEAD")
LAST_COMMIT = ("log", "-n", "1", "--format=%H%n%s")
MOST = 20  # commits that are asked for
SHOWN = 5  # in the terminal
SHORT = 7  # digits, as git shows them
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Built:
    """The revision that is built: its hash, its subject, and the commits since the one that is live.

    `commits` are "d0a90f8 Fix the cart", the newest first, or None if nobody can say.
    """

    revision: str
    subject: str = ""
    since: str | None = None
    commits: tuple[str, ...] | None = None

    def words(self, host: str) -> str:
        """Return in words what a host's checkout is at."""
        return f"{host}'s checkout is at {self.revision[:SHORT]}" + (
            f" ({self.subject})" if self.subject else ""
        )

    def lines(self) -> list[str]:
        """Return the commits since what is live, and how many more there are."""
        if not self.commits or self.since is None:
            return []
        count = counted(len(self.commits), "commit")
        head = count if len(self.commits) <= MOST else f"more than {MOST} commits"
        shown = [f"  {line}" for line in self.commits[:SHOWN]]
        left = left_out(len(self.commits) - SHOWN) if len(self.commits) <= MOST else ["…"]
        more = [f"  {line}" for line in left]
        return [f"{head} since {self.since[:SHORT]}, which is live:", *shown, *more]


def revision_of(deploy: Deployment, host: RemoteHost) -> str | None:
    """Return the git commit of the checkout on a host, or None if that is not a git checkout."""
    found = _git(deploy, host, *REVISION)
    return found[0].split()[0] if found and found[0].strip() else None


def built(deploy: Deployment) -> Built | None:
    """Return what is built of the checkout on the build host, or None if it is not a git checkout."""
    try:
        found = _git(deploy, deploy.build, *LAST_COMMIT)
    except FabStaticError:  # what is wrong there is told by the phase that needs the checkout
        return None
    if not found or not _HASH.fullmatch(found[0]):
        return None
    revision, subject = found[0], (found[1] if len(found) > 1 else "")
    live = live_revision(deploy)
    if live is None or live == revision:
        return Built(revision, subject, live)
    return Built(revision, subject, live, commits(deploy, live, revision))


def commits(deploy: Deployment, old: str, new: str) -> tuple[str, ...] | None:
    """Return the commits after one revision up to another, one more than are told, or None if git cannot."""
    if not (_HASH.fullmatch(old) and _HASH.fullmatch(new)):
        return None
    words = ("log", "-n", str(MOST + 1), f"--abbrev={SHORT}", "--format=%h %s", f"{old}..{new}")
    found = _git(deploy, deploy.build, *words)
    return None if found is None else tuple(found)


def live_revision(deploy: Deployment) -> str | None:
    """Return the revision that the live release was built from: by the record, else by its seal."""
    live = deploy.last_live
    noted = [one.revision for one in deploy.record if one.release == live and one.revision]
    if noted or live is None:
        return noted[-1] if noted else None
    try:
        return deploy.seals.read(live).revision
    except FabStaticError:  # it is told where it matters: here it is a line of words
        return None


def others(
    deploy: Deployment, hosts: Sequence[RemoteHost], than: str | None = None
) -> dict[str, str]:
    """Return the hosts whose checkout is at another revision than this or the build host's, each with its own."""
    asked = hosts if than else (deploy.build, *hosts)
    found, _ = deploy.fleet.attempt(asked, lambda host: revision_of(deploy, host))
    here = than or found.get(deploy.build)
    return {
        host.name: revision
        for host, revision in found.items()
        if revision and here and revision != here
    }


def to_ask_git(deploy: Deployment, words: Sequence[str]) -> Question:
    """Return how the build host is asked what git says of its checkout, so that whoever wants to know has the answer."""
    path = deploy.project(deploy.build).path
    return deploy.build.to_look(_command(path, words), path)


def _command(path: str, words: Sequence[str]) -> list[str]:
    # the checkout may belong to another user than the one who deploys
    return ["git", "-c", f"safe.directory={path}", *words]


def _git(deploy: Deployment, host: RemoteHost, *words: str) -> list[str] | None:
    """Return the lines that git prints in the checkout of a host, or None if it fails."""
    path = deploy.project(host).path
    ran = host.run(_command(path, words), folder=path, only_looks=True)
    return ran.output.splitlines() if ran.code == 0 else None
