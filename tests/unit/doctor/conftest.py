"""The strict CloudFront, for the doctor of CDNs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.cloudfront import CloudFront


@pytest.fixture
def cloudfront(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with CloudFront() as made:
        yield made
