"""The engine against a store that checks what it is sent, and that breaks when it is told to."""

import threading
import urllib.error
import urllib.request
from dataclasses import replace

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.aws import s3
from fab_static.aws.refusals import Answer, RefusedError
from fab_static.aws.s3 import Bucket, FailedError
from fab_static.errors import CdnError
from tests.strict_s3 import OWNER, REGION, SSE, Fault
from tests.unit.aws.stores import HEADERS, KEY_ARN, POLICY, SECURED, item_of, place


def test_an_object_arrives_with_its_bytes_and_headers_as_boto3_reads_them(store, bucket):
    body = b"body { color: red }"
    bucket.create(item_of("css/a b/ü'&+~.css", body), body)
    client = boto3.session.Session().client("s3", endpoint_url=store.url, region_name=REGION)
    there = client.get_object(Bucket="shop", Key="static/css/a b/ü'&+~.css")
    assert there["Body"].read() == body
    assert (there["ContentType"], there["CacheControl"]) == tuple(HEADERS.values())


@settings(max_examples=15)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1), min_size=1
    )
    .map("/".join)
    .filter(lambda key: len(key.encode()) < 300 and not {".", ".."} & set(key.split("/")))
)
def test_any_name_is_signed_as_the_store_reads_it(running, one_bucket, key):
    """Else a project with an odd file name could never be deployed."""
    bucket = one_bucket
    running.objects.clear()
    bucket.create(item_of(key, b"x"), b"x")
    assert bucket.get(key)[0] == b"x"
    assert [found for found, _, _ in bucket.listing()] == [key]
    assert urllib.request.urlopen(bucket.presign([key], seconds=60)[0]).read() == b"x"
    assert list(running.objects) == [f"shop/static/{key}"]


def test_bytes_that_are_not_those_named_never_arrive(store, bucket):
    with pytest.raises(RefusedError) as caught:
        bucket.create(item_of("a.css", b"right"), b"wrong")
    assert caught.value.code == "XAmzContentSHA256Mismatch"
    assert store.objects == {}


def test_what_is_there_already_is_success_and_is_not_written_again(store, bucket):
    item = item_of("a.css", b"x")
    assert bucket.create(item, b"x") == bucket.create(item, b"x")
    assert [method for method, _ in store.asked] == ["PUT", "PUT", "HEAD"]


def test_a_key_that_holds_anothers_bytes_is_left_alone(store, bucket):
    bucket.create(item_of("a.css", b"theirs"), b"theirs")
    with pytest.raises(CdnError) as caught:
        bucket.create(item_of("a.css", b"ours"), b"ours")
    assert caught.value.what == (
        "other bytes stand under this key, and a URL must never change its bytes"
    )
    assert caught.value.where == "s3://shop/static/a.css"
    assert store.body("shop/static/a.css") == b"theirs"


def test_a_copy_takes_the_bytes_and_brings_its_own_headers(store, bucket):
    bucket.create(item_of("pool/1a2b3c4/a ü.css", b"x"), b"x")
    own = replace(item_of("a ü.css", b"x", **{"Cache-Control": "no-cache"}))
    etag = bucket.copy(own, source="pool/1a2b3c4/a ü.css")
    assert store.body("shop/static/a ü.css") == b"x"
    assert store.objects["shop/static/a ü.css"].headers["cache-control"] == "no-cache"
    assert {key: found for key, _, found in bucket.listing()}["a ü.css"] == etag


def test_a_listing_goes_over_all_pages(store, bucket, monkeypatch):
    monkeypatch.setattr(store, "page", 2)
    for number in range(5):
        bucket.create(item_of(f"{number}.css", b"x"), b"x")
    assert [key for key, _, _ in bucket.listing()] == [f"{number}.css" for number in range(5)]


def test_one_deploy_sees_that_another_wrote_between(bucket):
    first = bucket.put("m", b"1", headers={}, if_none_match=True)
    bucket.put("m", b"2", headers={}, if_match=first)
    with pytest.raises(RefusedError) as caught:
        bucket.put("m", b"3", headers={}, if_match=first)
    assert caught.value.status == 412


def test_writing_is_tried_without_writing(store, bucket):
    assert bucket.may_write()
    assert store.objects == {}


