"""A flip is worked out before a link moves, and then carried out: forth, and back."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from fab_static.errors import DisagreementError, RemoteError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.flipping import Flipping, worked_out
from fab_static.phases.run.undoing import undo_on_failure
from fab_static.remote import Ran
from tests.unit.site import NEW, OLD, Site


def worked(site: Site, deploy: Deployment) -> Flipping:
    return Flipping(deploy, worked_out(deploy, deploy.seals.read(OLD)), deploy.seals.read(OLD))


def test_working_a_flip_out_changes_nothing(site: Site) -> None:
    deploy = site.deployment()
    site.asked.clear()
    worked_out(deploy, deploy.seals.read(OLD))
    assert {verb for _, verb in site.asked} <= {"read_release", "recall"}
    assert site.live() == dict.fromkeys(site.hosts, NEW)


def test_only_web_hosts_have_links_and_processes_to_reload(site: Site) -> None:
    deploy = site.deployment(rolled_back=NEW)
    flip = worked_out(deploy, deploy.seals.read(OLD))
    edge, web = flip.hosts["edge1"], flip.hosts["web1"]
    assert (edge.links, edge.manifest, edge.reload) == ({}, None, None)
    own = site.project.settings["web1"]["resource_versions"]
    assert web.links == {own: f"{site.folder}/web1/current/resource_versions.yml"}
    assert web.reload == "reload-shop"
    # where each goes back to, and what its record says
    assert (web.current, web.previous) == (NEW, OLD)
    assert web.entry == edge.entry == {"by": "anna@desk", "rolled_back": NEW}


def test_a_host_that_does_not_reload_fails_the_flip_with_the_end_of_what_it_said(
    site: Site,
) -> None:
    flipping = worked(site, site.deployment())
    web1 = site.hosts["web1"]
    web1.before["run"] = lambda: Ran(3, "x" * 2000 + "no such unit\n")
    with pytest.raises(RemoteError) as caught:
        flipping.reload(web1)
    assert caught.value.what == f"the reload failed with exit code 3: {'x' * 988}no such unit"
    assert caught.value.where == "web1: reload-shop"
    assert caught.value.mend == "run it by hand there, and see why it fails"


def test_processes_that_still_run_the_other_release_fail_the_flip(site: Site) -> None:
    """They have answered 200 all the time: with the pages of the old manifest (G3)."""
    deploy = site.deployment()
    web = replace(deploy.environment.web, running="http://127.0.0.1:8000/{host}/release")
    deploy.environment = replace(deploy.environment, web=web)
    answers = iter(["200", NEW])
    web1 = site.hosts["web1"]
    web1.before["http"] = lambda: ({"answer": next(answers)}, b"")
    with pytest.raises(RemoteError) as caught:
        worked(site, deploy).check(web1, OLD)
    assert str(caught.value) == (
        f"after the reload http://127.0.0.1:8000/web1/release says that {NEW} runs, not {OLD}\n"
        "  where: web1\n"
        "  mend:  see why web.reload does not make the processes read the manifests again"
    )


def test_the_way_back_of_a_host_that_was_never_reloaded_needs_no_reload_that_works(
    site: Site,
) -> None:
    """Its processes have read no manifest of the new release; a reload that fails is no reason for exit 5."""
    deploy = site.deployment()
    flipping, web1 = worked(site, deploy), site.hosts["web1"]
    web1.before["run"] = lambda: Ran(1, "no such unit")
    with pytest.raises(RemoteError), undo_on_failure(deploy) as undo:
        flipping.move(undo, ["web1"], reloads=True)
    assert site.live() == dict.fromkeys(site.hosts, NEW)
    assert deploy.left == set()
    assert "web1: reload-shop: the reload failed with exit code 1: no such unit" in _warned(deploy)


def test_the_way_back_of_a_host_that_was_reloaded_must_reload_it(site: Site) -> None:
    """Its processes run the new release's pages, and go on with them."""
    deploy = site.deployment()
    flipping, web1 = worked(site, deploy), site.hosts["web1"]
    with pytest.raises(DisagreementError) as caught, undo_on_failure(deploy) as undo:  # noqa: PT012
        flipping.move(undo, ["web1"], reloads=True)
        web1.before["run"] = lambda: Ran(1, "no such unit")
        raise ZeroDivisionError
    assert caught.value.where == "web1: the reload failed with exit code 1: no such unit"


def test_hosts_hear_that_the_operator_lives_as_long_as_a_flip_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that hears nothing goes back by itself (G5)."""
    deploy = site.deployment()
    flipping = worked(site, deploy)
    web = replace(deploy.environment.web, confirm_timeout=0.01)
    deploy.environment = replace(deploy.environment, web=web)
    heard = {name: threading.Event() for name in site.hosts}

    def alive(host: Any) -> None:
        heard[host.name].set()

    monkeypatch.setattr(type(site.hosts["web1"]), "alive", alive)
    before = {*threading.enumerate()}
    with flipping.kept_alive():
        assert all(each.wait(120) for each in heard.values())
    assert not {*threading.enumerate()} - before


def _warned(deploy: Deployment) -> list[str]:
    warned: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    return warned
