"""The command line as people and other programs meet it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.fleet import Fleet
from tests.integration.conftest import FAB, ROOT, Operator, get, operator_of, write_tiny


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Operator]:
    """One machine that builds, serves and renders, without SSH: a developer's, or a small site's."""
    project = write_tiny(tmp_path / "project")
    hosts = {"here": ["build", "static", "web"]}
    with Fleet(tmp_path / "hosts", hosts, project=project, settings="tiny.settings") as fleet:
        operator = operator_of(fleet, tmp_path / "operator")
        operator.name = "local"
        operator.write_inventory(build={"phases": ["collectstatic", "compress"]}, app="tiny")
        path = operator.folder / "inventories" / "local.yml"
        text = re.sub(r"    address: .*\n    port: .*\n", "    local: true\n", path.read_text())
        # {address} is the host's name where it has none
        path.write_text(text.replace("{address}", fleet.hosts["here"].address))
        fleet.stop("here")  # its SSH server: nobody needs it
        yield operator


def test_a_machine_of_its_own_deploys_without_ssh_and_rolls_back(local: Operator) -> None:
    code = local.fleet.hosts["here"].code
    manifest = code / "staticfiles" / "CACHE" / "manifest.json"
    local.fab("deploy")
    first = local.live()
    assert manifest.is_symlink()
    before = manifest.read_bytes()

    (code / "assets" / "site.css").write_text("body { color: #222 }\n")
    local.fab("deploy")
    second = local.live()
    assert second != first
    assert manifest.read_bytes() != before

    local.fab("rollback")
    assert local.live() == first
    assert manifest.read_bytes() == before


def test_a_build_on_a_host_that_renders_leaves_what_is_live_alone(local: Operator) -> None:
    """A build that wrote through the links would write into the live release."""
    code = local.fleet.hosts["here"].code
    manifest = code / "staticfiles" / "CACHE" / "manifest.json"
    local.fab("deploy")
    live = manifest.read_bytes()
    (code / "assets" / "site.css").write_text("body { color: #333 }\n")
    local.fab("collectstatic", "compress")
    assert manifest.is_symlink()
    assert manifest.read_bytes() == live
    # and a build that fails leaves it alone too
    template = code / "templates" / "broken.html"
    template.write_text("{% load compress %}{% compress css %}{% no_such_tag %}{% endcompress %}")
    local.fab("compress", code=1)
    assert manifest.is_symlink()
    assert manifest.read_bytes() == live
    template.unlink()
    # the phases by hand were enough: what they built is sealed and made live
    local.fab("deploy", "--resume")
    assert manifest.read_bytes() != live


def test_another_checkout_is_built_with_project_path(local: Operator) -> None:
    dated = local.fleet.hosts["here"].folder / "2026-11-22"
    write_tiny(dated)
    (dated / "assets" / "new.txt").write_text("new\n")
    local.fab("deploy", "--project-path", str(dated))
    live = local.live()
    assert "new.txt" in local_release(local, str(live))["files"]
    link = dated / "staticfiles" / "CACHE" / "manifest.json"
    assert link.is_symlink()
    assert json.loads(link.read_text())
    local.fab("deploy", "--project-path", "relative", code=2)
    # a code deploy in two steps: activate links the checkout that prepare was given
    newer = local.fleet.hosts["here"].folder / "2026-11-23"
    write_tiny(newer)
    (newer / "assets" / "newer.txt").write_text("newer\n")
    local.fab("prepare", "--project-path", str(newer))
    assert not (newer / "staticfiles" / "CACHE" / "manifest.json").is_symlink()
    local.fab("activate")
    assert (newer / "staticfiles" / "CACHE" / "manifest.json").is_symlink()
    assert "newer.txt" in local_release(local, str(local.live()))["files"]


def local_release(local: Operator, release: str) -> dict[str, dict[str, object]]:
    folder = local.fleet.hosts["here"].static / "releases" / release
    seal: dict[str, dict[str, object]] = json.loads((folder / "release.json").read_text())
    return seal


def test_the_list_of_tasks_reads_well(local: Operator) -> None:
    listed = subprocess.run(
        [FAB, "--list"], cwd=local.folder, capture_output=True, text=True, check=True
    ).stdout
    lines = [line for line in listed.splitlines()[2:] if line.strip()]
    assert all(re.match(r"  [a-z0-9-]+ {2,}[A-Z]", line) for line in lines), "a line was folded"
    assert all(len(line) <= 80 for line in lines)
    names = {line.split()[0] for line in lines}
    assert {"deploy", "prepare", "activate", "rollback", "plan", "status", "releases"} <= names
    assert {"collectstatic", "fix-less-imports", "compilejsi18n", "resource-static"} <= names
    assert {"build-requirejs", "compress", "seal", "distribute", "verify"} <= names
    assert {"invalidate", "probe", "prune", "unlock", "diff", "nginx", "local"} <= names


def test_help_shows_every_option(local: Operator) -> None:
    shown = subprocess.run(
        [FAB, "--help", "deploy"], cwd=local.folder, capture_output=True, text=True, check=True
    ).stdout
    for option in ("--dry-run", "--resume", "--project-path", "--wait", "--yes", "--json"):
        assert option in shown


def test_a_teams_own_fabfile_can_hold_the_tasks(local: Operator) -> None:
    (local.folder / "fabfile.py").write_text(
        "from invoke import Collection, task\n"
        "from fab_static import namespace as static\n"
        "@task\n"
        "def hello(c):\n"
        "    print('hello')\n"
        "namespace = Collection(hello)\n"
        "namespace.add_collection(static, 'static')\n"
    )
    ran = subprocess.run(
        [FAB, "hello", "static.local", "static.status"],
        cwd=local.folder,
        env=local.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "hello" in ran.stdout
    assert "nothing is live yet" in ran.stdout


def test_a_code_deploy_can_call_prepare_before_its_flip_and_activate_after(
    local: Operator,
) -> None:
    script = """
