"""An inventory whose hosts are reached by way of a configuration of the test's own, as `fab -S` names one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fab_static.plan import inventory
from fab_static.plan.inventory import Environment, Given

Reached = Callable[..., Environment]


@pytest.fixture
def reached(tmp_path: Path) -> Reached:
    """Return a function that gives an environment: by a configuration, hosts, and ssh of the inventory."""

    def make(
        config: str, *addresses: str, host: dict[str, Any] | None = None, **ssh: Any
    ) -> Environment:
        file = tmp_path / "config"
        file.write_text(config)
        names = addresses or ("web1",)
        hosts = {
            f"h{number}": {
                "address": name,
                "roles": ["build", "static", "web"][number : number + 1],
            }
            for number, name in enumerate(names)
        }
        hosts["h0"]["roles"] = ["build", "static", "web"]
        for number in range(1, len(names)):
            hosts[f"h{number}"]["roles"] = ["static"]
        hosts["h0"] |= host or {}
        text = {
            "app": "shop",
            "deploy_to": "/srv/static",
            "hosts": hosts,
            "ssh": ssh,
            "project": {"path": "/srv/code"},
        }
        environment = inventory.parse(json.dumps(text), name="staging", source="staging.yml")
        given = Given(config_file=str(file))
        return dataclasses.replace(
            environment, ssh=dataclasses.replace(environment.ssh, given=given)
        )

    return make
