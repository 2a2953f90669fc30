from dataclasses import replace

import pytest

from fab_static.plan.inventory import Host, expand, expand_url, parse
from fab_static.plan.nginx import server_names

INVENTORY = """
app: shop
deploy_to: /srv/shop
hosts:
  edge1: {address: ADDRESS, roles: [build, static, web]}
project: {path: /srv/code, python: /srv/venv/bin/python}
PROBE
"""


@pytest.mark.parametrize(
    ("address", "probe", "names"),
    [
        ("10.0.0.21", "", "10.0.0.21"),
        ("10.0.0.21", "http://{address}:8080", "10.0.0.21"),
        ("edge1.example.com", "http://{host}.example.com", "edge1.example.com"),
        ("10.0.0.21", "https://{host}.example.com", "10.0.0.21 edge1.example.com"),
        ("2001:db8::1", "http://{address}:8080", "[2001:db8::1]"),
        ("2001:db8::1", "", "[2001:db8::1]"),
        # a user and a password are secrets
        ("10.0.0.1", "http://probe:s3cret@{address}:8090", "10.0.0.1"),
        ("10.0.0.1", "http://probe:s3cret@{host}.example.com", "10.0.0.1 edge1.example.com"),
        ("2001:db8::1", "http://probe:s3cret@{address}:8090", "[2001:db8::1]"),
        ("10.0.0.1", "http://token@EDGE1.example.com:80", "10.0.0.1 edge1.example.com"),
    ],
)
def test_a_server_has_the_names_by_which_it_is_asked(address: str, probe: str, names: str) -> None:
    """`_` is a name like any other: another site on the port answered in its place (fleet C20)."""
    text = INVENTORY.replace("ADDRESS", f'"{address}"')
    text = text.replace("PROBE", f'probe: {{origin: "{probe}"}}' if probe else "")
    environment = parse(text, name="staging", source="staging.yml")
    assert server_names(environment, environment.hosts[:1]) == names


def test_a_host_that_is_this_machine_is_localhost() -> None:
    environment = parse(
        INVENTORY.replace("{address: ADDRESS,", "{local: true,").replace("PROBE", ""),
        name="staging",
        source="staging.yml",
    )
    assert server_names(environment, environment.hosts) == "localhost"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://{address}:8090/{host}", "http://[2001:db8::1]:8090/edge1"),
        ("http://[{address}]:8090/", "http://[2001:db8::1]:8090/"),
        ("http://127.0.0.1/health", "http://127.0.0.1/health"),
    ],
)
def test_an_ipv6_address_has_brackets_in_a_url(text: str, url: str) -> None:
    """web.check asked http://2001:db8::1:8090/, and a flip was undone for it alone (fleet C16)."""
    host = Host("edge1", "2001:db8::1", ("static",))
    assert expand_url(text, host) == url
    assert expand_url(text, replace(host, address="[2001:db8::1]")) == url
    assert expand_url(text, replace(host, address="::1")).count("[") == url.count("[")
    assert expand("ssh {address}", host) == "ssh 2001:db8::1"
