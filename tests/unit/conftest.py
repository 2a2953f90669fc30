"""What every unit test may ask for."""

from __future__ import annotations

from functools import lru_cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.host.examples import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo.cloudfront import CloudFront
    from tests.unit.site import Said, Site

# two busy cores make one example slow now and then: no deadline, the suite's seconds are watched instead
settings.register_profile(
    "unit",
    deadline=None,
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unit")


if find_spec("botocore"):  # tests of the agent run where it is not installed
    from botocore import loaders

    # botocore's tables are 2 MB of JSON: each session reads them anew, for most of a test's time
    loaders.create_loader = lru_cache(maxsize=None)(loaders.create_loader)


@pytest.fixture(autouse=True)
def no_colour_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's own shell says of colours changes no test."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Five hosts in this process: OLD was live, NEW is."""
    from tests.unit.site import Site  # not above: tests of the agent run in Python 3.8, too

    made = Site(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def said(site: Site, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a task on that site; return its exit code, and all that it said on standard error."""
    from tests.unit.site import run_task

    return partial(run_task, site, capsys)


@pytest.fixture
def cloudfront(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    """A strict CloudFront, and credentials that it takes."""
    from demo.cloudfront import CloudFront  # not above: it loads boto3

    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with CloudFront() as made:
        yield made
