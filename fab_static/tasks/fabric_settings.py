"""What `fab`'s own options and a fabric.yml say of SSH: honoured, or refused with a word.

Fabric and Paramiko read ~/.ssh/config for `fab` itself, before any task runs, and otherwise than ssh does. What
they trip over ends none of our tasks: those have `ssh -G` read it.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fab_static.errors import InventoryError

if TYPE_CHECKING:
    from invoke.program import Program

    from fab_static.plan.inventory import Environment, Given

T = TypeVar("T")
USUAL_PORT = 22
WHERE = "connect_kwargs of a fabric.yml"
# of paramiko.SSHClient.connect, by what becomes of them
SIMPLE = ("passphrase", "password", "allow_agent", "look_for_keys", "compress")
INSTEAD = {  # what is set otherwise, and how
    "banner_timeout": "set ssh.connect_timeout in the inventory",
    "auth_timeout": "set ssh.connect_timeout in the inventory",
    "channel_timeout": "set ssh.connect_timeout in the inventory",
    "pkey": "name the key's file: ssh.identity in the inventory",
    "sock": "name a ProxyCommand in ~/.ssh/config",
    "auth_strategy": "take it out; keys are tried in the order of ssh",
    "transport_factory": "take it out",
}


def given_by(config: Any) -> Given:
    """Return what Fabric's configuration, with the options of the command line in it, says of SSH.

    Raises:
        InventoryError: it says something that cannot be followed.
    """
    from fab_static.plan.inventory import Given

    kwargs = dict(config.get("connect_kwargs") or {})
    files = kwargs.pop("key_filename", None) or ()
    timeout = kwargs.pop("timeout", None) or (config.get("timeouts") or {}).get("connect")
    algorithms = kwargs.pop("disabled_algorithms", None) or {}
    simple = {name: kwargs.pop(name) for name in SIMPLE if kwargs.get(name) is not None}
    for name, value in kwargs.items():
        if value is not None:
            raise InventoryError(
                f"{name} is not followed", where=WHERE, mend=INSTEAD.get(name, "take it out")
            )
    if config.get("gateway"):
        raise InventoryError(
            "gateway is not followed",
            where="a fabric.yml",
            mend="name it in the inventory: ssh: {gateway: HOST}",
        )
    return Given(
        key_files=tuple(
            str(Path(file).expanduser()) for file in ([files] if isinstance(files, str) else files)
        ),
        connect_timeout=float(timeout) if timeout else None,
        config_file=_config_file(config),
        disabled_algorithms={name: tuple(values) for name, values in dict(algorithms).items()},
        user=_other_than(config.get("user"), getpass.getuser()),
        port=_other_than(config.get("port"), USUAL_PORT),
        **simple,
    )


def _other_than(value: T, usual: T) -> T | None:
    """Return a value that is not the one which Fabric has where nobody names another."""
    return value if value and value != usual else None


def _config_file(config: Any) -> str | None:
    """Return the file that `fab -S` or ssh_config_path names; "none" where no file should be read."""
    named = getattr(config, "_runtime_ssh_path", None) or config.get("ssh_config_path")
    if named:
        return str(Path(named).expanduser())
    return "none" if config.get("load_ssh_configs") is False else None


def with_given(environment: Environment, given: Given | None) -> Environment:
    """Return the environment with what the command line says of SSH.

    Raises:
        InventoryError: a fabric.yml names a user or a port, and the inventory does not.
    """
    if given is None:
        return environment
    hosts = [host for host in environment.hosts if not host.local]
    user, port = given.user, given.port
    if user and not all(host.user or environment.ssh.user or "@" in host.address for host in hosts):
        raise _not_followed(f"user: {user}", f"ssh: {{user: {user}}}")
    if port and not all(host.port for host in hosts):
        raise _not_followed(f"port: {port}", f"with each host: port: {port}")
    return replace(environment, ssh=replace(environment.ssh, given=given))


def _not_followed(what: str, instead: str) -> InventoryError:
    return InventoryError(
        f"{what} is not followed where the inventory says nothing of it",
        where="a fabric.yml",
        mend=f"name it in the inventory: {instead}",
    )


def with_passphrase(environment: Environment) -> Environment:
    """Ask for the passphrase of a key, once, where the inventory wants that and somebody can answer.

    Raises:
        InventoryError: ssh's configuration cannot be followed, or the inventory names no key.
    """
    ssh = environment.ssh
    if not ssh.ask_passphrase or ssh.given.passphrase is not None or not sys.stdin.isatty():
        return environment
    from fab_static.remote import locked_key  # not above: `fab --list` connects to nobody

    path = locked_key(environment)
    if path is None:
        return environment
    passphrase = getpass.getpass(f"Passphrase of {path}: ")
    return with_given(environment, replace(ssh.given, passphrase=passphrase))


def let_fabric_go_on(program: Program, ours: Container[str]) -> None:
    """Let no file of ssh's that Fabric cannot read end a task of ours.

    Args:
        program: the one behind `fab`, which reads it when all tasks are known.
        ours: the names of our tasks and environments, each without its collection's.
    """
    config: Any = program.config
    read: Callable[[], None] = config.load_ssh_config

    def read_unless_ours() -> None:
        try:
            read()
        except Exception:  # whatever its reader trips over
            names = [task.name or "" for task in getattr(program, "tasks", ())]
            if not names or not all(name.rpartition(".")[2] in ours for name in names):
                raise

    config._set(load_ssh_config=read_unless_ours)
