"""What a store answered, and what to say of an answer that is no: its own words, and the cure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fab_static.errors import CdnError
from fab_static.plan.inventory import S3

LONGEST_WORDS = 1000  # of a store's own message: policies' ARNs take a few hundred


class UnansweredError(CdnError):
    """A request was sent, and no answer came: the store may do it yet."""


class RefusedError(CdnError):
    """S3 answered no; `code` is S3's own word for why."""

    is_refusal = True

    def __init__(self, what: str, *, where: str, mend: str, code: str, status: int) -> None:
        super().__init__(what, where=where, mend=mend)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What S3 said."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def etag(self) -> str:
        """The object's ETag, without its quotes."""
        return bare(self.headers.get("etag", ""))

    @property
    def failed_late(self) -> bool:
        """Tell whether it began with 200 and failed then, as copies may (API Reference, CopyObject)."""
        # spaces keep the connection open while the store works
        start = self.body[:4096].lstrip()[:200] if self.status == 200 else b""
        return re.match(rb"(<\?xml[^>]*\?>)?\s*<Error[\s>]", start) is not None

    def element(self, name: str) -> str:
        """Return the text of an element of an error; "" where there is none."""
        found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), self.body[:16384])
        text = html.unescape(found[1].decode(errors="replace")) if found else ""
        return re.sub(r"[\x00-\x1f\x7f\s]+", " ", text).strip()[:LONGEST_WORDS]

    @property
    def code(self) -> str:
        """The store's own word for why; a HEAD has none, so the status stands for it."""
        return self.element("Code") or _CODES.get(self.status, str(self.status))

    @property
    def words(self) -> str:
        """The store's own words: code, message, and the request's id, which AWS's support asks for."""
        said = self.element("Message")
        request = self.element("RequestId") or self.headers.get("x-amz-request-id", "")
        return (
            self.code + (f", {said}" if said else "") + (f" (request {request})" if request else "")
        )


def bare(etag: str) -> str:
    """Return an ETag without its quotes: stores give it with them here and without there."""
    return etag.strip('"')


def refusal(place: S3, region: str, operation: str, key: str, answer: Answer) -> RefusedError:
    """Return what to say of an answer that is no.

    Args:
        place: the bucket.
        region: the one that the request was signed for.
        operation: GET, HEAD, PUT, COPY, LIST or DELETE.
        key: the object's, below the prefix.
        answer: the store's.
    """
    code = answer.code
    theirs = _region_of(answer)
    if theirs and theirs != region:
        what = f"the bucket {place.bucket} is in {theirs}, not in {region}"
        mend = f"say region: {theirs} in the inventory"
    elif code == "RequestTimeTooSkewed":
        what = f"this machine's clock is {_skew(answer):.0f} seconds off S3's, and it refuses that"
        mend = "set the clock: timedatectl set-ntp true"
    elif code in ("AccessDenied", "403"):
        right = _RIGHTS[operation]
        what = f"S3 denies {operation} ({right})"
        mend = _let(place, operation, right, answer.element("Message"))
    else:
        what = f"S3 refused {operation}"
        mend = _cure(place, answer)
    return RefusedError(
        f"{what}: {answer.words}",
        where=f"{place}{key}",
        mend=mend,
        code=code,
        status=answer.status,
    )


def _region_of(answer: Answer) -> str:
    """Return the bucket's region, as far as the answer tells."""
    told = answer.headers.get("x-amz-bucket-region") or answer.element("Region")
    if told:
        return told
    if answer.status in (301, 307):
        found = re.search(r"\bs3[.-]([a-z]{2}-[a-z-]+-\d)\.amazonaws", answer.element("Endpoint"))
        return found[1] if found else ""
    return "auto" if answer.code == "InvalidRegionName" else ""  # Cloudflare R2


