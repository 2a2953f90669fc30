"""One request to a store: signed, in time, and made again where that may help."""

from dataclasses import replace

import pytest

from fab_static.aws import s3_requests
from fab_static.aws.refusals import Answer
from fab_static.aws.s3 import Bucket
from fab_static.errors import CdnError
from tests.strict_s3 import Fault
from tests.unit.aws.stores import item_of, place


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


def test_a_copy_that_fails_after_spaces_kept_its_connection_open_is_no_success(store, bucket):
    bucket.create(item_of("a.css", b"x"), b"x")
    answers = [
        Answer(200, {}, b" \n" * 300 + b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>'),
        Answer(200, {}, b"<CopyObjectResult><ETag>&#34;e&#34;</ETag></CopyObjectResult>"),
    ]  # fmt: skip
    bucket._send = lambda *_: answers.pop(0)
    assert bucket.copy(item_of("b.css", b"x"), source="a.css") == "e"
    assert answers == []
