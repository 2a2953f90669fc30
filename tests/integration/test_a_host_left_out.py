"""A dead host is left out of deploys, and is brought up to date when it is back (DESIGN §4)."""

from __future__ import annotations

from tests.integration.conftest import Operator
from tests.integration.test_bad_days import colour


def test_deploys_go_on_without_a_dead_host_and_the_next_one_gives_it_all_it_missed(
    tiny: Operator,
) -> None:
    names = [tiny.live()]
    tiny.fleet.stop("edge2")
    try:
        for shade in ("#0d0d0d", "#0e0e0e"):
            colour(tiny, shade)
            said = tiny.fab("deploy", "--without", "edge2").stdout
            assert "edge2 is left out: new pages name files that it lacks" in said
            names.append(tiny.json("status", "--without", "edge2")["live"])
        assert len(set(names)) == 3
        assert tiny.json("status", code=1)["live"] is None
        refused = tiny.fab("deploy", "--without", "edge1,edge2", code=2).stderr
        assert "edge1, edge2 cannot be left out: no static host would be left" in refused
    finally:
        tiny.fleet.start("edge2")
    assert "edge2" in tiny.fab("status", code=5).stdout
    said = tiny.fab("deploy").stdout
    assert f"edge2 missed {names[1]}, and has it now" in said
    assert tiny.live() == names[2]
    # pages of each of them may still be open, and ask any static host
    assert tiny.wrong(tiny.urls(str(names[1])) | tiny.urls(str(names[2]))) == []
