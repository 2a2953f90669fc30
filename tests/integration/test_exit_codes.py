"""Every exit code has a test, with real processes; where each stands is listed here once."""

from __future__ import annotations

import importlib

from fab_static import errors
from tests.integration.conftest import Operator
from tests.integration.test_bad_days import altered, colour, wait_for

TESTS = {  # code -> module, test; DESIGN §4
    errors.DONE: ("test_deploy", "test_a_deploy_of_an_unchanged_release_sends_no_object"),
    errors.FAILED: ("test_bad_days", "test_a_reload_that_fails_puts_every_host_back"),
    errors.BAD_INPUT: (
        "test_bad_days",
        "test_a_name_that_is_no_release_is_refused_before_anything_is_contacted",
    ),
    errors.LOCKED: (
        "test_bad_days",
        "test_of_two_deploys_at_once_one_goes_on_and_the_other_exits_3",
    ),
    errors.LIVE_BUT: ("test_exit_codes", "test_4_the_release_is_live_but_the_probe_fails"),
    errors.DISAGREE: ("test_exit_codes", "test_5_a_host_dies_while_the_fleet_flips"),
}


def test_each_of_the_codes_0_to_5_has_its_test() -> None:
    assert sorted(TESTS) == [0, 1, 2, 3, 4, 5]
    for module, name in TESTS.values():
        assert hasattr(importlib.import_module(f"tests.integration.{module}"), name), name


def test_4_the_release_is_live_but_the_probe_fails(tiny: Operator) -> None:
    image = tiny.fleet.hosts["build1"].code / "assets" / "logo.svg"
    image.write_text("<svg xmlns='http://www.w3.org/2000/svg' id='other'/>\n")
    page = "http://127.0.0.1:9/"  # RFC 863: nobody answers there
    with altered(tiny, probe={"pages": [page], "timeout": 2}):
        error = tiny.fab("deploy", code=4).stderr
    live = tiny.live()
    assert f"{page} answered nothing" in error
    assert error.endswith(
        f"{live} is LIVE, but what stands above failed after it went live\n"
        f"  live: {live} on every host\n"
        "  next: fab staging probe\n"
    )
    tiny.fab("probe")


def test_5_a_host_dies_while_the_fleet_flips(tiny: Operator) -> None:
    before = tiny.live()
    colour(tiny, "#5a5a5a")
    gate = tiny.fleet.hosts["web1"].folder / "gate"
    gate.unlink(missing_ok=True)
    web = {
        "reload": f"echo reloading; while [ ! -e {gate} ]; do sleep 0.05; done; exit 7",
        "batch": "1",
        "confirm_timeout": 600,  # so that the host does not go back by itself
    }
    with altered(tiny, web=web):
        deploy = tiny.start("deploy", "--verbose")
        try:
            wait_for(deploy, "reloading")
            tiny.fleet.stop("edge2")
            gate.touch()
            _, error = deploy.communicate(timeout=120)
        finally:
            tiny.fleet.start("edge2")
    assert deploy.returncode == 5, error
    assert "edge2 could not be put back: hosts may serve different releases now" in error
    assert "It began with: the reload failed with exit code 7" in error
    assert error.endswith(
        f"  live: {before} on build1, edge1, web1, web2; not known on edge2\n"
        "  undone: the flip of edge1, web1\n"
        f"  next: fab staging rollback --to {before}\n"
    )
    with altered(tiny):
        tiny.fab("rollback", "--to", str(before))
    assert tiny.live() == before
