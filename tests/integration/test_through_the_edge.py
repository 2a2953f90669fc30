"""What visitors get through CloudFront: real nginx behind a strict CloudFront and a fake edge of it.

The project is a few files that are copied and versioned, so that a hundred deploys and rollbacks are quick.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from chaos.readers import current, seal_on, urls_of
from demo.cloudfront import CloudFront
from demo.edge import Edge
from demo.fleet import Fleet, Role
from fab_static import api
from fab_static.errors import CdnError, FabStaticError, ProbeError, RemoteError
from fab_static.phases.run.browser import Browser
from fab_static.plan import inventory
from tests.integration.conftest import write_tiny
from tests.strict_s3 import REGION, StrictS3

HOSTS: dict[str, list[Role]] = {"edge1": ["static"], "edge2": ["static"], "here": ["build", "web"]}
IMAGES = ("img/a.svg", "img/b.svg", "img/with space ü!(1).svg", "img/a.svg.png", "~home/x.svg")
OTHERS = ("site.css", "app.js")
# CI takes fewer; STEPS=100 pytest … for the hundred
STEPS = int(os.environ.get("STEPS", "25"))
# what the settings say does not change here: Django starts once, and not at each of a hundred steps
PYTHON = f"""\
#!/bin/sh
case "$FAB_STATIC_PROBE" in *settings*) ;; *) exec {sys.executable} "$@" ;; esac
[ -s "$0.said" ] || {sys.executable} - > "$0.aside" && mv "$0.aside" "$0.said" 2>/dev/null
cat > /dev/null
cat "$0.said"
"""
PAGE = "{% load static %}<!doctype html><title>tiny</title><img src=\"{% static 'logo.svg' %}\">\n"
COPY = "rm -rf staticfiles && cp -r assets staticfiles"
VERSIONS = """\
import hashlib, json, pathlib
root = pathlib.Path("staticfiles")
found = {
    str(path.relative_to(root)): hashlib.sha1(path.read_bytes()).hexdigest()[:7]
    for path in sorted(root.rglob("*"))
    if path.suffix in (".js", ".css", ".svg")
}
pathlib.Path("resource_versions.yml").write_text(json.dumps(found))
"""


class Said(api.Quiet):
    """Keeps what the operator is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class Shop:
    """A small site behind the edge, with an operator who keeps the connections open."""

    fleet: Fleet
    folder: Path
    cloudfront: CloudFront
    edge: Edge
    browser: Browser

    def session(self, **extra: Any) -> api.Session:
        """Open a session with an inventory that says something else."""
        data = self.fleet.inventory(
            build={
                "phases": ["collectstatic", "resource_static"],
                "commands": {
                    "collectstatic": COPY,
                    "resource_static": f"{sys.executable} versions.py",
                },
            },
            keep_releases=STEPS,
            ssh={"known_hosts": str(self.fleet.known_hosts)},
            **extra,
        )
        data["project"]["python"] = str(self.folder / "python")
        data["web"] = {"reload": f"test ! -e {self.refuse}", **extra.get("web", {})}
        text = json.dumps(data)
        return api.Session(inventory.parse(text, name="edge", source="here"), show=Said())

    @property
    def refuse(self) -> Path:
        """The file that makes the web host's reload fail."""
        return self.folder / "refuse"

    def write(self, path: str, text: str | None) -> None:
        file = self.fleet.hosts["here"].code / "assets" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text, encoding="utf-8")

    def live(self) -> str:
        return str(current(self.fleet.hosts["edge1"]))

    def urls(self, release: str) -> dict[str, str]:
        """Return every URL that a release's pages and stylesheets name -> SHA-256 of what it recorded."""
        seal = seal_on(self.fleet.hosts["edge1"], release)
        assert seal
        plain = {
            f"/static/{quote(path)}": file["sha256"]
            for path, file in seal["files"].items()
            if not path.endswith((".css", ".js"))
        }
        return plain | urls_of(seal)

    def sha256(self, url: str) -> str:
        answer = self.browser.get(self.edge.url + url)
        found = hashlib.sha256(answer.raw).hexdigest()
        return found if answer.status == 200 else str(answer.status)

    def wrong(self, release: str) -> list[str]:
        """Return what the edge answers otherwise than the release recorded."""
        return [url for url, want in self.urls(release).items() if self.sha256(url) != want]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("edge")
    project = write_tiny(folder / "project")
    (project / "versions.py").write_text(VERSIONS)
    (project / "templates" / "page.html").write_text(PAGE)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    for path in project.glob("assets/sp ace/*"):
        path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        hosts = folder / "hosts"
        with Fleet(hosts, HOSTS, project=project, settings="tiny.settings", app="tiny") as fleet:
            cloudfront, edge = fleet.start_cdn()
            for name, value in fleet.environment().items():
                patch.setenv(name, value)
            with Browser(20) as browser:
                yield Shop(fleet, folder, cloudfront, edge, browser)


