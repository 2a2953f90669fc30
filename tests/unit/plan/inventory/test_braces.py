"""`{host}` and its likes in the paths of an inventory."""

from __future__ import annotations

import pytest

from fab_static.errors import InventoryError
from fab_static.plan.inventory import parse

INVENTORY = """\
app: shop
deploy_to: /srv/{deploy_to}/static
hosts: {{here: {{address: 10.0.0.1, roles: [build, static, web]}}}}
project: {{path: /srv/code, python: "/srv/{{python}}/bin/python"}}
"""


def test_a_name_in_braces_that_nobody_knows_is_a_problem_with_the_nearest_one() -> None:
    """A folder called {hots} was made on every host."""
    with pytest.raises(InventoryError) as caught:
        parse(INVENTORY.format(deploy_to="{hots}"), name="staging", source="staging.yml")
    assert (
        'deploy_to (line 2): "hots" is not a name in braces (did you mean `host`?); the names are '
        "host, address, folder" in caught.value.what
    )
    assert "project.python" in caught.value.what
