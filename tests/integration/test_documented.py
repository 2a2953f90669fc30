"""Every `fab` command that the docs show, run for real on this machine, in the order of the docs.

Once each: `fab staging plan` and `fab production plan` are one, since what an environment is, is its file.

The other programs' commands are held to what those programs take: tests/unit/test_docs.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from chaos.project import change, write
from demo.cloudfront import CloudFront
from demo.fleet import Fleet
from fab_static.plan.build_order import BUILD_PHASES
from tests.documented import commands, fences
from tests.integration.conftest import FAB, Operator, operator_of, operators

ENVIRONMENTS = ("staging", "production", "local")
NOT_RUN = {
    "fab <environment> <task> [options]": "the form of all of them",
    "fab deploy": "prose of docs/chaos.md: what each seed runs, on an environment",
    "fab <env> deploy --without edge2": "it has one host here: test_a_host_left_out.py",
    "fab production verify --here --project-path /app --project-python /usr/local/bin/python": (
        "where an image is made: test_images_instead_of_web_hosts.py"
    ),
    "fab production sign 20261122T170102Z-3f9c1a7b": "needs a key: test_signatures.py runs it",
    "fab <env> sign": "see there",
    "fab production join edge7=10.0.0.27 --wait 15m": "a second host: test_hosts_that_join.py",
    "fab <env> join edge2": "see there",
    "fab <environment> join HOST --json": "see there",
    "fab staging nginx | ssh 10.0.0.21 'sudo tee /etc/nginx/conf.d/static.conf'": (
        "on a fresh Debian: `make fresh` runs it"
    ),
    "fab -i": "prose of docs/ssh.md: an option, as are the next four",
    "fab -S": "see there",
    "fab -t": "see there",
    "fab --prompt-for-passphrase": "see there",
    "fab --prompt-for-login-password": "see there",
}
# phases whose commands the project would bring; tests/integration/test_sample_project.py runs ours
COMMANDS = {
    "fix_less_imports": "true",
    "compilejsi18n": "true",
    "resource_static": f"{sys.executable} -I -S versions.py",
    "build_requirejs": "true",
}

BUNDLER = {
    "name": "bundle",
    "run": "true",
    "reads": ["manage.py"],
}  # test_own_phases.py has real ones


@dataclass
class Desk:
    """An operator's folder with three environments of one machine; production has a release to go back to."""

    operator: Operator
    folder: Path
    programs: Path  # first on PATH

    def code(self, environment: str) -> Path:
        return self.folder / environment / "code"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        environment = self.operator.environment(
            PATH=f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            XDG_STATE_HOME=str(self.folder / "state"),
            BROWSER="true",
        )
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.operator.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def fab(self, environment: str, words: str) -> str:
        ran = self.run(f"fab {environment} {words}")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def deploy_anew(self, environment: str) -> None:
        change(self.code(environment), "both", os.urandom(4).hex())
        self.fab(environment, "deploy")

    def releases(self, environment: str) -> list[str]:
        """Return the live release and the one before it, as the disk says."""
        static = self.folder / environment / "static"
        return [(static / name).readlink().name for name in ("current", "previous")]

    def meant(self, command: str) -> str:
        """Return the command with this desk's own names in place of the docs' examples."""
        for example, own in (
            (r"<env>|<environment>", "staging"),
            (r"<task>", "deploy"),
            (r"URL\|KEY", "/static/app.js"),
            (r"URL", "/static/site.css"),
            (r"/static/js/shop.js\?version=\w+", "/static/app.js"),
            (r"/srv/shop/releases/2026-11-22", str(self.folder / "2026-11-22")),
        ):
            command = re.sub(example, own, command)
        if command.endswith(" --to RELEASE"):
            command = command.replace("RELEASE", self.releases("staging")[1])
        if re.search(r"\d{8}T\d{6}Z|3f9c1a7b2d4e", command):
            now, before = self.releases("production")
            if " rollback --to " in command:
                now = before
            command = re.sub(r"20261122T170102Z-3f9c1a7b", now, command)
            command = re.sub(r"20261121T090000Z-aa01bb02", before, command)
            manifest = self.code("production") / "staticfiles" / "CACHE" / "manifest.json"
            key = next(iter(json.loads(manifest.read_text())))
            command = re.sub(r"3f9c1a7b2d4e", key[:12], command)
        return command


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with (
        TemporaryDirectory() as name,
        Fleet(Path(name) / "fleet", {}) as fleet,
        CloudFront() as cloudfront,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # `check` asks whether the machine's nginx, where one runs, may enter
        operator = operator_of(fleet, folder / "operator")
        operators().write_fab(operator.folder)
        made = Desk(operator, folder, operator.folder)
        for name in ENVIRONMENTS:
            code = write(made.code(name), quick=True)
            settings = code / "tiny" / "settings.py"
            settings.write_text(settings.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
            inventory = {
                "app": "tiny",
                "deploy_to": str(folder / name / "static"),
                "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
                "project": {"path": str(code), "python": sys.executable},
                "build": {
                    "commands": COMMANDS,
                    "phases": [*([BUNDLER] if name == "staging" else []), *BUILD_PHASES],
                },
                "cdn": {
                    "distribution_id": cloudfront.add_distribution().id,
                    "endpoint_url": cloudfront.endpoint,
                    "wait": 10,
                },
            }
            path = operator.folder / "inventories" / f"{name}.yml"
            path.write_text(yaml.safe_dump(inventory))
        shutil.copytree(made.code("production"), folder / "2026-11-22")
        made.fab("staging", "deploy")
        made.fab("production", "deploy")
        made.deploy_anew("production")
        yield made


@pytest.mark.timeout(1500)  # some 150 commands
def test_every_command_that_the_docs_show_works(desk: Desk) -> None:
    shown = [command for command in commands() if command.startswith("fab ")]
    assert len(shown) > 50
    assert not [command for command in NOT_RUN if command not in shown], "nobody shows it any more"
    once = {re.sub(r" (<\w+>|staging|production) ", " ", each): each for each in reversed(shown)}
    failed = []
    for command in reversed(once.values()):
        if command in NOT_RUN or command.startswith("fab static."):
            continue
        if " rollback" in command and "--check" not in command:  # there must be something to go to
            desk.deploy_anew("staging" if "<env>" in command else command.split()[1])
        if " --from shop.release" in command:
            desk.fab("staging", "export --out shop.release")
        if command.endswith(" activate"):
            desk.fab(command.split()[1], "prepare")
        ran = desk.run(desk.meant(command))
        if ran.returncode:
            failed.append(f"{command}: exit {ran.returncode}: {ran.stdout}{ran.stderr}")
        elif command.endswith(" --json"):
            json.loads(ran.stdout)
    assert not failed, "\n".join(failed)


def test_the_fabfile_of_the_how_to_deploys(desk: Desk, tmp_path: Path) -> None:
    (block,) = [text for _, text in fences("python") if "add_collection" in text]
    operator = desk.operator.folder
    (tmp_path / "inventories").symlink_to(operator / "inventories")
    (tmp_path / "fabfile.py").write_text(block)
    named = [command for command in commands() if command.startswith("fab static.")]
    assert named
    desk = replace(desk, programs=Path(FAB).parent)  # the console script itself
    for command in named:
        ran = desk.run(f"cd '{tmp_path}' && {desk.meant(command)}")
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    assert desk.run(f"cd '{tmp_path}' && fab migrate").returncode == 0


def test_the_manage_py_of_the_how_to_builds(desk: Desk) -> None:
    """For an application that pip installed; the settings stand beside it."""
    (block,) = [text for _, text in fences("python") if "execute_from_command_line" in text]
    code = desk.code("staging")
    manage = code / "manage.py"
    before = manage.read_text()
    (name,) = re.findall(r'"DJANGO_SETTINGS_MODULE", "([\w.]+)"', before)
    (code / "settings.py").write_text(f"from {name} import *\n")
    try:
        manage.write_text(block)
        change(code, "both", os.urandom(4).hex())
        assert "is live on staging" in desk.fab("staging", "deploy")
    finally:
        manage.write_text(before)
        (code / "settings.py").unlink()