class Readers:
    """Visitors who ask the edge all the while for what any page may still name."""

    def __init__(self, shop: Shop) -> None:
        self.wrong: list[str] = []
        self.answers = 0
        self._shop = shop
        self._named: dict[str, list[tuple[str, str]]] = {}  # of a release: its URLs never change
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(120)

    def _read(self) -> None:
        chance = random.Random(1)
        while not self._stop.wait(0.03):
            release = self._shop.live()
            if release not in self._named:
                if seal_on(self._shop.fleet.hosts["edge1"], release) is None:
                    continue  # nothing is live yet
                self._named[release] = sorted(self._shop.urls(release).items())
            url, want = chance.choice(self._named[release])
            said = self._shop.sha256(url)
            self.answers += 1
            # what has no version may be of either release while hosts flip: the next step looks at it
            if "version=" in url and said != want:
                self.wrong.append(f"{url} of {release}: {said}")


def test_many_deploys_and_rollbacks_never_serve_what_the_release_did_not_record(
    shop: Shop,
) -> None:
    """Visitors of a page keep what CloudFront gave them: one old image stays for a day."""
    chance = random.Random(20261122)
    before = shop.cloudfront.paths_charged
    done: Counter[str] = Counter()
    started = time.monotonic()
    with shop.session() as session, Readers(shop) as readers:
        change(shop, chance)
        session.deploy()
        for step in range(STEPS):
            assert shop.wrong(shop.live()) == [], (
                f"before step {step}"
            )  # and all of it is cached now
            what = chance.choice(("deploy", "deploy", "rollback", "rollback to", "undone"))
            live = shop.live()
            failed = attempt(shop, session, what, chance)
            if failed:
                assert what in ("undone", "rollback"), str(failed)
                assert shop.live() == live
                what += " failed"
            done[what] += 1
        assert shop.wrong(shop.live()) == []
    seconds = time.monotonic() - started
    charged = shop.cloudfront.paths_charged - before
    sys.stdout.write(
        f"{dict(done)} in {seconds:.0f} s; {readers.answers} answers beside, "
        f"{shop.edge.hits} hits and {shop.edge.misses} misses, {charged} paths charged\n"
    )
    assert readers.wrong == []
    assert readers.answers > STEPS
    assert min(done["deploy"], done["rollback to"], done["undone failed"]) > 5


def attempt(
    shop: Shop, session: api.Session, what: str, chance: random.Random
) -> FabStaticError | None:
    """Do one step; return why it failed, where it did."""
    try:
        if what in ("deploy", "undone"):
            change(shop, chance)
            if what == "undone":
                shop.refuse.touch()
            done = session.deploy()
        elif what == "rollback":
            done = session.rollback()
        else:
            held = sorted(shop.fleet.hosts["edge1"].static.glob("releases/*"))
            done = session.rollback(chance.choice(held).name)
    except FabStaticError as error:
        return error
    finally:
        shop.refuse.unlink(missing_ok=True)
    assert done.after_flip == []
    return None


def change(shop: Shop, chance: random.Random) -> None:
    """Give files one of few contents, so that old bytes come back; or take an image away."""
    for path in (*IMAGES, *OTHERS):
        if chance.random() < 0.5:
            mark = chance.choice("abc")
            gone = path in IMAGES and chance.random() < 0.1
            shop.write(path, None if gone else f"/* {path} {mark} */")


def image(shop: Shop, mark: str) -> str:
    """Write an image without a version in its name; return its text."""
    text = f"<svg>{mark}</svg>"
    shop.write("img/one.svg", text)
    return text


def fetched(shop: Shop) -> str:
    return shop.browser.get(shop.edge.url + "/static/img/one.svg").raw.decode()


def asking(shop: Shop, code: int) -> dict[str, str]:
    """Return an inventory's `web` whose reload asks the edge for the image, and ends with a code."""
    kept = shop.folder / "seen-at-the-reload"
    kept.unlink(missing_ok=True)
    url = f"{shop.edge.url}/static/img/one.svg"
    ask = f"import urllib.request as u; open({str(kept)!r}, 'wb').write(u.urlopen({url!r}).read())"
    return {"reload": f'{sys.executable} -c "{ask}"; exit {code}'}


