"""A bucket is reached as boto3 would reach it; where that is beyond doubt, boto3 is not loaded to say so."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fab_static.aws.ways import botocores_way, plain_way
from fab_static.plan.inventory import S3
from tests.strict_s3 import StrictS3
from tests.unit.aws.stores import place

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
SHOP = S3("shop", "static/", "eu-west-1")


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Be a machine with credentials in its environment, and no file of AWS's."""
    for name in os.environ:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize(
    ("where", "variables"),
    [
        (SHOP, {}),
        (SHOP, {"AWS_SESSION_TOKEN": "token", "AWS_DEFAULT_REGION": "us-east-1"}),
        (replace(SHOP, checksum=False), {}),
        (SHOP, {"AWS_CA_BUNDLE": "/etc/ssl/certs/ours.pem"}),
        (replace(SHOP, region=None), {}),
        (replace(SHOP, region=None), {"AWS_DEFAULT_REGION": "ap-southeast-2"}),
        (replace(SHOP, region=None), {"AWS_REGION": "ap-southeast-2"}),
        (replace(SHOP, region="us-east-1"), {}),
        (replace(SHOP, region="ca-central-1"), {}),
        (replace(SHOP, region="mx-central-1"), {}),
        (replace(SHOP, endpoint_url="http://127.0.0.1:9000"), {}),
        (replace(SHOP, endpoint_url="http://127.0.0.1:9000/"), {}),
        (replace(SHOP, endpoint_url="https://10.0.0.7", region=None), {}),
    ],
)
def test_a_plain_way_is_the_one_that_boto3_would_take(
    runner: pytest.MonkeyPatch, where: S3, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        runner.setenv(name, value)
    plain, theirs = plain_way(where, os.environ), botocores_way(where)
    assert plain
    assert plain.credentials() == theirs.credentials()
    same = plain.credentials
    assert replace(plain, credentials=same) == replace(theirs, credentials=same)


@pytest.mark.parametrize(
    "where",
    [
        replace(SHOP, bucket="my.shop"),
        replace(SHOP, bucket="shop--use1-az4--x-s3"),
        replace(SHOP, bucket="arn:aws:s3:eu-west-1:123456789012:accesspoint/shop"),
        replace(SHOP, bucket="Shop"),
        replace(SHOP, region="cn-north-1"),
        replace(SHOP, region="us-gov-west-1"),
        replace(SHOP, region="aws-global"),
        replace(SHOP, region="no region!"),
        replace(SHOP, endpoint_url="https://a.r2.cloudflarestorage.com"),
        replace(SHOP, endpoint_url="http://minio:9000"),
        replace(SHOP, endpoint_url="http://127.0.0.1:9000/below"),
    ],
)
def test_where_a_bucket_is_of_another_kind_boto3_decides(
    runner: pytest.MonkeyPatch, where: S3
) -> None:
    assert plain_way(where, os.environ) is None


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL"),
        *("AWS_ENDPOINT_URL_S3", "AWS_USE_FIPS_ENDPOINT", "AWS_SECURITY_TOKEN"),
        *("AWS_CREDENTIAL_EXPIRATION", "AWS_REQUEST_CHECKSUM_CALCULATION", "https_proxy"),
        *("NO_PROXY", "AWS_EXECUTION_ENV"),
    ],
)
def test_where_a_variable_may_change_the_way_boto3_decides(
    runner: pytest.MonkeyPatch, name: str
) -> None:
    runner.setenv(name, "x")
    assert plain_way(SHOP, os.environ) is None


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_where_aws_has_a_file_boto3_decides(
    runner: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).write_text("")
    assert plain_way(SHOP, os.environ) is None


@pytest.mark.parametrize("name", KEYS)
def test_where_the_environment_has_no_credentials_boto3_looks_for_some(
    runner: pytest.MonkeyPatch, name: str
) -> None:
    runner.delenv(name)
    assert plain_way(SHOP, os.environ) is None


def test_what_goes_a_plain_way_loads_no_boto3(store: StrictS3, tmp_path: Path) -> None:
    program = (
        "import sys;from fab_static.aws.s3 import Bucket;from fab_static.plan.inventory import S3;"
        f"bucket = Bucket({place(store)!r});"
        "bucket.put('a.js', b'1', headers={});print(bucket.get('a.js')[0], [*bucket.listing()]);"
        "print({'boto3', 'botocore'} & {*sys.modules})"
    )
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    environ |= {name: value for name, value in store.credentials.items() if value}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    told, loaded = ran.stdout.splitlines()
    assert told.startswith("b'1' [('a.js', 1, ")
    assert loaded == "set()"
