"""Opens one hop: greets it, judges its key, logs in."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from fab_static.plan.inventory import Ssh
from fab_static.remote.line import Line, end
from fab_static.remote.patience import SILENCE_SECONDS
from fab_static.remote.ssh.guard import KINDS, Guard
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.login import Login
from fab_static.remote.ssh.reaching import Stream
from fab_static.remote.ssh.refusal import HopError

KEEPALIVE_SECONDS = 15  # a dead peer is noticed, a firewall kept open


class Transport(paramiko.Transport):
    """An SSH connection that asks for just these kinds of host keys, in this order."""

    host_key_algorithms: tuple[str, ...] = tuple(KINDS)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The algorithms that the host is asked for."""
        return self.host_key_algorithms


def opened(
    hop: Hop, stream: Stream, ssh: Ssh, tell: Callable[[str], None] | None = None
) -> Transport:
    """Return a connection to a hop whose key is known, and which has let us in.

    Args:
        hop: where the stream leads.
        stream: a socket, or what stands for one; it is closed where this fails.
        ssh: the inventory's settings.
        tell: takes what is told once: lines of known_hosts that nobody can read.

    Raises:
        HopError: it is not the hop that it should be, or does not let us in.
    """
    seconds = hop.settings.patience
    guard = Guard(
        hop.settings,
        tell,
        is_direct=isinstance(stream, socket.socket),
        is_local=isinstance(stream, socket.socket) and _is_loopback(stream),
    )
    line: Any = Line(stream, SILENCE_SECONDS)  # what paramiko uses of a socket, it has
    transport = Transport(
        line,
        disabled_algorithms=dict(ssh.given.disabled_algorithms),
    )
    transport.host_key_algorithms = guard.algorithms()
    transport.use_compression(hop.settings.compression)
    transport.banner_timeout = seconds
    try:
        _greet(transport, seconds, stream, hop)
        guard.judge(transport.get_remote_server_key())
        Login(hop.settings, ssh).on(transport)
    except (paramiko.SSHException, OSError, EOFError) as error:
        end(transport)
        raise _cut(hop, error) from error
    except BaseException:
        end(transport)
        raise
    transport.set_keepalive(hop.settings.alive_interval or KEEPALIVE_SECONDS)
    return transport


def _is_loopback(line: socket.socket) -> bool:
    try:
        return ipaddress.ip_address(line.getpeername()[0].partition("%")[0]).is_loopback
    except (OSError, ValueError):
        return False


def _greet(transport: Transport, seconds: float, stream: Stream, hop: Hop) -> None:
    """Agree on keys for the connection, each side's name first."""
    try:
        transport.start_client(timeout=seconds)
    except IncompatiblePeer as error:
        raise HopError(
            f"the host and Paramiko agree on no algorithm: {error}",
            "let its sshd offer one that Paramiko knows (host keys ed25519, ecdsa, rsa with SHA-2)",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _no_greeting(hop, error, stream) from error
    if not transport.initial_kex_done:
        raise _silent(hop)


def _no_greeting(hop: Hop, error: BaseException, stream: Stream) -> HopError:
    if words := getattr(stream, "words", ""):
        return HopError(
            f"its ProxyCommand leads nowhere: {words}",
            f"try it: {hop.settings.proxy_command}",
        )
    if isinstance(error.__context__, TimeoutError):
        return _silent(hop)
    if "banner" in str(error) or isinstance(error, EOFError):
        return HopError(
            f"the SSH server closed the connection before a word was said ({error or 'EOF'})",
            "it takes few logins at once: raise MaxStartups in its sshd_config, or lower ssh.parallel; "
            f"else see its log: {hop.by_hand}",
            is_busy=True,
        )
    return HopError(
        f"what answers speaks no SSH that we know: {error or type(error).__name__}",
        f"see what listens there: {hop.by_hand}",
    )


def _silent(hop: Hop) -> HopError:
    return HopError(
        f"the host did not answer within {hop.settings.patience:g} seconds",
        "see whether it runs and no firewall is between",
    )


def _cut(hop: Hop, error: BaseException) -> HopError:
    return HopError(
        f"the host cannot be reached: {str(error).lower() or type(error).__name__}",
        f"see whether it runs and its SSH server listens: {hop.by_hand}",
    )
