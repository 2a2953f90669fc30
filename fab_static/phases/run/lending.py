"""Lends to hosts what many of them are sent alike: it passes the operator's line once, into the bucket.

Each host then fetches it from there. Its SSH connection tells it the URL and the SHA-256, and it takes no other bytes. Who
reads the bucket finds the signatures of URLs there, and not the URLs that they belong to.
"""

from __future__ import annotations

from hashlib import sha256

from fab_static.errors import CdnError
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.publication import LENT
from fab_static.plan.wire.urls import Lent
from fab_static.remote import deflated

MUCH = 16 * 1024  # bytes that are worth a request to the store by each host
URL_SECONDS = 3600
HEADERS = {"Content-Type": "application/octet-stream", "Cache-Control": "no-store"}


def lend(deploy: Deployment, body: bytes, *, hosts: int) -> Lent | None:
    """Put what so many hosts are to be sent into the hub, and return where it lies; None where each is sent its own.

    That is where there is no hub, it may not be written to, one host alone needs it, or it is small.
    """
    hub = deploy.hub
    if hub is None or not hub.lends or hosts < 2 or len(body) < MUCH:
        return None
    data = deflated(body)
    name = sha256(data).hexdigest()
    key = f"{LENT}{name}"
    try:
        hub.bucket.put(key, data, headers=HEADERS, sha256=name)
    except CdnError as error:
        hub.lends = False
        deploy.show.warn(
            f"{hub.name} does not take what hosts are sent alike ({error.what}); each is sent its own"
        )
        return None
    (url,) = hub.bucket.presign([key], seconds=URL_SECONDS)
    return Lent(url=url, sha256=name, size=len(data))
