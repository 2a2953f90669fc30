"""What ssh said when it did not connect, in words with their cure."""

from __future__ import annotations

import re

import pytest

from fab_static.remote.openssh.refusals import not_led, refusal, stuck
from fab_static.remote.openssh.said import said
from fab_static.remote.ssh.hops import Hop, Ways
from tests.unit.remote.ssh.conftest import Reached

AT = "127.0.0.9 port 22"


def hop_of(reached: Reached, config: str = "", **ssh: object) -> tuple[Hop, object]:
    environment = reached(f"Host web1\n  HostName 127.0.0.9\n{config}", **ssh)
    return Ways(environment).to(environment.hosts[0])[-1], environment.ssh


@pytest.mark.parametrize(
    ("words", "what", "mend"),
    [
        (f"ssh: connect to host {AT}: Connection refused", "^the host cannot be reached: connection refused$", "ssh -F"),
        (f"ssh: connect to host {AT}: No route to host", "cannot be reached: no route to host", "whether it runs"),
        ("ssh: Could not resolve hostname web1: Name or service not known", "cannot be reached: name or service not known", "whether it runs"),
        (f"ssh: connect to host {AT}: Connection timed out", "did not answer within 10 seconds", "firewall"),
        (f"ssh: connect to host {AT}: Operation timed out", "did not answer within 10 seconds", "firewall"),
        (f"Connection timed out during banner exchange; Connection to {AT} timed out", "did not answer within 10", "firewall"),
        ("Timeout, server web1 not responding.", "did not answer within 10", "firewall"),
        (f"Unable to negotiate with {AT}: no matching host key type found. Their offer: ssh-rsa", "agree on no algorithm: .*Their offer: ssh-rsa", "sshd"),
        ("No user exists for uid 4711", "works for accounts alone", "/etc/passwd"),
        ("something that nobody has seen", "does not connect: something that nobody", "by hand"),
        ("", "does not connect: it says nothing", "by hand"),
    ],
)  # fmt: skip
def test_each_has_its_cure(reached: Reached, words: str, what: str, mend: str) -> None:
    hop, ssh = hop_of(reached)
    error = refusal(hop, said(words.split("; ")), ssh)
    assert re.search(what, error.what), error.what
    assert mend in error.mend
    assert not error.is_busy


@pytest.mark.parametrize(
    "words",
    [
        "kex_exchange_identification: Connection closed by remote host; Connection closed by 127.0.0.9 port 22",
        "kex_exchange_identification: read: Connection reset by peer; Connection reset by 127.0.0.9 port 22",
        "ssh_exchange_identification: Connection closed by remote host",
        "Exceeded MaxStartups; kex_exchange_identification: banner line contains invalid characters",
    ],
)
def test_a_door_that_says_not_now_is_tried_again(reached: Reached, words: str) -> None:
    hop, ssh = hop_of(reached)
    error = refusal(hop, said(words.split("; ")), ssh)
    assert error.is_busy
    assert "MaxStartups" in error.mend


OFFERED = "debug1: Offering public key: /keys/a ED25519 SHA256:x explicit"


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([OFFERED, "deploy@web1: Permission denied (publickey)."], "does not let .* in with the keys of /keys/a"),
        (["deploy@web1: Permission denied (password)."], "the host wants password of"),
        ([OFFERED, "Received disconnect from x: Too many authentication failures"], "ended the login after 1 key: too many"),
        ([OFFERED, "Connection closed by 127.0.0.9 port 22"], "ended the login after 1 key"),
        (["debug1: No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)", "deploy@web1: Permission denied (gssapi-with-mic)."], "No Kerberos credentials"),
        ([OFFERED, 'sign_and_send_pubkey: signing failed for ED25519-SK "/keys/a": device not found', "deploy@web1: Permission denied (publickey)."], "/keys/a does not sign: device not found"),
    ],
)  # fmt: skip
def test_a_login_that_is_refused_says_which_keys_were_shown(
    reached: Reached, lines: list[str], what: str
) -> None:
    hop, ssh = hop_of(reached, "  IdentityAgent none\n  IdentityFile /keys/a\n")
    error = refusal(hop, said(lines), ssh)
    assert re.search(what, error.what), error.what
    assert error.mend
    assert not error.is_busy


def test_where_the_configuration_allows_no_keys_that_is_said(reached: Reached) -> None:
    hop, ssh = hop_of(reached, "  PubkeyAuthentication no\n")
    error = refusal(hop, said(["a@web1: Permission denied (publickey,gssapi-with-mic)."]), ssh)
    assert "PubkeyAuthentication no" in error.what
    assert "gssapi-with-mic" in error.what


GONE = "kex_exchange_identification: Connection closed by remote host; Connection closed by UNKNOWN port 65535"


@pytest.mark.parametrize(
    ("words", "what", "is_busy"),
    [
        (f"no way; {GONE}", "its ProxyCommand leads nowhere: no way", False),
        (GONE, "its ProxyCommand leads nowhere: it says nothing", False),
        (f"kex_exchange_identification: Connection closed by remote host; {GONE}", "its ProxyCommand leads nowhere: it says nothing", True),
    ],
)  # fmt: skip
def test_a_proxy_command_that_ends_is_named(
    reached: Reached, words: str, what: str, is_busy: bool
) -> None:
    hop, ssh = hop_of(reached, "  ProxyCommand corkscrew %h\n")
    error = refusal(hop, said(words.split("; ")), ssh)
    assert (error.what, error.is_busy) == (what, is_busy)
    assert error.mend == "try it: corkscrew 127.0.0.9"


@pytest.mark.parametrize(
    ("words", "what", "is_busy"),
    [
        ("administratively prohibited: open failed", "the gateway gate lets nobody through to 127.0.0.9:22: open failed", False),
        ("connect failed: Connection refused", "the host cannot be reached from the gateway gate: connection refused", False),
        ("resource shortage: too many", "the host cannot be reached from the gateway gate: too many", True),
    ],
)  # fmt: skip
def test_a_gateway_that_does_not_lead_on_is_named(
    reached: Reached, words: str, what: str, is_busy: bool
) -> None:
    environment = reached("Host web1\n  HostName 127.0.0.9\n", gateway="gate")
    gate, host = Ways(environment).to(environment.hosts[0])
    error = not_led(gate, host, words)
    assert (error.what, error.is_busy) == (what, is_busy)


def test_a_login_that_does_not_end_is_told_from_a_host_that_does_not_answer(
    reached: Reached,
) -> None:
    hop, _ = hop_of(reached)
    assert "did not answer" in stuck(hop, said([])).what
    assert "the login did not end" in stuck(hop, said([OFFERED])).what
