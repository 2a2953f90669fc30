"""Which host keys a connection trusts: those that known_hosts has of that very address and port."""

import base64
import json

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fabric import Connection

from fab_static.plan import inventory
from fab_static.remote.known_hosts import guarded

HOSTS = 12


def key() -> str:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.fixture
def keys(tmp_path):
    """A known_hosts of some hosts at odd ports, one at 22, and one whose name is hashed."""
    names = [f"[10.0.0.{number}]:2222" for number in range(HOSTS)] + ["10.0.0.1", "hashed.example"]
    keys = {name: key() for name in names}
    hashed = paramiko.HostKeys.hash_host("hashed.example")
    lines = [f"{hashed if name == 'hashed.example' else name} {keys[name]}\n" for name in names]
    (tmp_path / "known_hosts").write_text("".join(lines))
    return keys


@pytest.fixture
def trusted(tmp_path, keys):
    """What a connection trusts, once it is guarded: address, port -> keys, or None."""
    text = {
        "app": "shop",
        "deploy_to": "/srv/static",
        "hosts": {"one": {"address": "10.0.0.1", "roles": ["build", "static", "web"]}},
        "ssh": {"known_hosts": str(tmp_path / "known_hosts")},
        "project": {"path": "/srv/code", "python": "python3"},
    }
    environment = inventory.parse(json.dumps(text), name="staging", source="staging.yml")

    def ask(address: str, port: int = 22) -> list[str] | None:
        client = guarded(Connection(address, port=port), environment.ssh.known_hosts).client
        found = client.get_host_keys().lookup(address if port == 22 else f"[{address}]:{port}")
        return found and [
            f"{kind} {base64.b64encode(one.asbytes()).decode()}" for kind, one in found.items()
        ]

    return ask


def test_a_host_is_trusted_by_the_key_of_its_own_address_and_port(trusted, keys):
    assert trusted("10.0.0.1", 2222) == [keys["[10.0.0.1]:2222"]]
    assert trusted("10.0.0.1") == [keys["10.0.0.1"]]
    assert trusted("hashed.example") == [keys["hashed.example"]]


def test_a_host_that_the_file_does_not_name_has_no_trusted_key(trusted):
    assert trusted("10.0.0.3") is None
    assert trusted("10.0.0.1", 2223) is None
    assert trusted("other.example") is None


def test_a_key_that_was_just_added_to_the_file_is_trusted(trusted, tmp_path):
    assert trusted("10.9.9.9") is None
    added = key()
    with (tmp_path / "known_hosts").open("a") as file:
        file.write(f"10.9.9.9 {added}\n")
    assert trusted("10.9.9.9") == [added]


def test_the_file_is_read_once_however_many_hosts_there_are(trusted, monkeypatch):
    """A line costs 0.4 ms to read: 64 hosts that each read 64 lines cost their operator two seconds."""
    read = []
    load = paramiko.HostKeys.load
    monkeypatch.setattr(
        paramiko.HostKeys, "load", lambda self, name: (read.append(name), load(self, name))[1]
    )
    for number in range(HOSTS):
        assert trusted(f"10.0.0.{number}", 2222)
    assert len(read) <= 1
