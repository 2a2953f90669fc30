"""The deltas of a release that is being sealed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fab_static.phases.run import deltas
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.release import Release
from tests.unit.phases.conftest import PHASES_OF_THE_SHOP
from tests.unit.site import NEW, Site

Build = Callable[..., Deployment]
STYLES = "".join(f".c{n} {{ color: red }}\n" for n in range(400))


def deployed(
    site: Site, build: Build, changes: Sequence[str], *, staged: Sequence[str] = ()
) -> tuple[list[Release], Deployment]:
    """Deploy a stylesheet with one change after the other; return the releases, and the last run."""
    made = []
    for change in changes:

        def collectstatic(root: Path, change: str = change) -> None:
            (root / "site.css").write_text(STYLES + change)

        site.project.commands["collectstatic"] = collectstatic
        deploy = build()
        build("seal", deploy=deploy)
        assert deploy.release
        made.append(deploy.release)
        if change not in staged:
            build("distribute", "verify", "activate", deploy=deploy)
    return made, deploy


def with_deltas(site: Site, count: int) -> None:
    site.open(PHASES_OF_THE_SHOP.replace("compress]", f"compress], deltas: {count}"))


def test_a_changed_file_has_a_delta_to_each_release_that_was_live(shop: Site, build: Build) -> None:
    """What was never live nobody holds."""
    with_deltas(shop, 2)
    made, deploy = deployed(shop, build, "0123", staged="1")
    held = [release.files["site.css"].sha256 for release in made]
    before = shop.deployment().seals.read(NEW).files["site.css"].sha256
    assert [set(release.files["site.css"].deltas) for release in made] == [
        {before}, {held[0], before}, {held[0], before}, {held[0], held[2]},
    ]  # fmt: skip
    assert all(one.size < 150 for one in made[3].files["site.css"].deltas.values())
    said: list[str] = deploy.show.said  # type: ignore[attr-defined]
    assert any(line.startswith("2 deltas to 2 earlier releases: ") for line in said)
    assert deploy.deltas
    assert (deploy.deltas["made"], deploy.deltas["releases"], deploy.deltas["left_out"]) == (
        2,
        2,
        0,
    )


def test_without_the_key_there_is_none(shop: Site, build: Build) -> None:
    made, _ = deployed(shop, build, "01")
    assert dict(made[1].files["site.css"].deltas) == {}


def test_what_the_build_host_has_lost_comes_from_a_static_host(shop: Site, build: Build) -> None:
    """A build host may be new: a runner that begins with an empty disk."""
    with_deltas(shop, 1)
    made, _ = deployed(shop, build, "0")
    held = made[0].files["site.css"].sha256
    lost = shop.folder / "build1" / "objects" / held[:2] / held
    lost.unlink()
    made, _ = deployed(shop, build, "1")
    assert set(made[0].files["site.css"].deltas) == {held}
    assert lost.exists()


def test_bytes_that_nobody_has_any_more_cost_a_delta_and_no_deploy(
    shop: Site, build: Build
) -> None:
    with_deltas(shop, 1)
    made, _ = deployed(shop, build, "0")
    held = made[0].files["site.css"].sha256
    for host in ("build1", "edge1", "edge2"):
        (shop.folder / host / "objects" / held[:2] / held).unlink()
    made, deploy = deployed(shop, build, "1", staged="1")
    assert dict(made[0].files["site.css"].deltas) == {}
    warned: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    assert "fewer deltas are made: no host has 1 object that build1 lacks" in warned


def test_when_the_time_is_over_the_seal_says_what_was_left_out(
    shop: Site, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many files and many releases make no deploy slow."""
    with_deltas(shop, 1)
    monkeypatch.setattr(deltas, "SECONDS", 0.0)
    _, deploy = deployed(shop, build, "1", staged="1")
    said: list[str] = deploy.show.said  # type: ignore[attr-defined]
    told = [line for line in said if "delta" in line]
    assert re.fullmatch(
        r"no delta to an earlier release is worth it, in \d\.\d s; 1 not made: they may take 0 s",
        told[0],
    )
