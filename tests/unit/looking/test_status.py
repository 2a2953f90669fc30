"""What `status` tells of a scripted fleet on which OLD was live, and NEW is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from fab_static.aws.refusals import RefusedError
from fab_static.errors import CdnError, FabStaticError, ManifestError, RemoteError
from fab_static.host.agent.disk import point
from fab_static.host.agent.lock import abandon_lock
from fab_static.looking.status import agreement, status
from fab_static.phases.run.publication import Publication
from fab_static.plan.inventory import S3
from fab_static.plan.wire import verbs
from tests.unit.site import NEW, OLD, ScriptedHost, Site, flip_provisionally, taken


def told(site: Site) -> tuple[dict[str, Any], list[str]]:
    """Return the status, and what was warned of."""
    warned: list[str] = []
    deploy = site.session._deployment()
    deploy.show = SimpleNamespace(warn=warned.append)  # type: ignore[assignment]
    return status(deploy), warned


def of(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["hosts"] if one["host"] == name]
    return one


def test_a_fleet_that_agrees_says_what_is_live_and_what_was(site: Site) -> None:
    found, warned = told(site)
    assert (found["environment"], found["app"], found["live"]) == ("staging", "shop", NEW)
    assert (found["agreed"], found["lock"], found["origins"], warned) == (True, None, [], [])
    assert [(one["host"], one["roles"]) for one in found["hosts"]] == [
        ("build1", ["build"]),
        ("edge1", ["static"]),
        ("edge2", ["static"]),
        ("web1", ["web"]),
        ("web2", ["web"]),
    ]
    for one in found["hosts"]:
        assert (one["live"], one["previous"], one["error"]) == (NEW, OLD, None)
        assert (one["missing"], one["changed"]) == (0, 0)
    assert len({one["versions_sha256"] for one in found["hosts"]}) == 1


def test_each_host_is_asked_all_in_one_trip(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is live is compared by the host's own word, so nobody waits for its name."""
    together: dict[str, list[str]] = {}
    ask_then = ScriptedHost.ask_then

    def seen(host: ScriptedHost, verb: Any, request: Any, then: Any) -> Any:
        together[host.name] = [verb.name, *(one.name for one, _ in then)]
        return ask_then(host, verb, request, then)

    monkeypatch.setattr(ScriptedHost, "ask_then", seen)
    told(site)
    assert together.pop("build1") == ["state", "look_at_lock", "verify"]
    assert {*map(tuple, together.values())} == {("state", "verify")}
    assert [host for host, verb in site.asked if verb == "verify"].count("web1") == 1


def test_files_are_compared_with_the_release_that_is_told(site: Site) -> None:
    """Another went live on a host between the two answers: what was compared first is of the other."""
    edge = site.hosts["edge1"]
    (site.folder / "edge1" / "releases" / NEW / "static" / "logo.svg").unlink()
    edge.after["state"] = lambda: point(str(site.folder / "edge1" / "current"), f"releases/{OLD}")
    one = of(told(site)[0], "edge1")
    assert (one["live"], one["missing"]) == (NEW, 1)
    assert [host for host, verb in site.asked if verb == "verify"].count("edge1") == 2


def test_a_host_that_is_down_is_reported_and_the_others_are_told(site: Site) -> None:
    site.hosts["edge2"].before["state"] = site.hosts["edge2"].cut
    found, _ = told(site)
    assert of(found, "edge2")["reachable"] is False
    assert of(found, "edge2")["error"] == "the connection was cut (the connection ended)"
    assert {one["live"] for one in found["hosts"] if one["reachable"]} == {NEW}
    assert (found["agreed"], found["live"], agreement(found)) == (False, None, "silent")


def test_a_host_that_refuses_was_reached_and_says_where_and_why(site: Site) -> None:
    """DESIGN: 5 is for hosts that disagree; of this one nobody knows what is live."""

    def refuse() -> NoReturn:
        error = RemoteError("permission denied", where="edge2: /srv/shop", mend="open it")
        error.is_refusal = True
        raise error

    site.hosts["edge2"].before["state"] = refuse
    found, _ = told(site)
    one = of(found, "edge2")
    assert (one["reachable"], one["live"]) == (True, None)
    assert one["error"] == "permission denied: /srv/shop"
    assert (found["agreed"], found["live"], agreement(found)) == (False, None, "silent")


