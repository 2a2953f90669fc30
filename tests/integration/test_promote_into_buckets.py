"""Promotion into an environment with buckets: bytes go from the build host that sealed them, and past the operator."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.integration.test_s3 import BucketOperator, bucketed, counted
from tests.strict_s3 import REGION

assert bucketed  # a fixture
SIZES = 1, 3_000_000  # bytes of a file that is new in the release


@pytest.fixture(scope="module")
def two(bucketed: BucketOperator) -> BucketOperator:
    """Three hosts with three environments: staging has a bucket, plain has none, production gets what they sealed."""
    fleet = bucketed.fleet
    common = {"app": "tiny", "build": {"phases": ["collectstatic", "compress"]}}
    bucketed.write_inventory(
        "plain", **common, deploy_to=f"{fleet.folder}/{{host}}/plain",
        hosts={"web1": {"roles": ["static", "web"]}, "web2": {"roles": ["static", "web"]}},
    )  # fmt: skip
    for host in fleet.hosts.values():
        shutil.copytree(host.code, host.folder / "production-code")
    place = {"region": REGION, "endpoint_url": bucketed.store.url}
    bucketed.write_inventory(
        "production", **common, deploy_to=f"{fleet.folder}/{{host}}/production",
        project={"path": f"{fleet.folder}/{{host}}/production-code"},
        origin={"s3": {"bucket": "shop", "prefix": "production/", "region": REGION},
                "endpoint_url": bucketed.store.url},
        distribute={"via": "s3", "bucket": "hub", "prefix": "production/", **place},
        web={"reload": None, "check": None},
    )  # fmt: skip
    return bucketed


def sealed(operator: BucketOperator, environment: str, size: int) -> str:
    """Have an environment seal a release with a new file of this size, and return its id."""
    assets = operator.fleet.hosts["build1"].code / "assets"
    (assets / "big.bin").write_bytes(os.urandom(size))
    operator.fab("prepare", name=environment)
    newest: str = max(one["id"] for one in operator.json("releases", name=environment))
    return newest


@pytest.mark.parametrize("source", ["staging", "plain"])
def test_no_object_of_a_promoted_release_passes_the_operators_line(
    two: BucketOperator, source: str
) -> None:
    """The build host that sealed it puts it into origin and hub, its environment has a bucket or not."""
    carried = []
    for size in SIZES:
        release = sealed(two, source, size)
        with counted(two, source, "production") as line:
            before = line()
            words = ("prepare", "--from", source, "--release", release)
            told = two.fab(*words, name="production").stdout
            carried.append(line() - before)
        assert "s3://shop/production/, straight from the build host" in told
        assert "s3://hub/production/" in told
        assert "over SSH" not in told
    assert carried[1] - carried[0] < 60_000, carried
    two.fab("activate", name="production")
    status = two.json("status", name="production")
    assert (status["live"], status["agreed"]) == (release, True)
    there = {Path(key).name for key in two.store.objects if key.startswith("hub/production/")}
    for host in two.fleet.hosts.values():
        folder = host.folder / "production" / "objects"
        assert {path.name for path in folder.rglob("*") if path.is_file()} <= there
