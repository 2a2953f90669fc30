"""Distributions of the strict CloudFront, and what the doctor finds of their settings."""

from __future__ import annotations

from typing import Any

from demo.cloudfront import CloudFront, behaviour
from fab_static.doctor.cdn_settings import of_settings
from fab_static.plan.inventory import S3, Cdn

PATHS = ("/static/js/app.js", "/static/css/site.css")


def findings(
    cloudfront: CloudFront, origin: S3 | None = None, *, deltas: int = 0, **config: Any
) -> list[dict[str, Any]]:
    distribution = cloudfront.add_distribution(**config)
    cdn = Cdn(distribution.id, endpoint_url=cloudfront.endpoint)
    found = list(of_settings(cdn, PATHS, origin, deltas=deltas))
    assert all(one["mend"] for one in found if not one["ok"])
    assert distribution.invalidations == []
    return found


def bad(cloudfront: CloudFront, origin: S3 | None = None, **config: Any) -> dict[str, str]:
    """Return subject -> what of all that is bad."""
    found = findings(cloudfront, origin, **config)
    return {one["subject"]: one["what"] for one in found if not one["ok"]}


def default(policy: str | None = None, **more: Any) -> dict[str, Any]:
    made = behaviour(policy, **more) if policy or "ForwardedValues" in more else behaviour(**more)
    return {"DefaultCacheBehavior": made}
