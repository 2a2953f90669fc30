"""An environment without some of its hosts: `--without edge2,web3`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from fab_static.errors import InventoryError
from fab_static.plan.inventory.environment import Environment, Host
from fab_static.plan.inventory.section import no_such

WHERE = "--without"


def option(names: Sequence[str]) -> str:
    """Return what leaves these hosts out again, as it follows a command; "" where none are."""
    return f" {WHERE} {','.join(names)}" if names else ""


def without(environment: Environment, names: Collection[str]) -> Environment:
    """Return the environment without these hosts.

    Raises:
        InventoryError: one is not a host, or builds, or is the last of a role.
    """
    problems = [*_unknown(environment, names), *_needed(environment, names)]
    if problems:
        raise InventoryError(
            "; ".join(problems),
            where=WHERE,
            mend=f"see the hosts and their roles in inventories/{environment.name}.yml",
        )
    return replace(environment, hosts=tuple(_others(environment.hosts, names)))


def _others(hosts: Iterable[Host], names: Collection[str]) -> list[Host]:
    return [host for host in hosts if host.name not in names]


def _unknown(environment: Environment, names: Iterable[str]) -> list[str]:
    known = tuple(host.name for host in environment.hosts)
    return [no_such(name, known, "host", "hosts") for name in names if name not in known]


def _needed(environment: Environment, names: Collection[str]) -> list[str]:
    """Return in words which of these hosts no command can do without."""
    found = []
    build = environment.build_host
    if build.name in names:
        found.append(
            f"{build.name} cannot be left out: it builds, and keeps the lock and the record"
        )
    for role in ("static", "web"):
        hosts = environment.with_role(role)
        if hosts and not _others(hosts, names):
            all_of = ", ".join(host.name for host in hosts)
            found.append(f"{all_of} cannot be left out: no {role} host would be left")
    return found


def missed(environment: Environment, names: Sequence[str]) -> list[str]:
    """Return what each host that is left out misses, a sentence for each."""
    hosts = [host for host in environment.hosts if host.name in names]
    return [f"{host.name} is left out: {_misses(host)}" for host in hosts]


def _misses(host: Host) -> str:
    parts = []
    if "static" in host.roles:
        parts.append("new pages name files that it lacks, so send it no requests")
    if "web" in host.roles:
        parts.append("its pages stay those of the release that it has")
    return "; ".join([*parts, "the next deploy with it brings it up to date"])
