"""What a build leaves for other machines, as an object of a bucket: nothing of it is believed unseen."""

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from typing import Any

import pytest

from fab_static.plan import carried, inventory
from fab_static.plan.build_order import OwnPhase
from fab_static.plan.carried import Build, Guard, Listing

OBJECT = "a" * 64
RECORD = {"token": "0" * 16, "inputs": [], "inside": {}, "collected": {}}
PLACES = {"home": "/home/ada", "project": "/home/ada/code"}
GUARD = Guard(
    frozenset({"/home/ada/code/resource_versions.yml"}),
    {"vite": OwnPhase("vite", "npm run build", ("assets/dist",), ())},
)


def listing(*files: str, extra: tuple[str, ...] = (), **more: Any) -> Listing:
    found: Any = {
        "files": {path: [OBJECT, 3, "0123456"] for path in files},
        "extra": {path: [OBJECT, 3, "0123456"] for path in extra},
        **more,
    }
    return found  # type: ignore[no-any-return]


def build() -> Build:
    return {
        "format": carried.FORMAT,
        "given": "f" * 64,
        "steps": {
            "collectstatic": {
                "left": {"listing": "one", "base": None},
                "record": {**RECORD},
                "places": {},
            }
        },
        "listings": {"one": listing("js/a.js", extra=("{project}/resource_versions.yml",))},
        "packs": {"b" * 64: {"size": 3, "holds": [OBJECT]}},
    }


def test_what_is_written_is_read_again() -> None:
    assert carried.read(carried.written(build())) == build()


def _altered(change: Any) -> bytes:
    found: Any = copy.deepcopy(build())
    change(found)
    return zlib.compress(json.dumps(found).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        carried.written(build())[:-5],
        zlib.compress(b"[" * 100_000),
        _altered(lambda one: one.update(format=1)),
        _altered(lambda one: one.update(steps=[])),
        _altered(lambda one: one["steps"]["collectstatic"].pop("record")),
        _altered(lambda one: one["listings"].clear()),
        _altered(lambda one: one["packs"].update({"../x": {"size": 3, "holds": []}})),
        _altered(lambda one: one["packs"].update({"c" * 64: {"size": -1, "holds": []}})),
        _altered(lambda one: one["listings"]["one"]["files"].update({"a": ["x"]})),
        _altered(lambda one: one["steps"]["collectstatic"]["left"].update(listing=7)),
    ],
)
def test_what_is_not_as_we_write_it_is_none_of_ours(data: bytes) -> None:
    assert carried.read(data) is None


def test_what_a_phase_only_copied_is_not_sent() -> None:
    found: Any = build()
    assert carried.sent(found) == {OBJECT}
    found["steps"]["collectstatic"]["record"]["inputs"] = [["bytes", "{project}/a.js", OBJECT]]
    assert carried.sent(found) == set()


def test_what_one_phase_wrote_is_sent_though_another_reads_it() -> None:
    """A bundler's file, which collectstatic collects, is not in a fresh checkout."""
    found: Any = build()
    record = {**RECORD, "inputs": [["bytes", "{project}/dist/a.js", OBJECT]]}
    other = {"left": {"listing": "one", "base": "one"}, "record": record, "places": {}}
    found["steps"]["compress"] = other
    assert carried.sent(found) == {OBJECT}


def test_a_pack_is_found_by_what_it_holds() -> None:
    assert carried.packs_of([build()]) == {OBJECT: ("b" * 64, 3)}


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "MOST_BYTES", 1000)
    assert carried.read(zlib.compress(b" " * 100_000 + carried.written(build()))) is None


def test_a_listing_follows_the_places_to_another_machine() -> None:
    here = listing("js/a.js", extra=("/home/ada/code/resource_versions.yml", "/home/ada/x"))
    moved = carried.named(here, PLACES)
    assert [*moved["extra"]] == ["{project}/resource_versions.yml", "{home}/x"]
    there = carried.placed(moved, {"project": "/srv/shop", "home": "/root"})
    assert there
    assert [*there.listing["extra"]] == ["/srv/shop/resource_versions.yml", "/root/x"]
    assert json.loads(there.text) == there.listing
    assert there.name == hashlib.sha256(there.text).hexdigest()
    assert carried.placed(moved, {"project": "/srv/shop"}) is None


@pytest.mark.parametrize(
    ("name", "found", "is_wrote", "why"),
    [
        ("compress", listing("js/a.js"), False, None),
        ("compress", listing(extra=("/home/ada/code/resource_versions.yml",)), False, None),
        ("vite", listing("assets/dist/a.js", folders=["assets/dist"]), True, None),
        ("compress", listing("../a.js"), False, "a name in it leads outside"),
        ("compress", listing("/etc/cron.d/a"), False, "a name in it leads outside"),
        ("compress", listing("a//b"), False, "a name in it leads outside"),
        ("compress", listing("a\0b"), False, "a name in it leads outside"),
        ("compress", listing(extra=("/etc/passwd",)), False, "it would write /etc/passwd"),
        ("vite", listing("manage.py", folders=[]), True, "it would write manage.py"),
        ("vite", listing("assets/dist2/a", folders=[]), True, "it would write assets/dist2/a"),
        ("vite", listing(folders=["shop"]), True, "it would make another folder"),
        ("vite", listing(), True, "it says of another phase what it made"),
        ("other", listing(folders=[]), True, "it says of another phase what it made"),
    ],
)
def test_a_listing_that_leads_elsewhere_is_not_put_back(
    name: str, found: Listing, is_wrote: bool, why: str | None
) -> None:
    assert carried.fault(name, found, GUARD, is_wrote=is_wrote) == why


