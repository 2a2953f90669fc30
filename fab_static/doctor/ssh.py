"""What is found of the way to a host: its hops, and what of ssh's configuration is not followed."""

from __future__ import annotations

from fab_static.doctor.findings import Finding, advice, good
from fab_static.errors import FabStaticError
from fab_static.remote import RemoteHost


def of_way(host: RemoteHost) -> list[Finding]:
    """Return what is found of the way to a host, before anything is contacted."""
    if host.host.local:
        return []
    found = host.connection.compared()
    *hops, target = found.way
    way = f"{target} by way of {', '.join(hops)}" if hops else target
    what = f"{way}, {found.client}" if found.client else way
    if found.otherwise:
        what += f"; the inventory says {', '.join(found.otherwise)}"
    return [
        good(host.name, "ssh_config", what),
        *(
            advice(
                host.name,
                "ssh_config",
                f"this is not followed: {one}",
                "see docs/ssh.md for what is; a deploy does well without it if `SSH` is well here",
            )
            for one in found.not_followed
        ),
    ]


def told_of(error: FabStaticError, host: str) -> str:
    """Return what a failure says, with the hop where it happened."""
    hop = error.where.removeprefix(host).strip(" ()").replace(") (", ", ")
    return f"{error.what}, at {hop}" if "host " in hop or "gateway " in hop else error.told(host)
