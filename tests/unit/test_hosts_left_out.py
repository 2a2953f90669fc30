"""`--without`: what is left out misses a release, and the next command brings it up to date (DESIGN §4)."""

from __future__ import annotations

import pytest
from invoke.context import Context

from fab_static.phases.distribute import distribute
from fab_static.phases.run.kept import missed
from fab_static.plan.wire import verbs
from tests.unit.site import NEW, OLD, TASK, Site, run_task


def cut(site: Site, *names: str) -> None:
    """Let hosts answer nothing at all."""
    for name in names:
        broken = site.hosts[name]
        broken.ask = lambda *_, host=broken, **__: host.cut()  # type: ignore[method-assign]


def mended(site: Site, *names: str) -> None:
    for name in names:
        del site.hosts[name].ask  # type: ignore[method-assign]


def held(site: Site, host: str) -> list[str]:
    return sorted(path.name for path in (site.folder / host / "releases").iterdir())


def test_a_dead_host_is_not_asked_and_all_others_go_live(site: Site) -> None:
    cut(site, "edge2")
    site.session.rollback(without=("edge2",))
    assert [name for name, live in site.live().items() if live != OLD] == ["edge2"]


def test_what_fails_names_the_next_command_without_the_same_hosts(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.hosts["web1"].before["flip"] = site.hosts["web1"].cut
    code, said = run_task(site, capsys, "rollback", without="edge2,web2")
    assert code == 1
    assert f"next: fab staging rollback --to {OLD} --without edge2,web2" in said
    assert "edge2, web2 left out, and not asked" in said


def test_a_name_that_is_no_host_is_exit_2_and_nothing_is_contacted(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.asked.clear()
    code, said = run_task(site, capsys, "status", without="egde2")
    assert (code, site.asked) == (2, [])
    assert '"egde2" is not a host (did you mean `edge2`?)' in said


def test_status_without_a_host_agrees_though_it_is_dead(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(site, "edge2")
    assert run_task(site, capsys, "status")[0] == 1
    mended(site, "edge2")
    site.open()
    cut(site, "edge2")
    TASK["status"](Context(), without="edge2")  # exits 0
    said = capsys.readouterr().out
    assert f"shop staging: live is {NEW} on all hosts except edge2\n" in said
    assert "is left out: " not in said  # nothing is done without it


def test_a_rollback_after_it_takes_back_what_the_others_have(site: Site) -> None:
    """A bad release is not spread to the one host that never got it."""
    newest = site.hold("20261123T170102Z", b"newest").id
    site.session.rollback(newest, without=("edge2",))
    assert site.live()["edge2"] == NEW
    site.session.rollback()
    assert set(site.live().values()) == {NEW}


def test_a_host_that_comes_back_gets_the_releases_it_missed(site: Site) -> None:
    """Open pages of the release between ask it for their files (G1)."""
    cut(site, "edge2")
    host = site.hosts.pop("edge2")
    between = site.hold("20261123T170102Z", b"between").id
    site.hosts["edge2"] = host
    site.session.rollback(between, without=("edge2",))
    mended(site, "edge2")
    assert missed(site.deployment()) == [between]
    site.session.phase("distribute")
    assert between in held(site, "edge2")
    assert missed(site.deployment()) == []


def test_a_missed_release_that_cannot_be_read_ends_no_deploy(site: Site) -> None:
    host = site.hosts.pop("edge2")
    between = site.hold("20261123T170102Z", b"between").id
    site.hosts["edge2"] = host
    site.session.rollback(between, without=("edge2",))
    site.session.rollback(NEW, without=("edge2",))
    deploy = site.deployment()
    deploy.release = deploy.seals.read(NEW)
    for name in ("build1", "edge1", "web1", "web2"):
        site.hosts[name].before["read_release"] = site.hosts[name].cut
    distribute(deploy)
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        f"edge2 cannot be given {between}, which open pages may ask for: "
        "the connection was cut (the connection ended)"
    ]


def test_activate_ships_first_what_prepare_left_out(site: Site) -> None:
    host = site.hosts.pop("web2")
    newest = site.hold("20261123T170102Z", b"newest").id
    site.hosts["web2"] = host
    journal = f'{{"format": 1, "release": "{newest}"}}'
    site.hosts["build1"].ask(verbs.WRITE_JOURNAL, body=journal.encode())
    site.session.activate()
    assert set(site.live().values()) == {newest}
