"""Which host certificates are good, and why another one is not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fab_static.remote.ssh.certificate import parse, why_not
from tests.unit.remote.ssh import keys

ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    keys.make(folder / "authority")
    keys.make(folder / "host")
    return folder


def certificate(folder: Path, *words: str) -> bytes:
    return keys.signed(folder / "authority", folder / "host", *words)


def test_a_certificate_says_who_signed_what(folder: Path) -> None:
    found = parse(certificate(folder, "-h", "-n", "web1,web2"))
    assert found.key == keys.wire(folder / "host.pub")
    assert found.authority == keys.wire(folder / "authority.pub")
    assert found.principals == ("web1", "web2")
    assert why_not(found, "web1", ALGORITHMS) is None


@pytest.mark.parametrize(
    ("authority", "host"),
    [("ecdsa", "rsa"), ("rsa", "ecdsa"), ("ed25519", "ecdsa"), ("ecdsa", "ed25519")],
)
def test_keys_of_every_kind_sign_and_are_signed(tmp_path: Path, authority: str, host: str) -> None:
    by, of = keys.make(tmp_path / "by", authority), keys.make(tmp_path / "of", host)
    found = parse(keys.signed(by, of, "-h", "-n", "web1"))
    assert found.key == keys.wire(tmp_path / "of.pub")
    assert why_not(found, "web1", ALGORITHMS) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("-n", "web1"), "it is a user's, not a host's"),
        (("-h", "-n", "web2"), "it is for web2, not for web1"),
        (("-h", "-n", "*"), "it is for *, not for web1"),
        (("-h", "-n", "web1", "-V", "-2d:-1d"), "it expired at "),
        (("-h", "-n", "web1", "-V", "+1d:+2d"), "it is not valid before "),
        (("-h", "-n", "web1", "-O", "critical:x=y"), "it has critical options"),
    ],
)
def test_a_certificate_that_is_not_good_says_why(
    folder: Path, words: tuple[str, ...], reason: str
) -> None:
    problem = why_not(parse(certificate(folder, *words)), "web1", ALGORITHMS)
    assert problem
    assert problem.startswith(reason)


def test_a_certificate_for_no_name_is_good_for_every_name(folder: Path) -> None:
    assert why_not(parse(certificate(folder, "-h")), "web1", ALGORITHMS) is None


def test_a_certificate_that_somebody_changed_is_not_good(folder: Path) -> None:
    whole = certificate(folder, "-h", "-n", "web1")
    forged = parse(whole.replace(b"\x00\x00\x00\x04web1", b"\x00\x00\x00\x04web9"))
    assert forged.principals == ("web9",)
    assert why_not(forged, "web9", ALGORITHMS) == "its signature is wrong"


def test_a_certificate_of_another_signer_is_not_good(folder: Path, tmp_path: Path) -> None:
    found = parse(certificate(folder, "-h", "-n", "web1"))
    other = keys.make(tmp_path / "other")
    forged = replace(found, authority=keys.wire(other.with_name("other.pub")))
    assert why_not(forged, "web1", ALGORITHMS) == "its signature is wrong"


def test_only_algorithms_that_are_allowed_may_sign(folder: Path) -> None:
    problem = why_not(parse(certificate(folder, "-h")), "web1", ("rsa-sha2-512",))
    assert problem == "it is signed with ssh-ed25519, which CASignatureAlgorithms does not allow"


def test_a_certificate_that_is_cut_off_is_refused(folder: Path) -> None:
    """At whatever byte: one in sixteen signatures ends with a zero, which Paramiko reads beyond the end."""
    whole = certificate(folder, "-h", "-n", "web1")
    accepted = []
    for kept in range(len(whole)):
        with suppress(ValueError):
            accepted.append(parse(whole[:kept]))
    assert accepted == []
    with pytest.raises(ValueError, match="cut off"):
        parse(whole + b"\0")
