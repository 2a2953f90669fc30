"""A cache that travels: a machine on which nothing was built uses what another has built; a double of S3 between."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fab_static.api import Session
from fab_static.errors import BuildError
from fab_static.plan import carried, carried_answers
from tests.integration.conftest import Told, on_this_machine, write_tiny
from tests.strict_s3 import REGION, Fault, StrictS3

BUNDLE = {
    "name": "bundle",
    "run": "mkdir -p assets/dist && tr a-z A-Z < src/app.txt > assets/dist/app.txt",
    "reads": ["src/**"],
    "writes": ["assets/dist"],
}
# a line for each time that a project is set up; what only appends reads nothing
STARTS = Path(tempfile.gettempdir()) / f"fab-static-starts-{os.getpid()}"
REUSED = "reused: nothing that it reads has changed"


class Machine:
    """A checkout that nobody has built in yet, at a place of its own, with files of another age."""

    def __init__(self, folder: Path, store: StrictS3, age: int, **changed: str) -> None:
        self.code = write_tiny(folder / "checkout")
        self.store = store
        settings = self.code / "tiny" / "settings.py"
        started = f"with open({str(STARTS)!r}, 'a') as file: file.write('started\\n')\n"
        hashing = 'COMPRESS_CSS_HASHING_METHOD = "content"\n'
        settings.write_text(settings.read_text() + hashing + started)
        (self.code / "src").mkdir()
        (self.code / "src" / "app.txt").write_text("bundled\n")
        for name, text in changed.items():
            path = self.code / name.replace("__", "/").replace("_", ".")
            path.write_text(path.read_text() + text)
        for path in self.code.rglob("*"):
            os.utime(path, (age, age))
        (folder / "inventories").mkdir()

    def opened(self) -> AbstractContextManager[tuple[Session, Told]]:
        """Yield a session on it."""
        cache = {
            "s3": {"bucket": "shop", "prefix": "cache", "region": REGION},
            "endpoint_url": self.store.url,
        }
        phases: Any = (BUNDLE, "collectstatic", "compress")
        return on_this_machine(self.code, *phases, cache=cache)

    def build(self, words: str = "prepare", **options: Any) -> tuple[Told, str]:
        """Build; return what was told, and the digest of the release."""
        with self.opened() as (session, told):
            getattr(session, words)(**options)
            release = session.releases()[0]["id"]
        return told, release.rpartition("-")[2]


def starts() -> int:
    """Return how often a project was set up so far."""
    return len(STARTS.read_text().splitlines())


def reused(told: Told) -> int:
    return told.said.count(REUSED)


@pytest.fixture(scope="module")
def store() -> Iterator[StrictS3]:
    with StrictS3("shop") as store, pytest.MonkeyPatch.context() as patch:
        store.sign_in(patch)
        yield store
    STARTS.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def first(store: StrictS3, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of what one machine has built, and left in the cache."""
    told, digest = Machine(tmp_path_factory.mktemp("first"), store, 1_700_000_000).build()
    assert reused(told) == 0
    assert [line for line in told.said if line.startswith("3 phases in the cache now")], told
    assert not told.warned
    return digest


