"""Refuses hosts whose folder cannot be used: nobody may write there, or hosts share it.

To us hosts that share one, over NFS for one, would be one host that is worked on twice at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from fab_static.errors import ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.wire import answers, asks, verbs
from fab_static.remote import RemoteHost


def refuse_unwritable(facts: Mapping[RemoteHost, answers.Facts]) -> None:
    """Refuse a host where our user may not write.

    Raises:
        ReleaseError: naming it.
    """
    for host, known in facts.items():
        if not known["writable"]:
            user, folder = host.hello["user"], host.layout.deploy_to
            raise ReleaseError(
                f"the user {user} may not write below {folder}",
                where=host.name,
                mend=f"make the folder there: sudo install -d -o {user} {folder}",
            )


def refuse_shared(deploy: Deployment, facts: Mapping[RemoteHost, answers.Facts]) -> None:
    """Refuse hosts that share a folder, before anything is written to it.

    Raises:
        ReleaseError: naming them.
    """
    for hosts in shared(deploy, facts, only_looks=False):
        raise ReleaseError(what(hosts), where=str(hosts[0].layout.deploy_to), mend=MEND)


MEND = (
    "give each host a folder on a disk of its own ({host} in deploy_to is the host's name), or name "
    "only one of them in the inventory"
)


def what(hosts: Sequence[RemoteHost]) -> str:
    """Return in words that hosts share a folder."""
    *some, last = (host.name for host in hosts)
    return f"{', '.join(some)} and {last} share a folder"


def shared(
    deploy: Deployment, facts: Mapping[RemoteHost, answers.Facts], *, only_looks: bool = True
) -> list[list[RemoteHost]]:
    """Return the groups of hosts that share a folder.

    Cloned machines look alike, too: where the numbers of a folder's files are those of another host's, each
    sets a mark for a moment, and says which marks it sees. Else nothing is asked. Who `only_looks` makes no
    folder.
    """
    alike: dict[tuple[int, ...], list[RemoteHost]] = {}
    for host, known in facts.items():
        if known["writable"] and (known["inodes"] or not only_looks):
            alike.setdefault(tuple(known["inodes"] or ()), []).append(host)
    return [group for hosts in alike.values() if len(hosts) > 1 for group in _same(deploy, hosts)]


def _same(deploy: Deployment, hosts: Sequence[RemoteHost]) -> list[list[RemoteHost]]:
    """Return the groups of these hosts that see the same marks, once each has set its own."""
    marks = {host: os.urandom(8).hex() for host in hosts}
    try:
        deploy.on(hosts, lambda host: host.ask(verbs.MARK, asks.Mark(mark=marks[host])))
        seen = deploy.on(
            hosts, lambda host: host.ask(verbs.IS_MARKED, asks.Marks(marks=[*marks.values()]))[0]
        )
    finally:
        deploy.fleet.on(
            hosts, lambda host: host.ask(verbs.MARK, asks.Mark(mark=marks[host], remove=True))
        )
    groups: dict[frozenset[str], list[RemoteHost]] = {}
    for host in hosts:
        groups.setdefault(frozenset(seen[host]["marked"]), []).append(host)
    return [group for group in groups.values() if len(group) > 1]
