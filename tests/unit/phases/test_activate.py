"""Phase activate: the order of a flip, what is noted before it, and what is left when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fab_static.errors import DeployLockedError, RemoteError
from fab_static.phases.activate import activate
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.lock import Lock
from fab_static.plan.wire import asks, verbs
from tests.unit.site import NEW, OLD, Site


def to_old(site: Site) -> Deployment:
    """Return a run that has OLD at hand; nothing was asked of a host since."""
    deploy = site.deployment()
    deploy.release = deploy.seals.read(OLD)
    site.asked.clear()
    return deploy


def flipped(site: Site) -> list[str]:
    return [host for host, verb in site.asked if verb == "flip"]


def test_files_are_live_before_the_pages_that_name_them_and_the_build_host_is_last(
    site: Site,
) -> None:
    activate(to_old(site))
    order = flipped(site)
    assert {*order[:2]} == {"edge1", "edge2"}
    assert order[2:] == ["web1", "web2", "build1"]
    assert site.live() == dict.fromkeys(site.hosts, OLD)


def test_a_batch_of_web_hosts_is_reloaded_and_asked_before_the_next_one_flips(site: Site) -> None:
    """One that fails then costs the site one batch, and not all."""
    activate(to_old(site))
    web = [(host, verb) for host, verb in site.asked if host in ("web1", "web2")]
    _, _, *steps = [one for one in web if one[1] in ("flip", "run", "http")]  # asked once before
    assert steps == [(host, verb) for host in ("web1", "web2") for verb in ("flip", "run", "http")]
    assert not {host for host, verb in site.asked if verb == "run"} - {"web1", "web2"}


def test_nobody_is_told_that_all_have_flipped_before_all_have(site: Site) -> None:
    """A host that was told stays, whatever becomes of the others."""
    activate(to_old(site))
    verbs = [verb for _, verb in site.asked if verb in ("flip", "confirm")]
    assert verbs == ["flip"] * 5 + ["confirm"] * 5


def test_what_caches_must_forget_is_noted_before_the_first_link_moves(site: Site) -> None:
    """Who dies in the middle leaves word of it: a CDN may have fetched either release's bytes (G5)."""
    deploy, noted = to_old(site), []

    def look() -> None:
        text = (site.folder / "build1" / "journal.json").read_text()
        noted.append({key: json.loads(text)[key] for key in ("to_invalidate", "if_undone")})

    site.hosts["edge1"].after["flip"] = look
    activate(deploy)
    assert noted == [{"to_invalidate": {"logo.svg": None}, "if_undone": {"logo.svg": None}}]


@pytest.fixture
def locked(site: Site) -> Iterator[Deployment]:
    """A run that has OLD at hand, and holds the lock."""
    deploy = to_old(site)
    deploy.lock = Lock(deploy.build, "anna@desk", "rollback")
    deploy.lock.take()
    yield deploy
    deploy.lock.release()


def test_the_note_before_the_flip_proves_the_lock_and_the_way_back_needs_no_proof(
    site: Site, locked: Deployment
) -> None:
    """A beat before it was a trip more; a robbed owner still puts back what he has flipped."""
    build1, held = site.hosts["build1"], []
    build1.after["write_journal"] = lambda: held.append(build1.held)
    site.hosts["edge1"].after["flip"] = lambda: held.append(build1.held)
    activate(locked)
    assert locked.lock
    assert held == [{"token": locked.lock.token, "phase": "activate"}, None]


def test_nothing_flips_where_the_lock_was_stolen(site: Site, locked: Deployment) -> None:
    request = asks.Lock(owner="ben@laptop", process=4711, phase="unlock", steal=True)
    site.hosts["build1"].sibling().ask(verbs.LOCK, request)
    with pytest.raises(DeployLockedError, match="ben@laptop took it"):
        activate(locked)
    assert flipped(site) == []
    assert site.live() == dict.fromkeys(site.hosts, NEW)


def test_a_flip_that_fails_is_put_back_the_last_host_first(site: Site) -> None:
    deploy = to_old(site)
    site.hosts["web2"].before["flip"] = site.hosts["web2"].cut
    with pytest.raises(RemoteError, match="the connection was cut"):
        activate(deploy)
    back = [host for host, verb in site.asked if verb == "flip_back"]
    assert back[:2] == ["web2", "web1"]
    assert {*back[2:]} == {"edge1", "edge2"}
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    assert not deploy.is_flipped
    # what the CDN may have fetched meanwhile is still to be forgotten
    assert deploy.journal.to_invalidate == {"logo.svg": None}


def test_a_release_that_is_live_everywhere_is_not_flipped_to_again(site: Site) -> None:
    deploy = site.deployment()
    site.asked.clear()
    activate(deploy)
    assert {verb for _, verb in site.asked} == {"read_release"}
    assert deploy.show.said == [f"release {NEW} is live on every host already"]  # type: ignore[attr-defined]


def test_a_release_that_one_host_alone_lacks_is_flipped_to_on_all(site: Site) -> None:
    """The record would else say nothing of it, and a rollback would choose by the record."""
    deploy = to_old(site)
    site.hosts["web2"].before["flip"] = site.hosts["web2"].before["flip_back"] = site.hosts[
        "web2"
    ].cut
    with pytest.raises(Exception, match="could not be put back"):
        activate(deploy)
    site.open()
    activate(to_old(site))
    assert site.live() == dict.fromkeys(site.hosts, OLD)
