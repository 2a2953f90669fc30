"""Makes the stream of bytes to a hop: a socket, a channel through the hop before it, or a ProxyCommand."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

import paramiko

from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.proxy_command import ProxyCommand
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings

_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]  # as getaddrinfo has them
Stream = socket.socket | paramiko.Channel | ProxyCommand
# RFC 4254, 5.1
PROHIBITED, CONNECT_FAILED, SHORTAGE = 1, 2, 4


def reached(hop: Hop, before: paramiko.Transport | None, gateway: Hop | None) -> Stream:
    """Return a socket, or what stands for one.

    Args:
        hop: where to.
        before: the connection to the hop before it, if there is one.
        gateway: that hop.

    Raises:
        HopError: it cannot be reached.
    """
    if before is not None and gateway is not None:
        return _through(before, gateway, hop)
    if hop.settings.proxy_command:
        return _by_command(hop.settings.proxy_command)
    return _connected(hop)


def _by_command(command: str) -> ProxyCommand:
    try:
        return ProxyCommand(command)
    except OSError as error:
        raise HopError(f"its ProxyCommand does not start: {error}", f"try it: {command}") from error


def _through(before: paramiko.Transport, gateway: Hop, hop: Hop) -> paramiko.Channel:
    settings = hop.settings
    try:
        return before.open_channel(
            "direct-tcpip",
            (settings.hostname, settings.port),
            ("127.0.0.1", 0),
            timeout=settings.patience,
        )
    except paramiko.ChannelException as error:
        raise not_through(
            gateway,
            settings,
            error.text,
            is_prohibited=error.code == PROHIBITED,
            is_busy=error.code == SHORTAGE,
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        if "Timeout" in str(error):
            raise silent(settings) from error
        raise HopError(
            f"the connection to the {gateway.name} was cut: {error or type(error).__name__}",
            f"see whether it runs: {gateway.by_hand}",
        ) from error


def not_through(
    gateway: Hop, settings: Settings, words: str, *, is_prohibited: bool, is_busy: bool
) -> HopError:
    """Return why a gateway does not lead to the next hop.

    Args:
        gateway: which does not.
        settings: of the next hop.
        words: the gateway's own.
        is_prohibited: whether it may not; else it could not.
        is_busy: whether it may be able to in a moment.
    """
    if is_prohibited:
        return HopError(
            f"the {gateway.name} lets nobody through to {settings.at}: {words}",
            "allow it in the sshd_config there: AllowTcpForwarding yes (or local), PermitOpen; in its "
            "authorized_keys no `restrict` and no `no-port-forwarding` for this key",
        )
    return HopError(
        f"the host cannot be reached from the {gateway.name}: {words.lower()}",
        f"see from there whether it runs and its SSH server listens at {settings.at}: {gateway.by_hand}",
        is_busy=is_busy,
    )


def _connected(hop: Hop) -> socket.socket:
    settings = hop.settings
    family = _FAMILIES.get(settings.address_family, socket.AF_UNSPEC)
    try:
        found = socket.getaddrinfo(settings.hostname, settings.port, family, socket.SOCK_STREAM)
    except OSError as error:
        raise unreached(hop, [error]) from error
    errors: list[OSError] = []
    for _ in range(settings.connection_attempts):
        for kind, _, _, _, address in found:
            try:
                return _connected_to(kind, address, settings)
            except OSError as error:
                errors.append(error)
    raise unreached(hop, errors) from errors[-1]


def _connected_to(kind: int, address: Address, settings: Settings) -> socket.socket:
    sock = socket.socket(kind, socket.SOCK_STREAM)
    try:
        sock.settimeout(settings.patience)
        if settings.bind_address:
            sock.bind((settings.bind_address, 0))
        sock.connect(address)
        # Nagle's algorithm holds a packet until the one before it is acknowledged, which the other side
        # delays by 40 ms (Linux): whatever takes two packets would take as long
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def unreached(hop: Hop, errors: Sequence[OSError]) -> HopError:
    """Return why no socket leads to a hop."""
    if all(isinstance(error, TimeoutError) for error in errors):
        return silent(hop.settings)
    words = sorted({(error.strerror or str(error)).lower() for error in errors})
    cure = f"see whether it runs and its SSH server listens: {hop.by_hand}"
    if any(error.errno == errno.EADDRNOTAVAIL for error in errors) and hop.settings.bind_address:
        cure = f"this machine has no address {hop.settings.bind_address}: mend BindAddress"
    is_busy = all(error.errno == errno.ECONNRESET for error in errors)
    return HopError(f"the host cannot be reached: {'; '.join(words)}", cure, is_busy=is_busy)


def silent(settings: Settings) -> HopError:
    """Return what to say of a hop that does not answer."""
    return HopError(
        f"the host did not answer within {settings.patience:g} seconds",
        "see whether it runs and no firewall is between",
    )
