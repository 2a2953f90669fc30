"""The hosts of an inventory, their roles, and how they are reached."""

from __future__ import annotations

import re

from fab_static.plan.inventory.environment import Host, Ssh
from fab_static.plan.inventory.section import NAME, Section

ROLES = ("build", "static", "web")
CLIENTS = ("fabric", "openssh")
_WITH_PORT = re.compile(r"([^:]+):([0-9]+)")  # an IPv6 address has two colons at least


def read_hosts(root: Section, *, has_origin: bool) -> tuple[Host, ...]:
    """Return the hosts. One builds, and one serves static files, or a bucket does; images may stand for web hosts."""
    section = root.section("hosts", required=True)
    hosts = []
    for name in section.keys():  # noqa: SIM118 - not a dict: it reads the names as text
        if not NAME.fullmatch(name):
            section.problem(name, "is not a name for a host: letters, digits, . _ - only")
        entry = section.section(name, required=True)
        local = entry.boolean("local", default=False)
        address = entry.text("address", name)
        if found := _WITH_PORT.fullmatch(address):
            entry.problem(
                "address",
                f"has a port, which is a key of its own: address: {found[1]}, port: {found[2]}",
            )
        hosts.append(
            Host(
                name=name,
                address=address,
                port=entry.optional_integer("port", least=1, most=65535),
                user=entry.optional_text("user"),
                roles=entry.choices("roles", ROLES, what="role"),
                local=local,
            )
        )
        if local:
            for key in ("address", "port", "user"):
                if entry.has(key):
                    entry.problem(key, "has no meaning beside `local: true`; leave one of them out")
        entry.close()
    if section.present and not section.broken:
        _roles_are_held(section, hosts, has_origin=has_origin)
    return tuple(hosts)


def _roles_are_held(section: Section, hosts: list[Host], *, has_origin: bool) -> None:
    held = {role: [host.name for host in hosts if role in host.roles] for role in ROLES}
    if len(held["build"]) > 1:
        section.problem(
            "",
            f"{' and '.join(held['build'])} both have the role build; exactly one host builds: "
            "take the role from the others",
        )
    for role, names in held.items():
        if names or role == "web" or (role == "static" and has_origin):
            continue
        instead = ", or name a bucket: origin.s3" if role == "static" else ""
        section.problem(
            "", f"no host has the role {role}; give it to one: `roles: [{role}]`{instead}"
        )


def read_ssh(section: Section) -> Ssh:
    """Return how hosts are reached."""
    ssh = Ssh(
        user=section.optional_text("user"),
        identity=section.optional_text("identity"),
        known_hosts=section.optional_text("known_hosts"),
        gateway=section.optional_text("gateway"),
        become=section.optional_text("become"),
        python=section.optional_text("python") or "python3",
        client=section.choice("client", CLIENTS, "fabric"),
        connect_timeout=section.optional_number("connect_timeout"),
        command_timeout=section.number("command_timeout", 1800),
        parallel=section.integer("parallel", 32, least=1),
        ask_passphrase=section.boolean("ask_passphrase", default=False),
        identity_at=section.at("identity"),
    )
    if ssh.ask_passphrase and ssh.client == "openssh":
        section.problem(
            "ask_passphrase",
            "has no meaning beside `client: openssh`, which asks nothing; ssh-add the key instead",
        )
    section.close()
    return ssh