def test_the_edge_has_forgotten_before_web_hosts_reload(shop: Shop) -> None:
    """Else new pages would show the old image until the whole fleet has flipped."""
    image(shop, "before")
    with shop.session() as session:
        session.deploy()
    fetched(shop)
    text = image(shop, "after")
    with shop.session(web=asking(shop, 0)) as session:
        assert session.deploy().after_flip == []
    assert (shop.folder / "seen-at-the-reload").read_text() == text


def test_an_undone_flip_is_forgotten_too(shop: Shop) -> None:
    """The edge has fetched the new image while hosts flipped; what is live again names the old one."""
    old = image(shop, "stays")
    with shop.session() as session:
        session.deploy()
    live, asked = shop.live(), len(shop.cloudfront.invalidations(shop.fleet.distribution_id))
    new = image(shop, "is undone")
    with shop.session(web=asking(shop, 7)) as session, pytest.raises(RemoteError):
        session.deploy()
    assert (shop.folder / "seen-at-the-reload").read_text() == new
    assert shop.live() == live
    assert fetched(shop) == old
    made = shop.cloudfront.invalidations(shop.fleet.distribution_id)[asked:]
    assert made[0] == made[1]
    with shop.session() as session:
        session.phase("invalidate")  # finds that one again: it is not paid twice
    assert len(shop.cloudfront.invalidations(shop.fleet.distribution_id)[asked:]) == 2


def test_a_file_that_only_an_undone_flip_had_is_forgotten(shop: Shop) -> None:
    """Nothing live has it then; the next release that adds it must not get the undone bytes."""
    shop.write("img/one.svg", None)
    with shop.session() as session:
        session.deploy()
    image(shop, "is undone")
    with shop.session(web=asking(shop, 7)) as session, pytest.raises(RemoteError):
        session.deploy()
    text = image(shop, "another one")
    with shop.session() as session:
        assert session.deploy().after_flip == []
    assert fetched(shop) == text


def test_a_wait_that_fails_is_taken_up_again_and_paid_once(shop: Shop) -> None:
    image(shop, "one")
    with shop.session() as session:
        session.deploy()
    image(shop, "two")
    charged = shop.cloudfront.paths_charged
    shop.cloudfront.completes_after = 1000
    with shop.session(cdn={"wait": 1.5}) as session:
        done = session.deploy()
        shop.cloudfront.completes_after = 0
        (error,) = done.after_flip
        assert "is not completed after 1.5 seconds" in error.what
        assert "fab edge invalidate" in error.mend
        left = [one["subject"] for one in session.check() if not one["ok"]]
        assert "invalidation" in left
        for one in shop.cloudfront.distributions[shop.fleet.distribution_id].invalidations:
            one.completed_at = 0.0
        session.phase("invalidate")
        said = session.show.lines  # type: ignore[attr-defined]
    assert shop.cloudfront.paths_charged == charged + 1
    assert any(line.startswith("CloudFront counts 1 path: $0. ") for line in said)


