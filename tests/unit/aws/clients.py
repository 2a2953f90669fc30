"""Clients of the strict CloudFront, with a clock that nobody waits for."""

from __future__ import annotations

from typing import Any

from demo.cloudfront import CloudFront
from demo.cloudfront import Distribution as Known
from fab_static.aws.cloudfront import Distribution


class Told(list[str]):
    """What the operator was told."""


def client(
    cloudfront: CloudFront, known: Known | str, told: Told | None = None, **more: Any
) -> Distribution:
    return Distribution(
        known if isinstance(known, str) else known.id,
        endpoint_url=cloudfront.endpoint,
        tell=(told if told is not None else []).append,
        clock=cloudfront.clock.now,
        sleep=cloudfront.clock.sleep,
        **more,
    )


def ask(asked: Distribution, *paths: str, reference: str = "r", wait: float = 600) -> list[str]:
    accepted = asked.invalidate([paths], reference, wait_seconds=wait)
    return [path for request in accepted.requests for path in request.paths]
