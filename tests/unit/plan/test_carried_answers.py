"""What another machine's project said of its settings says where a build writes: it is believed below the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fab_static.plan import carried
from fab_static.plan.carried_answers import asked, fault, read, settings_in
from tests.unit.site import Project

PLACES = {"project": "/srv/shop", "home": "/root"}


@pytest.fixture
def said(tmp_path: Path) -> dict[str, Any]:
    """Settings of a checkout at /srv/shop, as a project says them."""
    project, root = Project(tmp_path), "/srv/shop/staticfiles"
    project.add("host")
    return project.settings["host"] | {
        "static_root": root,
        "storage": {"class": None, "folder": root, "error": None},
        "offline_manifest": f"{root}/CACHE/manifest.json",
        "resource_versions": "/srv/shop/resource_versions.yml",
        "versions_files": ["/srv/shop/resource_versions.yml"],
    }


def of(answer: object) -> Any:
    """Return a record with an answer."""
    return {"token": "0" * 16, "inputs": [], "answer": answer}


def test_what_is_written_below_the_checkout_may_be_told_by_another_machine(said: Any) -> None:
    assert fault(said, "/srv/shop") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"static_root": None},
        {"static_root": "/srv/shop"},
        {"static_root": "/srv/other"},
        {"static_root": "/srv/shop/../other"},
        {"storage": {"class": "x", "folder": "/srv/other", "error": None}},
        {"offline_manifest": "/root/.bashrc"},
        {"offline_manifest": "/srv/shop/manage.py"},
        {"staticfiles_manifest": "/srv/shop/../x.json"},
        {"resource_versions": "/srv/shop/manage.py"},
        {"versions_files": ["/srv/shop/a.yml", "/root/a.yml"]},
        {"bundler_manifests": [{"path": "/srv/m.json", "below": "", "reader": "vite"}]},
        {
            "bundler_manifests": [
                {"path": "/srv/shop/vite.config.js", "below": "", "reader": "vite"}
            ]
        },
    ],
    ids=str,
)
def test_where_a_build_would_write_elsewhere_it_may_not(said: Any, changed: Any) -> None:
    assert fault(said | changed, "/srv/shop") is not None


def test_settings_get_the_places_of_this_machine(said: Any) -> None:
    answer = {"ok": True, **said, "static_root": "{project}/staticfiles"}
    found = settings_in(of(json.dumps(answer)), PLACES)
    assert found
    assert found["static_root"] == "/srv/shop/staticfiles"


@pytest.mark.parametrize(
    "changed", [{"ok": False}, {"static_root": "{static_root}"}, {"static_root": 1}], ids=str
)
def test_settings_that_are_none_of_this_machine_are_none(said: Any, changed: Any) -> None:
    assert settings_in(of(json.dumps({"ok": True, **said, **changed})), PLACES) is None


@pytest.mark.parametrize(
    "answer", [None, "", "[]", "{}", "[" * 100_000], ids=lambda one: str(one)[:9]
)
def test_what_is_no_answer_is_none(answer: str | None) -> None:
    assert settings_in(of(answer), PLACES) is None


def test_a_question_is_told_without_the_places_of_a_machine() -> None:
    request = {"manifest": "/srv/shop/m.json", "redirect": {"/srv/shop/a": "/srv/b"}, "made": True}
    told = asked(request, PLACES)
    assert json.loads(told)["manifest"] == "{project}/m.json"
    assert json.loads(told)["redirect"] == {"{project}/a": "/srv/b"}
    assert told == asked(json.loads(told.replace("{project}", "/x")), {"project": "/x"})
    assert asked(None, {}) == asked({}, PLACES) == "{}"


def test_an_object_that_holds_something_else_holds_no_answers() -> None:
    answers: Any = {"format": carried.FORMAT, "given": "f", "places": PLACES, "answers": []}
    assert read(carried.written(answers)) == answers
    for other in (b"", carried.written({**answers, "format": 1}), carried.written({"format": 3})):
        assert read(other) is None
