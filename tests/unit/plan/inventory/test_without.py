"""`--without HOST[,HOST]`: which hosts can be left out, and what they miss."""

from __future__ import annotations

import pytest

from fab_static.errors import InventoryError
from fab_static.plan.inventory import parse
from fab_static.plan.inventory.without import missed, option, without

SHOP = parse(
    """\
app: shop
deploy_to: /srv/shop/static
hosts:
  build1: {address: 10.0.0.1, roles: [build]}
  edge1: {address: 10.0.0.2, roles: [static]}
  edge2: {address: 10.0.0.3, roles: [static]}
  web1: {address: 10.0.0.4, roles: [web, static]}
ssh: {user: deploy}
project: {path: /srv/shop/code}
""",
    name="production",
    source="production.yml",
)


def test_the_hosts_named_are_left_out_and_all_others_stay_in_order() -> None:
    left = without(SHOP, ("edge2", "edge1"))
    assert [host.name for host in left.hosts] == ["build1", "web1"]


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("build1",), "build1 cannot be left out: it builds, and keeps the lock and the record"),
        (("web1",), "web1 cannot be left out: no web host would be left"),
        (
            ("edge1", "web1", "edge2"),
            "edge1, edge2, web1 cannot be left out: no static host would be left; "
            "web1 cannot be left out: no web host would be left",
        ),
        (
            ("egde2", "build1"),
            '"egde2" is not a host (did you mean `edge2`?); the hosts are build1, edge1, edge2, web1; '
            "build1 cannot be left out: it builds, and keeps the lock and the record",
        ),
    ],
)
def test_what_no_command_can_do_without_is_refused_with_the_words(
    names: tuple[str, ...], what: str
) -> None:
    with pytest.raises(InventoryError) as caught:
        without(SHOP, names)
    assert (caught.value.what, caught.value.where) == (what, "--without")
    assert caught.value.mend == "see the hosts and their roles in inventories/production.yml"


def test_each_host_that_is_left_out_is_told_with_what_it_misses() -> None:
    assert missed(SHOP, ("edge2", "web1")) == [
        "edge2 is left out: new pages name files that it lacks, so send it no requests; "
        "the next deploy with it brings it up to date",
        "web1 is left out: new pages name files that it lacks, so send it no requests; "
        "its pages stay those of the release that it has; "
        "the next deploy with it brings it up to date",
    ]


def test_the_option_follows_a_command_where_hosts_were_left_out() -> None:
    assert (option(()), option(("edge2", "web3"))) == ("", " --without edge2,web3")
