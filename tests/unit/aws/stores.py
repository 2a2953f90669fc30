"""Buckets of the strict store, and objects for them."""

import hashlib
from dataclasses import replace

from fab_static.plan.inventory import S3
from fab_static.plan.publication import Item
from tests.strict_s3 import OWNER, REGION, SSE, SSE_KEY

HEADERS = {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "public, max-age=1"}


def place(store, **other):
    return replace(S3("shop", "static/", REGION, store.url), **other)


def item_of(key, body, **headers):
    return Item(key, hashlib.sha256(body).hexdigest(), len(body), headers or HEADERS)


KEY_ARN = f"arn:aws:kms:{REGION}:{OWNER}:key/1a2b"


SECURED = {SSE: "aws:kms", SSE_KEY: KEY_ARN}
POLICY = (
    "allow s3:PutObject there; docs/s3.md has the whole policy. A bucket policy may demand "
    "x-amz-server-side-encryption: say sse: AES256, or sse: aws:kms with sse_key, beside the bucket. A policy may "
    "demand TLS (aws:SecureTransport): say https:// in endpoint_url"
)
