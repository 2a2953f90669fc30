"""The engine against a store that checks what it is sent, and that breaks when it is told to."""

import hashlib
import re
import threading
import urllib.error
import urllib.request
from dataclasses import replace

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fab_static.aws import s3, s3_requests
from fab_static.aws.refusals import Answer, RefusedError, refusal
from fab_static.aws.s3 import Bucket, FailedError
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3
from fab_static.plan.publication import Item
from tests.strict_s3 import OWNER, REGION, SSE, SSE_KEY, Fault, StrictS3

HEADERS = {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "public, max-age=1"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody waits in a unit test."""
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_SECONDS", 0.0001)
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def running():
    with StrictS3("shop") as store:
        yield store


@pytest.fixture
def store(running, monkeypatch):
    running.objects.clear()
    running.asked.clear()
    running.faults.clear()
    for name, value in running.credentials.items():
        if value:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    return running


@pytest.fixture
def bucket(store):
    return Bucket(place(store))


@pytest.fixture(scope="module")
def one_bucket(running):
    with pytest.MonkeyPatch.context() as patch:
        running.sign_in(patch)
        return Bucket(place(running))


def place(store, **other):
    return replace(S3("shop", "static/", REGION, store.url), **other)


def item_of(key, body, **headers):
    return Item(key, hashlib.sha256(body).hexdigest(), len(body), headers or HEADERS)


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


# ---- bad days


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", "a.css", 503, "SlowDown", times=5),
        Fault("PUT", "a.css", 500, "InternalError", times=3),
        Fault("PUT", "a.css", 409, "ConditionalRequestConflict", times=3),
        Fault("PUT", "a.css", 400, "RequestTimeout", times=1),
        Fault("PUT", "a.css", 503, "SlowDown", times=1, after=True),  # done, but told otherwise
        Fault("PUT", "a.css", 200, "InternalError", times=1),  # begins well, as copies may
    ],
    ids=lambda fault: f"{fault.status} {fault.code} {fault.times}",
)
def test_what_passes_is_waited_for(store, bucket, fault):
    store.faults.append(replace(fault))
    bucket.create(item_of("a.css", b"x"), b"x")
    assert store.body("shop/static/a.css") == b"x"


def test_a_connection_that_is_cut_is_made_again(store, bucket):
    bucket.create(item_of("first.css", b"x"), b"x")
    store.faults.append(Fault("PUT", "a.css", 0, times=3))
    bucket.create(item_of("a.css", b"x"), b"x")
    assert store.body("shop/static/a.css") == b"x"


DENIED = "S3 denies PUT (s3:PutObject): AccessDenied, no (request R1)"
POLICY = (
    "allow s3:PutObject there; docs/s3.md has the whole policy. A bucket policy may demand "
    "x-amz-server-side-encryption: say sse: AES256, or sse: aws:kms with sse_key, beside the bucket. A policy may "
    "demand TLS (aws:SecureTransport): say https:// in endpoint_url"
)


@pytest.mark.parametrize(
    ("fault", "what", "mend"),
    [
        (Fault("PUT", "", 403, "AccessDenied"), DENIED, POLICY),
        (
            Fault("PUT", "", 400, "ExpiredToken"),
            "S3 refused PUT: ExpiredToken, no (request R1)",
            "renew the AWS credentials, then run it again",
        ),
        (
            Fault("PUT", "", 403, "InvalidAccessKeyId"),
            "S3 refused PUT: InvalidAccessKeyId, no",
            "correct the AWS credentials",
        ),
        (
            Fault(
                "PUT", "", 301, "PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-3"}
            ),
            "the bucket shop is in eu-west-3, not in eu-north-1",
            "say region: eu-west-3 in the inventory",
        ),
        (
            Fault(
                "PUT",
                "",
                403,
                "RequestTimeTooSkewed",
                headers={"Date": "Sun, 22 Nov 2020 10:00:00 GMT"},
            ),
            "this machine's clock is ",
            "set the clock: timedatectl set-ntp true",
        ),
        (
            Fault("PUT", "", 501, "NotImplemented"),
            "S3 refused PUT: NotImplemented, no",
            "a store that knows no checksums: say checksum: false beside the bucket",
        ),
        (
            Fault("PUT", "", 503, "SlowDown", times=99),
            "S3 refused PUT: SlowDown, no",
            "see the answer",
        ),
    ],
    ids=lambda value: value.code if isinstance(value, Fault) else "",
)
def test_each_refusal_says_what_is_wrong_and_how_to_mend_it(store, bucket, fault, what, mend):
    store.faults.append(replace(fault))
    with pytest.raises(CdnError) as caught:
        bucket.create(item_of("a.css", b"x"), b"x")
    assert caught.value.what.startswith(what)
    assert caught.value.mend.startswith(mend)
    assert caught.value.where == "s3://shop/static/a.css"


def test_a_bucket_in_another_region_is_told_by_its_name(store):
    with pytest.raises(CdnError) as caught:
        Bucket(place(store, region="us-east-1")).get("m")
    assert caught.value.what == (
        "the bucket shop is in eu-north-1, not in us-east-1: AuthorizationHeaderMalformed, no (request R1)"
    )
    assert caught.value.mend == "say region: eu-north-1 in the inventory"


def test_a_bucket_that_is_not_there_is_told_apart_from_a_key(store):
    with pytest.raises(RefusedError) as caught:
        Bucket(place(store, bucket="shpo")).get("m")
    assert caught.value.mend == "make the bucket, or correct its name in the inventory"
    assert Bucket(place(store)).get("m") is None


def test_a_denied_read_says_that_listing_may_be_what_lacks(store, bucket):
    store.faults.append(Fault("GET", "", 403, "AccessDenied"))
    with pytest.raises(CdnError, match=r"denies GET \(s3:GetObject\)") as caught:
        bucket.get("m")
    assert "s3:ListBucket" in caught.value.mend


@pytest.mark.parametrize(
    ("method", "right", "call"),
    [
        ("GET", "s3:GetObject", lambda bucket: bucket.get("a")),
        ("HEAD", "s3:GetObject", lambda bucket: bucket.head("a")),
        ("PUT", "s3:PutObject", lambda bucket: bucket.put("a", b"", headers={})),
        ("PUT", "s3:PutObject", lambda bucket: bucket.may_write()),
        ("LIST", "s3:ListBucket", lambda bucket: list(bucket.listing())),
        ("DELETE", "s3:DeleteObject", lambda bucket: bucket.delete("a")),
    ],
)
def test_a_right_that_lacks_is_named_whichever_call_needs_it(store, bucket, method, right, call):
    store.faults.append(Fault(method, "", 403, "AccessDenied"))
    with pytest.raises(RefusedError) as caught:
        call(bucket)
    assert caught.value.what.startswith(f"S3 denies {method} ({right}): AccessDenied")
    assert caught.value.what.endswith("(request R1)")
    assert caught.value.mend.startswith(f"allow {right} there")


def test_without_credentials_nothing_is_asked(store, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(CdnError, match="there are no AWS credentials") as caught:
        Bucket(place(store)).get("m")
    assert "AWS_PROFILE" in caught.value.mend
    assert store.asked == []


def test_a_profile_that_is_not_there_is_told_in_words(store, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CdnError, match="nobody"):
        Bucket(place(store)).get("m")


def test_a_store_that_hangs_is_given_up_after_its_time(store, monkeypatch):
    monkeypatch.setattr(s3_requests, "READ_SECONDS", 0.1)
    store.faults.append(Fault("GET", "", hangs=True, times=99))
    with pytest.raises(CdnError, match="did not answer GET in time") as caught:
        Bucket(place(store)).get("m")
    assert "endpoint_url" in caught.value.mend
    assert len(store.asked) == 2


def test_an_address_where_nobody_listens_is_told_at_once(store):
    with pytest.raises(CdnError, match=r"cannot be reached \(\[Errno 111\] Connection refused\)"):
        Bucket(place(store, endpoint_url="http://127.0.0.1:9")).get("m")


# ---- many


def test_all_failures_are_named_and_the_others_done(store, bucket):
    store.faults.append(Fault("PUT", "bad", 403, "AccessDenied", times=99))
    items = [(item_of(f"{kind}{n}.css", b"x"), b"x") for n in range(6) for kind in ("bad", "good")]
    with pytest.raises(FailedError) as caught:
        bucket.each(items, bucket.create)
    lines = caught.value.what.splitlines()
    assert lines[0] == "6 objects could not be written, such as:"
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


# ---- where it is


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


# ---- what a bucket's policy demands (fleet C13)

KEY_ARN = f"arn:aws:kms:{REGION}:{OWNER}:key/1a2b"
SECURED = {SSE: "aws:kms", SSE_KEY: KEY_ARN}


@pytest.fixture
def strict(store):
    """The store, whose policy may demand more; as before afterwards."""
    yield store
    store.demands, store.has_object_lock, store.is_r2 = {}, False, False


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


def test_a_write_that_a_policy_forbids_is_told_in_amazons_own_words(strict, bucket):
    """To say `allow s3:PutObject` helps nobody whose role allows it (fleet C13)."""
    strict.demands = SECURED
    with pytest.raises(RefusedError) as caught:
        bucket.create(item_of("a.css", b"x"), b"x")
    assert caught.value.what == (
        "S3 denies PUT (s3:PutObject): AccessDenied, User: arn:aws:iam::123456789012:user/deploy is not "
        'authorized to perform: s3:PutObject on resource: "arn:aws:s3:::shop/static/a.css" with an explicit '
        "deny in a resource-based policy (request R1)"
    )
    assert caught.value.mend == (
        "a Deny in a policy forbids it (the answer says in which): meet its condition. A bucket policy may "
        "demand x-amz-server-side-encryption: say sse: AES256, or sse: aws:kms with sse_key, beside the bucket. "
        "A policy may demand TLS (aws:SecureTransport): say https:// in endpoint_url"
    )


NO_KEY = (
    "User: arn:aws:iam::123456789012:user/deploy is not authorized to perform: kms:GenerateDataKey on this "
    "resource because no identity-based policy allows the kms:GenerateDataKey action"
)


@pytest.mark.parametrize(
    ("fault", "other", "mend"),
    [
        (
            Fault("PUT", "", 403, "AccessDenied", message=NO_KEY),
            {"sse": "aws:kms"},
            "allow kms:GenerateDataKey and kms:Decrypt on the KMS key, in these credentials' policy and in the "
            "key's; docs/s3.md has both",
        ),
        (
            Fault("PUT", "", 403, "AccessDenied", message="Access Denied"),
            {"sse": "aws:kms", "endpoint_url": None},
            "allow s3:PutObject there; docs/s3.md has the whole policy. With sse: aws:kms, kms:GenerateDataKey "
            "and kms:Decrypt on its key are needed, too",
        ),
        (
            Fault("PUT", "", 400, "KMS.NotFoundException", message="Invalid keyId"),
            {"sse": "aws:kms", "sse_key": KEY_ARN},
            "correct sse_key: the key must exist, be enabled, and be in the bucket's region",
        ),
        (
            Fault("PUT", "", 400, "AccessControlListNotSupported", message="The bucket does not allow ACLs"),
            {"acl": "bucket-owner-full-control"},
            "leave acl out: the bucket's owner owns all in it, without ACLs",
        ),
        (
            Fault("PUT", "", 501, "NotImplemented", extra="<Header>If-None-Match</Header>", message="A header"),
            {"checksum": False},
            "use a store that has conditional writes; docs/s3.md says what is needed",
        ),
    ],
    ids=["no right to the key", "perhaps none", "no key", "no ACLs", "no conditions"],
)  # fmt: skip
def test_what_lacks_for_a_demanded_header_is_named(store, fault, other, mend):
    """(fleet C13): each cure is about what the answer names."""
    answer = Answer(
        fault.status,
        {},
        f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message>{fault.extra}</Error>".encode(),
    )
    assert refusal(place(store, **other), REGION, "PUT", "a", answer).mend == mend


def test_a_bucket_of_another_account_is_refused_where_the_owner_is_named(store):
    good = Bucket(place(store, owner=OWNER))
    good.create(item_of("a.css", b"x"), b"x")
    good.copy(item_of("b.css", b"x"), source="a.css")
    with pytest.raises(RefusedError) as caught:
        Bucket(place(store, owner="210987654321")).get("a.css")
    assert "may belong to another account than owner: 210987654321" in caught.value.mend


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


# ---- R2, and other stores' habits (fleet C14)


@pytest.fixture
def r2(strict):
    strict.is_r2 = True
    return strict


def test_r2_takes_every_request_of_a_deploy(r2):
    """It refuses `x-amz-copy-source: /bucket/key`, so each flip was undone (fleet C14)."""
    bucket = Bucket(place(r2, region="auto"))
    bucket.create(item_of("pool/1a2b3c4/a ü+.css", b"x"), b"x")
    bucket.copy(item_of("a ü+.css", b"x"), source="pool/1a2b3c4/a ü+.css")
    assert bucket.get("a ü+.css")[0] == b"x"
    assert bucket.may_write()
    assert bucket.may_copy()
    assert sorted(key for key, _, _ in bucket.listing()) == ["a ü+.css", "pool/1a2b3c4/a ü+.css"]


def test_the_region_that_r2_knows_is_named(r2):
    with pytest.raises(RefusedError) as caught:
        Bucket(place(r2)).get("m")
    assert caught.value.what == (
        "the bucket shop is in auto, not in eu-north-1: InvalidRegionName, The region name 'eu-north-1' is not "
        "valid. Must be one of: auto, us-east-1, wnam, enam, weur, eeur, apac (request R1)"
    )
    assert caught.value.mend == "say region: auto in the inventory"


@pytest.mark.parametrize(
    ("other", "mend"),
    [
        (
            {"sse": "AES256"},
            "the store does not know this encryption: correct sse, or leave it out",
        ),
        ({"acl": "private"}, "leave acl out: the store, or this bucket, knows no ACLs"),
        ({"owner": OWNER}, "leave owner out: the store does not know it"),
    ],
)
def test_a_header_that_r2_does_not_know_is_named_with_its_key(r2, other, mend):
    with pytest.raises(RefusedError) as caught:
        Bucket(place(r2, region="auto", **other)).create(item_of("a.css", b"x"), b"x")
    assert caught.value.mend == mend


def test_a_copy_that_fails_after_spaces_kept_its_connection_open_is_no_success(store, bucket):
    bucket.create(item_of("a.css", b"x"), b"x")
    answers = [
        Answer(200, {}, b" \n" * 300 + b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>'),
        Answer(200, {}, b"<CopyObjectResult><ETag>&#34;e&#34;</ETag></CopyObjectResult>"),
    ]  # fmt: skip
    bucket._send = lambda *_: answers.pop(0)
    assert bucket.copy(item_of("b.css", b"x"), source="a.css") == "e"
    assert answers == []


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


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_that_names_an_endpoint_alone_tells_the_region(store, bucket, status):
    endpoint = "<Endpoint>shop.s3.eu-west-3.amazonaws.com</Endpoint>"
    store.faults.append(Fault("GET", "", status, "PermanentRedirect", extra=endpoint))
    with pytest.raises(RefusedError) as caught:
        bucket.get("m")
    assert caught.value.mend == "say region: eu-west-3 in the inventory"


def test_a_copy_that_is_denied_names_both_rights(store, bucket):
    store.faults.append(Fault("PUT", "b.css", 403, "AccessDenied", message="Access Denied"))
    bucket.create(item_of("a.css", b"x"), b"x")
    with pytest.raises(RefusedError) as caught:
        bucket.copy(item_of("b.css", b"x"), source="a.css")
    assert caught.value.what == (
        "S3 denies COPY (s3:GetObject and s3:PutObject): AccessDenied, Access Denied (request R1)"
    )


def test_copying_is_tried_and_what_it_made_is_removed_where_that_is_allowed(store, bucket):
    assert bucket.may_copy()
    assert store.objects == {}
    store.faults.append(Fault("DELETE", "", 403, "AccessDenied", times=9))
    assert not bucket.may_copy()
    assert sorted(store.objects) == [
        "shop/static/.fab_static/probe",
        "shop/static/.fab_static/probe-copy",
    ]


# ---- where boto3 would go (fleet C15)


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
