"""Which revision is built, and which commits lie between it and what is live."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fab_static.phases.run.revisions import MOST, Built, built, commits, others
from fab_static.phases.seal import _tell_unmoved
from fab_static.remote import Ran
from fab_static.sessions.running import check
from tests.unit.site import NEW, OLD, Site

A, B = "a" * 40, "b" * 40
LOG = "bbbbbbb Fix the cart\nccccccc Add a cart\n"


def checkouts(site: Site, **at: str) -> list[list[str]]:
    """Have git answer on hosts: each is at this revision; return what it was asked."""
    asked: list[list[str]] = []
    for name, host in site.hosts.items():

        def run_line(command: list[str], name: str = name) -> Ran:
            asked.append(command[3:])
            if name not in at:
                return Ran(128, "fatal: not a git repository")
            if ".." in command[-1]:
                return Ran(0, LOG)
            return Ran(0, f"{at[name]}\nFix the cart\n")

        host.run_line = run_line  # type: ignore[method-assign]
    return asked


def made_live_of(site: Site, revision: str) -> str:
    release = site.hold("20261123T170102Z", b"newest", revision=revision).id
    site.make_live(release)
    return release


def test_a_deploy_says_first_what_it_builds_and_since_when(site: Site) -> None:
    made_live_of(site, A)
    checkouts(site, build1=B)
    deploy = site.deployment()
    check(deploy, ("collectstatic",))
    assert deploy.show.said == [  # type: ignore[attr-defined]
        "5 hosts answer; build1's checkout is at bbbbbbb (Fix the cart)",
        "2 commits since aaaaaaa, which is live:",
        "  bbbbbbb Fix the cart",
        "  ccccccc Add a cart",
    ]


def test_where_the_checkout_is_at_what_is_live_no_commits_are_asked_for(site: Site) -> None:
    made_live_of(site, B)
    asked = checkouts(site, build1=B)
    assert built(site.deployment()) == Built(B, "Fix the cart", B)
    assert len(asked) == 1


def test_the_record_is_asked_before_the_seal(site: Site) -> None:
    release = site.hold("20261123T170102Z", b"newest", revision=A).id
    site.session.rollback(release)
    site.hosts["build1"].before["read_release"] = site.hosts["build1"].cut
    checkouts(site, build1=B)
    found = built(site.deployment())
    assert found is not None
    assert found.since == A


def test_a_folder_that_is_no_checkout_has_no_revision(site: Site) -> None:
    checkouts(site)
    deploy = site.deployment()
    check(deploy, ("collectstatic",))
    assert deploy.show.said == ["5 hosts answer"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("old", ["--output=/etc/passwd", "a" * 39, "HEAD"])
def test_what_a_record_calls_a_revision_becomes_no_option_of_git(site: Site, old: str) -> None:
    asked = checkouts(site, build1=B)
    assert commits(site.deployment(), old, B) is None
    assert asked == []


def test_of_many_commits_the_first_few_are_shown() -> None:
    many = Built(B, "", A, tuple(f"{at:07} one" for at in range(MOST + 1)))
    assert many.lines()[0] == "more than 20 commits since aaaaaaa, which is live:"
    assert many.lines()[-2:] == ["  0000004 one", "  …"]
    some = Built(B, "", A, many.commits[:MOST])  # type: ignore[index]
    assert some.lines()[-2:] == ["  0000004 one", "  … and 15 more"]


def test_hosts_at_another_revision_are_found(site: Site) -> None:
    checkouts(site, build1=B, web1=A, web2=B)
    deploy = site.deployment()
    assert others(deploy, deploy.hosts("web")) == {"web1": A}


def test_a_checkout_that_has_not_moved_is_told_where_nothing_changed(site: Site) -> None:
    """Somebody has forgotten to pull."""
    deploy = site.deployment()
    known = replace(deploy.seals.read(NEW), revision=B)
    _tell_unmoved(deploy, known, known)
    _tell_unmoved(deploy, replace(known, revision=A), known)
    staged = replace(known, id=OLD)  # it changes what is live
    _tell_unmoved(deploy, staged, staged)
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        f"nothing changed: build1's checkout is at bbbbbbb, as when {NEW} was built"
    ]
