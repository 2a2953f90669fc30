"""Where a bucket is: the URL and the region that boto3 would take for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from fab_static.errors import CdnError
from fab_static.plan.inventory import S3

R2 = ".r2.cloudflarestorage.com"


def address_of(session: Any, place: S3) -> tuple[str, str]:
    """Return a bucket's URL, and the region that its requests are signed for.

    botocore decides: it knows the profile, `endpoint_url` and `services` of ~/.aws/config,
    AWS_ENDPOINT_URL_S3, FIPS and dual-stack endpoints, addressing styles, partitions and access points.

    Raises:
        CdnError: there is no such address, or AWS's configuration cannot be read.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        region = place.region or session.get_config_variable("region") or "us-east-1"
        client = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=place.endpoint_url,
            aws_access_key_id="nobody",  # only the address is looked at
            aws_secret_access_key="nobody",  # noqa: S106 - no secret
            config=Config(
                signature_version="s3v4",
                # s3.amazonaws.com redirects requests for new buckets
                s3={"us_east_1_regional_endpoint": "regional"},
            ),
        )
        client.meta.events.register_last("request-created.s3", _stop)
        client.head_object(Bucket=place.bucket, Key="k")
    except _MadeError as made:
        url, region = made.url, made.region
    except (BotoCoreError, ValueError) as error:
        raise CdnError(
            f"the bucket has no address: {error}",
            where=str(place),
            mend="correct bucket, region and endpoint_url in the inventory, or AWS's configuration "
            "(~/.aws/config, AWS_ENDPOINT_URL)",
        ) from error
    is_r2 = str(urlsplit(url).hostname).endswith(R2)  # it knows no region of AWS
    return url.removesuffix("/k"), "auto" if is_r2 and not place.region else region


class _MadeError(Exception):
    """botocore has made a request, and goes no further."""

    def __init__(self, url: str, region: str) -> None:
        super().__init__(url)
        self.url, self.region = url, region


def _stop(request: Any, **_: object) -> None:
    signed = request.headers["Authorization"]
    scope = signed.decode() if isinstance(signed, bytes) else signed
    raise _MadeError(request.url, scope.split("/")[2])


def quoted(key: str) -> str:
    """Return a key as it stands in a URL and in `x-amz-copy-source`."""
    return quote(key, safe="-._~/")
