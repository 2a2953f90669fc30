"""How a run ended: the words for hosts and a bucket that were put back."""

import pytest

from fab_static.plan import inventory
from fab_static.plan.ending import Ending, after_prepare


def undone(*names: str) -> str:
    words = dict(Ending(["build1", "web1"], {}, names, "fab staging deploy").words())
    return words["undone"]


def test_a_bucket_that_was_put_back_is_named_after_the_hosts():
    """It said "the flip of " and no more, since a bucket is not a host (fleet C14)."""
    assert undone("s3://shop/static/") == "the flip of s3://shop/static/"
    assert (
        undone("s3://shop/static/", "web1", "build1")
        == "the flip of build1, web1, s3://shop/static/"
    )


def test_where_nothing_was_undone_no_flip_is_spoken_of():
    assert undone() == "nothing: no host had flipped"


def test_where_nothing_is_live_that_is_said_of_any_host():
    ending = Ending(
        hosts=("edge1", "web1"),
        live={"edge1": None, "web1": None},
        undone=["web1"],
        next="fab staging deploy",
        is_as_before=True,
    )
    assert dict(ending.words())["live"] == "nothing yet on any host, as before"


@pytest.mark.parametrize(
    ("host", "more", "after"),
    [
        ("address: 10.0.0.1", "", "fab ci activate"),
        ("local: true", "release: {sign_with: key.pub}", "fab ci export --out shop.release"),
        ("local: true", "", "fab ci activate, or to ship it: fab ci export --out shop.release"),
        ("local: true", "origin: {s3: {bucket: shop}}", "fab ci activate"),
    ],
)
def test_what_was_prepared_here_alone_is_shipped_as_a_file(host: str, more: str, after: str):
    text = f"""\
app: shop
deploy_to: /srv/shop/static
hosts: {{one: {{{host}, roles: [build, static, web]}}}}
project: {{path: /srv/shop, settings: shop.settings}}
{more}
"""
    assert after_prepare(inventory.parse(text, name="ci", source="ci.yml")) == after
