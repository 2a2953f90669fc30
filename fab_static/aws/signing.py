"""Signs requests to a store: Signature Version 4, as S3 has it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html. botocore signs the same;
but to load it takes longer than all that a build asks of a cache.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"  # of a presigned URL: who uses it sends the bytes
_PORTS = {"http": 80, "https": 443}


class Credentials(NamedTuple):
    """Who asks; `token` is of a session, where it is one."""

    access_key: str
    secret_key: str
    token: str | None


class Signer(NamedTuple):
    """Signs for one store at one moment."""

    credentials: Credentials
    region: str
    at: datetime

    @classmethod
    def now(cls, credentials: Credentials, region: str) -> Signer:
        """Return one whose signatures count from now on."""
        return cls(credentials, region, datetime.now(UTC))

    def signed(
        self, method: str, url: str, headers: Mapping[str, str], digest: str
    ) -> dict[str, str]:
        """Return the headers of a request, with those that prove who asks.

        Args:
            method: GET, PUT …
            url: as it is asked for: its path and query are quoted already.
            headers: all others that are sent, but Host.
            digest: the SHA-256 of the body, which S3 refuses other bytes by.
        """
        found = {
            **headers,
            "X-Amz-Date": self._moment,
            "X-Amz-Content-SHA256": digest,
        }
        if self.credentials.token:
            found["X-Amz-Security-Token"] = self.credentials.token
        names, signature = self._of(method, url, urlsplit(url).query, found, digest)
        found["Authorization"] = (
            f"{ALGORITHM} Credential={self.credentials.access_key}/{self._scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return found

    def presigned(self, method: str, url: str, headers: Mapping[str, str], *, seconds: int) -> str:
        """Return a URL by which anybody may ask this, with exactly these headers, for a time: a secret."""
        names = ";".join(sorted(_lines(url, headers)))
        words = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.credentials.access_key}/{self._scope}",
            "X-Amz-Date": self._moment,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names,
        }
        if self.credentials.token:
            words["X-Amz-Security-Token"] = self.credentials.token
        query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in words.items())
        _, signature = self._of(method, url, query, headers, UNSIGNED)
        return f"{url}?{query}&X-Amz-Signature={signature}"

    @property
    def _moment(self) -> str:
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    @property
    def _scope(self) -> str:
        return f"{self._moment[:8]}/{self.region}/s3/aws4_request"

    def _of(
        self, method: str, url: str, query: str, headers: Mapping[str, str], digest: str
    ) -> tuple[str, str]:
        """Return the names of the signed headers, and the signature."""
        lines = _lines(url, headers)
        names = ";".join(sorted(lines))
        asked = "&".join(sorted(query.split("&"), key=lambda one: one.partition("=")))
        told = (f"{name}:{lines[name]}" for name in sorted(lines))
        whole = "\n".join([method, urlsplit(url).path, asked, *told, "", names, digest])
        text = f"{ALGORITHM}\n{self._moment}\n{self._scope}\n{sha256(whole.encode()).hexdigest()}"
        key = f"AWS4{self.credentials.secret_key}".encode()
        for part in (*self._scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        return names, key.hex()


def _lines(url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return what is signed of the headers: name in lower case -> value, each space one."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    if parts.port and parts.port != _PORTS.get(parts.scheme):
        host = f"{host}:{parts.port}"
    lines = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    return {**lines, "host": host}
