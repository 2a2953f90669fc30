"""What HOST of `join` may be."""

from __future__ import annotations

import pytest

from fab_static.errors import InventoryError
from fab_static.plan import inventory
from fab_static.plan.inventory.joining import joining, line

TEXT = """
app: shop
deploy_to: /srv/shop
hosts:
  build1: {address: 10.0.0.10, roles: [build]}
  edge1: {address: 10.0.0.21, roles: [static]}
  web1: {address: 10.0.0.31, port: 2222, roles: [static, web]}
project: {path: /srv/code}
"""
ENVIRONMENT = inventory.parse(TEXT, name="production", source="production.yml")


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("edge7=10.0.0.27", "edge7: {address: 10.0.0.27, roles: [static]}"),
        ("edge7=e7.example:2222", "edge7: {address: e7.example, port: 2222, roles: [static]}"),
        ("edge7=[fd00::7]:22", 'edge7: {address: "fd00::7", port: 22, roles: [static]}'),
        ("edge7=[fd00::7]", 'edge7: {address: "fd00::7", roles: [static]}'),
        ("edge7=face:22", "edge7: {address: face, port: 22, roles: [static]}"),
        ("edge7=fd00::7", 'edge7: {address: "fd00::7", roles: [static]}'),
        ("web1=10.0.0.99", "web1: {address: 10.0.0.99, port: 2222, roles: [static, web]}"),
        ("edge1", "edge1: {address: 10.0.0.21, roles: [static]}"),
    ],
)
def test_the_line_that_is_printed_makes_the_same_host_of_the_inventory(
    word: str, written: str
) -> None:
    environment, host = joining(ENVIRONMENT, word)
    assert host in environment.hosts
    assert len({one.name for one in environment.hosts}) == len(environment.hosts)
    assert line(host) == written
    others = [text for text in TEXT.splitlines() if not text.startswith(f"  {host.name}:")]
    at = others.index("hosts:") + 1
    text = "\n".join([*others[:at], f"  {written}", *others[at:]])
    again = inventory.parse(text, name="production", source="production.yml")
    assert {*again.hosts} == {*environment.hosts}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("edge9", "give its address: join edge9=10.0.0.27"),
        ("edge9=", '"edge9=" is not a host'),
        ("../e=10.0.0.1", '"../e=10.0.0.1" is not a host'),
        ("edge9=10.0.0.1:0", '"edge9=10.0.0.1:0" is not a host'),
        ("edge9=10.0.0.1:99999", '"edge9=10.0.0.1:99999" is not a host'),
        ("edge9=10.0.0.1:abc", '"edge9=10.0.0.1:abc" is not a host'),
        ("edge9=10.0.0.1:", '"edge9=10.0.0.1:" is not a host'),
        ("edge9=10.0.0.1:22:23", '"edge9=10.0.0.1:22:23" is not a host'),
        ("edge9=e9.example:ssh", '"edge9=e9.example:ssh" is not a host'),
        ("edge9=e9:222222", '"edge9=e9:222222" is not a host'),
        ("edge9=:22", '"edge9=:22" is not a host'),
        ("edge9=fd00::7:abcg", '"edge9=fd00::7:abcg" is not a host'),
        ("edge9=[fd00::7]:abc", '"edge9=[fd00::7]:abc" is not a host'),
        ("edge9=[fd00::7", '"edge9=[fd00::7" is not a host'),
        ("edge9=-oProxyCommand=x", '"edge9=-oProxyCommand=x" is not a host'),
        ("edge9=10.0.0.21", "10.0.0.21 is edge1's address"),
        ("build1=10.0.0.11", "build1 builds, and keeps the record: it cannot come from elsewhere"),
    ],
)
def test_what_is_no_host_is_refused(word: str, why: str) -> None:
    with pytest.raises(InventoryError) as caught:
        joining(ENVIRONMENT, word)
    assert why in str(caught.value)
