"""An environment gets an origin in a bucket: releases from before are on hosts alone."""

from __future__ import annotations

import pytest

from tests.strict_s3 import REGION, StrictS3
from tests.unit.site import NEW, OLD, Site, Told, run_task

INVENTORY = """\
origin: {{s3: {{bucket: shop, prefix: static/, region: {region}}}, endpoint_url: "{url}"}}
"""
LOGO = "shop/static/logo.svg"


@pytest.fixture
def shop(site: Site, store: StrictS3) -> Site:
    """The site, from whose inventory on a bucket is an origin; NEW has gone there."""
    site.open(INVENTORY.format(region=REGION, url=store.url))
    site.session.rollback(NEW, repair=True)
    assert store.body(LOGO) == b"new"
    return site


def test_a_rollback_to_a_release_from_before_names_the_command_that_brings_it_there(
    shop: Site, store: StrictS3, capsys: pytest.CaptureFixture[str]
) -> None:
    """It named `distribute`, which ships the release that was sealed last, and then the same again."""
    code, told = run_task(shop, capsys, "rollback")
    cure = f"fab staging rollback --to {OLD} --repair\n"
    assert code == 1
    assert f"  mend:  put them there: {cure}" in told
    assert told.endswith(f"  next: {cure}")
    shop.session.rollback(OLD, repair=True)
    assert shop.live() == dict.fromkeys(shop.hosts, OLD)
    assert store.body(LOGO) == b"old"


def test_an_activation_of_what_is_not_there_names_distribute(
    site: Site, store: StrictS3, capsys: pytest.CaptureFixture[str]
) -> None:
    site.open(INVENTORY.format(region=REGION, url=store.url))
    code, told = run_task(site, capsys, "activate")
    assert code == 1
    assert "  mend:  put them there: fab staging distribute, or, to go back to it, fab " in told
    assert told.endswith("  next: fab staging distribute\n")
    assert run_task(site, capsys, "distribute")[0] == 0
    assert run_task(site, capsys, "activate")[0] == 0


def test_who_leaves_a_host_out_is_named_a_command_that_can(
    site: Site, store: StrictS3, capsys: pytest.CaptureFixture[str]
) -> None:
    """A phase alone has no --without."""
    site.open(INVENTORY.format(region=REGION, url=store.url))
    code, told = run_task(site, capsys, "activate", without="edge2")
    assert code == 1
    assert told.endswith("  next: fab staging deploy --without edge2\n")


def test_a_rehearsal_foresees_what_a_repair_puts_there(shop: Site, store: StrictS3) -> None:
    told = Told()
    shop.session.show = told  # type: ignore[assignment]
    before = dict(store.objects)
    shop.session.rollback(check=True, repair=True)
    assert dict(store.objects) == before
    assert "the rollback would first put 1 object, 3 bytes into " in "\n".join(told.said)
    assert told.said[-1] == f"a rollback to {OLD} would work"
