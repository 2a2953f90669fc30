"""`verify --here`: an environment of this machine alone."""

from __future__ import annotations

from pathlib import Path

from fab_static.plan import inventory
from fab_static.sessions.here import environment_here

INVENTORY = """\
app: shop
deploy_to: /srv/shop/static
hosts: {build1: {roles: [build]}}
ssh: {become: www-data}
project: {path: /srv/shop/code, python: /srv/shop/venv/bin/python, settings: shop.settings}
origin: {s3: {bucket: shop, prefix: static/, region: eu-west-1}}
distribute: {via: s3}
cdn: {distribution_id: E2QWRUHEXAMPLE}
"""


def test_it_has_one_host_and_nothing_that_anybody_else_sees() -> None:
    fleet = inventory.parse(INVENTORY, name="production", source="production.yml")
    with environment_here(fleet, None) as here:
        (host,) = here.hosts
        assert host.local
        assert host.roles == ("web",)
        assert Path(here.deploy_to).is_dir()
        assert (here.origin, here.hub, here.cdn, here.ssh.become) == (None, None, None, None)
        assert here.project == fleet.project
        assert (here.app, here.name) == (fleet.app, fleet.name)
    assert not Path(here.deploy_to).exists()


def test_the_projects_interpreter_may_be_another_here() -> None:
    fleet = inventory.parse(INVENTORY, name="production", source="production.yml")
    with environment_here(fleet, "/usr/local/bin/python") as here:
        assert here.project.python == "/usr/local/bin/python"