def test_a_presigned_url_reads_and_ends(store, bucket):
    bucket.create(item_of("a.css", b"x"), b"x")
    assert urllib.request.urlopen(bucket.presign(["a.css"], seconds=60)[0]).read() == b"x"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(bucket.presign(["a.css"], seconds=-1)[0])
    assert caught.value.code == 403


# ---- many


def test_all_failures_are_named_and_the_others_done(store, bucket):
    store.faults.append(Fault("PUT", "bad", 403, "AccessDenied", times=99))
    items = [(item_of(f"{kind}{n}.css", b"x"), b"x") for n in range(6) for kind in ("bad", "good")]
    with pytest.raises(FailedError) as caught:
        bucket.each(items, bucket.create)
    lines = caught.value.what.splitlines()
    assert lines[0] == "6 requests failed, such as:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [f"bad{n}.css" for n in range(6)]
    assert {item.key for item, _ in caught.value.done} == {f"good{n}.css" for n in range(6)}
    assert caught.value.mend == POLICY


def test_what_fails_always_is_not_tried_ten_thousand_times(store, bucket):
    store.faults.append(Fault("PUT", "", 403, "AccessDenied", times=10**6))
    items = ((item_of(f"{n}.css", b"x"), b"x") for n in range(10_000))
    with pytest.raises(FailedError):
        bucket.each(items, bucket.create)
    assert len(store.asked) < 2000


def test_bodies_wait_for_room_instead_of_filling_the_memory(store, bucket, monkeypatch):
    monkeypatch.setattr(s3, "IN_FLIGHT_BYTES", 1000)
    under_way, most, counting = 0, 0, threading.Lock()

    def bodies():
        nonlocal under_way, most
        for number in range(200):
            with counting:
                under_way += 100
                most = max(most, under_way)
            body = b"%0100d" % number
            yield item_of(f"{number}.css", body), body

    def work(item, body):
        nonlocal under_way
        etag = bucket.create(item, body)
        with counting:
            under_way -= len(body)
        return etag

    assert len(bucket.each(bodies(), work)) == 200
    assert most <= 1100  # one more is read, and waits


def test_a_body_larger_than_all_the_room_goes_alone(bucket, monkeypatch):
    monkeypatch.setattr(s3, "IN_FLIGHT_BYTES", 10)
    items = [(item_of(f"{n}.css", b"x" * 100), b"x" * 100) for n in range(3)]
    assert len(bucket.each(items, bucket.create)) == 3


def test_a_stream_that_breaks_off_is_no_success(bucket):
    def bodies():
        yield item_of("a.css", b"x"), b"x"
        raise CdnError("the build host is gone", where="build1", mend="see")

    with pytest.raises(CdnError, match="the build host is gone"):
        bucket.each(bodies(), bucket.create)


def test_every_write_carries_the_encryption_that_a_policy_demands(strict):
    """(fleet C13)."""
    strict.demands = SECURED
    bucket = Bucket(place(strict, sse="aws:kms", sse_key=KEY_ARN))
    item = item_of("a.css", b"x")
    bucket.create(item, b"x")
    bucket.put("m", b"1", headers={}, if_none_match=True)
    etag = bucket.copy(item_of("b.css", b"x"), source="a.css")
    bucket.copy(item, source="a.css")  # onto itself, with other headers
    assert bucket.may_write()
    assert bucket.may_copy()
    assert all(one.headers[SSE] == "aws:kms" for one in strict.objects.values())
    listed = {key: found for key, _, found in bucket.listing()}
    assert listed["b.css"] == etag != listed["a.css"]  # no MD5: one for each write


@pytest.mark.parametrize("sse", ["AES256", "aws:kms", "aws:kms:dsse"])
def test_each_encryption_is_asked_for_by_its_name(strict, sse):
    strict.demands = {SSE: sse}
    Bucket(place(strict, sse=sse)).create(item_of("a.css", b"x"), b"x")
    assert strict.objects["shop/static/a.css"].headers[SSE] == sse


@pytest.mark.parametrize("setting", ["inventory", "AWS's own"])
def test_a_bucket_with_object_lock_gets_a_digest_even_without_checksums(
    strict, monkeypatch, setting
):
    """AWS_REQUEST_CHECKSUM_CALCULATION=when_required is what users of older stores set for boto3."""
    strict.has_object_lock = True
    if setting == "inventory":
        bucket = Bucket(place(strict, checksum=False))
    else:
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        bucket = Bucket(place(strict))
    sent = []
    send = bucket._send
    monkeypatch.setattr(bucket, "_send", lambda *words: (sent.append(words[3]), send(*words))[1])
    bucket.create(item_of("a.css", b"x"), b"x")
    assert [{"Content-MD5", "x-amz-checksum-sha256"} & set(one) for one in sent] == [
        {"Content-MD5"}
    ]


