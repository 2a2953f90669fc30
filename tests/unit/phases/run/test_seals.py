"""Seals are read once, from a host that has them whole, and kept as they were read."""

from __future__ import annotations

import pytest

from fab_static.errors import ReleaseError
from fab_static.phases.run.seals import Seals
from tests.unit.site import OLD, Site

ABSENT = "20270101T000000Z-00000000"


def test_a_seal_that_is_damaged_on_one_host_is_told_and_read_from_the_next(site: Site) -> None:
    held = site.folder / "build1" / "releases" / OLD / "release.json"
    held.chmod(0o644)
    held.write_text("{")
    deploy = site.deployment()
    site.asked.clear()
    assert deploy.seals.read(OLD).id == OLD
    assert deploy.seals.read(OLD).id == OLD  # known by now
    assert [host for host, _ in site.asked] == ["build1", "edge1"]
    (warned,) = deploy.show.warned  # type: ignore[attr-defined]
    assert warned.startswith("build1: ")


def test_a_release_that_no_host_has_is_named(site: Site) -> None:
    with pytest.raises(ReleaseError) as caught:
        site.deployment().seals.read(ABSENT)
    assert str(caught.value) == (
        f"there is no release {ABSENT}\n"
        "  where: releases/ on every host\n"
        "  mend:  choose one of: fab staging releases"
    )


def test_hosts_are_judged_by_the_seal_as_it_was_read(site: Site) -> None:
    """An earlier version of the program may have written the same release otherwise."""
    deploy = site.deployment()
    release = deploy.seals.read(OLD)
    text = (site.folder / "build1" / "releases" / OLD / "release.json").read_bytes()
    assert deploy.seals.text(release) == text
    deploy.seals._texts[OLD] = text + b"\n"
    other = Seals(site.deployment())
    other.take(release, deploy.seals.text(release))
    assert other.text(release) == text + b"\n"
