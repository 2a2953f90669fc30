"""web.check is asked once before anything flips (first hour, row 12)."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.errors import RemoteError
from fab_static.phases.activate import activate
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.web_checks import unwell_before
from tests.unit.site import NEW, OLD, Site

URL = "http://127.0.0.1:8000/health"


def answering(site: Site, **answers: str) -> Deployment:
    """Return a run that is about to make OLD live, with web hosts that answer so all the time."""
    for name, answer in answers.items():
        site.hosts[name].before["http"] = lambda answer=answer: ({"answer": answer}, b"")
    deploy = site.deployment(command="activate")
    deploy.release = deploy.seals.read(OLD)
    return deploy


@pytest.mark.parametrize("answer", ["404", "302", "400", "403"])
def test_a_process_that_answers_and_knows_no_such_url_is_refused_before_anything_flips(
    site: Site, answer: str
) -> None:
    deploy = answering(site, web1=answer, web2=answer)
    site.asked.clear()
    with pytest.raises(RemoteError) as caught:
        activate(deploy)
    assert str(caught.value) == (
        f"before anything flipped {URL} answered {answer} on web1, web2, not 200\n"
        "  where: web.check in inventories/staging.yml\n"
        "  mend:  correct web.check, then deploy again; where only newer code has this URL, take web.check out "
        "for this one deploy"
    )
    assert "flip" not in [verb for _, verb in site.asked]


@pytest.mark.parametrize("answer", ["500", "503", "429", "Connection refused"])
def test_a_site_that_is_down_may_be_what_a_deploy_mends(site: Site, answer: str) -> None:
    deploy = answering(site, web1=answer)
    answers = iter([answer, "200"])
    site.hosts["web1"].before["http"] = lambda: ({"answer": next(answers)}, b"")
    activate(deploy)
    assert set(site.live().values()) == {OLD}
    assert warned(deploy).endswith(
        f"{URL} answered {answer} on web1 before the flip; where that is not 200 within 60 s after it, all goes back"
    )


@pytest.mark.parametrize("more", [{"command": "rollback --to " + OLD}, {"rolled_back": NEW}])
def test_a_way_back_is_never_refused(site: Site, more: dict[str, Any]) -> None:
    deploy = answering(site)
    for name, value in more.items():
        setattr(deploy, name, value)
    answers = iter(["404", "200"])
    site.hosts["web1"].before["http"] = lambda: ({"answer": next(answers)}, b"")
    activate(deploy)
    assert set(site.live().values()) == {OLD}


def test_a_new_host_keeps_nobody_from_seeing_that_the_url_is_wrong(site: Site) -> None:
    """It was taken for hosts that disagree: each host waited a minute after its flip (first hour 12)."""
    deploy = answering(site, web1="404", web2="404")
    deploy.states[site.hosts["web2"]]["current"] = None
    with pytest.raises(
        RemoteError, match=r"^before anything flipped .* 404 on web1, web2, not 200"
    ):
        activate(deploy)


def test_a_first_release_is_not_refused(site: Site) -> None:
    deploy = answering(site, web1="404")
    for state in deploy.states.values():
        state["current"] = None
    assert unwell_before(deploy) == [site.hosts["web1"]]


def test_what_brings_hosts_together_is_not_refused(site: Site) -> None:
    deploy = answering(site)
    deploy.states[site.hosts["edge1"]]["current"] = OLD
    answers = iter(["404", "200"])
    site.hosts["web1"].before["http"] = lambda: ({"answer": next(answers)}, b"")
    activate(deploy)
    assert set(site.live().values()) == {OLD}


def test_nobody_waits_on_the_way_back_for_what_did_not_answer_before(site: Site) -> None:
    """A wrong port cost twice a minute: once after the flip, and once after the way back."""
    deploy = answering(site, web1="Connection refused")
    site.asked.clear()
    with pytest.raises(RemoteError, match="after the reload"):
        activate(deploy)
    assert site.asked.count(("web1", "http")) == 2  # before the flip, and after it
    assert site.live() == dict.fromkeys(site.hosts, NEW)


def test_those_that_answer_200_are_well(site: Site) -> None:
    deploy = answering(site, web1="502")
    assert unwell_before(deploy) == [site.hosts["web1"]]


def warned(deploy: Deployment) -> str:
    return "\n".join(deploy.show.warned)  # type: ignore[attr-defined]
