"""What `plan` tells of a scripted fleet on which NEW is live: a logo and a stylesheet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.looking import plan as looking_plan
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.reuse import Known
from fab_static.phases.run.seals import Seals
from fab_static.plan.wire import verbs
from tests.releases import sealed
from tests.unit.site import NEW, Site

BUILD = "build: {phases: [collectstatic, compress]}\n"
CDN = "cdn: {distribution_id: E1}\n"
SEALED = {"logo.svg": b"new", "site.css": b"body {}"}
LARGER = {**SEALED, "site.css": b"body { margin: 0 }", "cart.js": b"cart()"}
Plan = Callable[..., dict[str, Any]]


def known(files: dict[str, bytes]) -> dict[str, list[Any]]:
    """Return files as a listing has them."""
    return {
        path: [hashlib.sha256(data).hexdigest(), len(data), "1234567"]
        for path, data in files.items()
    }


@pytest.fixture
def planned(site: Site, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Return a plan, when finders list these sources and the last build was so."""
    collect: dict[str, Known] = {}
    for name in ("distribution_of", "see", "built"):
        monkeypatch.setattr(looking_plan, name, lambda *_: None)
    monkeypatch.setattr(looking_plan, "refuse_unsafe", lambda _: None)
    monkeypatch.setattr(looking_plan, "words_of_collectstatic", lambda _: [])
    monkeypatch.setattr(
        looking_plan, "what_is_known", lambda _, name, base: collect.get(name, Known(None, "new"))
    )
    facts = {"catalogues_are_sources": False, "staticfiles_manifest": None}

    def plan(
        sources: dict[str, bytes] = SEALED,
        *,
        built: dict[str, bytes] | None = None,
        fresh: tuple[str, ...] = (),
        more: str = "",
        **journal: Any,
    ) -> dict[str, Any]:
        site.open(BUILD + more)
        plain = Deployment.facts
        monkeypatch.setattr(Deployment, "facts", lambda *_: {**plain(*_), **facts})
        project = SimpleNamespace(ask=lambda *_: {"files": known(sources)})
        monkeypatch.setattr(Deployment, "project", lambda *_: project)
        build = site.hosts["build1"]
        phases: dict[str, Any] = {}
        if built is not None:
            text = json.dumps({"files": known(built), "extra": {}}).encode()
            listing = build.ask(verbs.PUT_OBJECT, body=text)[0]["object"]
            for ran, name in enumerate(("collectstatic", "compress", "seal"), 1):
                phases[name] = {"ran": ran, "seconds": 1.0, "listing": listing}
        data = {"format": 1, "phases": phases, "release": NEW, **journal}
        build.ask(verbs.WRITE_JOURNAL, body=json.dumps(data).encode())
        collect.update(dict.fromkeys(fresh, Known({"listing": "x"})))
        return site.session.plan()

    return plan


def runs(found: dict[str, Any]) -> dict[str, str]:
    """Return the phases that would run, each with why."""
    return {one["name"]: one["why"] for one in found["phases"] if one["will_run"]}


def rests(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["why"] for one in found["phases"] if not one["will_run"]}


def test_where_nothing_was_built_all_sources_are_added_and_sent(planned: Plan) -> None:
    found = planned(LARGER)
    assert (found["live"], found["release"], found["exact"]) == (NEW, None, False)
    assert found["files"] == {"added": [*sorted(LARGER)], "changed": [], "removed": []}
    assert runs(found)["collectstatic"] == "new; nothing was built here yet"
    assert runs(found)["compress"] == "collectstatic runs before it"
    assert found["bundles"] is None


def test_an_unchanged_build_is_told_exactly(planned: Plan) -> None:
    found = planned(built=SEALED, fresh=("collectstatic", "compress"))
    assert (found["release"], found["exact"]) == (NEW, True)
    assert found["files"] == {"added": [], "changed": [], "removed": []}
    assert {one["bytes"] for one in found["hosts"]} == {0}
    assert found["flip"] == []  # it said which hosts flip, beside "this content is live already"
    assert rests(found) == {
        **dict.fromkeys(("collectstatic", "compress"), "nothing that it reads has changed"),
        **dict.fromkeys(
            ("fix_less_imports", "compilejsi18n", "resource_static", "build_requirejs"),
            "not in build.phases",
        ),
        "activate": "this content is live already",
        "invalidate": "no cdn in the inventory",
        "probe": "no probe.pages in the inventory",
    }


