"""Whose key is let pass: by known_hosts, by an authority, by no revocation; and which kinds a hop is asked for."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
import pytest

from fab_static.remote.ssh.guard import KINDS, Guard, fingerprint
from fab_static.remote.ssh.refusal import HopError
from fab_static.remote.ssh.settings import Settings
from tests.unit.remote.ssh import keys

CERTIFICATES = tuple(f"{name}-cert-v01@openssh.com" for name in KINDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("host", "other", "authority"):
        keys.make(folder / name)
    keys.signed(folder / "authority", folder / "host", "-h", "-n", "web1")
    return folder


@pytest.fixture
def guard(folder: Path, tmp_path: Path) -> Callable[..., Guard]:
    """Return a function that gives the guard of a known_hosts; HOST, OTHER and CA stand for keys."""
    words = {
        name: f"ssh-ed25519 {base64.b64encode(keys.wire(folder / file)).decode()}"
        for name, file in (("HOST", "host.pub"), ("OTHER", "other.pub"), ("CA", "authority.pub"))
    }

    def made(text: str, **more: Any) -> Guard:
        # at once: a key's base64 may hold "CA"
        text = re.sub("HOST|OTHER|CA", lambda found: words[found[0]], text)
        path = tmp_path / "known_hosts"
        path.write_text(text)
        more = {"hostname": "web1", "port": 22, **more}
        return Guard(
            Settings(
                alias="web1",
                user="anna",
                user_known_hosts=(str(path),),
                host_key_algorithms=(*CERTIFICATES, *KINDS),
                ca_signature_algorithms=tuple(KINDS),
                **more,
            )
        )

    return made


def shown(folder: Path, *, certified: bool = False) -> paramiko.PKey:
    key = paramiko.Ed25519Key(data=keys.wire(folder / "host.pub"))
    if certified:
        key.load_certificate(str(folder / "host-cert.pub"))
    return key


@pytest.mark.parametrize(
    "text", ["web1 HOST", "web1 OTHER\nweb1 HOST", "@revoked web1 OTHER\nweb1 HOST", "web* HOST"]
)
def test_a_known_key_passes(guard: Any, folder: Path, text: str) -> None:
    guard(text).judge(shown(folder))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"is not known \(ssh-ed25519 SHA256:"),
        ("web2 HOST", "is not known"),
        ("web1 OTHER", "has CHANGED: it was SHA256:.*, now it is SHA256:.*SOMEBODY MAY STAND"),
        ("web1 HOST\n@revoked web1 HOST", "the host's key is REVOKED"),
        ("@revoked * HOST\nweb1 HOST", "the host's key is REVOKED"),
        (
            "@cert-authority web1 CA",
            "is not known.*it shows no certificate, and it is known by one",
        ),
        ("@cert-authority web1 HOST", "is not known"),
    ],
)
def test_any_other_key_is_refused_in_words(guard: Any, folder: Path, text: str, says: str) -> None:
    with pytest.raises(HopError, match=says) as caught:
        guard(text).judge(shown(folder))
    assert caught.value.mend


@pytest.mark.parametrize("text", ["@cert-authority web1 CA", "@cert-authority * CA", "web1 HOST"])
def test_a_certificate_of_a_known_authority_passes_or_its_key(
    guard: Any, folder: Path, text: str
) -> None:
    guard(text).judge(shown(folder, certified=True))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@cert-authority web2 CA", "its certificate is signed by SHA256:.*, which is not known"),
        ("@cert-authority web1 OTHER", "signed by SHA256:"),
        ("web1 CA", "has CHANGED"),
        ("@cert-authority * CA\n@revoked * CA", "the key that signed the host's is REVOKED"),
        ("@cert-authority * CA\n@revoked * HOST", "the host's key is REVOKED"),
    ],
)
def test_any_other_certificate_is_refused_in_words(
    guard: Any, folder: Path, text: str, says: str
) -> None:
    with pytest.raises(HopError, match=says):
        guard(text).judge(shown(folder, certified=True))


def test_a_certificate_for_another_key_is_refused(guard: Any, folder: Path) -> None:
    """Who has the certificate of a host has not its key."""
    key = paramiko.Ed25519Key(data=keys.wire(folder / "other.pub"))
    key.load_certificate(str(folder / "host-cert.pub"))
    with pytest.raises(HopError, match="certificate is for another key"):
        guard("@cert-authority * CA").judge(key)


def test_a_key_is_looked_up_without_its_port_where_nothing_is_known_with_it(
    guard: Any, folder: Path
) -> None:
    guard("web1 HOST", port=2222).judge(shown(folder))
    with pytest.raises(HopError, match="CHANGED"):
        guard("web1 HOST\n[web1]:2222 OTHER", port=2222).judge(shown(folder))


def test_an_unknown_key_comes_with_the_line_that_makes_it_known(guard: Any, folder: Path) -> None:
    line = f"[web1]:2222 ssh-ed25519 {base64.b64encode(keys.wire(folder / 'host.pub')).decode()}"
    with pytest.raises(HopError) as caught:
        guard("", port=2222).judge(shown(folder))
    assert line in caught.value.mend
    guard(line, port=2222).judge(shown(folder))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", "ssh-ed25519"),
        ("web1 ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBA==", "ecdsa-sha2-nistp256"),
        ("web1 ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=", "rsa-sha2-512"),
        ("@cert-authority * CA", CERTIFICATES[0]),
    ],
)  # fmt: skip
def test_a_hop_is_asked_for_the_kinds_of_keys_that_are_known_first(
    guard: Any, text: str, first: str
) -> None:
    assert guard(text).algorithms()[0] == first


def test_certificates_are_asked_for_only_where_an_authority_is_known(guard: Any) -> None:
    assert guard("web1 HOST").algorithms() == tuple(KINDS)


def test_a_fingerprint_is_as_ssh_shows_it(folder: Path) -> None:
    import subprocess

    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", folder / "host.pub"], capture_output=True, text=True, check=True
    )
    assert fingerprint(keys.wire(folder / "host.pub")) == said.stdout.split()[1]
