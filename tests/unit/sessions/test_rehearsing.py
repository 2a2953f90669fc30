"""`rollback --check`: it says yes where the rollback works, no where it fails, and changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fab_static.errors import FabStaticError
from fab_static.phases.run.signing import bring_trust
from fab_static.sessions.rehearsing import rehearse
from tests.unit.signing import inventory, key
from tests.unit.site import NEW, OLD, Site, Told, run_task

SHIPS = {"put_object", "store", "take", "take_seal", "build_release", "flip", "lock", "fetch"}


def made_anew(site: Site, *hosts: str) -> None:
    """Lose all that hosts had: their disk is a new one."""
    for host in hosts:
        shutil.rmtree(site.folder / host)
        (site.folder / host).mkdir()


def below(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def told(site: Site) -> Told:
    made = Told()
    site.session.show = made  # type: ignore[assignment]
    return made


def rehearsed(site: Site, to: str | None = None, *, repair: bool = False) -> None:
    """Rehearse a rollback; see that nothing moved, and nothing came."""
    before, live = below(site.folder), site.live()
    site.asked.clear()
    try:
        site.session.rollback(to, check=True, repair=repair)
    finally:
        assert not {verb for _, verb in site.asked} & SHIPS
        assert site.live() == live
        assert below(site.folder) == before


@pytest.mark.parametrize("hosts", [("edge1",), ("edge1", "edge2"), ("web1",), ("web1", "web2")])
def test_what_hosts_lack_is_foreseen_as_the_rollback_ships_it(
    site: Site, told: Told, hosts: tuple[str, ...]
) -> None:
    """It said that there is no such release, and `status` that this very rollback mends it."""
    made_anew(site, *hosts)
    rehearsed(site)
    assert told.said[-1] == f"a rollback to {NEW} would work"
    (line,) = [line for line in told.said if "would first ship" in line]
    assert line.endswith(f" to {', '.join(hosts)}")
    later = [line for line in told.said if "before it goes live" in line]
    assert len(later) == ("web1" in hosts)
    site.session.rollback()
    assert site.live() == dict.fromkeys(site.hosts, NEW)


def test_the_objects_that_would_be_shipped_are_counted(site: Site, told: Told) -> None:
    made_anew(site, "edge1")
    rehearsed(site)
    assert "the rollback would first ship 3 objects, 30 bytes to edge1" in told.said


def test_what_nothing_holds_any_more_is_found_before(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    made_anew(site, "edge1")
    for host in ("build1", "edge2"):
        for path in (site.folder / host / "objects").rglob("*"):
            if path.is_file():
                path.unlink()
    code, said = run_task(site, capsys, "rollback", check=True)
    assert (code, said.splitlines()[0]) == (
        1,
        "error: no host has 3 objects that edge1 lacks",
    )
    assert run_task(site, capsys, "rollback")[0] == 1


def test_a_hole_is_refused_unless_the_rollback_would_mend_it(site: Site, told: Told) -> None:
    (site.folder / "edge2" / "releases" / OLD / "static" / "logo.svg").unlink()
    with pytest.raises(FabStaticError, match="is not whole"):
        rehearsed(site, OLD)
    rehearsed(site, OLD, repair=True)
    assert f"a rollback to {OLD} would work" in told.said
    made_anew(site, "edge1")
    rehearsed(site, OLD)  # who ships to one host makes the other whole, too
    assert told.said[-1] == f"a rollback to {OLD} would work"
    site.session.rollback(OLD)
    assert site.live() == dict.fromkeys(site.hosts, OLD)


def test_what_is_whole_everywhere_ships_nothing(site: Site, told: Told) -> None:
    rehearsed(site)
    assert told.said[-1] == f"a rollback to {OLD} would work"
    assert [line for line in told.said if "ship" in line] == []


def test_pages_of_hosts_that_have_the_release_are_asked_still(site: Site) -> None:
    made_anew(site, "edge1")
    site.project.settings["web2"]["static_url"] = "/other/"
    with pytest.raises(FabStaticError, match="pages would name other URLs"):
        rehearsed(site)


def test_a_release_that_hosts_want_signed_is_refused_as_the_rollback_would_be(
    site: Site, tmp_path: Path
) -> None:
    signer = key(tmp_path, "first")
    site.open(inventory(tmp_path, signer, signer))
    bring_trust(site.deployment())
    site.open()
    made_anew(site, "edge1")
    with pytest.raises(FabStaticError, match=f"release {NEW} is not signed"):
        rehearsed(site)
    with pytest.raises(FabStaticError, match=f"release {NEW} is not signed"):
        site.session.rollback()


def test_it_verifies_alone_where_nothing_would_be_shipped(site: Site) -> None:
    deploy = site.session._deployment()
    deploy.look()
    deploy.release = deploy.seals.read(OLD)
    rehearse(deploy, ("verify", "activate"))
    assert deploy.timeline.planned == ("verify",)
