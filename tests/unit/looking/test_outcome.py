"""What a run left on each host, for its last table."""

from __future__ import annotations

from fab_static.looking.outcome import outcomes
from fab_static.timeline import Timeline
from tests.unit.site import NEW, Site


def test_each_host_has_what_is_live_there_and_what_overlaps_counts_once(site: Site) -> None:
    deploy = site.deployment(without=("web9",))
    now = [100.0]
    deploy.timeline = Timeline(lambda: now[0])
    with (
        deploy.timeline.phase("distribute"),
        deploy.timeline.on("edge1"),
        deploy.timeline.sending("edge1", 700) as sent,
    ):
        now[0] += 2
        sent(700)
    with deploy.timeline.phase("verify"), deploy.timeline.on("edge1"):
        now[0] += 1.5
    found = {one["host"]: one for one in outcomes(deploy)}
    assert list(found) == ["build1", "edge1", "edge2", "web1", "web2", "web9"]
    assert found["edge1"] == {
        "host": "edge1",
        "roles": ["static"],
        "live": NEW,
        "seconds": 3.5,
        "sent": 700,
        "is_left_out": False,
    }
    assert (found["web1"]["seconds"], found["web1"]["sent"]) == (0, 0)
    assert [name for name, one in found.items() if one["is_left_out"]] == ["web9"]
