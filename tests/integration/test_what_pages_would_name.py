"""Web hosts whose pages would name other URLs than the release was built for are refused before the flip."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from fab_static.errors import ReleaseError
from tests.integration.conftest import on_this_machine, write_tiny

BUILT = "STATIC_URL = '/static/'\nSTATIC_CDN = ''\n"
HOSTS = {
    "here": {"roles": ["build", "static"]},
    "renderer": {"local": True, "roles": ["web"]},
}


@pytest.mark.parametrize(
    ("compressed", "setting", "line"),
    [
        (True, "COMPRESS_URL = '/elsewhere/'", "COMPRESS_URL is '/static/' in the release and '/elsewhere/'"),
        (False, "STATIC_URL = '/assets/'", "STATIC_URL is '/static/' in the release and '/assets/'"),
        (False, "STATIC_CDN = 'https://cdn.example'", "STATIC_CDN is '' in the release and 'https://cdn.example'"),
    ],
)  # fmt: skip
def test_a_web_host_of_other_settings_is_named_with_both_values(
    tmp_path: Path, compressed: bool, setting: str, line: str
) -> None:
    """(fleet A6)."""
    build, web = (tmp_path / name / "code" for name in HOSTS)
    write_tiny(build)
    settings = build / "tiny" / "settings.py"
    settings.write_text(
        settings.read_text() + BUILT + f"COMPRESS_OFFLINE = COMPRESS_ENABLED = {compressed}\n"
    )
    shutil.copytree(build, web)
    told_otherwise = web / "tiny" / "settings.py"
    alike = told_otherwise.read_text()
    phases = ["collectstatic", *(["compress"] if compressed else [])]
    inventory = {
        "deploy_to": f"{tmp_path}/{{host}}/static",
        "hosts": HOSTS,
        "project": {"path": f"{tmp_path}/{{host}}/code", "python": sys.executable},
    }
    with on_this_machine(build, *phases, **inventory) as (session, _):
        session.deploy()
    (build / "assets" / "logo.svg").write_text("<svg id='new'/>")
    told_otherwise.write_text(f"{alike}{setting}\n")
    with on_this_machine(build, *phases, **inventory) as (session, _):
        live = session.status()["live"]
        with pytest.raises(ReleaseError) as refused:
            session.deploy()
        assert session.status()["live"] == live
    assert refused.value.what.splitlines() == [
        "pages would name other URLs than those of the release:",
        f"    {line} on renderer",
    ]
    assert refused.value.mend == "set it alike on build and web hosts, then: fab local deploy"
    told_otherwise.write_text(alike)
    with on_this_machine(build, *phases, **inventory) as (session, _):
        session.deploy()
        assert session.status()["live"] != live
