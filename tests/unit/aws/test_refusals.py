"""Each answer that is no: in the store's own words, and with its cure (fleet C13, C14)."""

from dataclasses import replace

import pytest

from fab_static.aws.refusals import Answer, RefusedError, refusal
from fab_static.aws.s3 import Bucket
from fab_static.errors import CdnError
from tests.strict_s3 import OWNER, REGION, Fault
from tests.unit.aws.stores import KEY_ARN, POLICY, SECURED, item_of, place

NO_KEY = (
    "User: arn:aws:iam::123456789012:user/deploy is not authorized to perform: kms:GenerateDataKey on this "
    "resource because no identity-based policy allows the kms:GenerateDataKey action"
)
DENIED = "S3 denies PUT (s3:PutObject): AccessDenied, no (request R1)"


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