def test_what_changed_since_the_build_is_sent_to_static_hosts_alone(planned: Plan) -> None:
    found = planned(LARGER, built=SEALED)
    assert found["files"] == {"added": ["cart.js"], "changed": ["site.css"], "removed": []}
    size = sum(len(LARGER[path]) for path in ("cart.js", "site.css"))
    told = {one["host"]: (one["objects"], one["bytes"]) for one in found["hosts"]}
    nothing = dict.fromkeys(("build1", "web1", "web2"), (0, 0))
    assert told == {**nothing, "edge1": (2, size), "edge2": (2, size)}
    assert runs(found)["collectstatic"] == "new; 2 collected files changed since the last build"


def test_a_source_that_went_is_told(planned: Plan) -> None:
    found = planned({"site.css": SEALED["site.css"]}, built=SEALED)
    assert found["files"]["removed"] == ["logo.svg"]


def test_only_the_first_phase_that_runs_needs_a_reason_of_its_own(planned: Plan) -> None:
    found = planned(built=SEALED, fresh=("collectstatic",))
    assert runs(found)["compress"] == "new"
    assert "collectstatic" in rests(found)


def test_where_compress_alone_has_to_run_nobody_knows_what_it_will_make(planned: Plan) -> None:
    """A template has changed: the last release was called what the next deploy makes live."""
    found = planned(built=SEALED, fresh=("collectstatic",))
    assert (found["release"], found["exact"], found["unbuilt"]) == (None, False, ["compress"])
    assert "activate" in runs(found)


OWN = "build: {phases: [{name: vite, run: x, writes: [dist]}, collectstatic, compress]}\n"


def test_what_a_bundler_has_yet_to_make_is_not_called_unchanged(
    planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.looking.test_plan.BUILD", OWN)
    found = planned(built=SEALED, fresh=("collectstatic", "compress"))
    assert (found["release"], found["exact"], found["unbuilt"]) == (None, False, ["vite"])
    assert runs(found)["vite"] == "new"
    assert "activate" in runs(found)


def test_what_a_cdn_keeps_under_the_same_name_is_forgotten(planned: Plan) -> None:
    found = planned(LARGER, built=SEALED, more=CDN)
    assert found["invalidation"]["paths"] == ["/static/site.css*"]
    assert "invalidate" in runs(found)


def test_what_an_earlier_flip_left_to_forget_is_forgotten_too(planned: Plan) -> None:
    found = planned(built=SEALED, fresh=("collectstatic",), more=CDN, to_invalidate={"x.png": [""]})
    assert found["invalidation"]["paths"] == ["/static/x.png"]


@pytest.mark.parametrize(
    "more",
    ["probe: {pages: ['https://shop.example.com/']}", "probe: {origin: 'http://{address}'}"],
)
def test_a_probe_runs_where_there_is_something_to_ask(planned: Plan, more: str) -> None:
    assert "probe" in runs(planned(more=more))


def test_a_changed_file_with_a_version_gets_a_url_that_only_a_build_can_tell(
    planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = sealed(SEALED, NEW, versioned=["site.css"], settings={"STATIC_URL": "/static/"})
    monkeypatch.setattr(Seals, "read", lambda *_: live)
    version = live.versions["site.css"]
    url = {"before": f"/static/site.css?version={version}", "now": None}
    assert planned({**LARGER, "logo.svg": b"other"}, built=SEALED)["urls"] == [url]


def test_nothing_is_written_on_any_host(planned: Plan, site: Site) -> None:
    def files() -> set[str]:
        return {str(path) for path in site.folder.rglob("*") if "build1" not in path.parts}

    before = files()
    planned(LARGER, built=SEALED)
    assert files() == before
