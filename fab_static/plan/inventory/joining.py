"""A host for one run, that the inventory may not have yet: `join edge7=10.0.0.27`."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv6Address

from fab_static.errors import InventoryError
from fab_static.plan.inventory.environment import Environment, Host
from fab_static.plan.inventory.section import NAME, no_such

# none that begins with a dash: ssh would take it for an option
_PLACE = re.compile(
    r"(?!-)(?:\[(?P<six>[^\[\]\s]+)\]|(?P<name>[^:\[\]\s]+))(?::(?P<port>[0-9]{1,5}))?"
)
WHERE = "join"


def joining(environment: Environment, word: str) -> tuple[Environment, Host]:
    """Return the environment with the host that is meant, and the host.

    `word` is a host of the inventory, or `name=address`, `name=address:port`. A name that the inventory has keeps
    its roles and gets that address; another one is a static host.

    Raises:
        InventoryError: it is neither, or another host has the address.
    """
    name, is_new, place = word.partition("=")
    known = {host.name: host for host in environment.hosts}
    if not is_new:
        if name not in known:
            raise _refused(
                no_such(name, tuple(known), "host", "hosts"),
                f"for a host that is not in the inventory give its address: join {name}=10.0.0.27",
            )
        return environment, known[name]
    host = _host(environment, name, place, known.get(name))
    for other in known.values():
        if other.name != name and (other.address, other.port) == (host.address, host.port):
            raise _refused(f"{place} is {other.name}'s address", f"join {other.name} instead")
    others = tuple(one for one in environment.hosts if one.name != name)
    return replace(environment, hosts=(*others, host)), host


def line(host: Host) -> str:
    """Return the line of the inventory that makes a host a lasting one."""
    port = f", port: {host.port}" if host.port else ""
    address = f'"{host.address}"' if ":" in host.address else host.address
    return f"{host.name}: {{address: {address}{port}, roles: [{', '.join(host.roles)}]}}"


def _host(environment: Environment, name: str, place: str, there: Host | None) -> Host:
    placed = _placed(place)
    if not NAME.fullmatch(name) or placed is None:
        raise _refused(
            f'"{name}={place}" is not a host', "give its name and its address: join edge7=10.0.0.27"
        )
    address, port = placed
    if there and there.local:
        raise _refused(f"{name} is this machine, and has no address", f"join {name}")
    if environment.build_host.name == name:
        raise _refused(
            f"{name} builds, and keeps the record: it cannot come from elsewhere",
            f"write its new address into inventories/{environment.name}.yml, and deploy",
        )
    if there:
        return replace(there, address=address, port=port or there.port)
    return Host(name=name, address=address, roles=("static",), port=port)


def _placed(place: str) -> tuple[str, int | None] | None:
    """Return the address and the port that are meant, or None if these are not such; an IPv6 address may have brackets."""
    if _is_ipv6(place):
        return place, None
    found = _PLACE.fullmatch(place)
    if not found or not 0 < int(found["port"] or 22) < 65536:
        return None
    if found["six"] and not _is_ipv6(found["six"]):
        return None
    return found["six"] or found["name"], int(found["port"]) if found["port"] else None


def _is_ipv6(text: str) -> bool:
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


def _refused(what: str, mend: str) -> InventoryError:
    return InventoryError(what, where=WHERE, mend=mend)
