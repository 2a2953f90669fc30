"""Releases in a shell's completion: from this machine's archive, without a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fab_static.report.archive import Archive
from fab_static.tasks.completing import releases_for
from tests.unit.site import NEW, OLD

INVENTORY = """\
app: shop
deploy_to: /srv/shop/static
hosts: {here: {address: 192.0.2.1, roles: [build, static, web]}}
project: {path: /srv/shop/code}
"""


@pytest.fixture
def inventories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "eu_west.yml").write_text(INVENTORY)
    archive = Archive("shop", "eu_west")
    for release in (OLD, NEW, None, NEW):
        run = archive.begin("deploy")
        run.with_suffix(".json").write_text(json.dumps({"release": release}))
    return tmp_path / "inventories"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fab eu-west rollback --to ", ["previous", NEW, OLD]),
        ("fab eu-west rollback --to 2026", ["previous", NEW, OLD]),
        ("fab static.eu-west static.diff", [NEW, OLD]),
        ("fab eu_west report 2026", [NEW, OLD]),
        ("fab eu-west rollback --to X --check ", []),
        ("fab rollback --to ", []),
        ("fab eu-west rollback --to 'X", []),
        ("fab other rollback --to ", []),
    ],
)
def test_releases_are_offered_where_one_may_stand(
    inventories: Path, line: str, offered: list[str]
) -> None:
    assert releases_for(line, ["eu_west", "other"], inventories) == offered
