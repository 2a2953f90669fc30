"""What people get from pip: the wheel and the sdist, in environments of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from chaos.project import write
from demo.fleet import Fleet
from tests.documented import fences
from tests.integration.conftest import PIP, get

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, made from what git tracks."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=source, input=archive.stdout, check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), str(source)],
        check=True,
        capture_output=True,
    )
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert "License-Expression: MIT" in metadata
    assert {name.split("/")[0].split("-")[0] for name in names} == {"fab_static"}
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "fab_static").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.split("/")[0].endswith(".dist-info")} == there
    assert {"fab_static/host/agent/wire.py", "fab_static/django_app/requirejs_driver.js"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_the_wheel_is_built_from_and_nothing_else(built: Path) -> None:
    """The wheel is built from it: `python -m build` makes the one of the other."""
    (sdist,) = built.glob("*.tar.gz")
    (wheel,) = built.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = {one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()}
    with zipfile.ZipFile(wheel) as packed:
        package = {name for name in packed.namelist() if name.startswith("fab_static/")}
    beside = {name for name in names if not name.startswith("fab_static.egg-info/")} - package
    assert package < names
    assert beside == {"pyproject.toml", "setup.cfg", "PKG-INFO", "README.md", "LICENSE"}


@pytest.fixture(scope="module")
def environment(built: Path) -> Path:
    """A virtual environment with nothing but the wheel and what `[deploy]` asks for."""
    folder = built / "venv"
    venv.create(folder)
    (wheel,) = built.glob("*.whl")
    subprocess.run([*PIP, folder / "bin" / "python", "install", f"{wheel}[deploy]"], check=True)
    return folder


def run(environment: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment / "bin" / words[0], *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


INVENTORY = """\
app: blog
deploy_to: {folder}/deploy
hosts: {{here: {{local: true, roles: [build, static, web]}}}}
project: {{path: {folder}/code}}
"""


def test_an_operator_needs_no_django(environment: Path, tmp_path: Path) -> None:
    assert run(environment, tmp_path, "python", "-c", "import django").returncode == 1
    (tmp_path / "fabfile.py").write_text("from fab_static import namespace\n")
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "here.yml").write_text(INVENTORY.format(folder=tmp_path))
    ran = run(environment, tmp_path, "fab", "--list")
    assert ran.returncode == 0, ran.stderr
    assert "here" in ran.stdout
    ran = run(environment, tmp_path, "fab", "here", "status")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "blog here: nothing is live yet" in ran.stdout


def test_a_first_inventory_comes_with_the_wheel(environment: Path, tmp_path: Path) -> None:
    """Who has nothing but pip gets a fabfile, an inventory, and every key with its meaning."""
    project = write(tmp_path / "shop")
    assert run(environment, project, "fab-static", "--version").stdout.startswith("fab-static 0.")
    ran = run(environment, project, "fab-static", "init")
    assert (ran.returncode, ran.stderr) == (0, "")
    example = (ROOT / "inventories" / "example.yml").read_text()
    assert (project / "inventories" / "example.yml").read_text() == example
    ran = run(environment, project, "fab", "staging", "nginx", "--url", "/static/")
    assert ran.returncode == 0, ran.stderr


def test_the_readme_alone_leads_from_pip_to_a_first_deploy_on_two_hosts(
    environment: Path, tmp_path: Path
) -> None:
    """Its fabfile, its inventory and its commands, by the word; only names and addresses are one's own."""
    (fabfile,) = [
        text for page, text in fences("python") if page == "README.md" and "api" not in text
    ]
    (inventory,) = [text for page, text in fences("yaml") if page == "README.md"]
    (shown,) = [text for page, text in fences("") if page == "README.md" and " nginx > " in text]
    commands = [line.partition(" #")[0].strip() for line in shown.strip().splitlines()]
    hosts = {"app1": ["build", "web"], "edge1": ["static"]}
    project = write(tmp_path / "project")
    settings = project / "tiny" / "settings.py"
    settings.write_text(settings.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
    with Fleet(tmp_path / "hosts", hosts, project=project, settings="tiny.settings") as fleet:
        own = fleet.inventory()
        given = yaml.safe_load(inventory)
        assert given.keys() <= {*own, "build"}, "the README has a key that one must look up"
        (tmp_path / "inventories").mkdir()
        (tmp_path / "inventories" / "staging.yml").write_text(
            yaml.safe_dump(
                {**given, **{key: own[key] for key in given if key in own}, "app": "shop"}
            )
        )
        (tmp_path / "fabfile.py").write_text(fabfile)
        assert commands[-1] == "fab staging nginx > static.conf"
        for command in commands:
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env={
                    **os.environ,
                    **fleet.environment(),
                    "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
                    "XDG_STATE_HOME": str(tmp_path / "state"),
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        assert f'root "{fleet.hosts["edge1"].static}";' in (tmp_path / "static.conf").read_text()
        page = get(f"{fleet.site('app1')}/").body.decode()
        urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert [url for url in urls if "/CACHE/" in url]
        for url in urls:
            assert get(fleet.origin("edge1") + url).status == 200, url


def test_a_fabfile_of_ones_own_can_hold_it(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "fabfile.py").write_text(
        "from fabric import task\n"
        "from invoke import Collection\n"
        "from fab_static import namespace as static\n"
        "@task\n"
        "def hello(c):\n"
        "    print('hello')\n"
        "namespace = Collection(hello)\n"
        "namespace.add_collection(static, 'static')\n"
    )
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "here.yml").write_text(INVENTORY.format(folder=tmp_path))
    assert run(environment, tmp_path, "fab", "hello").stdout == "hello\n"
    ran = run(environment, tmp_path, "fab", "static.here", "static.status")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "nothing is live yet" in ran.stdout


def test_without_fabric_the_package_still_imports_and_says_what_lacks(
    built: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv")
    (wheel,) = built.glob("*.whl")
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([*PIP, python, "install", wheel], check=True)
    assert run(tmp_path / "venv", tmp_path, "python", "-c", "import fab_static").returncode == 0
    ran = run(tmp_path / "venv", tmp_path, "python", "-c", "from fab_static import namespace")
    assert "pip install 'fab-static[deploy]'" in ran.stderr
