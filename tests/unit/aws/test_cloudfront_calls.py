"""One call to CloudFront: in time, made again where that may help, refused with its cure."""

from __future__ import annotations

import pytest

from demo.cloudfront import CloudFront
from demo.cloudfront import Distribution as Known
from fab_static.aws.cloudfront import Distribution
from fab_static.aws.cloudfront_calls import RefusedError
from fab_static.errors import CdnError
from tests.unit.aws.clients import ask, client


@pytest.mark.parametrize("answer", ["503", "500", "Throttling", "reset"])
def test_what_passes_is_asked_again(cloudfront: CloudFront, known: Known, answer: str) -> None:
    cloudfront.script("CreateInvalidation", *[answer] * 5)
    cloudfront.script("GetInvalidation", answer, answer)
    asked = client(cloudfront, known)
    requests = asked.invalidate([["/a"]], "r", wait_seconds=600).requests
    assert asked.wait(requests, 600) == []


def test_a_service_that_stays_away_ends_within_the_patience(
    cloudfront: CloudFront, known: Known
) -> None:
    cloudfront.script("CreateInvalidation", *["503"] * 100)
    before = cloudfront.clock.now()
    with pytest.raises(CdnError, match="ServiceUnavailable"):
        ask(client(cloudfront, known), "/a")
    assert cloudfront.clock.now() - before <= 62
    assert len(cloudfront.calls) <= 8


def test_an_endpoint_that_hangs_ends_within_the_patience(
    cloudfront: CloudFront, known: Known
) -> None:
    cloudfront.script("GetDistributionConfig", *["hang"] * 20)
    asked = client(cloudfront, known, patience_seconds=0.4, read_seconds=0.1)
    with pytest.raises(CdnError) as caught:
        asked.check()
    assert "gave no answer to get_distribution_config" in caught.value.what
    assert "can be reached from here" in caught.value.mend
    assert cloudfront.endpoint in caught.value.where


def test_an_endpoint_where_nobody_listens_is_told(cloudfront: CloudFront) -> None:
    asked = Distribution(
        "E1", endpoint_url="http://127.0.0.1:1", clock=cloudfront.clock.now, sleep=cloudfront.clock.sleep
    )  # fmt: skip
    with pytest.raises(CdnError, match="gave no answer"):
        asked.check()


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("ExpiredToken", "renew the AWS credentials"),
        ("InvalidClientTokenId", "correct the AWS credentials"),
        ("RequestTimeTooSkewed", "set this machine's clock"),
    ],
)
def test_credentials_that_are_no_good_say_how_to_mend_them(
    cloudfront: CloudFront, known: Known, code: str, cure: str
) -> None:
    cloudfront.refuses_credentials = code
    with pytest.raises(RefusedError) as caught:
        client(cloudfront, known).check()
    assert cure in caught.value.mend
    assert cloudfront.calls == ["GetDistributionConfig"]


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_a_clock_that_is_off_says_so(cloudfront: CloudFront, known: Known, ahead: float) -> None:
    cloudfront.wall_clock_ahead = ahead
    with pytest.raises(RefusedError) as caught:
        client(cloudfront, known).check()
    assert "set this machine's clock (NTP)" in caught.value.mend


@pytest.mark.parametrize(
    ("variables", "words"),
    [({}, "Unable to locate credentials"), ({"AWS_PROFILE": "nobody"}, "nobody")],
)
def test_no_credentials_say_which_variables_to_set(
    cloudfront: CloudFront, known: Known, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:  # fmt: skip
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it has read the environment before
    with pytest.raises(CdnError, match=words) as caught:
        client(cloudfront, known).check()
    assert "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in caught.value.mend


def test_a_wrong_distribution_names_the_key_of_the_inventory(cloudfront: CloudFront) -> None:
    with pytest.raises(RefusedError) as caught:
        client(cloudfront, "ENOTHERE").check()
    assert caught.value.where == "distribution ENOTHERE"
    assert "cdn.distribution_id" in caught.value.mend
