"""What ssh said when it did not connect, put into words with their cure: the words of Fabric's client."""

from __future__ import annotations

import re

from fab_static.plan.inventory import Ssh
from fab_static.remote.openssh.said import Said
from fab_static.remote.ssh.hops import Hop
from fab_static.remote.ssh.login import Login, Tried
from fab_static.remote.ssh.opening import CLOSED_TO_SSH
from fab_static.remote.ssh.reaching import not_through, silent
from fab_static.remote.ssh.refusal import HopError

_TIMED_OUT = re.compile(r"timed out|timeout, server \S+ not responding")
_NO_SOCKET = re.compile(
    r"connect to host \S+ port \d+: (?P<reason>[^;]+)"
    r"|Could not resolve hostname [^;]+?: (?P<name>[^;]+)"
    r"|bind [^;]*: (?P<bind>[^;]+)"
)
_NO_ALGORITHM = re.compile(r"Unable to negotiate[^;]*|no matching \S+ [^;]*")
_DENIED = re.compile(r"Permission denied|Too many authentication failures")
_CUT_OFF = re.compile(
    r"(kex_exchange_identification|ssh_exchange_identification|banner exchange)[^;]*"
    r"|Connection (closed|reset) by [^;]*|Exceeded MaxStartups|Not allowed at this time"
)
_NO_KERBEROS = re.compile(r"debug1: (.*(?:No Kerberos|credentials cache|Ticket expired).*)")
_NO_ACCOUNT = "No user exists for uid"
PROHIBITED, SHORTAGE = "administratively prohibited", "resource shortage"  # ssh's words of RFC 4254


def refusal(hop: Hop, said: Said, ssh: Ssh) -> HopError:
    """Return why ssh did not connect to a hop, once the hop before it has led there.

    Args:
        hop: where to.
        said: what ssh said.
        ssh: the inventory's settings.
    """
    words = said.words
    if _DENIED.search(words):
        return _not_let_in(hop, said, ssh)
    if hop.settings.proxy_command and said.is_proxy_gone:
        return _of_proxy_command(hop, words)
    if found := _NO_ALGORITHM.search(words):
        return HopError(
            f"the host and ssh agree on no algorithm: {found[0]}",
            f"let its sshd offer one that this ssh takes, or see: {hop.by_hand}",
        )
    if _TIMED_OUT.search(words.lower()):
        return silent(hop.settings)
    if found := _NO_SOCKET.search(words):
        return _unreached(hop, found["reason"] or found["name"] or found["bind"])
    if _NO_ACCOUNT in words:
        return HopError(
            f"ssh works for accounts alone: {words}",
            "give this user a line in /etc/passwd, or take Fabric's client: ssh: {client: fabric}",
        )
    if _CUT_OFF.search(words) and said.shown:
        return _by_keys(hop, said, ssh, is_cut_off=True)
    if _CUT_OFF.search(words):
        return HopError(
            f"the SSH server closed the connection before a word was said ({words})",
            "it takes few logins at once: raise MaxStartups in its sshd_config, or lower ssh.parallel; "
            f"else see its log: {hop.by_hand}",
            is_busy=True,
        )
    return HopError(
        f"ssh does not connect: {words or 'it says nothing'}",
        f"see what it says by hand: {hop.by_hand}",
    )


def not_led(gateway: Hop, hop: Hop, words: str) -> HopError:
    """Return why a gateway did not lead to a hop, by the words that its sshd gave."""
    reason, _, text = words.partition(": ")
    return not_through(
        gateway,
        hop.settings,
        text or reason,
        is_prohibited=reason == PROHIBITED,
        is_busy=reason == SHORTAGE,
    )


def stuck(hop: Hop, said: Said) -> HopError:
    """Return what to say of an ssh that neither connects nor ends."""
    if said.shown:
        return HopError(
            f"the login did not end within {hop.settings.patience:g} seconds",
            "see what the host's login waits for (PAM, LDAP, DNS), or raise ssh.connect_timeout",
        )
    return silent(hop.settings)


def _unreached(hop: Hop, reason: str) -> HopError:
    reason = reason.strip().lower()
    cure = f"see whether it runs and its SSH server listens: {hop.by_hand}"
    if "assign requested address" in reason and hop.settings.bind_address:
        cure = f"this machine has no address {hop.settings.bind_address}: mend BindAddress"
    return HopError(f"the host cannot be reached: {reason}", cure)


def _of_proxy_command(hop: Hop, words: str) -> HopError:
    its_own = [part for part in words.split("; ") if not _CUT_OFF.match(part)]
    return HopError(
        f"its ProxyCommand leads nowhere: {'; '.join(its_own) or 'it says nothing'}",
        f"try it: {hop.settings.proxy_command}",
        is_busy=len(CLOSED_TO_SSH.findall(words)) > 1,  # one is of the ssh that has the program
    )


def _not_let_in(hop: Hop, said: Said, ssh: Ssh) -> HopError:
    """Return why no key was taken, and no ticket."""
    settings = hop.settings
    kerberos = next((one[1] for line in said.lines if (one := _NO_KERBEROS.match(line))), None)
    if kerberos and not said.shown:
        return HopError(
            f"the host does not let {settings.user} in: {kerberos}", "get a ticket: kinit"
        )
    if not settings.pubkey_authentication:
        return HopError(
            f"the host does not let {settings.user} in: ssh's configuration says PubkeyAuthentication "
            f"no, and the host would take {', '.join(said.methods)}",
            "set it to yes for this host, or configure another way that asks nothing",
        )
    is_cut_off = "Too many authentication failures" in said.words
    return _by_keys(hop, said, ssh, is_cut_off=is_cut_off)


def _by_keys(hop: Hop, said: Said, ssh: Ssh, *, is_cut_off: bool) -> HopError:
    return Login(hop.settings, ssh).refusal(
        Tried(
            shown=said.shown,
            unsigned=said.unsigned,
            methods=said.methods,
            is_partly_in=said.is_partly_in,
            is_cut_off=is_cut_off,
        )
    )
