"""Without OpenSSH: the embedded SSH server that the demo falls back to carries a whole deploy."""

from __future__ import annotations

from pathlib import Path

from demo.fleet import Fleet
from tests.integration.conftest import HOSTS, get, operator_of, write_tiny


def test_a_fleet_of_embedded_servers_deploys_and_rolls_back(tmp_path: Path) -> None:
    project = write_tiny(tmp_path / "project")
    with Fleet(
        tmp_path / "hosts",
        HOSTS,
        project=project,
        server="asyncssh",
        nginx="python",
        settings="tiny.settings",
        app="tiny",
    ) as fleet:
        operator = operator_of(fleet, tmp_path / "operator")
        operator.write_inventory(build={"phases": ["collectstatic", "compress"]})
        operator.fab("deploy")
        first = str(operator.live())
        css = fleet.hosts["build1"].code / "assets" / "site.css"
        css.write_text("body { color: blue }\n")
        operator.fab("deploy")
        second = str(operator.live())
        assert operator.wrong(operator.urls(first) | operator.urls(second)) == []
        operator.fab("rollback")
        assert operator.live() == first
        assert operator.wrong(operator.urls(first) | operator.urls(second)) == []
        assert get(fleet.site("web1") + "/").status == 200