@pytest.mark.parametrize(
    ("error", "reachable"),
    [
        (
            RefusedError("no", where="s3://b", mend="", code="SignatureDoesNotMatch", status=403),
            True,
        ),
        (ManifestError("the prefix belongs to blog", where="s3://b", mend=""), True),
        (CdnError("S3 cannot be reached", where="s3://b", mend=""), False),
    ],
)
def test_a_bucket_that_refuses_was_reached(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: FabStaticError, reachable: bool
) -> None:
    def read(_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(Publication, "read", read)
    deploy = site.session._deployment()
    object.__setattr__(deploy.environment, "origin", S3(bucket="b"))
    deploy.show = SimpleNamespace(warn=print)  # type: ignore[assignment]
    found = status(deploy)
    (bucket,) = found["origins"]
    assert (bucket["reachable"], bucket["error"]) == (reachable, error.what)
    assert (found["agreed"], agreement(found)) == (False, "silent")


def test_without_the_build_host_nobody_knows_who_holds_the_lock(site: Site) -> None:
    taken(site)
    site.hosts["build1"].before["state"] = site.hosts["build1"].cut
    assert told(site)[0]["lock"] is None


def test_a_flip_that_nobody_confirmed_is_no_agreement(site: Site) -> None:
    flip_provisionally(site.hosts["edge1"])
    found, _ = told(site)
    assert (of(found, "edge1")["live"], of(found, "edge1")["provisional"]) == (OLD, True)
    assert agreement(found) == "disagree"


def test_files_that_are_not_as_sealed_are_counted_on_their_host(site: Site) -> None:
    root = site.folder / "edge1" / "releases" / NEW / "static"
    (root / "logo.svg").unlink()
    (root / "site.css").chmod(0o644)
    (root / "site.css").write_text("other bytes")
    found, _ = told(site)
    counts = [(one["host"], one["missing"], one["changed"]) for one in found["hosts"]]
    assert counts[1] == ("edge1", 1, 1)
    assert {(missing, changed) for _, missing, changed in [counts[0], *counts[2:]]} == {(0, 0)}


def test_a_live_release_that_is_gone_is_missing_as_a_whole(site: Site) -> None:
    (site.folder / "web1" / "releases" / NEW).rename(site.folder / "web1" / "away")
    found, _ = told(site)
    assert (of(found, "web1")["missing"], of(found, "web1")["changed"]) == (1, 0)


def seal(site: Site, host: str) -> Any:
    return site.folder / host / "releases" / NEW / "release.json"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "other"}'])
def test_a_seal_that_cannot_be_read_is_a_change_of_a_host_that_answers(
    site: Site, text: str
) -> None:
    """It was "unreachable" where the file was not JSON, after a power cut for one."""
    seal(site, "web2").chmod(0o644)
    seal(site, "web2").write_text(text)
    found, warned = told(site)
    one = of(found, "web2")
    assert (one["reachable"], one["missing"], one["changed"]) == (True, 0, 1)
    (line,) = warned
    assert line.startswith("web2: release.json ")


def test_a_host_that_is_lost_while_it_compares_is_unreachable(site: Site) -> None:
    site.hosts["web2"].before["verify"] = site.hosts["web2"].cut
    assert of(told(site)[0], "web2")["reachable"] is False


def test_a_seal_that_differs_from_that_of_most_is_named_with_its_cure(site: Site) -> None:
    """Whoever changed it may have changed which bytes it calls right."""
    text = seal(site, "edge2").read_text()
    seal(site, "edge2").chmod(0o644)
    seal(site, "edge2").write_text(text.replace("anna@desk", "eve@desk"))
    found, warned = told(site)
    assert [one["host"] for one in found["hosts"] if one["changed"]] == ["edge2"]
    assert warned == [
        f"edge2: release.json of {NEW} differs from the one on other hosts; mend it: fab staging rollback "
        f"--to {NEW} --repair"
    ]


def test_the_lock_says_who_holds_it_where_he_lives(site: Site) -> None:
    other = taken(site)
    found, _ = told(site)
    assert {key: found["lock"][key] for key in ("owner", "phase")} == {
        "owner": "ben@laptop",
        "phase": "compress",
    }
    abandon_lock(other.agent.host)
    assert told(site)[0]["lock"] is None


def member(live: str | None = NEW, **words: Any) -> dict[str, Any]:
    return {"reachable": True, "live": live, "provisional": False, **words}


DOWN = member(None, reachable=False)


@pytest.mark.parametrize(
    ("hosts", "origins", "word"),
    [
        ([member(), DOWN], [], "silent"),
        ([DOWN, DOWN], [], "silent"),
        ([member(), member()], [member(pending=None, reachable=False)], "silent"),
        ([member(), member(OLD)], [], "disagree"),
        ([member(), member(OLD), DOWN], [], "disagree"),
        ([member(), DOWN, member(provisional=True)], [], "disagree"),
        ([member()], [member(OLD, pending=None)], "disagree"),
        ([member(), DOWN], [member(pending=OLD)], "disagree"),
    ],
)
def test_only_hosts_that_answer_can_disagree(
    hosts: list[Any], origins: list[Any], word: str
) -> None:
    assert agreement({"agreed": False, "hosts": hosts, "origins": origins}) == word


def test_whoever_agrees_agrees() -> None:
    assert agreement({"agreed": True}) == "agreed"


def test_a_host_where_nothing_is_live_lacks_nothing(site: Site) -> None:
    site.hosts["web1"].before["state"] = lambda: (
        {**site.hosts["web2"].ask(verbs.STATE)[0], "current": None},
        b"",
    )
    found, _ = told(site)
    one = of(found, "web1")
    assert (one["live"], one["missing"], one["changed"], one["versions_sha256"]) == (
        None,
        0,
        0,
        None,
    )