def test_r2_takes_every_request_of_a_deploy(r2):
    """It refuses `x-amz-copy-source: /bucket/key`, so each flip was undone (fleet C14)."""
    bucket = Bucket(place(r2, region="auto"))
    bucket.create(item_of("pool/1a2b3c4/a ü+.css", b"x"), b"x")
    bucket.copy(item_of("a ü+.css", b"x"), source="pool/1a2b3c4/a ü+.css")
    assert bucket.get("a ü+.css")[0] == b"x"
    assert bucket.may_write()
    assert bucket.may_copy()
    assert sorted(key for key, _, _ in bucket.listing()) == ["a ü+.css", "pool/1a2b3c4/a ü+.css"]


def test_a_copy_whose_answer_is_empty_is_looked_up(store, bucket, monkeypatch):
    bucket.create(item_of("a.css", b"x"), b"x")
    send = bucket._send
    for does in (True, False):

        def empty(method, *words, does=does):
            answer = send(method, *words) if does or method == "HEAD" else None
            return answer if method == "HEAD" else Answer(200, {}, b"")

        monkeypatch.setattr(bucket, "_send", empty)
        if does:
            assert bucket.copy(item_of("b.css", b"x"), source="a.css")
        else:
            with pytest.raises(CdnError, match="answered 200 to a copy, and has not made it"):
                bucket.copy(item_of("c.css", b"x"), source="a.css")


def test_copying_is_tried_and_what_it_made_is_removed_where_that_is_allowed(store, bucket):
    assert bucket.may_copy()
    assert store.objects == {}
    store.faults.append(Fault("DELETE", "", 403, "AccessDenied", times=9))
    assert not bucket.may_copy()
    assert sorted(store.objects) == [
        "shop/static/.fab_static/probe",
        "shop/static/.fab_static/probe-copy",
    ]


# ---- puts that somebody else makes


def put_by_url(signed, body, **other):
    """Put bytes as the URL says, without credentials; return the status."""
    headers = {**signed.headers, **other}
    request = urllib.request.Request(
        f"{signed.base}{signed.key}?{signed.query}", body, headers, method="PUT"
    )
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code


def test_what_another_puts_by_url_is_as_we_would_have_put_it(strict):
    """SSE-KMS, the bucket's owner, types and cache times: there is one place that has the headers."""
    strict.demands = SECURED
    bucket = Bucket(place(strict, sse="aws:kms", sse_key=KEY_ARN, owner=OWNER))
    ours, theirs = item_of("ours ü.css", b"x"), item_of("theirs ü.css", b"x")
    bucket.create(ours, b"x")
    (signed,) = bucket.sign_puts([theirs], seconds=60)
    assert put_by_url(signed, b"x") == 200
    there = [strict.objects[f"shop/static/{item.key}"] for item in (ours, theirs)]
    assert there[0].headers == there[1].headers
    assert bucket.etag_of(theirs) == there[1].etag


@pytest.mark.parametrize(
    ("body", "other", "status"),
    [
        (b"y", {}, 400),  # other bytes
        (b"xy", {"Content-Length": "2"}, 403),
        (b"x", {"x-amz-checksum-sha256": ""}, 403),
        (b"x", {"If-None-Match": ""}, 403),  # over what is there
        (b"x", {"Content-Type": "text/html"}, 403),
        (b"x", {"x-amz-acl": "public-read"}, 403),
    ],
)
def test_a_url_lets_nothing_else_be_put(store, bucket, body, other, status):
    (signed,) = bucket.sign_puts([item_of("a.css", b"x")], seconds=60)
    assert put_by_url(signed, body, **other) == status
    assert store.objects == {}
    assert put_by_url(signed, b"x") == 200
    assert put_by_url(signed, b"x") == 412  # once
    assert put_by_url(signed, b"x", **{"If-None-Match": ""}) == 403


def test_a_url_for_a_put_ends(store, bucket):
    (signed,) = bucket.sign_puts([item_of("a.css", b"x")], seconds=-1)
    assert put_by_url(signed, b"x") == 403
    assert store.objects == {}
