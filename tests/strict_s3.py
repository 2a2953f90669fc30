"""An S3 store that takes nothing on trust: signatures, body digests, checksums and conditions are checked.

moto and rclone accept a wrong checksum, rclone an If-Match that does not hold. This one has no delay, no
versions, no multipart; and it breaks on request, as the real one does now and then. Like Amazon's it refuses
what a bucket's policy forbids, with Amazon's words; `is_r2`: it refuses what Cloudflare R2 refuses, with R2's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from demo.server import Handler, Served

KEY, SECRET, REGION = "strict-key", "strict-secret", "eu-north-1"
KEPT = ("cache-control", "content-type", "content-encoding")
CONDITIONS = ("if-match", "if-none-match")
OWNER = "123456789012"
SSE = "x-amz-server-side-encryption"
SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
# what a request may carry: a header of another store's, or a misspelt one, is no success
KNOWN = {
    "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-copy-source",
    "x-amz-metadata-directive", "x-amz-checksum-sha256", "x-amz-acl", SSE, SSE_KEY,
    "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner",
    "x-amz-checksum-mode", "x-amz-user-agent", "x-amz-api-version",
}  # fmt: skip
# developers.cloudflare.com/r2/api/s3/api: not implemented
NOT_IN_R2 = ("x-amz-acl", SSE, SSE_KEY, "x-amz-tagging", "x-amz-expected-bucket-owner")
R2_REGIONS = ("auto", "us-east-1", "wnam", "enam", "weur", "eeur", "apac")


@dataclass
class Stored:
    """One object."""

    body: bytes
    headers: dict[str, str]

    number: int = 0
    at: float = 0.0  # when it was written, by the store's clock

    @property
    def etag(self) -> str:
        """An MD5, but for what KMS encrypts: there each write and copy has another one."""
        salt = str(self.number).encode() if SSE_KEY in self.headers else b""
        return hashlib.md5(self.body + salt).hexdigest()


@dataclass
class Fault:
    """What the store does instead of, or (`after`) once it has done, what it was asked."""

    method: str
    key: str  # a pattern, searched for
    status: int = 500
    code: str = "InternalError"
    times: int = 1
    after: bool = False  # it is done, only the answer is another
    hangs: bool = False  # says nothing until the store is closed
    headers: dict[str, str] = field(default_factory=dict)
    extra: str = ""
    message: str = "no"


class Refused(Exception):  # noqa: N818 - an answer
    def __init__(self, status: int, code: str, extra: str = "", message: str = "no") -> None:
        super().__init__(code)
        self.status, self.code, self.extra, self.message = status, code, extra, message


class StrictS3(Served):
    """The store; `objects` maps bucket/key to what is there, `asked` are all requests so far."""

    def __init__(self, *buckets: str) -> None:
        self.buckets = set(buckets)
        self.objects: dict[str, Stored] = {}
        self.asked: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.page = 1000
        self.is_public = False  # anybody may read objects, as CloudFront may
        self.is_r2 = False
        self.demands: dict[
            str, str
        ] = {}  # by a Deny of the bucket's policy: header -> value of writes
        self.has_object_lock = False
        self.writes = 0
        self.ahead_seconds = 0.0  # of its clock
        self.knows_conditions = True  # else it takes no notice of them
        # bytes of each request, and its answer, that was no presigned one
        self.with_credentials: list[int] = []
        self.open = threading.Event()
        self.before: Callable[[str, str], None] = lambda method, key: None
        self._lock = threading.Lock()
        super().__init__(self._handler())

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": "",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def sign_in(self, patch: pytest.MonkeyPatch) -> None:
        """Make its credentials those of the environment, and the only ones."""
        for name, value in self.credentials.items():
            patch.setenv(name, value)
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
            patch.delenv(name, raising=False)

    def close(self) -> None:
        self.open.set()
        super().close()

    def now(self) -> float:
        """Return the time by the store's own clock."""
        return time.time() + self.ahead_seconds

    def body(self, key: str) -> bytes:
        return self.objects[key].body

    def all(self) -> dict[str, Stored]:
        """Return what is there at one moment."""
        with self._lock:
            return dict(self.objects)

    # ---- what it answers

    def answer(self, request: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(request.path)
        path = unquote(parts.path).lstrip("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        method = "LIST" if "list-type" in query else request.command
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            self.asked.append((method, path))
            fault = next(
                (one for one in self.faults if one.method == method and re.search(one.key, path)),
                None,
            )
            if fault:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
        self.before(method, path)
        if fault and fault.hangs:
            self.open.wait(120)
        try:
            if fault and not fault.after:
                raise Refused(fault.status, fault.code, fault.extra, fault.message)
            if not (self.is_public and method == "GET" and "authorization" not in headers):
                self._check(request, headers, query, body)
            with self._lock:
                status, found, data = self._do(method, path, headers, query, body)
            if "authorization" in headers:
                self.with_credentials.append(len(body) + len(data))
            if fault:
                raise Refused(fault.status, fault.code, fault.extra, fault.message)
        except Refused as error:
            said = f"<Message>{escape(error.message)}</Message>{error.extra}"
            text = f"<Error><Code>{error.code}</Code>{said}<RequestId>R1</RequestId></Error>"
            extra = {"x-amz-request-id": "R1", **(fault.headers if fault else {})}
            return error.status, {"Content-Type": "application/xml", **extra}, text.encode()
        return status, found, data

    def _do(
        self, method: str, path: str, headers: dict[str, str], query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        bucket = path.partition("/")[0]
        if bucket not in self.buckets:
            raise Refused(404, "NoSuchBucket")
        if method == "LIST":
            return 200, {}, self._listing(bucket, query)
        there = self.objects.get(path)
        if headers.get("x-amz-expected-bucket-owner", OWNER) != OWNER:
            raise Refused(403, "AccessDenied", message="Access Denied")
        if method == "PUT":
            self._by_policy(path, headers)
            if not self.knows_conditions:
                headers = {name: one for name, one in headers.items() if name not in CONDITIONS}
            if there and headers.get("if-none-match") == "*":
                raise Refused(412, "PreconditionFailed")
            if "if-match" in headers:
                if there is None:
                    raise Refused(404, "NoSuchKey")
                if headers["if-match"].strip('"') != there.etag:
                    raise Refused(412, "PreconditionFailed")
            kept = {
                name: value
                for name, value in headers.items()
                if name in (*KEPT, SSE, SSE_KEY) or name.startswith("x-amz-meta-")
            }
            self.writes += 1
            if "x-amz-copy-source" in headers:
                named = unquote(headers["x-amz-copy-source"])
                if self.is_r2 and named.startswith("/"):
                    raise Refused(400, "InvalidArgument", message="Invalid copy source")
                source = self.objects.get(named.removeprefix("/"))
                if source is None:
                    raise Refused(404, "NoSuchKey")
                assert headers["x-amz-metadata-directive"] == "REPLACE"
                self.objects[path] = copied = Stored(source.body, kept, self.writes, self.now())
                text = (
                    f"<CopyObjectResult><ETag>&quot;{copied.etag}&quot;</ETag></CopyObjectResult>"
                )
                return 200, {}, text.encode()
            if self.has_object_lock and not {"content-md5", "x-amz-checksum-sha256"} & set(headers):
                raise Refused(
                    400,
                    "InvalidRequest",
                    message="Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests "
                    "with Object Lock parameters",
                )
            self.objects[path] = Stored(body, kept, self.writes, self.now())
            return 200, {"ETag": f'"{self.objects[path].etag}"'}, b""
        if method == "DELETE":
            self.objects.pop(path, None)
            return 204, {}, b""
        if there is None:
            raise Refused(404, "NoSuchKey")
        written = formatdate(there.at, usegmt=True)
        found = {**there.headers, "ETag": f'"{there.etag}"', "Last-Modified": written}
        return 200, found, there.body

    def _by_policy(self, path: str, headers: dict[str, str]) -> None:
        """Refuse a write that lacks what the bucket's policy demands; in Amazon's words."""
        if any(headers.get(name) != value for name, value in self.demands.items()):
            raise Refused(
                403,
                "AccessDenied",
                message=f"User: arn:aws:iam::{OWNER}:user/deploy is not authorized to perform: s3:PutObject "
                f'on resource: "arn:aws:s3:::{path}" with an explicit deny in a resource-based policy',
            )
        if SSE_KEY in headers and not headers.get(SSE, "").startswith("aws:kms"):
            raise Refused(
                400,
                "InvalidArgument",
                message="Server Side Encryption with AWS KMS managed key requires HTTP header "
                "x-amz-server-side-encryption : aws:kms",
            )
        if headers.get(SSE, "AES256") not in ("AES256", "aws:kms", "aws:kms:dsse"):
            raise Refused(
                400, "InvalidEncryptionAlgorithmError", message="The encryption is not supported."
            )
        if headers.get("x-amz-acl", "bucket-owner-full-control") != "bucket-owner-full-control":
            raise Refused(
                400, "AccessControlListNotSupported", message="The bucket does not allow ACLs"
            )

    def _listing(self, bucket: str, query: dict[str, str]) -> bytes:
        start = f"{bucket}/{query['prefix']}"
        keys = sorted(key for key in self.objects if key.startswith(start))
        first = int(query.get("continuation-token", 0))
        rows = "".join(
            f"<Contents><Key>{escape(quote(key[len(bucket) + 1 :]))}</Key>"
            f"<Size>{len(self.objects[key].body)}</Size>"
            f"<ETag>&quot;{self.objects[key].etag}&quot;</ETag></Contents>"
            for key in keys[first : first + self.page]
        )
        more = first + self.page
        token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more < len(keys) else ""
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        kind = "<EncodingType>url</EncodingType>"
        return f'<ListBucketResult xmlns="{space}">{kind}{rows}{token}</ListBucketResult>'.encode()

    # ---- what it checks

    def _check(
        self, request: Any, headers: dict[str, str], query: dict[str, str], body: bytes
    ) -> None:
        if "X-Amz-Signature" in query:
            signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if time.time() > signed_at.timestamp() + int(query["X-Amz-Expires"]):
                raise Refused(403, "AccessDenied")
            signature = query.pop("X-Amz-Signature")
            names, scope = query["X-Amz-SignedHeaders"], query["X-Amz-Credential"]
            moment, digest = query["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        else:
            found = re.fullmatch(
                r"AWS4-HMAC-SHA256 Credential=(.*), SignedHeaders=(.*), Signature=(.*)",
                headers.get("authorization", ""),
            )
            if not found:
                raise Refused(403, "AccessDenied")
            scope, names, signature = found.groups()
            moment, digest = headers["x-amz-date"], headers["x-amz-content-sha256"]
            if digest != hashlib.sha256(body).hexdigest():
                raise Refused(400, "XAmzContentSHA256Mismatch")
        if scope.split("/")[0] != KEY:
            raise Refused(403, "InvalidAccessKeyId")
        _, day, region, service, ending = scope.split("/")
        if self.is_r2:
            self._as_r2(region, headers)
        elif region != REGION:
            raise Refused(400, "AuthorizationHeaderMalformed", f"<Region>{REGION}</Region>")
        carried = {name for name in headers if name.startswith("x-amz-")}
        for name in carried - KNOWN:
            if not name.startswith("x-amz-meta-"):
                raise Refused(501, "NotImplemented", message=f"Header '{name}' not implemented")
        unsigned = ({"host"} | carried) - set(names.split(";"))
        if unsigned:  # Amazon S3 API Reference, "Signature calculations"
            raise Refused(
                403,
                "AccessDenied",
                "".join(f"<HeadersNotSigned>{name}</HeadersNotSigned>" for name in unsigned),
                "There were headers present in the request which were not signed",
            )
        asked = "&".join(
            f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}"
            for name, value in sorted(query.items())
        )
        absent = ""  # a signed header that was not sent
        lines = [
            f"{name}:{' '.join(headers.get(name, absent).split())}" for name in names.split(";")
        ]
        canonical = "\n".join(
            [request.command, urlsplit(request.path).path, asked, *lines, "", names, digest]
        )
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256",
                moment,
                "/".join((day, region, service, ending)),
                hashlib.sha256(canonical.encode()).hexdigest(),
            ]
        )
        key = f"AWS4{SECRET}".encode()
        for part in (day, region, service, ending, text):
            key = hmac.digest(key, part.encode(), "sha256")
        if key.hex() != signature:
            raise Refused(403, "SignatureDoesNotMatch")
        checksum = headers.get("x-amz-checksum-sha256")
        if checksum and base64.b64decode(checksum) != hashlib.sha256(body).digest():
            raise Refused(400, "BadDigest")
        md5 = headers.get("content-md5")
        if md5 and base64.b64decode(md5) != hashlib.md5(body).digest():
            raise Refused(400, "BadDigest")

    def _as_r2(self, region: str, headers: dict[str, str]) -> None:
        if region not in R2_REGIONS:
            known = ", ".join(R2_REGIONS)
            raise Refused(
                400,
                "InvalidRegionName",
                message=f"The region name '{region}' is not valid. Must be one of: {known}",
            )
        for name in NOT_IN_R2:
            if name in headers:
                raise Refused(
                    501,
                    "NotImplemented",
                    message=f"Header '{name}' with value '{headers[name]}' not implemented",
                )

    def _handler(self) -> type[Handler]:
        store = self

        class Answering(Handler):
            def date_time_string(self, timestamp: float | None = None) -> str:
                return formatdate(store.now() if timestamp is None else timestamp, usegmt=True)

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, data = store.answer(self, body)
                if status == 0:  # hang up without a word
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD" and status != 204:
                    self.wfile.write(data)

        return Answering
