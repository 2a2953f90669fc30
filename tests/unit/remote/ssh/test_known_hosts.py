"""Whose key is known: the lines of known_hosts that name a host, as ssh reads them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fab_static.remote.ssh import known_hosts
from fab_static.remote.ssh.known_hosts import Line

Written = Callable[[str], str]


def key() -> str:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


KEY = key()


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> str:
        path = tmp_path / "known_hosts"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("names", "host", "is_named"),
    [
        ("web1", "web1", True),
        ("web1", "web2", False),
        ("WEB1", "web1", True),
        ("web1,10.0.0.1", "10.0.0.1", True),
        ("[10.0.0.1]:2222", "[10.0.0.1]:2222", True),
        ("10.0.0.1", "[10.0.0.1]:2222", False),
        ("[127.0.8.*]:2208", "[127.0.8.1]:2208", True),
        ("[127.0.8.*]:2208", "[127.0.8.1]:22", False),
        ("*.example.com", "web1.example.com", True),
        ("*.example.com,!web1.example.com", "web1.example.com", False),
        ("!web1.example.com,*.example.com", "web1.example.com", False),
        ("!web2", "web1", False),
        ("web?", "web1", True),
        ("web?", "web10", False),
        ("web[1]", "web1", False),
        (hashed("web1"), "web1", True),
        (hashed("web1"), "web2", False),
        (hashed("[web1]:2222"), "[web1]:2222", True),
        ("|1|broken|", "web1", False),
    ],
)
def test_a_line_names_a_host_as_ssh_reads_it(
    written: Written, names: str, host: str, is_named: bool
) -> None:
    known = known_hosts.read([written(f"{names} {KEY}\n")])
    assert bool(known.of(host)) == is_named


def test_all_lines_of_a_host_are_found_in_their_order(written: Written) -> None:
    first, second = key(), key()
    path = written(f"* {first}\nweb1 {second}\n@revoked web* {KEY}\n")
    found = known_hosts.read([path]).of("web1")
    assert [line.number for line in found] == [1, 2, 3]
    assert [line.marker for line in found] == ["", "", "@revoked"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"@nonsense web1 {KEY}", "@nonsense is not a marker"),
        ("web1 ssh-ed25519", "it has no key"),
        ("web1 ssh-ed25519 AAAA*", "its key is not base64"),
        (f"web1 ssh-rsa {KEY.split()[1]}", "its key is no ssh-rsa"),
        (f"web1 {KEY[:-8]}", "its key is no ssh-ed25519"),
    ],
    ids=[
        "a marker",
        "no key",
        "no base64",
        "another type",
        "cut off",
    ],  # each worker has other keys
)
def test_a_line_that_nobody_can_read_is_told_once_and_harms_no_other(
    written: Written, text: str, problem: str
) -> None:
    told: list[str] = []
    path = written(f"{text}\nweb1 {KEY} a comment\n")
    for _ in range(2):
        assert len(known_hosts.read([path], told.append).of("web1")) == 1
    assert len(told) == 1
    assert f"{path}, line 1: {problem}" in told[0]


def test_a_byte_that_is_no_utf8_harms_nothing(written: Written, tmp_path: Path) -> None:
    path = written("")
    (tmp_path / "known_hosts").write_bytes(f"web1 {KEY} Jos".encode() + b"\xe9\n# \xff\n")
    assert len(known_hosts.read([path]).of("web1")) == 1


def test_a_file_that_is_not_there_knows_nobody(tmp_path: Path) -> None:
    assert known_hosts.read([str(tmp_path / "absent")]).of("web1") == ()


def test_a_key_that_was_just_added_to_the_file_is_known(written: Written) -> None:
    path = written("")
    assert not known_hosts.read([path]).of("web9")
    with Path(path).open("a") as file:
        file.write(f"web9 {KEY}\n")
    assert known_hosts.read([path]).of("web9")


def test_the_file_is_read_once_however_many_hosts_there_are(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read for each, the lines of a fleet take its square in time."""
    path = written("".join(f"10.0.0.{n} {KEY}\n" for n in range(12)))
    read: list[int] = []

    def parse(text: str, file: str, number: int) -> Line | str:
        read.append(number)
        return original(text, file, number)

    original = known_hosts.parse
    monkeypatch.setattr(known_hosts, "parse", parse)
    for number in range(12):
        assert known_hosts.read([path]).of(f"10.0.0.{number}")
    assert len(read) <= 13
