"""The doctor for buckets against the strict store: each thing that may be wrong, and its cure."""

import dataclasses
from types import SimpleNamespace

import pytest

from fab_static.aws import s3, s3_requests
from fab_static.doctor import bucket as bucket_doctor
from fab_static.errors import RemoteError
from fab_static.plan.inventory import S3, Environment, Host, Project
from tests.strict_s3 import REGION, Fault, StrictS3


@pytest.fixture(autouse=True)
def store(monkeypatch):
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_SECONDS", 0.0001)
    monkeypatch.setattr(s3_requests, "READ_SECONDS", 0.1)
    with StrictS3("shop") as store:
        for name, value in store.credentials.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_SESSION_TOKEN")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        yield store


def findings(store, **place):
    origin = S3(**{"bucket": "shop", "prefix": "static/", "region": REGION, "endpoint_url": store.url, **place})  # fmt: skip
    environment = Environment("production", "shop", "/srv", (), Project("/srv"), origin=origin)
    return bucket_doctor.check(SimpleNamespace(environment=environment, hosts=lambda *_: ()))


def test_a_good_bucket_is_well_and_nothing_is_written(store):
    found = findings(store)
    assert [one["subject"] for one in found if one["ok"]] == [
        "S3",
        "S3 writing",
        "S3 copying",
        "S3 content",
    ]
    assert len(found) == 4
    assert store.objects == {}


def refusal(code, method="GET", status=403, **more):
    return Fault(method, "", status, code, times=99, **more)


@pytest.mark.parametrize(
    ("fault", "what", "cure"),
    [
        (refusal("AccessDenied"), "S3 denies GET (s3:GetObject)", "allow s3:GetObject there"),
        (refusal("AccessDenied", "PUT"), "S3 denies PUT (s3:PutObject)", "allow s3:PutObject there"),
        (refusal("AccessDenied", "LIST"), "S3 denies LIST (s3:ListBucket)", "allow s3:ListBucket there"),
        (refusal("ExpiredToken", status=400), "S3 refused GET: ExpiredToken", "renew the AWS credentials"),
        (refusal("InvalidAccessKeyId"), "S3 refused GET: InvalidAccessKeyId", "correct the AWS credentials"),
        (refusal("SignatureDoesNotMatch"), "S3 refused GET: Signature", "correct the AWS credentials"),
        (refusal("NoSuchBucket", status=404), "S3 refused GET: NoSuchBucket", "make the bucket, or correct"),
        (
            refusal("PermanentRedirect", status=301, headers={"x-amz-bucket-region": "eu-west-3"}),
            "the bucket shop is in eu-west-3, not in eu-north-1",
            "say region: eu-west-3 in the inventory",
        ),
        (
            refusal("RequestTimeTooSkewed", headers={"Date": "Sun, 22 Nov 2020 10:00:00 GMT"}),
            "this machine's clock is ",
            "set the clock",
        ),
        (refusal("", hangs=True), "S3 at 127.0.0.1:", "see whether this machine reaches it"),
    ],
    ids=lambda value: f"{value.method} {value.code}" if isinstance(value, Fault) else "",
)  # fmt: skip
def test_what_would_stop_a_deploy_is_found_with_its_cure(store, fault, what, cure):
    store.faults.append(dataclasses.replace(fault))
    (one,) = [one for one in findings(store) if not one["ok"]]
    assert one["what"].startswith(what)
    assert one["mend"].startswith(cure)
    assert one["where"] == "s3://shop/static/"


def test_no_credentials_are_found(store, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (one,) = findings(store)
    assert one["what"] == "there are no AWS credentials"
    assert one["mend"].startswith("give some: AWS_PROFILE")


def test_a_store_without_conditions_is_told(store, monkeypatch):
    monkeypatch.setattr(s3.Bucket, "may_write", lambda _: False)
    (one,) = [one for one in findings(store) if not one["ok"]]
    assert one["what"].startswith("the store takes no notice of If-Match")


def test_a_store_that_refuses_copies_alone_is_found(store):
    """`check` was well, and every deploy undone at its flip (fleet C14)."""
    store.faults.append(Fault("PUT", "probe-copy$", 400, "InvalidArgument", message="bad source"))
    (one,) = [one for one in findings(store) if not one["ok"]]
    assert (one["subject"], one["what"]) == (
        "S3 copying",
        "S3 refused COPY: InvalidArgument, bad source (request R1)",
    )


def test_what_a_copy_leaves_where_nothing_may_be_deleted_is_told(store):
    store.faults.append(refusal("AccessDenied", "DELETE"))
    assert [one["what"] for one in findings(store) if one["subject"] == "S3 copying"] == [
        "objects may be copied inside the bucket; .fab_static/probe and .fab_static/probe-copy stay there, "
        "because s3:DeleteObject is denied"
    ]


def test_a_policy_that_demands_encryption_is_found_and_met_by_sse(store):
    """(fleet C13)."""
    store.demands = {"x-amz-server-side-encryption": "AES256"}
    (one,) = [one for one in findings(store) if not one["ok"]]
    assert one["subject"] == "S3 writing"
    assert "explicit deny in a resource-based policy (request R1)" in one["what"]
    assert "say sse: AES256" in one["mend"]
    assert all(one["ok"] for one in findings(store, sse="AES256"))


@pytest.mark.parametrize("knows", [True, False])
def test_a_bucket_that_shall_keep_the_lock_must_know_conditions(store, knows):
    """Two runners at once would both win."""
    place = S3("shop", "static/", REGION, store.url)
    runner = Host("runner", "runner", ("build",), local=True)
    environment = Environment("production", "shop", "/srv", (runner,), Project("/srv"), origin=place)  # fmt: skip
    store.knows_conditions = knows
    found = bucket_doctor.check(SimpleNamespace(environment=environment, hosts=lambda *_: ()))
    (one,) = [one for one in found if one["subject"] == "S3 lock"]
    assert one["ok"] is knows
    assert knows or one["mend"].startswith("use a store with conditional writes; or, if the build")
    assert not [key for key in store.objects if key.endswith("probe")]


@pytest.mark.parametrize(
    ("tried", "what", "is_advice"),
    [
        (("build1", None), "build1 puts objects itself", False),
        (("build1", "no"), "build1 cannot put objects (no): all go through this machine", True),
    ],
)
def test_whether_the_build_host_reaches_the_store_is_told(
    store, monkeypatch, tried, what, is_advice
):
    """Nobody must mend it: the operator's machine puts what the build host cannot."""
    monkeypatch.setattr(bucket_doctor.putting, "tried", lambda *_: tried)
    (one,) = [one for one in findings(store) if one["subject"] == "S3 from the build host"]
    assert (one["ok"], one["what"], one.get("advice", False)) == (True, what, is_advice)


def test_a_build_host_that_does_not_answer_is_told_by_its_own_finding(store, monkeypatch):
    def silent(*_):
        raise RemoteError("silent", where="build1", mend="start it")

    monkeypatch.setattr(bucket_doctor.putting, "tried", silent)
    assert "S3 from the build host" not in [one["subject"] for one in findings(store)]
