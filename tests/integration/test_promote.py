"""Promotion: what staging sealed, and nothing else, goes to production; or the setting that prevents it is named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.fleet import Fleet
from tests.django_starts import run_python
from tests.integration.conftest import Operator, get, operator_of, write_tiny

HOSTS = {"build1": ["build"], "edge1": ["static"], "web1": ["web"]}


class Two(Operator):
    """Two environments on one small fleet: staging, live, and production, with folders of its own."""

    def code(self, host: str) -> Path:
        return self.fleet.hosts[host].folder / "production-code"

    def deploy_to(self, host: str) -> Path:
        return self.fleet.hosts[host].folder / "production"

    def write_production(self, **extra: Any) -> None:
        here = f"{self.fleet.folder}/{{host}}"
        extra.setdefault("project", {})["path"] = f"{here}/production-code"
        self.write_inventory(
            "production",
            deploy_to=f"{here}/production",
            build={"phases": ["collectstatic", "compress"]},
            web={"reload": None, "check": None},
            probe={"origin": None},
            **extra,
        )

    def production_live(self) -> str | None:
        status = self.json("status", name="production")
        assert status["agreed"], status
        live: str | None = status["live"]
        return live

    def page(self, host: str = "web1") -> str:
        """Return the page that production's project renders, with the manifests it reads."""
        code = (
            "import django; django.setup(); from django.test import Client; "
            "print(Client(raise_request_exception=True).get('/').content.decode())"
        )
        environment = self.environment(DJANGO_SETTINGS_MODULE="tiny.settings")
        ran = run_python("-c", code, cwd=self.code(host), env=environment, text=True)
        assert ran.returncode == 0, ran.stderr
        return str(ran.stdout)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    project = write_tiny(folder / "project")
    with Fleet(folder / "hosts", HOSTS, project=project, settings="tiny.settings", app="tiny") as f:
        operator = operator_of(f, folder / "operator")
        two = Two(operator.fleet, operator.folder)
        two.write_inventory(build={"phases": ["collectstatic", "compress"]})
        for host in HOSTS:
            shutil.copytree(project, two.code(host))
        two.write_production()
        two.fab("deploy")
        yield two


def seal_of(folder: Path, release: str) -> bytes:
    return (folder / "releases" / release / "release.json").read_bytes()


def test_production_gets_the_very_release_that_is_live_on_staging(two: Two) -> None:
    """Its sources differ there, so that it could not have been built."""
    staged = str(two.live())
    (two.code("build1") / "assets" / "site.css").write_text("body { color: #999 }\n")
    before = seal_of(two.fleet.hosts["build1"].static, staged)

    output = two.fab("prepare", "--from", "staging", name="production").stdout

    assert re.findall(r"(\S+) done in", output) == ["promote", "distribute", "verify"]
    assert f"{staged} is ready: fab production activate" in output
    assert two.production_live() is None
    for host in HOSTS:
        assert seal_of(two.deploy_to(host), staged) == before
    plan = two.json("plan", name="production")
    assert (plan["release"], [one["objects"] for one in plan["hosts"]]) == (staged, [0, 0, 0])
    assert "what staging sealed" in plan["phases"][0]["why"]

    two.fab("activate", name="production")

    assert two.production_live() == staged
    sheet = re.search(r'href="/static/(CACHE/css/[^"]+)"', two.page())
    assert sheet
    served = (two.deploy_to("edge1") / "current" / "static" / sheet[1]).read_bytes()
    assert served == get(f"{two.fleet.origin('edge1')}/static/{sheet[1]}").body
    assert two.live() == staged
    assert "nothing is stale" in two.fab("deploy", "--resume", name="production").stdout


def test_a_rollback_of_production_goes_back_over_what_was_promoted(two: Two) -> None:
    """Also where it was sealed before what it replaced: the record tells, not the ids."""
    promoted = str(two.production_live())
    two.fab("deploy", name="production")  # from its own sources
    own = str(two.production_live())
    assert own > promoted
    output = two.fab(
        "prepare", "--from", "staging", "--release", promoted, name="production"
    ).stdout
    assert "every host has every object already; nothing sent" in output
    resumed = two.fab("deploy", "--resume", name="production").stdout
    assert re.findall(r"(\S+) done in", resumed)[:1] == ["activate"]
    assert two.production_live() == promoted
    two.fab("rollback", name="production")
    assert two.production_live() == own
    states = {one["id"]: one["state"] for one in two.json("releases", name="production")}
    assert states == {own: "live", promoted: "bad"}
    sealed_in = {one["id"]: one["sealed_in"] for one in two.json("releases", name="production")}
    assert sealed_in == {own: "production", promoted: "staging"}


