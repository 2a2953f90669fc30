"""What is said at the end of a run: what is live where, what was undone, the one command to run next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.plan.ending import Ending
from fab_static.sessions.ending import ending_of
from tests.unit.site import Site


class Named(str):
    """A host, or a bucket, that is known by its name."""

    @property
    def name(self) -> str:
        return str(self)


BUILD1, EDGE1, BUCKET = Named("build1"), Named("edge1"), Named("s3://shop")
BUCKET.live = "R1"  # type: ignore[attr-defined]


def ending(command: str = "deploy", **known: Any) -> Ending:
    given: dict[str, Any] = {
        "environment": SimpleNamespace(name="staging", notes=None),
        "hosts": lambda: (BUILD1, EDGE1),
        "states": {BUILD1: {"current": "R1"}, EDGE1: {"current": "R1"}},
        "origin": None,
        "release": SimpleNamespace(id="R2"),
        "recorded_live": "R1",
        "was_live": "R1",
        "without": (),
        "failed_after_flip": [],
        **dict.fromkeys(("is_flipped", "stays", "lock_held"), False),
        **dict.fromkeys(("rolled_back", "instead")),
        **{name: set() for name in ("left", "undone", "down")},
    }
    return ending_of(SimpleNamespace(**{**given, **known}), command)  # type: ignore[arg-type]


def test_what_is_live_on_a_runner_is_not_known_without_the_record() -> None:
    bucket = SimpleNamespace(name="production", notes="s3://shop/")
    told = ending(environment=bucket, build=BUILD1, kept=None)
    assert told.live == {"edge1": "R1"}
    assert ending(environment=bucket, kept="the record").live["build1"] == "R1"


def test_before_the_flip_what_hosts_said_is_live() -> None:
    told = ending()
    assert (told.hosts, told.live) == (["build1", "edge1"], {"build1": "R1", "edge1": "R1"})
    assert told.next == "fab staging deploy"


def test_after_the_flip_the_release_is_live_everywhere_and_in_the_bucket() -> None:
    told = ending(is_flipped=True, origin=BUCKET)
    assert told.live == {"build1": "R2", "edge1": "R2", "s3://shop": "R2"}


def test_what_could_not_be_put_back_is_not_known() -> None:
    told = ending(left={EDGE1, BUCKET}, origin=BUCKET)
    assert told.live == {"build1": "R1"}
    assert ending(left={EDGE1}, origin=BUCKET).live == {"build1": "R1", "s3://shop": "R1"}


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "deploy"),
        ({"lock_held": True}, "deploy --wait 600"),
        # by name: whether or not hosts have gone back by themselves by then
        ({"left": {EDGE1}}, "rollback --to R1"),
        ({"left": {EDGE1}, "recorded_live": None}, "deploy"),
        ({"instead": "prepare"}, "prepare"),
        ({"instead": "prepare", "stays": True}, "deploy"),
        ({"stays": True, "failed_after_flip": ["probe", "prune"]}, "probe prune"),
        ({"stays": True, "failed_after_flip": ["activate", "probe"]}, "deploy --resume"),
        ({"stays": True, "failed_after_flip": ["probe"], "rolled_back": "R3"}, "deploy"),
    ],
)
def test_what_to_run_next_mends_what_failed(known: dict[str, Any], words: str) -> None:
    assert ending(**known).next == f"fab staging {words}"


def test_where_a_host_did_not_answer_the_command_that_leaves_it_out_is_named(site: Site) -> None:
    """Who has a dead host at the first deploy does not know of --without."""

    def after(command: str, *down: str, **known: Any) -> str:
        deploy = site.session._deployment()
        deploy.down = {host for host in deploy.hosts() if host.name in down}
        for name, value in known.items():
            setattr(deploy, name, value)
        return ending_of(deploy, command).next

    assert after("deploy", "web1", "edge2") == (
        "fab staging deploy, or without edge2, web1: fab staging deploy --without edge2,web1"
    )
    assert after("deploy", "edge2", without=("web1",)) == (
        "fab staging deploy --without web1, or without edge2: fab staging deploy --without web1,edge2"
    )
    assert after("deploy", "build1") == "fab staging deploy"  # it builds
    assert after("deploy", "web1", "web2") == "fab staging deploy"  # none would be left
    assert after("verify", "web1") == "fab staging verify"  # it has no such option
    assert after("deploy", "web1", instead="sign R1") == "fab staging sign R1"
