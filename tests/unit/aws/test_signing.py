"""Requests are signed as botocore signs them, to the byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from fab_static.aws.signing import Credentials, Signer

REGION = "eu-west-1"
BUCKET = "https://shop.s3.eu-west-1.amazonaws.com"
KEYS = [
    Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
    Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJ/b3+Jp=="),
]
URLS = [
    f"{BUCKET}/static/a.js",
    f"{BUCKET}/static/a%20b%2B%C3%BC.js",
    f"{BUCKET}/?encoding-type=url&list-type=2&prefix=static%2Fa%20b",
    "http://127.0.0.1:9000/shop/a.js",
    "http://127.0.0.1:80/shop/a.js",
]
HEADERS = [
    {},
    {
        "Content-Type": "text/css; charset=utf-8",
        "Cache-Control": "public,  max-age=1 ",
        "x-amz-meta-sha256": "0" * 64,
        "If-Match": '"0123"',
    },
]


class Known(S3SigV4Auth):
    """botocore's signer, that takes the body's SHA-256 as known."""

    def payload(self, request: Any) -> str:
        return "1" * 64


def at(moment: str) -> datetime:
    return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize("credentials", KEYS, ids=["key", "session"])
@pytest.mark.parametrize("headers", HEADERS, ids=["bare", "headers"])
@pytest.mark.parametrize("url", URLS)
def test_headers_prove_what_botocores_prove(
    url: str, headers: dict[str, str], credentials: Credentials
) -> None:
    theirs = AWSRequest(method="PUT", url=url, headers=dict(headers))
    Known(credentials, "s3", REGION).add_auth(theirs)
    signer = Signer(credentials, REGION, at(theirs.headers["X-Amz-Date"]))
    ours = signer.signed("PUT", url, headers, "1" * 64)
    assert {name.lower(): value for name, value in ours.items()} == {
        name.lower(): value for name, value in theirs.headers.items()
    }


@pytest.mark.parametrize("credentials", KEYS, ids=["key", "session"])
@pytest.mark.parametrize("headers", HEADERS, ids=["bare", "headers"])
@pytest.mark.parametrize("url", [one for one in URLS if "?" not in one])
def test_urls_are_those_that_botocore_presigns(
    url: str, headers: dict[str, str], credentials: Credentials
) -> None:
    theirs = AWSRequest(method="PUT", url=url, headers=dict(headers))
    S3SigV4QueryAuth(credentials, "s3", REGION, expires=60).add_auth(theirs)
    (moment,) = parse_qs(urlsplit(theirs.url).query)["X-Amz-Date"]
    signer = Signer(credentials, REGION, at(moment))
    assert signer.presigned("PUT", url, headers, seconds=60) == theirs.url
