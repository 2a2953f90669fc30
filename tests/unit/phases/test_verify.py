"""Phase verify: nothing goes live before every host holds all of it, and no page will miss a block (G4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fab_static.errors import FabStaticError, ReleaseError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.verify import to_verify, verify
from tests.unit.site import NEW, OLD, Site, run_task

Build = Callable[..., Deployment]
LOOKS = {"verify", "recall", "read_release", "read_object"}


def test_a_release_that_is_whole_everywhere_passes_and_nothing_is_changed(
    shop: Site, everywhere: Deployment
) -> None:
    verify(everywhere)
    assert {verb for _, verb in shop.asked} <= LOOKS
    assert {host for host, verb in shop.asked if verb == "verify"} == set(shop.hosts)
    assert shop.live() == dict.fromkeys(shop.hosts, NEW)


def test_every_host_that_lacks_a_file_is_named(shop: Site, everywhere: Deployment) -> None:
    name = everywhere.current_release().id
    for host in ("edge1", "edge2"):
        (shop.folder / host / "releases" / name / "static" / "logo.svg").unlink()
    with pytest.raises(ReleaseError) as caught:
        verify(everywhere)
    assert caught.value.what == "2 hosts failed:\n" + "\n".join(
        f"  {host}: release {name} is not whole: 1 files are missing, 0 were changed, "
        f"such as releases/{name}/static/logo.svg"
        for host in ("edge1", "edge2")
    )
    assert caught.value.mend == (
        "ship what it lacks: fab staging deploy, or, to go back to it, "
        f"fab staging rollback --to {name} --repair"
    )


def test_a_seal_that_is_not_the_one_that_was_sealed_is_no_release(
    shop: Site, everywhere: Deployment
) -> None:
    """A host that another account writes on must not say which bytes are right (G8)."""
    name = everywhere.current_release().id
    held = shop.folder / "edge1" / "releases" / name / "release.json"
    text = held.read_text()
    held.chmod(0o644)
    held.write_text(text.replace('"created_by":"anna@desk"', '"created_by":"mallory@x"'))
    assert held.read_text() != text
    with pytest.raises(FabStaticError) as caught:
        verify(everywhere)
    assert "edge1" in caught.value.where


@pytest.mark.parametrize("what", ["logo.svg", "release.json"])
def test_what_a_rollback_lacks_is_shipped_by_the_command_that_is_named_next(
    site: Site, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """`fab staging deploy` would ship the release that was sealed last, and the same rollback fail again."""
    for host in ("edge1", "edge2"):
        folder = site.folder / host / "releases" / OLD
        lost = folder / "static" / what if what == "logo.svg" else folder / what
        lost.chmod(0o644)
        lost.unlink() if what == "logo.svg" else lost.write_text("{}")
    code, told = run_task(site, capsys, "rollback")
    cure = f"fab staging rollback --to {OLD} --repair\n"
    assert code == 1
    words = "ship what it lacks" if what == "logo.svg" else "ship it again from a host that has it"
    assert f"  mend:  {words}: {cure}" in told
    assert told.endswith(f"  next: {cure}")
    site.session.rollback(OLD, repair=True)
    assert site.live() == dict.fromkeys(site.hosts, OLD)


def test_an_activation_of_what_a_host_lacks_names_what_ships_it(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.session.rollback(OLD)
    (site.folder / "edge1" / "releases" / NEW / "static" / "logo.svg").unlink()
    code, told = run_task(site, capsys, "activate")
    assert code == 1
    assert told.endswith("  next: fab staging deploy\n")


@pytest.mark.parametrize(("to_come", "asks"), [(("activate", "probe"), ["http"]), ((), [])])
def test_what_is_asked_before_a_flip_goes_along_where_one_follows(
    shop: Site, everywhere: Deployment, to_come: tuple[str, ...], asks: list[str]
) -> None:
    everywhere.to_come = to_come
    release = everywhere.current_release()
    asked = {
        name: [verb.name for verb, *_ in to_verify(everywhere, host, release)]
        for name, host in shop.hosts.items()
    }
    assert asked["edge1"] == ["verify"]
    assert [one for one in asked["web1"] if one == "http"] == asks
