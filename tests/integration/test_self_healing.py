"""An operator who dies in the middle of a flip leaves no mixed fleet behind, without any further command."""

from __future__ import annotations

import json
import re
import time

from tests.integration.conftest import HOSTS, Operator
from tests.integration.test_bad_days import altered, colour, wait_for
from tests.processes import becomes


def live_on(tiny: Operator) -> dict[str, str]:
    """Return what `current` names on each host, read from the disk."""
    return {
        name: (host.static / "current").readlink().name for name, host in tiny.fleet.hosts.items()
    }


def hanging_reload(tiny: Operator) -> dict[str, object]:
    """Return an inventory's `web` whose reload on web2 waits until the test opens the gate."""
    gate = tiny.fleet.hosts["web2"].folder / "gate"
    gate.unlink(missing_ok=True)
    wait = f"case {{host}} in web2) while [ ! -e {gate} ]; do sleep 0.05; done;; esac; "
    return {"reload": wait + tiny.fleet.reload_command, "batch": "1", "confirm_timeout": 6}


def test_a_fleet_caught_in_the_middle_of_a_flip_goes_back_by_itself(tiny: Operator) -> None:
    before = tiny.live()
    manifests = {host: tiny.manifests(host) for host in ("web1", "web2")}
    colour(tiny, "#0a0a0a")
    with altered(tiny, web=hanging_reload(tiny)):
        deploy = tiny.start("deploy")
        wait_for(deploy, "activate")
        assert becomes(
            lambda: len(set(live_on(tiny).values())) == 2 and live_on(tiny)["web2"] != before
        )
        flipped = live_on(tiny)["web2"]
        union = json.loads(tiny.manifests("web2")[0])
        assert set(json.loads(manifests["web2"][0])) <= set(union)
        deploy.kill()
        deploy.wait()
        (tiny.fleet.hosts["web2"].folder / "gate").touch()
        assert becomes(lambda: set(live_on(tiny).values()) == {before})
        assert becomes(lambda: {host: tiny.manifests(host) for host in manifests} == manifests)
        assert tiny.wrong(tiny.urls(str(before)) | tiny.urls(flipped)) == []
        assert tiny.json("status")["agreed"]
        # nothing is lost: the release was whole everywhere, and goes live when asked
        tiny.fab("deploy")
    assert tiny.live() == flipped
    tiny.fab("rollback")
    assert tiny.live() == before


def test_a_flip_that_takes_longer_than_the_time_out_is_kept_alive(tiny: Operator) -> None:
    before = tiny.live()
    colour(tiny, "#0b0b0b")
    with altered(tiny, web=hanging_reload(tiny)):
        deploy = tiny.start("deploy")
        wait_for(deploy, "activate")
        assert becomes(lambda: live_on(tiny)["web2"] != before)
        flipped = live_on(tiny)["web2"]
        started = time.monotonic()
        while time.monotonic() - started < 13:  # twice confirm_timeout
            assert live_on(tiny)["edge1"] == flipped
            time.sleep(0.1)
        (tiny.fleet.hosts["web2"].folder / "gate").touch()
        assert deploy.wait(120) == 0, deploy.stderr and deploy.stderr.read()
    assert tiny.live() == flipped
    for host in HOSTS:
        assert not (tiny.fleet.hosts[host].static / "provisional.json").exists()


def test_the_next_command_settles_a_flip_that_is_still_provisional(tiny: Operator) -> None:
    before = tiny.live()
    colour(tiny, "#0c0c0c")
    web = {**hanging_reload(tiny), "confirm_timeout": 600}
    with altered(tiny, web=web):
        deploy = tiny.start("deploy")
        wait_for(deploy, "activate")
        assert becomes(lambda: live_on(tiny)["web2"] != before)
        deploy.kill()
        deploy.wait()
        (tiny.fleet.hosts["web2"].folder / "gate").touch()
        status = tiny.json("status", code=5)
        assert not status["agreed"]
        assert {host["host"] for host in status["hosts"] if host["provisional"]} >= {
            "edge1",
            "web2",
        }
        shown = tiny.fab("status", code=5).stdout
        assert re.search("edge1: its flip to .* is not confirmed", shown)
        tiny.fab("rollback", "--to", str(before))
        assert tiny.live() == before


def test_a_rollback_is_refused_when_a_host_lacks_something_and_repair_ships_it(
    tiny: Operator,
) -> None:
    first = tiny.live()
    colour(tiny, "#0d0d0d")
    with altered(tiny):
        tiny.fab("deploy")
        second = tiny.live()
        assert second != first
        lost = tiny.fleet.hosts["edge1"].static / "releases" / str(first) / "static" / "logo.svg"
        lost.unlink()
        error = tiny.fab("rollback", "--check", code=1).stderr
        assert f"release {first} is not whole: 1 files are missing" in error
        assert "logo.svg" in error
        error = tiny.fab("rollback", code=1).stderr
        assert f"rollback --to {first} --repair" in error
        assert tiny.live() == second
        tiny.fab("rollback", "--repair")
    assert tiny.live() == first
    assert lost.exists()
