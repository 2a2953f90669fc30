"""The files of docs/ci/, run as a pipeline would run them: each job on an empty machine, line after line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.fleet import Fleet
from tests.documented import fences
from tests.integration.conftest import FAB, ROOT, write_tiny

FILES = ROOT / "docs" / "ci"
WAITED = 'pip() { echo "$*" >> "$PIP_LOG"; }; export -f pip; '  # what is installed here is tested


class Desk:
    """A repository, a fleet of one host that it is live on, and the runners of a pipeline."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self.folder, self.fleet = folder, fleet
        self.repository = write_tiny(folder / "repository")
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir()
        inventories = self.repository / "inventories"
        inventories.mkdir()
        (self.repository / "fabfile.py").write_text("from fab_static import namespace\n")
        (self.repository / ".gitignore").write_text(".static\nshop.release\nstaticfiles\n")
        (self.repository / "requirements.txt").write_text("django-compressor\n")
        (inventories / "ci.yml").write_text(_ours(FILES / "ci.yml"))
        shutil.copy(fleet.known_hosts, inventories)
        self.release_key = self._keys()
        production = fleet.inventory(
            app="shop",
            build={"phases": ["collectstatic", "compress"]},
            release={"allowed_signers": "allowed_signers"},
            confirm=True,
        )
        del production["ssh"]["identity"]  # the agent has it
        production["ssh"]["known_hosts"] = "known_hosts"
        (inventories / "production.yml").write_text(yaml.safe_dump(production))
        self.git("init", "-q")
        self.commit("first")

    def _keys(self) -> Path:
        """Make the keys as the page says; return that which signs."""
        (commands,) = [
            text for page, text in fences("") if page == "ci.md" and "ssh-keygen" in text
        ]
        ran = subprocess.run(
            ["bash", "-euc", f'{commands}echo "$keys"'],
            cwd=self.repository,
            env={**os.environ, "TMPDIR": str(self.folder)},
            check=True,
            capture_output=True,
            text=True,
        )
        return Path(ran.stdout.strip()) / "release_key"  # hosts of the fleet let its own key in

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
        subprocess.run(["git", *who, *words], cwd=self.repository, check=True)

    def commit(self, text: str) -> None:
        (self.repository / "assets" / "site.css").write_text(f"p::after {{ content: '{text}' }}\n")
        self.git("add", ".")
        self.git("commit", "-q", "-m", text)

    def live(self) -> str | None:
        link = self.fleet.hosts["web1"].static / "current"
        return link.readlink().name if link.is_symlink() else None

    def runner(self, name: str) -> Path:
        """Return an empty machine with a checkout, as a job begins."""
        machine = self.folder / name
        subprocess.run(["git", "clone", "-q", self.repository, machine], check=True)
        return machine

    def shell(self, lines: str, machine: Path, **variables: str) -> str:
        """Run what a runner runs: bash, which stops at the first failure."""
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", WAITED + lines],
            cwd=machine,
            env={
                "PATH": f"{Path(FAB).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.folder / "home"),
                "XDG_STATE_HOME": str(machine) + ".state",
                "PIP_LOG": str(self.folder / "pip.log"),
                "CI": "true",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, f"{lines}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("paste")
    project = write_tiny(folder / "project")
    roles = {"web1": ["build", "static", "web"]}
    with Fleet(folder / "hosts", roles, project=project, settings="tiny.settings") as fleet:  # type: ignore[arg-type]
        yield Desk(folder, fleet)


def _ours(path: Path) -> str:
    """Return the inventory as its comments say that one adapts it."""
    return path.read_text().replace("shop.settings", "tiny.settings")


def _installed(desk: Desk) -> list[str]:
    """Return what `pip` was asked for since this was last asked."""
    log = desk.folder / "pip.log"
    lines = log.read_text().splitlines()
    log.unlink()
    return lines


def github(desk: Desk, job: Mapping[str, Any], secrets: Mapping[str, str], machine: Path) -> None:
    """Run the steps of a job; of the actions we know those that a file may use."""
    for step in job["steps"]:
        action, given = step.get("uses", "").partition("@")[0], step.get("with", {})
        if action == "actions/upload-artifact":
            shutil.copy(machine / given["path"], desk.artifacts / given["name"])
        elif action == "actions/download-artifact":
            shutil.copy(desk.artifacts / given["name"], machine)
        elif action:
            assert action in ("actions/checkout", "actions/setup-python")
        else:
            assert "${{" not in step["run"], "a shell would run what a branch is called"
            found = {
                name: re.fullmatch(r"\$\{\{ secrets\.(\w+) }}", value)
                for name, value in step.get("env", {}).items()
            }
            desk.shell(
                step["run"],
                machine,
                **{name: secrets[each[1]] for name, each in found.items() if each},
            )


def test_the_workflow_of_github_builds_ships_and_makes_live_by_hand(desk: Desk) -> None:
    workflow = yaml.safe_load((FILES / "github.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert [(name, job.get("needs")) for name, job in jobs.items()] == [
        ("build", None), ("prepare", "build"), ("activate", "prepare"),
    ]  # fmt: skip
    assert jobs["activate"]["environment"] == "production"
    secrets = {
        "RELEASE_KEY": desk.release_key.read_text().rstrip("\n"),  # as GitHub keeps a secret
        "DEPLOY_KEY": desk.fleet.identity.read_text().rstrip("\n"),
    }
    before = desk.live()
    for name, job in jobs.items():
        assert desk.live() == before
        github(desk, job, secrets, desk.runner(f"github-{name}"))
        assert all("fab-static[deploy]" in line for line in _installed(desk))
    assert desk.live() not in (None, before)
    assert desk.live() in (desk.artifacts / "shop.release").read_bytes()[:2048].decode("latin-1")


def test_the_pipeline_of_gitlab_builds_ships_and_makes_live_by_hand(desk: Desk) -> None:
    pipeline = yaml.safe_load((FILES / "gitlab-ci.yml").read_text())
    assert pipeline["stages"] == ["build", "prepare", "activate"]
    assert pipeline["activate"]["when"] == "manual"
    assert pipeline["prepare"]["resource_group"] == pipeline["activate"]["resource_group"]
    desk.commit("second")
    files = {
        "RELEASE_KEY": _variable(desk, desk.release_key),
        "DEPLOY_KEY": _variable(desk, desk.fleet.identity),
    }
    before = desk.live()
    kept: dict[str, Path] = {}
    for name in pipeline["stages"]:
        assert desk.live() == before
        machine = desk.runner(f"gitlab-{name}")
        for path, place in kept.items():
            shutil.copy(place, machine / path)
        desk.shell("\n".join(pipeline[name]["script"]), machine, **files)
        kept |= {
            path: machine / path for path in pipeline[name].get("artifacts", {}).get("paths", [])
        }
        assert all("fab-static[deploy]" in line for line in _installed(desk))
    assert desk.live() not in (None, before)


def _variable(desk: Desk, key: Path) -> str:
    """Return the path of a variable of type File: the form that it was pasted into took the last newline away."""
    file = desk.folder / f"variable-{key.name}"
    file.write_text(key.read_text().rstrip("\n"))
    return str(file)


def test_the_image_of_the_dockerfile_carries_the_manifests_that_its_pages_need(desk: Desk) -> None:
    """Docker itself is not here: COPY and RUN are done in a folder."""
    machine, image = desk.runner("docker"), desk.folder / "app"
    agent = f"ssh-agent sh -c 'ssh-add -q {shlex.quote(str(desk.fleet.identity))} && \"$@\"' -- "
    if desk.live() is None:  # this test runs alone
        desk.shell(f"{agent} fab production prepare", machine)
    desk.shell(f"{agent} fab production export --manifests image", machine)
    (machine / "staticfiles").mkdir()
    (machine / "staticfiles" / "left.css").write_text("of an earlier build")
    left_out = (FILES / "Dockerfile.dockerignore").read_text().split()
    ran = []
    for line in (FILES / "Dockerfile").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "COPY":
            source, target = rest.split()
            _copy(machine, source, image / target, left_out)
        elif word == "RUN":
            command = re.sub(r"^--mount=\S+ ", "", rest).replace("/app", str(image))
            words = command if command.startswith("pip ") else agent + command
            ran.append(desk.shell(words, image))
    assert "-r requirements.txt" in _installed(desk)[0]
    assert "the project here finds all that it names in release" in ran[-1]
    assert not (image / "staticfiles" / "left.css").exists()


def _copy(context: Path, source: str, target: Path, left_out: list[str]) -> None:
    at = context / source
    if at.is_file():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(at, target)
    else:
        ignored = left_out if at == context else []
        shutil.copytree(
            at,
            target,
            ignore=lambda folder, _: ignored if Path(folder) == context else [],
            dirs_exist_ok=True,
        )


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="a machine without systemd has no timer"
)
def test_systemd_takes_the_timer_and_what_it_starts(tmp_path: Path) -> None:
    for path in FILES.glob("fab-static-nightly@.*"):
        text = path.read_text().replace("/srv/deploy/venv/bin/fab", FAB)
        (tmp_path / path.name.replace("@", "@production")).write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    assert len(units) == 2
    words = ["systemd-analyze", "verify", *units]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