def test_a_promoted_release_is_left_by_a_build_of_ones_own(two: Two) -> None:
    two.fab("prepare", "--from", "staging", name="production")
    two.fab("compress", name="production")
    resumed = two.fab("deploy", "--resume", name="production").stdout
    assert re.findall(r"(\S+) done in", resumed)[:2] == ["seal", "distribute"]


def test_each_setting_that_prevents_it_is_named_with_both_values(two: Two) -> None:
    live, staged = two.production_live(), two.live()
    settings = two.code("web1") / "tiny" / "settings.py"
    good = settings.read_text()
    settings.write_text(good + 'STATIC_URL = "/assets/"\n')
    try:
        error = two.fab("prepare", "--from", "staging", name="production", code=1).stderr
    finally:
        settings.write_text(good)
    assert (
        f"2 settings of staging went into release {staged}, and production has another:\n"
        "    STATIC_URL is '/static/' in the release and '/assets/' on web1\n"
        "    COMPRESS_URL is '/static/' in the release and '/assets/' on web1\n"
        "  where: the seal of staging against the project on the hosts of production\n"
        "  mend:  set it alike in both, or build for production: fab production prepare\n"
    ) in error
    assert two.production_live() == live


def test_the_gate_on_the_web_hosts_refuses_a_block_that_staging_does_not_have(two: Two) -> None:
    live = two.production_live()
    page = two.code("web1") / "templates" / "page.html"
    good = page.read_text()
    page.write_text(good.replace("{% compress css %}", "{% compress css %}<style>p {}</style>"))
    try:
        error = two.fab("prepare", "--from", "staging", name="production", code=1).stderr
    finally:
        page.write_text(good)
    assert "a compress block would raise OfflineGenerationError" in error
    assert "page.html" in error
    assert two.production_live() == live


def test_bad_words_are_refused_before_anything_is_contacted(two: Two) -> None:
    def refused(*words: str) -> str:
        return two.fab("prepare", *words, name="production", code=2).stderr

    assert 'there is no environment "qa"; there are: production, staging' in refused("--from", "qa")
    assert "production cannot be promoted from itself" in refused("--from", "production")
    assert '"newest" is not a release' in refused("--from", "staging", "--release", "newest")
    assert "a release is only named where it comes from another environment" in refused(
        "--release", "20261122T170102Z-3f9c1a7b"
    )
    path = two.folder / "inventories" / "other.yml"
    path.write_text((two.folder / "inventories" / "staging.yml").read_text().replace("tiny", "ot"))
    assert "other deploys the app ot, and production the app tiny" in refused("--from", "other")
    path.unlink()


def test_what_staging_does_not_have_is_said(two: Two) -> None:
    missing = "20200101T000000Z-00000000"
    error = two.fab(
        "prepare", "--from", "staging", "--release", missing, name="production", code=2
    ).stderr
    assert f"there is no release {missing}" in error
    assert "choose one of: fab staging releases" in error
    assert json.loads(two.fab("unlock", "--json", name="production").stdout) == {"lock": None}


def test_what_staging_exports_goes_live_on_production_byte_for_byte(two: Two) -> None:
    """Nobody who takes the file needs staging."""
    file = two.folder / "tiny.release"
    staged = str(two.live())
    two.fab("export", staged, "--out", str(file))
    data = file.read_bytes()
    file.write_bytes(data[:-5000] + bytes([data[-5000] ^ 1]) + data[-4999:])
    refused = two.fab("prepare", "--from", str(file), name="production", code=2).stderr
    assert "the archive is damaged" in refused

    file.write_bytes(data)
    output = two.fab("prepare", "--from", str(file), name="production").stdout

    assert re.findall(r"(\S+) done in", output) == ["receive", "distribute", "verify"]
    two.fab("activate", name="production")
    assert two.production_live() == staged
    assert seal_of(two.deploy_to("edge1"), staged) == seal_of(
        two.fleet.hosts["build1"].static, staged
    )