import sys
from pathlib import Path
from fab_static import api

with api.session("local", inventories=Path("inventories")) as session:
    release = session.prepare()
    assert session.status()["live"] is None
    session.activate()
    assert session.status()["live"] == release.id
    print(release.id)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=local.folder,
        env=local.environment(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == local.live()


def test_the_printed_nginx_configuration_names_the_hosts_folder(local: Operator) -> None:
    text = local.fab("nginx", "--listen", "8080").stdout
    assert "listen 8080;" in text
    assert "location ^~ /static/ {" in text
    assert "no-store" in text
    assert f'root "{local.fleet.hosts["here"].static}";' in text
    assert '"edge9" is not a static host' in local.fab("nginx", "--host", "edge9", code=2).stderr


def test_an_inventory_with_problems_shows_all_of_them_and_exits_2(local: Operator) -> None:
    (local.folder / "inventories" / "wrong.yml").write_text(
        "app: tiny\ndeploy_to: srv/tiny\nkeep_release: 3\n"
        "hosts: {a: {roles: [build]}, b: {roles: [build, statik]}}\n"
        "project: {path: /srv/code}\nssh: {known_host: x}\n"
    )
    error = local.fab("deploy", name="wrong", code=2).stderr
    assert 'deploy_to (line 2): "srv/tiny" is relative; write the whole path from /' in error
    assert "keep_release (line 3): unknown key; did you mean `keep_releases`?" in error
    assert 'hosts.b.roles[1] (line 4): "statik" is not a role (did you mean `static`?)' in error
    assert "a and b both have the role build; exactly one host builds" in error
    assert "ssh.known_host (line 6): unknown key; did you mean `known_hosts`?" in error


def test_pages_of_the_machine_are_whole_after_a_deploy(local: Operator) -> None:
    local.fab("deploy")
    site = local.fleet.site("here")
    page = get(f"{site}/").body.decode()
    for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert get(site + url).status == 200, url


# ---- the other shells' completion; bash's is with the unit tests

SHELLS = {
    "zsh": (
        "zsh -f -c",
        "source <(fab --print-completion-script zsh); words=({line}); _complete_fab; print -l -- $reply",
    ),
    "fish": (
        "fish --no-config -c",
        "fab --print-completion-script fish | source; complete -C '{line}'",
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fab sta", {"staging", "status"}),
        ("fab staging roll", {"rollback"}),
        ("fab staging rollback --re", {"--repair"}),
    ],
)
def test_zsh_and_fish_complete_environments_tasks_and_options(
    tmp_path: Path, shell: str, line: str, offered: set[str]
) -> None:
    shutil.copy(ROOT / "fabfile.py", tmp_path)
    (tmp_path / "inventories").mkdir()
    shutil.copy(ROOT / "inventories" / "staging.yml", tmp_path / "inventories")
    program, script = SHELLS[shell]
    ran = subprocess.run(
        [*program.split(), script.format(line=line)],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(FAB).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    begun = line.split()[-1]
    assert {word for word in ran.stdout.split() if word.startswith(begun)} == offered
