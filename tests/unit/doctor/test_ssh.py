"""What `check` says of the way to a host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.doctor.ssh import of_way, told_of
from fab_static.errors import RemoteError
from fab_static.remote.ssh.comparing import Comparison


def host(*way: str, local: bool = False, **more: tuple[str, ...]) -> Any:
    found = Comparison(way, more.get("otherwise", ()), more.get("not_followed", ()))
    return SimpleNamespace(
        name="web1",
        host=SimpleNamespace(local=local),
        connection=SimpleNamespace(compared=lambda: found),
    )


def test_the_way_is_told_hop_by_hop() -> None:
    (one,) = of_way(host("jump host anna@near:22", "anna@10.0.0.1:22"))
    assert one["ok"]
    assert one["what"] == "anna@10.0.0.1:22 by way of jump host anna@near:22"


def test_what_the_inventory_says_otherwise_is_told() -> None:
    (one,) = of_way(host("anna@10.0.0.1:2209", otherwise=("port 2209, not 22",)))
    assert one["what"] == "anna@10.0.0.1:2209; the inventory says port 2209, not 22"


def test_what_is_not_followed_is_advice_and_nothing_bad() -> None:
    _, one = of_way(host("anna@10.0.0.1:22", not_followed=("ForwardAgent (config, line 2): yes",)))
    assert one["ok"]
    assert one["advice"]
    assert one["what"] == "this is not followed: ForwardAgent (config, line 2): yes"


def test_of_this_machine_nothing_is_asked() -> None:
    assert of_way(host(local=True)) == []


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("web1 (10.0.0.1:22)", "it is down"),
        ("web1 (jump host near) (10.0.0.8:22)", "it is down, at jump host near, 10.0.0.8:22"),
        ("web1 (gateway near) (10.0.0.8:22)", "it is down, at gateway near, 10.0.0.8:22"),
    ],
)
def test_a_failure_names_its_hop(where: str, told: str) -> None:
    assert told_of(RemoteError("it is down", where=where, mend="see"), "web1") == told
