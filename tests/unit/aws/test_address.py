"""A bucket is asked where boto3 would ask for it (fleet C15)."""

import re

import boto3
import pytest

from fab_static.aws.refusals import Answer
from fab_static.aws.s3 import Bucket
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3
from tests.strict_s3 import OWNER
from tests.unit.aws.stores import item_of, place


@pytest.mark.parametrize(
    ("given_place", "url"),
    [
        (S3("shop", "static/", "eu-west-1"), "https://shop.s3.eu-west-1.amazonaws.com/static/a.js"),
        (S3("my.shop", "", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/my.shop/a.js"),
        (S3("shop", "", "cn-north-1"), "https://shop.s3.cn-north-1.amazonaws.com.cn/a.js"),
        (S3("shop", "s/", "x", "http://127.0.0.1:9000/"), "http://127.0.0.1:9000/shop/s/a.js"),
    ],
    ids=["virtual", "dots", "china", "endpoint"],
)
def test_the_bucket_is_addressed_as_its_store_wants(store, given_place, url):
    assert Bucket(given_place).presign(["a.js"], seconds=60)[0].partition("?")[0] == url


@pytest.mark.parametrize(
    ("config", "environ", "url"),
    [
        ("[default]\nendpoint_url = http://127.0.0.1:9/", {}, "http://127.0.0.1:9/shop/"),
        (
            "[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = http://127.0.0.1:9",
            {},
            "http://127.0.0.1:9/shop/",
        ),
        (
            "[profile r2]\nendpoint_url = https://a.r2.cloudflarestorage.com",
            {"AWS_PROFILE": "r2"},
            "https://a.r2.cloudflarestorage.com/shop/",
        ),
        ("", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:7"}, "http://127.0.0.1:7/shop/"),
        (
            "",
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:7", "AWS_ENDPOINT_URL": "http://127.0.0.1:8"},
            "http://127.0.0.1:7/shop/",
        ),
        (
            "[default]\nendpoint_url = http://127.0.0.1:9",
            {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://shop.s3.eu-west-1.amazonaws.com/",
        ),
        ("", {"AWS_USE_FIPS_ENDPOINT": "true"}, "https://shop.s3-fips.eu-west-1.amazonaws.com/"),
        (
            "[default]\nuse_dualstack_endpoint = true",
            {},
            "https://shop.s3.dualstack.eu-west-1.amazonaws.com/",
        ),
        (
            "[default]\ns3 =\n  addressing_style = path",
            {},
            "https://s3.eu-west-1.amazonaws.com/shop/",
        ),
    ],
)
def test_a_bucket_is_asked_where_boto3_would_ask(
    store, tmp_path, monkeypatch, config, environ, url
):
    """(fleet C15): else S3 goes to Amazon while boto3 goes to the endpoint."""
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (ours,) = Bucket(S3("shop", "", "eu-west-1")).presign(["a.js"], seconds=60)
    assert ours.partition("?")[0] == url + "a.js"

    def stop(request, **_):
        raise Sent(request.url)

    client = boto3.session.Session().client("s3", region_name="eu-west-1")
    client.meta.events.register("before-send.s3", stop)
    with pytest.raises(Sent, match=f"^{re.escape(url)}a.js$"):
        client.head_object(Bucket="shop", Key="a.js")


class Sent(Exception):  # noqa: N818 - no error
    """boto3 would send a request to this URL."""


def test_the_inventorys_endpoint_comes_before_awss_configuration(store, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    Bucket(place(store)).put("m", b"1", headers={})
    assert "shop/static/m" in store.objects


def test_r2_without_a_region_is_signed_for_as_it_wants(store):
    bucket = Bucket(S3("shop", "", None, "https://a.r2.cloudflarestorage.com"))
    assert "%2Fauto%2Fs3%2F" in bucket.presign(["a.js"], seconds=60)[0]


def test_an_access_point_is_asked_at_its_own_address_and_copied_from_by_its_name(store):
    arn = f"arn:aws:s3:eu-west-1:{OWNER}:accesspoint/shop"
    bucket = Bucket(S3(arn, "static/", "eu-west-1"))
    assert bucket.presign(["a.js"], seconds=60)[0].startswith(
        f"https://shop-{OWNER}.s3-accesspoint.eu-west-1.amazonaws.com/static/a.js?"
    )
    asked = []
    bucket._send = lambda *words: (
        asked.append(words[3]) or Answer(200, {}, b"<R><ETag>e</ETag></R>")
    )
    bucket.copy(item_of("b.css", b"x"), source="a.css")
    assert asked[0]["x-amz-copy-source"] == (
        f"arn%3Aaws%3As3%3Aeu-west-1%3A{OWNER}%3Aaccesspoint/shop/object/static/a.css"
    )


def test_an_address_that_cannot_be_is_told_in_words(store):
    with pytest.raises(CdnError, match="the bucket has no address: ") as caught:
        Bucket(S3("shop", "", "no region!"))
    assert caught.value.mend == (
        "correct bucket, region and endpoint_url in the inventory, or AWS's configuration (~/.aws/config, "
        "AWS_ENDPOINT_URL)"
    )
