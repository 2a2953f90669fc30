"""What build.commands and project.path of an inventory may say, and how what they may not is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import InventoryError
from fab_static.plan import inventory

TEXT = """\
app: shop
deploy_to: /srv/shop/static
hosts:
  here: {{local: true, roles: [build, static, web]}}
project: {{path: "{path}", python: /srv/shop/venv/bin/python}}
build:
  phases: [collectstatic]
  commands: {{collectstatic: {command}}}
"""


def parsed(command: str = "manage.py collectstatic --noinput", path: str = "/srv/shop/code"):
    text = TEXT.format(command=repr(command), path=path)
    return inventory.parse(text, name="local", source="local.yml")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("", "is empty; write the command, or leave the key out for the usual one"),
        ("  ", "is empty; write the command, or leave the key out for the usual one"),
        ("manage.py", '"manage.py" names no management command; write it after manage.py'),
        (
            "manage.py --noinput",
            '"manage.py --noinput" names no management command; write it after manage.py',
        ),
        (
            "manage.py collectstatic && manage.py more",
            '"manage.py collectstatic && manage.py more" begins with manage.py, so no shell reads its '
            "&&; write the interpreter's whole path before each manage.py, and a shell reads the line",
        ),
        (
            "manage.py collectstatic; manage.py more",
            '"manage.py collectstatic; manage.py more" begins with manage.py, so no shell reads its ;; '
            "write the interpreter's whole path before each manage.py, and a shell reads the line",
        ),
        (
            'manage.py collectstatic -i "*.map',
            '"manage.py collectstatic -i "*.map" cannot be read: no closing quotation',
        ),
    ],
)
def test_a_command_that_cannot_run_is_a_problem_of_the_inventory(command: str, problem: str):
    """(build B) It was an IndexError in deploy and in check, or it reached argparse."""
    with pytest.raises(InventoryError) as caught:
        parsed(command)
    assert f"build.commands.collectstatic (line 8): {problem}\n" in str(caught.value)


@pytest.mark.parametrize(
    "command",
    [
        "manage.py collectstatic --noinput -i '*.map'",
        'manage.py collectstatic --noinput -i "a && b"',
        "/srv/shop/venv/bin/python manage.py a && /srv/shop/venv/bin/python manage.py b",
        "make static; touch done",
    ],
)
def test_a_command_that_can_run_is_taken_as_it_is(command: str):
    assert parsed(command).build.commands == {"collectstatic": command}


@pytest.mark.parametrize("path", ["{folder}", "{folder}/"])
def test_a_project_may_lie_in_the_folder_of_the_fabfile(path: str):
    """(build B) `{folder}` alone was called relative."""
    found = inventory.beside(parsed(path=path), Path("/home/me/shop/inventories"))
    assert found.project.path == "/home/me/shop"