def _let(place: S3, operation: str, right: str, said: str) -> str:
    """Return what must be allowed, and what else a policy may demand of such a request."""
    named = re.search(r"not authorized to perform: ([\w-]+:\w+)", said)
    is_kms = named is not None and named[1].startswith("kms:")
    if is_kms:
        return (
            "allow kms:GenerateDataKey and kms:Decrypt on the KMS key, in these credentials' policy and in "
            "the key's; docs/s3.md has both"
        )
    if "explicit deny" in said:
        mend = "a Deny in a policy forbids it (the answer says in which): meet its condition"
    else:
        mend = f"allow {named[1] if named else right} there; docs/s3.md has the whole policy"
    if operation in ("GET", "HEAD"):
        mend += ". Without s3:ListBucket a key that is not there is denied, too"
    if operation in ("PUT", "COPY"):
        mend += ". " + _encryption(place)
    if place.owner:
        mend += f". The bucket may belong to another account than owner: {place.owner}"
    if (place.endpoint_url or "").startswith("http:"):
        mend += ". A policy may demand TLS (aws:SecureTransport): say https:// in endpoint_url"
    return mend


def _encryption(place: S3) -> str:
    if place.sse is None:
        return (
            "A bucket policy may demand x-amz-server-side-encryption: say sse: AES256, or sse: aws:kms with "
            "sse_key, beside the bucket"
        )
    if place.sse == "AES256":
        return (
            "A bucket policy may demand another encryption than sse: AES256: aws:kms with sse_key"
        )
    return f"With sse: {place.sse}, kms:GenerateDataKey and kms:Decrypt on its key are needed, too"


def _cure(place: S3, answer: Answer) -> str:
    """Return the cure for a refusal that is about the request: the answer names a header, or the code does."""
    code = answer.code
    about = f"{answer.element('Message')} {answer.element('Header')}".lower()
    if code.startswith("KMS."):
        return "correct sse_key: the key must exist, be enabled, and be in the bucket's region"
    if code in _ABOUT_HEADERS:
        for word, key, cure in _OF_HEADERS:
            if word in about and (key is None or getattr(place, key)):
                return cure
        if place.checksum and code != "InvalidArgument":
            return _NO_CHECKSUM
    return _CURES.get(code, "see the answer above, then run it again")


def _skew(answer: Answer) -> float:
    try:
        there = parsedate_to_datetime(answer.headers["date"])
        return abs((datetime.now(UTC) - there).total_seconds())
    except (KeyError, ValueError, TypeError):
        return 900.0  # what S3 allows: 15 minutes


_CODES = {
    301: "PermanentRedirect",
    307: "TemporaryRedirect",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
}
_RIGHTS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "COPY": "s3:GetObject and s3:PutObject",
    "DELETE": "s3:DeleteObject",
    "LIST": "s3:ListBucket",
}
_NO_CHECKSUM = "a store that knows no checksums: say checksum: false beside the bucket"
_ABOUT_HEADERS = ("InvalidRequest", "InvalidArgument", "NotImplemented")
# a word of the message, the key of the inventory that sends such a header, and the cure
_OF_HEADERS: tuple[tuple[str, str | None, str], ...] = (
    ("secure connection", "sse", "say https:// in endpoint_url: KMS is never used without TLS"),
    ("encryption", "sse", "the store does not know this encryption: correct sse, or leave it out"),
    ("kms", "sse", "correct sse_key: the key's ARN, of the bucket's own region"),
    ("acl", "acl", "leave acl out: the store, or this bucket, knows no ACLs"),
    ("expected-bucket-owner", "owner", "leave owner out: the store does not know it"),
    ("checksum", "checksum", _NO_CHECKSUM),
    (
        "if-none-match",
        None,
        "use a store that has conditional writes; docs/s3.md says what is needed",
    ),
    ("if-match", None, "use a store that has conditional writes; docs/s3.md says what is needed"),
)
_CURES = {
    "NoSuchBucket": "make the bucket, or correct its name in the inventory",
    "ExpiredToken": "renew the AWS credentials, then run it again",
    "TokenRefreshRequired": "renew the AWS credentials, then run it again",
    "InvalidAccessKeyId": "correct the AWS credentials",
    "InvalidToken": "correct the AWS credentials: the session token fits no key",
    "SignatureDoesNotMatch": "correct the AWS credentials: the secret key is another one's",
    "XAmzContentSHA256Mismatch": "run it again; if it happens twice, something between changes bytes",
    "BadDigest": "run it again; if it happens twice, something between changes bytes",
    "InvalidEncryptionAlgorithmError": "correct sse: AES256, aws:kms or aws:kms:dsse",
    "AccessControlListNotSupported": "leave acl out: the bucket's owner owns all in it, without ACLs",
}