def test_a_machine_that_begins_empty_runs_no_phase_and_builds_the_same(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    written, started = store.writes, starts()
    before = os.umask(0o007)
    try:
        machine = Machine(tmp_path / "a longer" / "way", store, 1_600_000_000)
        told, digest = machine.build()
    finally:
        os.umask(before)
    assert (reused(told), digest) == (3, first), told.said
    assert store.writes == written, "nothing new was built"
    assert starts() == started, "what the project would answer is known"
    assert (machine.code / "assets/dist/app.txt").read_text() == "BUNDLED\n"

    asked = len(store.asked)
    told, _ = machine.build()
    assert reused(told) == 3
    assert len(store.asked) == asked, "what is known here is not asked for"


def planned(machine: Machine) -> dict[str, str]:
    """Return the phases of the build that `plan` says will run, and why."""
    with machine.opened() as (session, _):
        phases = session.plan()["phases"]
    assert not (machine.code / "staticfiles").exists(), "a plan writes nothing"
    assert not (machine.code.parent / "static").exists()
    names = ("bundle", "collectstatic", "compress")
    runs = [one for one in phases if one["name"] in names and one["will_run"]]
    return {one["name"]: one["why"].replace(f"{machine.code}/", "") for one in runs}


def test_a_plan_says_what_the_cache_will_give_and_writes_nothing(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    asked = len(store.asked)
    assert planned(Machine(tmp_path / "same", store, 1_600_000_000)) == {}
    assert not [key for _, key in store.asked[asked:] if "/objects/" in key]
    page = {"templates__page_html": "<p>planned</p>"}
    assert planned(Machine(tmp_path / "page", store, 1_600_000_000, **page)) == {
        "compress": "not in the cache: templates/page.html is another here"
    }
    text = {"src__app_txt": "planned"}
    assert planned(Machine(tmp_path / "text", store, 1_600_000_000, **text)) == {
        "bundle": "it never ran here; not in the cache: src/app.txt is another here",
        "collectstatic": "bundle runs before it",
        "compress": "bundle runs before it",
    }
    css = {"assets__site_css": "p { margin: 2px }"}
    assert planned(Machine(tmp_path / "css", store, 1_600_000_000, **css)) == {
        "collectstatic": "not in the cache: assets/site.css is another here",
        "compress": "collectstatic runs before it",
    }


def test_verify_cache_runs_what_the_cache_would_give_and_finds_what_is_not_so(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    _, digest = Machine(tmp_path / "one", store, 1_600_000_000).build(reuse="verify")
    assert digest == first
    records = {key: one.body for key, one in store.objects.items() if "/builds/" in key}
    for key, data in records.items():
        build = carried.read(data)
        assert build
        for listing in build["listings"].values():
            if "assets/dist/app.txt" in listing["files"]:
                listing["files"]["assets/dist/app.txt"] = _another(listing, store)
        store.objects[key].body = carried.written(build)
    try:
        with pytest.raises(BuildError) as caught:
            Machine(tmp_path / "two", store, 1_600_000_000).build(reuse="verify")
    finally:
        for key, data in records.items():
            store.objects[key].body = data
    assert "bundle was to be used again, but a new run leaves 1 other files" in caught.value.what


@pytest.mark.parametrize(
    ("question", "key", "value"),
    [
        ("settings", "django", "0.9"),
        ("coverage", "templates", 0),
        ("integrity", "computed", True),
        ("shadowed", "shadowed", {"site.css": ["other.css"]}),
    ],
)
def test_verify_cache_finds_an_answer_of_the_cache_that_the_project_does_not_give(
    store: StrictS3, first: str, tmp_path: Path, question: str, key: str, value: object
) -> None:
    """It is asked anew, and what it says now is compared; the release with it would be another, or let something pass."""
    records = {name: one.body for name, one in store.objects.items() if "/answers/" in name}
    machine = Machine(tmp_path, store, 1_600_000_000)
    try:
        for name, data in records.items():
            found = carried_answers.read(data)
            assert found
            for one in found["answers"]:
                if one["question"] == question:
                    said = json.loads(str(one["record"].get("answer")))
                    assert said[key] != value
                    one["record"]["answer"] = json.dumps({**said, key: value})
            store.objects[name].body = carried.written(found)
        with pytest.raises(BuildError) as caught:
            machine.build(reuse="verify")
    finally:
        for name, data in records.items():
            store.objects[name].body = data
    assert caught.value.what == (
        f"the project's answer to {question} was to be used again, but it says another thing now: {key}"
    )
    _, digest = machine.build(reuse="verify")  # what it said just now is what is kept
    assert digest == first


def _another(listing: Any, store: StrictS3) -> tuple[str, int, str]:
    """Return another file that the cache holds whole, in a listing's words."""
    key, one = next(
        (key, one)
        for key, one in store.objects.items()
        if "/objects/" in key and one.body != b"BUNDLED\n"
    )
    return key.rpartition("/")[2], len(one.body), "0123456"


def test_a_project_is_asked_where_what_it_read_for_its_answer_is_another(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    """Settings are its own, whatever others have said; so is what its pages find."""
    started = starts()
    urls = {"tiny__settings_py": "STATIC_URL = '/other/'\n"}
    machine = Machine(tmp_path / "settings", store, 1_600_000_000, **urls)
    _, digest = machine.build()
    assert digest != first
    assert starts() > started
    started = starts()
    page = {
        "templates__page_html": "{% load compress %}{% compress css %}<style>a{}</style>{% endcompress %}"
    }
    told, digest = Machine(tmp_path / "page", store, 1_600_000_000, **page).build()
    assert digest != first
    assert starts() > started
    assert "2 compress blocks in 7 templates" in told.said


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("__import__('os').uname().nodename", "it asked for the name of this machine"),
        ("__import__('platform').node()", "it asked for the name of this machine"),
        ("__import__('pwd').getpwuid(0)[0]", "it asked for the name of this account"),
    ],
)
def test_what_is_made_by_the_name_of_the_machine_or_account_stays_out_of_the_cache(
    store: StrictS3, first: str, tmp_path: Path, name: str, told: str
) -> None:
    """Another machine would make it by its own name: neither the block nor the answers go there."""
    page = "{% load compress %}{% compress css %}<style>.{{ by }}{}</style>{% endcompress %}"
    settings = f"COMPRESS_OFFLINE_CONTEXT = {{'by': {name}}}\n"
    changed = {"templates__page_html": page, "tiny__settings_py": settings}
    said = Machine(tmp_path, store, 1_600_000_000, **changed).build()[0].said
    out = [line for line in said if "stays out of the cache" in line]
    assert [
        line for line in out if line.startswith("compress stays") and "holds the name" in line
    ], said
    assert {line.split()[3] for line in out if line.endswith(told)} >= {"settings", "coverage"}
    assert not [line for line in out if line.startswith("collectstatic")]


def test_answers_that_would_have_a_build_write_elsewhere_are_not_taken(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    """Whoever may write to the cache must not choose the folder that a build empties."""
    machine = Machine(tmp_path / "one", store, 1_600_000_000)
    victim = machine.code / "src"
    records = {key: one.body for key, one in store.objects.items() if "/answers/" in key}
    assert records
    try:
        for key, data in records.items():
            found = carried_answers.read(data)
            assert found
            for one in found["answers"]:
                said = json.loads(str(one["record"].get("answer")))
                if one["question"] == "settings":
                    said["static_root"] = "{project}/src"
                    said["storage"]["folder"] = "{project}/src"
                    said["sources"] = {}
                    one["record"]["answer"] = json.dumps(said)
            store.objects[key].body = carried.written(found)
        told, digest = machine.build()
    finally:
        for key, data in records.items():
            store.objects[key].body = data
    assert (victim / "app.txt").read_text() == "bundled\n"
    assert digest == first
    assert [line for line in told.warned if "no build of ours has left them" in line], told.warned


@pytest.mark.parametrize(
    ("changed", "why", "runs"),
    [
        ({"templates__page_html": "<p>new</p>"}, "templates/page.html is another here", 1),
        ({"assets__site_css": "p { margin: 0 }"}, "assets/site.css is another here", 2),
        ({"src__app_txt": "more"}, "src/app.txt is another here", 2),
    ],
)
def test_just_the_phases_run_that_read_what_is_another(
    store: StrictS3, first: str, tmp_path: Path, changed: dict[str, str], why: str, runs: int
) -> None:
    machine = Machine(tmp_path, store, 1_650_000_000, **changed)
    told, _ = machine.build()
    assert reused(told) == 3 - runs, told.said
    assert any(line.startswith("not in the cache: ") and line.endswith(why) for line in told.said)


def test_an_object_with_other_bytes_is_refused_and_mended(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    whole = {key: stored.body for key, stored in store.objects.items() if "/objects/" in key}
    for key in whole:
        store.objects[key].body = b"\0" + whole[key][1:]
    told, digest = Machine(tmp_path / "one", store, 1_650_000_000).build()
    assert (reused(told), digest) == (1, first), "collectstatic leaves what the checkout has"
    assert any("the cache" in line for line in told.warned)
    assert reused(Machine(tmp_path / "two", store, 1_650_000_000).build()[0]) == 3
    for key in whole:
        store.objects[key].body = whole[key]


def test_a_cache_that_may_be_read_and_not_written_is_told_once_and_the_build_goes_on(
    store: StrictS3, first: str, tmp_path: Path
) -> None:
    store.faults = [Fault("PUT", "cache/", 403, "AccessDenied", times=99)]
    try:
        machine = Machine(tmp_path, store, 1_650_000_000, templates__page_html="<p>mine</p>")
        told, _ = machine.build()
    finally:
        store.faults = []
    assert reused(told) == 2
    assert len([line for line in told.warned if "it is read, and not written" in line]) == 1


def test_a_cache_that_cannot_be_reached_fails_no_build(first: str, tmp_path: Path) -> None:
    with StrictS3("another") as gone:
        told, digest = Machine(tmp_path, gone, 1_650_000_000).build()
    assert (reused(told), digest) == (0, first)
    assert told.warned


LARGE = "/* what is worth a copy */\n" * 100


def copies_of(store: StrictS3) -> tuple[str, Any]:
    """Return where the newest copies are told of, and the record."""
    key = min(key for key in store.objects if "/copies/" in key)
    return key, carried.read_copies(store.body(key))


def sealed_copies(machine: Machine) -> dict[str, str]:
    """Return the copies that the newest release names: path -> SHA-256."""
    seal = max(machine.code.parent.rglob("releases/*/release.json"))
    files = json.loads(seal.read_text())["files"]
    return {
        path: one["encodings"]["gz"]["sha256"] for path, one in files.items() if "encodings" in one
    }


def test_copies_travel_and_a_wrong_one_is_made_anew(store: StrictS3, tmp_path: Path) -> None:
    """Taken is the very copy that lies in the cache; one that holds other bytes, or of another file, is not."""
    age = 1_650_000_000
    one = Machine(tmp_path / "one", store, age, assets__site_css=LARGE)
    one.build()
    made = sealed_copies(one)
    key, record = copies_of(store)
    assert {found["gz"][0] for found in record["copies"].values()} == {*made.values()}

    sheet = (one.code / "assets" / "site.css").read_bytes()
    other, wrong = gzip.compress(sheet, 1, mtime=0), gzip.compress(sheet.upper(), mtime=0)
    before = store.body(key)
    for name, copy, is_taken in (("two", other, True), ("three", wrong, False)):
        digest = hashlib.sha256(copy).hexdigest()
        held = {"gz": (digest, len(copy))}
        copies = {**record["copies"], hashlib.sha256(sheet).hexdigest(): held}
        store.objects[key].body = carried.written({**record, "copies": copies})
        place = f"shop/cache/tiny/objects/{digest[:2]}/{digest}"
        store.objects[place] = replace(store.objects[key], body=copy)
        machine = Machine(tmp_path / name, store, age, assets__site_css=LARGE)
        told, _ = machine.build()
        assert reused(told) == 3
        assert (sealed_copies(machine)["site.css"] == digest) is is_taken
        if not is_taken:
            assert sealed_copies(machine) == made
    store.objects[key].body = before

    changed = Machine(tmp_path / "four", store, age, assets__site_css=LARGE.upper())
    changed.build()
    assert sealed_copies(changed)["site.css"] not in made.values()
