"""Opens one hop: greets it, judges its key, logs in."""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
import socket
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.ssh_exception import IncompatiblePeer

from fab_static.plan.inventory import Ssh
from fab_static.remote.line import Line, end
from fab_static.remote.patience import SILENCE_SECONDS
from fab_static.remote.ssh.algorithms import choose
from fab_static.remote.ssh.guard import KINDS, Guard
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.login import Login
from fab_static.remote.ssh.reaching import Stream
from fab_static.remote.ssh.refusal import HopError

KEEPALIVE_SECONDS = 15  # where the configuration has no ServerAliveInterval
HUNG_UP = (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE)
# what the ssh of a ProxyCommand says of a door that was closed to it
CLOSED_TO_SSH = re.compile(r"(kex|ssh)_exchange_identification|banner exchange|MaxStartups")

# what Paramiko meets it also logs, and with nobody to take that Python prints it, tracebacks and all
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Transport(paramiko.Transport):
    """An SSH connection that asks for just these kinds of host keys, in this order, and whether the host lives."""

    host_key_algorithms: tuple[str, ...] = tuple(KINDS)

    def __init__(self, line: Line, **options: Any) -> None:
        sock: Any = line  # what paramiko uses of a socket, it has
        super().__init__(sock, **options)
        self.line = line

    def ask_whether_alive(self, interval: int, most: int) -> None:
        """Ask the host whether it lives whenever nothing was said for so long.

        Args:
            interval: in seconds.
            most: so many questions may stay without any word from the host; then the connection is given up.
        """
        unanswered, heard = 0, self.line.heard

        def ask() -> None:
            nonlocal unanswered, heard
            unanswered = unanswered + 1 if self.line.heard == heard else 1
            heard = self.line.heard
            if unanswered > most:
                raise EOFError(f"the host has said nothing for {interval * most:g} seconds")
            if self.line.is_ready():
                question = paramiko.Message()
                question.add_byte(cMSG_GLOBAL_REQUEST)
                question.add_string("keepalive@openssh.com")
                question.add_boolean(True)  # an answer is wanted
                send: Any = self._send_user_message  # type: ignore[attr-defined]  # no stub has it
                send(question)

        self.packetizer.set_keepalive(interval, ask)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The algorithms that the host is asked for."""
        disabled = (self.disabled_algorithms or {}).get("keys", ())
        return tuple(name for name in self.host_key_algorithms if name not in disabled)


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
    transport = Transport(
        Line(stream, SILENCE_SECONDS),
        disabled_algorithms=dict(ssh.given.disabled_algorithms),
    )
    transport.host_key_algorithms = guard.algorithms()
    try:
        choose(transport.get_security_options(), hop.settings)
    except HopError:
        stream.close()
        raise
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
    transport.ask_whether_alive(
        hop.settings.alive_interval or KEEPALIVE_SECONDS, hop.settings.alive_count
    )
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
        raise _no_greeting(hop, error, stream, transport.line.first) from error
    if not transport.initial_kex_done:
        raise _silent(hop)


def _no_greeting(hop: Hop, error: BaseException, stream: Stream, first: bytes) -> HopError:
    """Return why no keys were agreed on.

    Args:
        hop: which hop.
        error: what ended it.
        stream: to the hop.
        first: the first bytes that came from it.
    """
    if words := getattr(stream, "words", ""):
        return HopError(
            f"its ProxyCommand leads nowhere: {words}",
            f"try it: {hop.settings.proxy_command}",
            is_busy=CLOSED_TO_SSH.search(words) is not None,
        )
    if isinstance(error.__context__, TimeoutError):
        return _silent(hop)
    has_hung_up = isinstance(error, EOFError) or getattr(error, "errno", None) in HUNG_UP
    if has_hung_up or "banner" in str(error):
        words = first.decode(errors="replace").split("\n")[0].strip()
        when = "while keys were exchanged" if words.startswith("SSH-") else "before a word was said"
        said = f"it said: {words}" if words and not words.startswith("SSH-") else error or "EOF"
        return HopError(
            f"the SSH server closed the connection {when} ({said})",
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
