"""A project laid out as CommCare HQ is today, deployed as docs/bundlers.md says.

The web host has the templates, and neither Node nor what webpack made.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.bundlers import how_to
from tests.integration.conftest import on_this_machine, rendered

MANIFESTS = ("manifest.json", "manifest_b3.json")


@dataclass
class Deployed:
    """What the live release is after one step."""

    runs: int  # of webpack, so far
    pages: tuple[str, str]  # of Bootstrap 5, of Bootstrap 3: as a new web process prints them
    manifests: list[Any]
    files: Mapping[str, str]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployed]:
    folder = tmp_path_factory.mktemp("hq")
    page = how_to.part("CommCare HQ").inventory
    npm = how_to.npm(folder / "bin")
    for host in ("here", "web1"):
        shutil.copytree(how_to.HERE / "hq", folder / host / "code")
    code, web = (folder / host / "code" for host in ("here", "web1"))
    asked = {
        "deploy_to": f"{folder}/{{host}}/static",
        "hosts": {
            "here": {"local": True, "roles": ["build", "static"]},
            "web1": {"local": True, "roles": ["web"]},
        },
        "build": page["build"],
        "web": page["web"],
        "project": {
            **page["project"],
            "path": f"{folder}/{{host}}/code",
            "python": sys.executable,
            "environment": npm.environment,
        },
    }
    found = {}

    with on_this_machine(code, **asked) as (session, _):

        def note(step: str) -> None:
            static = folder / "here/static/current/static"
            found[step] = Deployed(
                npm.runs(),
                (rendered(web, "settings"), rendered(web, "settings", "/users/")),
                [json.loads((web / "webpack/_build" / name).read_text()) for name in MANIFESTS],
                {
                    str(path.relative_to(static)): path.read_text()
                    for path in static.rglob("*")
                    if path.suffix in (".js", ".css")
                },
            )

        session.deploy()
        session.deploy()  # webpack lists the checkout, and sees what the first build left there
        note("first")
        listed = code / "corehq/apps/cases/templates/cases/list.html"
        listed.write_text(listed.read_text() + "<p>a template alone</p>")
        catalogue = code / "locale/de/LC_MESSAGES/djangojs.po"
        catalogue.write_text(catalogue.read_text().replace("Fälle", "Vorgänge"))
        session.deploy()
        note("template")
        listed.with_name("detail.html").write_text(
            listed.read_text().replace("cases/js/list", "cases/js/detail")
        )
        session.deploy()
        note("entry")
        session.rollback()
        note("rollback")
    return found


def test_web_hosts_print_the_bundles_of_both_manifests(steps: dict[str, Deployed]) -> None:
    first = steps["first"]
    for page, folder, manifest, entry in zip(
        first.pages,
        ("webpack", "webpack_b3"),
        first.manifests,
        ("cases/js/list", "users/js/list"),
        strict=True,
    ):
        printed = re.findall(r'src="/static/([^"]+)"', page)
        assert printed == [f"{folder}/{name}" for name in manifest[entry]]
        assert set(printed) <= first.files.keys()


def test_scss_and_less_are_compressed_side_by_side(steps: dict[str, Deployed]) -> None:
    first = steps["first"]
    names = [re.findall(r'href="/static/(CACHE/[^"]+)"', page) for page in first.pages]
    assert [first.files[name] for (name,) in names] == [
        "nav{color:#5c6ac5}",
        "nav{color:#004ebc}",
    ]


def test_a_template_without_a_new_entry_does_not_run_webpack(steps: dict[str, Deployed]) -> None:
    assert steps["template"].runs == steps["first"].runs
    assert steps["template"].manifests == steps["first"].manifests


def test_catalogues_are_made_of_new_translations(steps: dict[str, Deployed]) -> None:
    path = "jsi18n/de/djangojs.js"
    assert "F\\u00e4lle" in steps["first"].files[path]
    assert "Vorg\\u00e4nge" in steps["template"].files[path]


def test_an_entry_tag_in_a_template_adds_an_entry(steps: dict[str, Deployed]) -> None:
    assert steps["entry"].runs == steps["template"].runs + 1
    assert "cases/js/detail" not in steps["template"].manifests[0]
    assert set(steps["entry"].manifests[0]["cases/js/detail"]) <= {
        name.removeprefix("webpack/") for name in steps["entry"].files
    }


def test_a_rollback_brings_both_manifests_back(steps: dict[str, Deployed]) -> None:
    assert steps["rollback"].manifests == steps["template"].manifests
    assert steps["rollback"].runs == steps["entry"].runs
