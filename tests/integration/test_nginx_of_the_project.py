"""`fab <env> nginx` prints what this project's pages ask for (build A9c, fleet C20)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import FAB, ROOT, write_tiny


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    code = write_tiny(tmp_path / "project")
    with (code / "tiny" / "settings.py").open("a") as file:
        file.write('STATIC_URL = "https://cdn.example.com/assets/v1/"\n')
    folder = tmp_path / "operator"
    (folder / "inventories").mkdir(parents=True)
    shutil.copy(ROOT / "fabfile.py", folder)
    inventory = {
        "app": "tiny",
        "deploy_to": str(tmp_path / "static"),
        "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
        "project": {"path": str(code), "python": sys.executable, "settings": "tiny.settings"},
        "build": {"phases": ["collectstatic"]},
    }
    (folder / "inventories" / "mine.yml").write_text(json.dumps(inventory))
    return folder


def fab(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [FAB, "mine", *words], cwd=folder, env=os.environ, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran


def test_the_location_is_that_of_the_project_s_static_url(operator: Path) -> None:
    ran = fab(operator, "nginx")
    assert "location ^~ /assets/v1/ {" in ran.stdout
    assert "server_name localhost;" in ran.stdout
    assert ran.stdout.startswith("# a version is"), "nginx reads all that stands there"
    assert "/assets/v1/" in fab(operator, "cdn-function").stdout


@pytest.mark.parametrize("url", ["/elsewhere/", "elsewhere", "https://cdn.example.com/elsewhere/"])
def test_the_command_line_may_name_another_url(operator: Path, url: str) -> None:
    assert "location ^~ /elsewhere/ {" in fab(operator, "nginx", "--url", url).stdout


def test_where_the_project_cannot_be_asked_it_is_said_in_words(operator: Path) -> None:
    file = operator / "inventories" / "mine.yml"
    file.write_text(file.read_text().replace(sys.executable, "/nowhere/python"))
    ran = fab(operator, "nginx")
    assert "location ^~ /static/ {" in ran.stdout
    assert (
        "the project could not be asked for its STATIC_URL (the project's Python /nowhere/python cannot be "
        "started there): /static/ is printed; name another with --url"
    ) in " ".join(ran.stderr.split())
