"""The way to a bucket: its address, who asks, and what stands in between; as boto3 would find it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from fab_static.aws.address import address_of
from fab_static.aws.signing import Credentials
from fab_static.errors import CdnError
from fab_static.plan.inventory import S3

# these say who asks, which region is meant, and whom to believe; of all others of AWS's only botocore knows what they change
_PLAIN = frozenset(
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",  # other tools heed it, botocore does not
        "AWS_EC2_METADATA_DISABLED",
        "AWS_CA_BUNDLE",
    ]
)
# of the partition `aws`; the others have other host names
_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-(central|(north|south)?(east|west)?)-\d")
# a label of a host name; two hyphens mark directory buckets, access points and the like
_BUCKET = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9](?<!alias)")
_NUMBERED = re.compile(r"https?://\d{1,3}(\.\d{1,3}){3}(:\d+)?/?")  # no bucket goes before that


@dataclass(frozen=True)
class Way:
    """How a bucket is reached."""

    url: str  # of the bucket, without a slash at its end
    region: str  # that requests are signed for
    credentials: Callable[[], Credentials | None]  # as they are now; None: there are none
    certificates: str  # the file of those that are believed
    sends_sha256: bool  # with each write, as a checksum that the store keeps
    proxy: str | None = None


def way_to(place: S3) -> Way:
    """Return the way to a bucket.

    Raises:
        CdnError: there is no such address, or AWS's configuration or credentials cannot be read.
    """
    return plain_way(place, os.environ) or botocores_way(place)


def plain_way(place: S3, environ: Mapping[str, str]) -> Way | None:
    """Return a way that is beyond doubt, or None where botocore must decide.

    To load botocore, with all that it knows of regions, takes 0.2 CPU seconds. Beyond doubt are credentials of the
    environment for a bucket of the usual kind, or for a store that is named by its number. A configuration file, a
    profile, a proxy or another endpoint could each change that.
    """
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    strange = {name for name in environ if name.startswith("AWS_")} - _PLAIN
    certificates = environ.get("AWS_CA_BUNDLE") or _certificates()
    files = ("~/.aws/config", "~/.aws/credentials")
    if not key or not secret or strange or not certificates:
        return None
    if any(os.path.lexists(Path(one).expanduser()) for one in files) or getproxies():
        return None
    region = place.region or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    url = _plain_url(place, region)
    if url is None:
        return None
    found = Credentials(key, secret, environ.get("AWS_SESSION_TOKEN") or None)
    return Way(url, region, lambda: found, certificates, place.checksum)


def _plain_url(place: S3, region: str) -> str | None:
    if not _BUCKET.fullmatch(place.bucket):
        return None
    if place.endpoint_url:
        is_numbered = _NUMBERED.fullmatch(place.endpoint_url)
        return f"{place.endpoint_url.rstrip('/')}/{place.bucket}" if is_numbered else None
    if not _REGION.fullmatch(region):
        return None
    return f"https://{place.bucket}.s3.{region}.amazonaws.com"


def _certificates() -> str | None:
    """Return the file that botocore would take, without loading it, or None if it is not found so."""
    try:
        from certifi import where
    except ImportError:  # then it takes its own
        found = find_spec("botocore")
        folders = list(found.submodule_search_locations or ()) if found else []
        return str(Path(folders[0]) / "cacert.pem") if folders else None
    return where()


def botocores_way(place: S3) -> Way:
    """Return the way that botocore would take."""
    import botocore.session
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import get_cert_path
    from botocore.utils import get_environ_proxies

    try:
        session = botocore.session.Session()
        certificates = str(session.get_config_variable("ca_bundle") or get_cert_path(True))
        credentials: Any = session.get_credentials()
    except BotoCoreError as error:
        raise no_credentials(place, error) from error
    url, region = address_of(session, place)
    only_required = session.get_config_variable("request_checksum_calculation")

    def now() -> Credentials | None:
        try:
            found = credentials and credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise no_credentials(place, error) from error
        if not found or not found.access_key:
            return None
        return Credentials(found.access_key, found.secret_key, found.token)

    return Way(
        url,
        region,
        now,
        certificates,
        place.checksum and only_required != "when_required",
        get_environ_proxies(url).get(urlsplit(url).scheme),
    )


def no_credentials(place: S3, error: Exception) -> CdnError:
    """Return what to say where credentials cannot be had."""
    return CdnError(
        f"the AWS credentials cannot be had: {error}",
        where=str(place),
        mend="renew them, or name others: AWS_PROFILE",
    )