@pytest.mark.parametrize("problem", ["denied", "expired", "not there", "hangs"])
def test_a_cloudfront_that_would_refuse_stops_a_deploy_before_anything_is_built(
    shop: Shop, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image(shop, problem)
    live = shop.live()
    cdn = {}
    monkeypatch.setattr("fab_static.phases.run.caching.PATIENCE", 0.3)
    if problem == "denied":
        shop.cloudfront.denied.add("CreateInvalidation")
    elif problem == "expired":
        shop.cloudfront.refuses_credentials = "ExpiredToken"
    elif problem == "not there":
        cdn = {"distribution_id": "ENOTHERE"}
    else:
        shop.cloudfront.script("GetDistributionConfig", *["hang"] * 5)
    try:
        with shop.session(cdn=cdn) as session:
            with pytest.raises(CdnError) as caught:
                session.deploy()
            releases = session.releases()
            shop.cloudfront.script("GetDistributionConfig", *["hang"] * (problem == "hangs"))
            found = [
                one for one in session.check() if not one["ok"] and "distribution" in one["where"]
            ]
    finally:
        shop.cloudfront.mend()
    words = {
        "denied": "allow cloudfront:CreateInvalidation",
        "expired": "renew the AWS credentials",
        "not there": "correct cdn.distribution_id",
        "hangs": "see that the endpoint can be reached",
    }[problem]
    assert words in caught.value.mend
    assert any(words in one["mend"] for one in found), found
    assert shop.live() == live
    assert [one["id"] for one in releases if one["state"] == "staged"] == []


def test_the_doctor_finds_a_good_edge_well_and_a_bad_one_bad(shop: Shop) -> None:
    shop.write("js/large.js", "/* " + "x" * 2000 + " */")
    with shop.session() as session:
        session.deploy()
        found = session.check()
    assert [one for one in found if shop.edge.url in one["where"] and not one["ok"]] == []
    origins = [shop.fleet.origin(host) for host in ("edge1", "edge2")]
    page = {404: (200, b"<html>the app</html>")}
    with (
        Edge(origins, query="none", min_ttl=60, error_pages=page) as bad,
        shop.session(cdn={"domain": bad.url}) as session,
    ):
        subjects = {
            one["subject"]: one["what"] for one in session.check() if one["where"] == bad.url
        }
    assert "a file that nobody has answers 200, as text/html" in subjects["missing files"]
    assert "two made-up versions share a cache entry" in subjects["cache key"]
    with Edge(origins, min_ttl=60) as keeping, shop.session(cdn={"domain": keeping.url}) as session:
        bad_ones = {
            one["subject"]
            for one in session.check()
            if one["where"] == keeping.url and not one["ok"]
        }
    assert "unknown versions" in bad_ones


def test_a_probe_that_fails_says_why_and_goes_back_where_it_should(shop: Shop) -> None:
    """What CloudFront made of a file is what visitors get, whatever static hosts answer."""
    image(shop, "good")
    with shop.session() as session:
        session.deploy()
    live = shop.live()
    image(shop, "bad")

    def tampered(url: str, body: bytes) -> bytes:
        return b"other" if b"bad" in body else body

    shop.edge.tampers = tampered
    try:
        with shop.session() as session:
            (error,) = session.deploy().after_flip
            assert isinstance(error, ProbeError)
            assert f"{shop.edge.url}/static/img/one.svg" in error.what
            assert "answered 5 bytes that are not the recorded 14" in error.what
            assert shop.live() != live
            session.rollback()
            assert shop.live() == live
            with pytest.raises(ProbeError) as caught:
                session.deploy(rollback_on_probe_failure=True)
            assert (
                f"so {live}, which was live before, is live again on every host"
                in caught.value.what
            )
            states = {one["id"]: one["state"] for one in session.releases()}
    finally:
        shop.edge.tampers = lambda url, body: body
    assert shop.live() == live
    assert states[live] == "live"
    assert sorted(states.values()).count("bad") >= 1
    assert fetched(shop) == "<svg>good</svg>"


def test_a_missing_file_that_a_cdn_dresses_as_a_page_fails_the_probe(shop: Shop) -> None:
    with (
        Edge([shop.fleet.origin("edge1")], error_pages={404: (200, b"<html>")}) as dressed,
        shop.session(cdn={"domain": dressed.url}) as session,
        pytest.raises(ProbeError) as caught,
    ):
        session.phase("probe")
    assert "there-is-no-such-file.png answered 200, not 404" in caught.value.what


def test_a_bucket_behind_the_edge_serves_right_what_comes_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of every release stay open, and have the edge keep live bytes under their old versions."""
    store = StrictS3("shop")
    store.is_public = True
    for name, value in store.credentials.items():
        monkeypatch.setenv(name, value)
    origin = {
        "s3": {"bucket": "shop", "prefix": "static/", "region": REGION},
        "endpoint_url": store.url,
    }
    forgotten = partial(shop.cloudfront.forgotten, shop.fleet.distribution_id)
    clock, chance = shop.cloudfront.clock, random.Random(1)
    charged = Counter[str]()
    with store, Edge([f"{store.url}/shop"], forgotten=forgotten, clock=clock, error_ttl=0) as edge:
        seen = replace(shop, edge=edge)
        with shop.session(origin=origin, cdn={"domain": edge.url}) as session:
            for what in (
                "deploy",
                "deploy",
                "rollback",
                "deploy",
                "rollback to",
                "undone",
                "deploy",
            ):
                before = shop.cloudfront.paths_charged
                attempt(shop, session, what, chance)
                charged[what] += shop.cloudfront.paths_charged - before
                assert seen.wrong(shop.live()) == [], what
                for folder in shop.fleet.hosts["edge1"].static.glob("releases/*"):
                    seen.wrong(folder.name)  # asks for all that its pages name
    assert charged["rollback"] > 0
