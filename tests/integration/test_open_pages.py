"""Pages that stay open through five deploys, in Chromium: Vite and webpack as docs/bundlers.md has them.

The fleet is real: the build host alone has the front end's sources, and an npm.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from demo.fleet import Fleet, Role
from fab_static import api
from fab_static.plan import inventory
from tests.bundlers import frontend, how_to

HOSTS: dict[str, list[Role]] = {
    "build1": ["build"],
    "edge1": ["static"],
    "web1": ["web"],
    "web2": ["web"],
}
MANIFESTS = {  # title in docs/bundlers.md -> the manifest that its readers read
    "Vite, with django-vite": "static_root/dist/manifest.json",
    "webpack, with django-webpack-loader": "webpack-stats.json",
}
MADE_IN = {"static_root/dist/manifest.json": "assets/dist/manifest.json"}
RELEASES = 6


@dataclass
class Samples:
    """What web hosts showed, time and again: a manifest, another one, the first again."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def mixed(self) -> list[tuple[str, str, str]]:
        """Return those of two releases; where the first one changed meanwhile, nobody knows."""
        return [one for one in self.seen if one[0] == one[2] and one[0] != one[1]]


@contextmanager
def sampled(pairs: list[tuple[Path, Path]]) -> Iterator[Samples]:
    """Read two manifests of each host all the time; one is a copy of the other."""
    found, ended = Samples(), threading.Event()

    def look() -> None:
        last: dict[Path, tuple[str, str, str]] = {}
        while not ended.wait(0.001):
            for one, other in pairs:
                now = (one.read_text(), other.read_text(), one.read_text())
                if last.get(one) != now:
                    found.seen.append(now)
                last[one] = now

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


@dataclass
class Story:
    """What five deploys, one of a template alone, and a rollback have shown."""

    said: dict[tuple[int, str], str] = field(default_factory=dict)  # release of the page, route
    failed: list[str] = field(default_factory=list)
    samples: Samples = field(default_factory=Samples)
    runs: list[int] = field(default_factory=list)  # of npm, after each deploy
    manifests: list[str] = field(default_factory=list)  # after each deploy; at last the rollback's
    why: str = ""  # the bundler would run again, when a file has changed that `reads` does not name


def opened(page: Page, url: str, failed: list[str]) -> Page:
    page.on("requestfailed", lambda request: failed.append(f"{request.url} failed"))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on(
        "response",
        lambda answer: failed.append(f"{answer.url} {answer.status}") if not answer.ok else None,
    )
    page.goto(url)
    page.wait_for_selector("html[data-ready]")
    return page


@pytest.fixture(scope="module", params=MANIFESTS, ids=["vite", "webpack"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("open")
    page = how_to.part(request.param)
    project = page.write(folder / "project", frontend.files(1))
    (project / "assets").mkdir()
    npm = how_to.npm(folder / "bin")
    read = MANIFESTS[request.param]
    again = {
        "name": "again",
        "run": f"cp {MADE_IN.get(read, read)} again.json",
        "writes": ["again.json"],
        "reads": [MADE_IN.get(read, read)],
    }
    bundler, *others = page.inventory["build"]["phases"]
    told = Story()
    with (
        Fleet(folder / "hosts", HOSTS, project=project, settings="settings", app="shop") as fleet,
        ExitStack() as ends,
    ):
        webs = [host.code for host in fleet.with_role("web")]
        code = fleet.hosts["build1"].code
        asked = fleet.inventory(
            build={"phases": [bundler, again, *others]},
            web={"manifests": [{"path": "again.json", "below": "dist"}]},
            project={"environment": npm.environment},
        )
        environment = inventory.parse(json.dumps(asked), name="staging", source="staging.yml")
        session = ends.enter_context(api.Session(environment, inventories=folder))

        def note() -> None:
            told.runs.append(npm.runs())
            told.manifests.append((webs[0] / read).read_text())

        def deploy() -> None:
            session.deploy()
            note()

        deploy()
        with (
            sync_playwright() as playwright,
            sampled([(web / read, web / "again.json") for web in webs]) as told.samples,
        ):
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            pages = {}
            for release in range(1, RELEASES + 1):
                if release > 1:
                    for path, text in frontend.files(release).items():
                        (code / path).write_text(text)
                    deploy()
                web = fleet.with_role("web")[release % 2].name
                pages[release] = opened(browser.new_page(), fleet.site(web), told.failed)
            for release, open_page in pages.items():
                for route in frontend.ROUTES:
                    open_page.click(f"#{route}")
                    open_page.wait_for_selector(f"#said:has-text('{route} of')")
                    told.said[release, route] = open_page.inner_text("#said")
            browser.close()
            template = code / "shop/templates/page.html"
            template.write_text(template.read_text() + "<!-- another -->")
            deploy()
            session.rollback()
            note()
            (code / frontend.UNDECLARED).write_text('export const label = "another";\n')
            told.why = session.plan()["phases"][0]["why"]
    return told


def test_every_lazy_route_of_every_open_page_is_of_the_page_s_own_release(story: Story) -> None:
    assert story.failed == []
    assert story.said == {
        (release, route): f"{route} of release {release}"
        for release in range(1, RELEASES + 1)
        for route in frontend.ROUTES
    }


def test_no_web_host_ever_shows_manifests_of_two_releases(story: Story) -> None:
    assert story.samples.mixed() == []
    assert len({one[0] for one in story.samples.seen}) == RELEASES


def test_npm_runs_for_the_front_end_alone(story: Story) -> None:
    """The last deploy changed a template; the rollback builds nothing."""
    assert story.runs == [*range(1, RELEASES + 1), RELEASES, RELEASES]


def test_a_rollback_brings_the_earlier_manifests(story: Story) -> None:
    assert len(set(story.manifests)) == RELEASES
    *_, before, live, _template, rolled_back = story.manifests
    assert (live, rolled_back) != (before, live)
    assert rolled_back == before


def test_a_read_that_nobody_declared_is_seen(story: Story) -> None:
    assert story.why == f"{frontend.UNDECLARED} has changed"
