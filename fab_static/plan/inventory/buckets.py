"""The buckets of an inventory: the origin, the hub that hosts fetch from, the place of reports."""

from __future__ import annotations

import re

from fab_static.plan.inventory.environment import S3
from fab_static.plan.inventory.section import Section

SSE = ("AES256", "aws:kms", "aws:kms:dsse")
PUT_BY = ("build", "operator")
ACLS = ("bucket-owner-full-control", "private", "public-read")
_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[\w/-]+", re.ASCII)
_ACCESS_POINT = re.compile(
    r"arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint/[a-z0-9-]+", re.ASCII
)


def read_origin(section: Section) -> S3 | None:
    """Return the bucket that visitors are served from, or None if hosts serve alone."""
    if not section.present:
        return None
    endpoint_url = _endpoint(section)
    place = _s3(section.section("s3", required=True), endpoint_url, is_origin=True)
    section.close()
    return place


def read_hub(section: Section, origin: S3 | None) -> S3 | None:
    """Return the bucket that hosts fetch from: its own, else the origin's, or None if bytes go over SSH."""
    via = section.choice("via", ("ssh", "s3"), "ssh")
    place = origin
    if section.has("bucket"):
        place = _s3(section, _endpoint(section), is_origin=False)
    section.close()
    if via != "s3":
        if section.has("bucket"):
            section.problem("bucket", "has no meaning without `via: s3`")
        return None
    if place is None:
        section.problem(
            "via", "s3 needs a bucket: name it here (bucket, prefix, region) or as origin.s3"
        )
    return place


def read_own(section: Section) -> S3 | None:
    """Return the bucket that takes each run's report, or what builds leave for other machines, where one does."""
    if not section.present:
        return None
    endpoint_url = _endpoint(section)
    bucket = section.section("s3", required=True)
    place = _s3(bucket, endpoint_url, is_origin=False, takes_releases=False)
    bucket.close()
    section.close()
    return place


def _endpoint(section: Section) -> str | None:
    url = section.optional_text("endpoint_url")
    if url is not None and not re.match(r"https?://[^/?#]+/?\Z", url):
        section.problem("endpoint_url", "must be a URL such as https://minio.example.com:9000")
    return url


def _s3(
    section: Section, endpoint_url: str | None, *, is_origin: bool, takes_releases: bool = True
) -> S3:
    prefix = section.optional_text("prefix") or ""
    if prefix.startswith("/") or "//" in prefix or {".", ".."} & set(prefix.split("/")):
        section.problem(
            "prefix", f'"{prefix}" is not a prefix; write it as static/, or leave it out'
        )
    bucket = section.text("bucket")
    # Amazon S3 User Guide, "General purpose bucket naming rules"; older names had capitals
    is_name = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", bucket)
    if bucket and not is_name and not _ACCESS_POINT.fullmatch(bucket):
        section.problem(
            "bucket", f'"{bucket}" is not a name of a bucket: its name alone, no s3:// nor /'
        )
    place = S3(
        bucket=bucket,
        prefix=prefix.strip("/") + "/" if prefix.strip("/") else "",
        region=section.optional_text("region"),
        endpoint_url=endpoint_url,
        checksum=section.boolean("checksum", default=True),
        version_function=is_origin and section.boolean("version_function", default=False),
        cache_tags=is_origin and section.boolean("cache_tags", default=False),
        put_by=section.choice("put_by", PUT_BY, PUT_BY[0]) if takes_releases else PUT_BY[0],
        **_demanded(section),
    )
    if place.sse_key and not (place.sse or "").startswith("aws:kms"):
        section.problem("sse_key", "has no meaning without `sse: aws:kms` or `aws:kms:dsse`")
    key_region = (place.sse_key or "").split(":")[3:4]
    if key_region and place.region and key_region != [place.region]:
        section.problem(
            "sse_key",
            f"is in {key_region[0]}; S3 wants a key of the bucket's region, {place.region}",
        )
    if is_origin:
        section.close()
    return place


def _demanded(section: Section) -> dict[str, str | None]:
    """Return what each request carries because the bucket's policy demands it."""
    key, owner = section.optional_text("sse_key"), section.optional_text("owner")
    if key is not None and not _KMS_KEY.fullmatch(key):
        section.problem(
            "sse_key",
            f'"{key}" is not an ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID, or …:alias/NAME',
        )
    if owner is not None and not re.fullmatch(r"[0-9]{12}", owner):
        section.problem("owner", f'"{owner}" is not an AWS account: 12 digits, in quotes')
    return {
        "sse": section.choice("sse", SSE, SSE[0]) if section.has("sse") else None,
        "sse_key": key,
        "acl": section.choice("acl", ACLS, ACLS[0]) if section.has("acl") else None,
        "owner": owner,
    }