def test_an_object_is_named_by_its_sha256() -> None:
    found = listing("js/a.js")
    found["files"]["js/a.js"] = ("../../manifest.json", 3, "0123456")
    assert carried.fault("compress", found, GUARD, is_wrote=False)


def test_what_was_not_judged_before_is_judged() -> None:
    like = listing("js/a.js", "js/b.js")["files"]
    found = listing("js/a.js", "../a.js")
    why = carried.fault("compress", found, GUARD, is_wrote=False, like=like)
    assert why == "a name in it leads outside"
    found = listing("js/a.js")
    found["files"]["js/a.js"] = ("../../manifest.json", 3, "0123456")
    why = carried.fault("compress", found, GUARD, is_wrote=False, like=like)
    assert why == "it names objects in another way than ours"
    assert carried.fault("compress", listing("js/a.js"), GUARD, is_wrote=False, like=like) is None


def test_of_the_variables_of_this_machine_a_build_sees_those_that_every_machine_has() -> None:
    given = {"PATH": "/bin", "LC_ALL": "C", "GITHUB_SHA": "abc", "AWS_SECRET_ACCESS_KEY": "x"}
    assert carried.plain(given) == {"PATH": "/bin", "LC_ALL": "C"}


def test_the_newest_build_is_listed_first() -> None:
    names = [carried.name_of(b"", at) for at in (1_700_000_000, 1_800_000_000, 1_750_000_000)]
    assert sorted(names) == [names[1], names[2], names[0]]


def test_builds_of_other_phases_or_commands_are_kept_apart_and_the_interpreters_place_is_not() -> (
    None
):
    key = carried.key_of({"compress": ["/a/python", "manage.py compress", "1"]})
    assert key == carried.key_of({"compress": ["/b/python", "manage.py compress", "1"]})
    assert key != carried.key_of({"compress": ["/a/python", "manage.py compress", "2"]})
    assert key != carried.key_of({"vite": ["/a/python", "manage.py compress", "1"]})


def test_what_a_phase_has_written_is_what_it_did_not_find() -> None:
    base, left = listing("a"), listing("a", "b")
    left["files"]["b"] = ("b" * 64, 5, "0123456")
    of_phase: Any = {"base": "one", "listing": "two"}
    assert carried.wrote(of_phase, {"one": base, "two": left}) == {"b" * 64: 5}


def test_the_host_of_an_environment_with_a_cache_is_sent_what_fetches() -> None:
    text = """\
app: shop
deploy_to: /srv/shop/static
hosts: {here: {local: true, roles: [build, static, web]}}
project: {path: /srv/shop/code}
"""
    assert not inventory.parse(text, name="ci", source="ci.yml").has_bucket
    text += "cache: {s3: {bucket: shop-cache}}\n"
    assert inventory.parse(text, name="ci", source="ci.yml").has_bucket


@pytest.mark.parametrize(
    "copies",
    [
        {"a" * 64: {"gz": ("../../etc", 1)}},
        {"../x": {"gz": ("a" * 64, 1)}},
        {"a" * 64: {"exe": ("a" * 64, 1)}},
        {"a" * 64: {"gz": ("a" * 64,)}},
    ],
)
def test_copies_under_strange_names_are_none(copies: Any) -> None:
    record: Any = {"format": carried.FORMAT, "copies": copies, "packs": {}}
    assert carried.read_copies(carried.written(record)) is None
    assert carried.read_copies(carried.written({**record, "copies": {}}))


def test_what_is_made_before_a_phase_runs_is_no_reason_against_its_record() -> None:
    found = build()
    found["listings"]["two"] = listing("assets/dist/app.js", folders=["assets/dist"])
    left: Any = {"listing": None, "base": None, "wrote": "two"}
    found["steps"]["vite"] = {"left": left, "record": {**RECORD, "inputs": []}, "places": {}}  # type: ignore[typeddict-item]
    kept = [
        ["bytes", "{project}/assets/site.css", "c" * 64],
        ["bytes", "/usr/lib/libc.so", "d" * 64],
    ]
    made = [
        ["bytes", "{project}/assets/dist/app.js", OBJECT],
        ["names", "{project}/assets/dist", "e" * 16],
        ["names", "{project}/assets\0.pyc", "e" * 16],
        ["names", "{project}", "e" * 16],
    ]
    found["steps"]["collectstatic"]["record"]["inputs"] = [*made, *kept]
    record = carried.apart_from(found, "collectstatic", ["vite"], "staticfiles")
    assert record["inputs"] == kept
    alone = carried.apart_from(found, "collectstatic", [], "staticfiles")
    assert alone["inputs"] == [*made[:3], *kept]
