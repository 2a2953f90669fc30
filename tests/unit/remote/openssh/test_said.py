"""What one ssh has said, read from lines that OpenSSH 9.2 printed."""

from __future__ import annotations

import pytest

from fab_static.remote.openssh.said import is_signing, said, touched

LOGIN = said(
    [
        "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026",
        "debug1: kex: host key algorithm: rsa-sha2-512",
        "debug1: Authentications that can continue: publickey,password",
        "debug1: Offering public key: /home/anna/.ssh/one ED25519 SHA256:abc explicit",
        "debug1: Offering public key: anna@home laptop ED25519 SHA256:def agent",
        'sign_and_send_pubkey: signing failed for ED25519 "anna@home laptop" from agent: agent refused operation',
        'Authenticated using "publickey" with partial success.',
        "debug1: Authentications that can continue: password",
        "anna@web1: Permission denied (password).",
    ]
)


def test_its_own_words_are_without_those_for_debugging() -> None:
    assert LOGIN.words == (
        'sign_and_send_pubkey: signing failed for ED25519 "anna@home laptop" from agent: agent '
        'refused operation; Authenticated using "publickey" with partial success.; '
        "anna@web1: Permission denied (password)."
    )


def test_a_frame_of_a_warning_is_no_word() -> None:
    assert said(["@@@@@@@@", "@   WARNING: IT HAS CHANGED!   @", "@@@@@@@@"]).words == (
        "@   WARNING: IT HAS CHANGED!   @"
    )


def test_the_keys_that_were_shown_are_known_by_their_names() -> None:
    assert LOGIN.shown == ("/home/anna/.ssh/one", "anna@home laptop (in the agent)")
    assert LOGIN.unsigned == (("anna@home laptop", "agent refused operation"),)


def test_what_the_host_would_take_is_what_it_said_last() -> None:
    assert LOGIN.methods == ("password",)
    assert LOGIN.is_partly_in
    assert LOGIN.algorithm == "rsa-sha2-512"


GATEWAY = [
    "debug1: channel 2: new stdio-forward [stdio-forward] (inactive timeout: 0)",
    "debug1: channel 3: new stdio-forward [stdio-forward] (inactive timeout: 0)",
    "channel 3: open failed: administratively prohibited: open failed",
    "channel 2: open failed: connect failed: Connection refused",
    "debug1: channel 2: free: direct-tcpip: listening port 0 for 10.0.0.1 port 22, connect from "
    "127.0.0.1 port 65535 to UNKNOWN port 65536, nchannels 3",
    "debug1: channel 3: free: direct-tcpip: listening port 0 for 10.0.0.2 port 22, connect from "
    "127.0.0.1 port 65535 to UNKNOWN port 65536, nchannels 2",
]


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("10.0.0.1", 22, "connect failed: Connection refused"),
        ("10.0.0.2", 22, "administratively prohibited: open failed"),
        ("10.0.0.2", 2222, None),
    ],
)
def test_each_host_behind_a_gateway_gets_the_reason_that_is_its_own(
    host: str, port: int, words: str | None
) -> None:
    assert said(GATEWAY).why_not_through(host, port) == words


def test_a_way_that_was_open_for_long_has_no_reason() -> None:
    assert said(GATEWAY[4:]).why_not_through("10.0.0.1", 22) is None


ACCEPTED = "debug1: Server accepts key: {} SHA256:abc agent"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (ACCEPTED.format("/home/anna/.ssh/id_ed25519_sk ED25519-SK"), "/home/anna/.ssh/id_ed25519_sk"),
        (ACCEPTED.format("my token ECDSA-SK"), "my token"),
        (ACCEPTED.format("plain ED25519"), None),
        ("debug1: Offering public key: my token ECDSA-SK SHA256:abc agent", None),
    ],
)  # fmt: skip
def test_only_a_security_key_that_the_host_takes_has_to_be_touched(
    line: str, key: str | None
) -> None:
    assert touched(line) == key


def test_any_key_that_the_host_takes_may_need_its_time() -> None:
    assert is_signing(ACCEPTED.format("plain ED25519"))
    assert not is_signing("debug1: Entering interactive session.")
