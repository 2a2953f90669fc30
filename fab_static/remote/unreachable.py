"""Why an SSH connection could not be opened: each failure in words, with its cure."""

from __future__ import annotations

import shlex

import paramiko
from fabric import Connection

from fab_static.errors import RemoteError
from fab_static.plan.inventory import Ssh
from fab_static.remote import known_hosts

# what Connection.open raises when a host does not let us in, or cannot be reached
FAILURES = (
    known_hosts.UnknownHostKeyError,
    paramiko.SSHException,
    OSError,
    EOFError,
)


def unreachable(
    error: BaseException, connection: Connection, name: str, ssh: Ssh, ssh_command: str
) -> RemoteError:
    """Return the error that says why this connection was not opened.

    Args:
        error: what it raised, one of FAILURES.
        connection: to the host, or to a gateway before it.
        name: the host's, and the gateway's where it is that.
        ssh: the inventory's settings.
        ssh_command: how a person reaches the host.
    """
    address, port = connection.host, connection.port
    where = f"{name} ({f'[{address}]' if ':' in address else address}:{port})"
    what, mend = _words(error, connection, ssh, ssh_command)
    return RemoteError(what, where=where, mend=mend)


def _words(
    error: BaseException, connection: Connection, ssh: Ssh, ssh_command: str
) -> tuple[str, str]:
    """Return what went wrong, and how to mend it."""
    if isinstance(error, known_hosts.UnknownHostKeyError):
        return (
            f"the host's key is not known ({error})",
            "compare the fingerprint with the host's own, then: " + _keyscan(connection, ssh),
        )
    if isinstance(error, paramiko.BadHostKeyException):
        name = shlex.quote(known_hosts.name_of(connection))
        return (
            f"the host's key has CHANGED: it was {error.expected_key.fingerprint}, "
            f"now it is {error.key.fingerprint}",
            "find out why before anything else. If the host was set up anew: "
            f"ssh-keygen -f {_file(ssh)} -R {name} && {_keyscan(connection, ssh)}",
        )
    if isinstance(error, paramiko.AuthenticationException):
        user, keys = connection.user, ssh.identity or "the SSH agent and ~/.ssh"
        return (
            f"the host does not let {user} in with the keys of {keys}",
            f"put the public key into ~{user}/.ssh/authorized_keys there, "
            "or name another ssh.user or ssh.identity",
        )
    if isinstance(error, TimeoutError):
        return (
            f"the host did not answer within {ssh.connect_timeout:g} seconds",
            "see whether it runs and no firewall is between",
        )
    return (
        f"the host cannot be reached: {_reason(error)}",
        f"see whether it runs and its SSH server listens: {ssh_command}",
    )


def _reason(error: BaseException) -> str:
    inner = getattr(error, "errors", None)  # paramiko: one for each address tried
    if inner:
        return "; ".join(sorted({str(one.strerror or one) for one in inner.values()})).lower()
    return (str(getattr(error, "strerror", "") or error) or type(error).__name__).lower()


def _keyscan(connection: Connection, ssh: Ssh) -> str:
    port = f"-p {connection.port} " if connection.port != 22 else ""
    return f"ssh-keyscan {port}{connection.host} >> {_file(ssh)}"


def _file(ssh: Ssh) -> str:
    """Return the name of the known_hosts file for a shell."""
    file = ssh.known_hosts or known_hosts.DEFAULT
    return file if file == known_hosts.DEFAULT else shlex.quote(file)
