"""A phase that would read the same need not run: what it would leave is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.run.listings import listing_of
from fab_static.phases.run.reuse import what_is_known
from fab_static.remote import Question, Ran
from tests.unit.phases.run.builds import Build, appends, left
from tests.unit.site import ScriptedHost, Site


class Recorded:
    """Has the build host find, of every phase, the record of its last run."""

    def __init__(self, site: Site, build: Build) -> None:
        self.site = site
        for name, command in list(site.project.commands.items()):
            site.project.commands[name] = self.token_after(name, command)
        build()
        self.answer: dict[str, Any] = {}
        site.hosts["build1"].before["recall"] = lambda: (self.answer, b"")
        site.project.ran.clear()

    def token_after(self, name: str, command: Callable[[Path], object]) -> Callable[[Path], Ran]:
        def run(root: Path) -> Ran:
            command(root)
            return Ran(0, "", token=f"of {name}")

        return run

    def found(self, name: str) -> None:
        self.answer = {"token": f"of {name}"}


@pytest.fixture
def recorded(shop: Site, build: Build) -> Recorded:
    return Recorded(shop, build)


def test_a_phase_that_would_read_the_same_is_not_run_again(
    shop: Site, build: Build, recorded: Recorded
) -> None:
    deploy = shop.deployment()
    recorded.found("resource_static")
    build("resource_static", deploy=deploy)
    assert shop.project.ran == []
    assert deploy.show.said == ["reused: nothing that it reads has changed"]  # type: ignore[attr-defined]


def test_the_last_phase_that_is_not_run_leaves_its_files_all_the_same(
    shop: Site, build: Build, recorded: Recorded
) -> None:
    """The release is sealed from what is known, but pages are checked against the files."""
    (shop.project.root / "CACHE" / "manifest.json").unlink()
    recorded.found("compress")
    recorded.site.project.answers["coverage"] = {
        **recorded.site.project.answers["coverage"],
        "blocks": 7,
    }
    deploy = build("compress")
    assert "CACHE/manifest.json" in left(shop)
    assert "7 compress blocks in 1 template" in deploy.show.said  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", [{"by_itself": True}, {"reuse": "no"}])
def test_who_asks_for_one_phase_or_for_a_rebuild_gets_it_run(
    shop: Site, build: Build, recorded: Recorded, how: dict[str, Any]
) -> None:
    """And what it leaves may be another thing than it was."""
    recorded.found("resource_static")
    shop.project.commands["resource_static"] = appends
    build("resource_static", deploy=shop.deployment(**how))
    assert shop.project.ran == ["manage.py resource_static"]


def test_a_phase_that_makes_something_else_of_the_same_is_named_when_that_is_verified(
    shop: Site, build: Build, recorded: Recorded
) -> None:
    recorded.found("compress")
    shop.project.commands["compress"] = appends
    with pytest.raises(BuildError) as caught:
        build("compress", deploy=shop.deployment(reuse="verify"))
    assert caught.value.what == (
        "compress was to be used again, but a new run leaves 3 other files:\n"
        "    CACHE/manifest.json\n    CACHE/output.0123456789ab.css\n    site.css"
    )
    assert "--rebuild" in caught.value.mend


@pytest.mark.parametrize(
    ("entry", "answer", "why"),
    [
        ({"unseen": "it starts a server"}, {}, "it starts a server"),
        ({"record": None}, {}, "what it reads is not known"),
        ({}, {"why": "a.html has changed"}, "a.html has changed"),
        ({}, {"token": "another"}, "its last run did not end well"),
        ({"base": None}, {"token": "of compress"}, "the phases before it are others"),
    ],
)
def test_why_a_phase_runs_is_known(
    shop: Site, recorded: Recorded, entry: dict[str, Any], answer: dict[str, Any], why: str
) -> None:
    deploy = shop.deployment()
    deploy.journal.phases["compress"].update(entry)
    recorded.answer = answer
    known = what_is_known(deploy, "compress", "resource_static")
    assert (known.entry, known.why) == (None, why)


def test_what_a_phase_reads_that_left_no_record_is_not_known(shop: Site, build: Build) -> None:
    shop.open("build: {phases: [collectstatic], commands: {collectstatic: 'make static'}}")
    shop.project.commands["make static"] = shop.project.commands["collectstatic"]
    deploy = build()
    assert shop.project.ran == ["make static"]
    assert what_is_known(deploy, "collectstatic", None).why == "what it reads is not known"


def test_a_file_that_has_changed_is_named_as_in_the_checkout(
    shop: Site, recorded: Recorded
) -> None:
    """Long folders broke the line in a terminal, before the name that tells."""
    deploy = shop.deployment()
    code = deploy.project(deploy.build).path
    recorded.answer = {"why": f"{code}/shop/a.html has changed"}
    known = what_is_known(deploy, "compress", "resource_static")
    assert known.why == "shop/a.html has changed"


def test_a_phase_on_another_state_asks_for_all_in_one_trip(
    shop: Site, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it reads the same, what it would make of that state, and the versions that it asked for."""
    foreseen: list[Question] = []
    monkeypatch.setattr(ScriptedHost, "foresee", lambda _, questions: foreseen.extend(questions))
    shop.hosts["build1"].before["replay"] = lambda: ({"why": "site.css has changed"}, b"")
    deploy = shop.deployment()
    deploy.journal.phases["compress"]["base"] = "b" * 64
    recorded.found("compress")
    assert what_is_known(deploy, "compress", "resource_static").why == "site.css has changed"
    assert [verb.name for verb, *_ in foreseen] == ["recall", "replay", "read_object"]
    extra = listing_of(deploy, "resource_static")["extra"]
    versions = extra[deploy.facts(deploy.build)["resource_versions"]]
    assert versions
    assert foreseen[-1][1] == {"object": versions[0]}
