"""A record that another machine can check."""

import json
import os
import pwd
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from fab_static.host.project.reads import compared
from fab_static.host.project.reads.portable import (
    Disk,
    Places,
    UnfitError,
    fault,
    named_by,
    packed,
    refuse_strange,
)
from fab_static.host.project.reads.states import stamp_of, state_of

NOTHING = {"reads": [], "writes": [], "parts": {}}


def machine(folder, age):
    """Make a checkout with files of an age; return it, and its places."""
    code = folder / "code"
    (code / "src").mkdir(parents=True)
    (folder / "venv").mkdir()
    files = {
        code / "manage.py": "main()",
        code / "src" / "a.txt": "a",
        folder / "venv" / "pyvenv.cfg": f"command = python -m venv {folder}/venv\n",
    }
    for path, text in files.items():
        path.write_text(text)
        os.utime(path, (age, age))
    (code / "latest").symlink_to(code / "src")
    return code, Places({"project": str(code), "venv": str(folder / "venv")})


def record_of(code, *rows):
    """Return a record of these looks, with the states of now."""
    inputs = [[aspect, str(path), state_of(aspect, str(path)), None] for aspect, path in rows]
    return {
        "token": "0" * 16,
        "inputs": inputs,
        "unseen": [],
        "inside": {**NOTHING, "writes": [f"{code}/staticfiles/a.js"]},
        "collected": {"a.txt": f"{code}/src/a.txt"},
    }


def disk(places, known=None):
    return Disk(places, int((time.time() + 60) * 1e9), {} if known is None else known, None)


def looks(code):
    return [
        ("bytes", code / "manage.py"),
        ("bytes", code / "absent.py"),
        ("times", code / "src" / "a.txt"),
        ("times", code / "src"),
        ("times", code.parent),
        ("names", code / "src"),
        ("others", f"{code}\0staticfiles"),
        ("link", code / "latest"),
        ("kind", code / "src"),
        ("matches", f"{code}/src/**:{code}/dist"),
        ("bytes", code.parent / "venv" / "pyvenv.cfg"),
    ]


def moved(record, places):
    """Return a record as it comes out of a bucket."""
    found = json.loads(json.dumps(packed(record, places)))
    assert fault(found) is None
    return found


def test_a_record_of_another_place_and_another_time_is_one_of_this_machine(tmp_path: Path) -> None:
    one, places = machine(tmp_path / "one", 1_700_000_000)
    found = moved(record_of(one, *looks(one)), places)
    assert str(tmp_path) not in json.dumps(found)
    other, there = machine(tmp_path / "a" / "longer", 1_600_000_000)
    record = disk(there).unpacked(found)
    assert compared.first_change(record["inputs"]) is None
    assert record["inside"]["writes"] == [f"{other}/staticfiles/a.js"]
    assert record["collected"] == {"a.txt": f"{other}/src/a.txt"}
    assert [row[3] for row in record["inputs"] if row[1] == f"{other}/manage.py"] == [
        stamp_of(f"{other}/manage.py")
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [("manage.py", "other()"), ("absent.py", ""), ("src/a.txt", "b"), ("src/new.txt", "")],
)
def test_what_is_another_is_named(tmp_path: Path, name: str, text: str) -> None:
    one, places = machine(tmp_path / "one", 1)
    found = moved(record_of(one, *looks(one)), places)
    other, there = machine(tmp_path / "two", 1)
    (other / name).write_text(text)
    with pytest.raises(UnfitError):
        disk(there).unpacked(found)


def test_a_file_that_was_known_by_its_time_alone_goes_with_its_bytes(tmp_path: Path) -> None:
    one, places = machine(tmp_path / "one", 1)
    path = str(one / "manage.py")
    record = record_of(one)
    record["inputs"] = [["bytes", path, "", stamp_of(path)]]
    assert moved(record, places)["inputs"] == [
        ["bytes", "{project}/manage.py", state_of("bytes", path)]
    ]
    Path(path).write_text("changed since")
    with pytest.raises(UnfitError, match="has changed"):
        packed(record, places)


def test_a_run_that_was_not_seen_whole_stays_where_it_is(tmp_path: Path) -> None:
    one, places = machine(tmp_path / "one", 1)
    with pytest.raises(UnfitError, match="asked the network"):
        packed({**record_of(one), "unseen": ["it asked the network"]}, places)


def test_a_place_that_is_not_here_fits_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match=r"there is no \{venv\} here"):
        Places({"project": "/srv/shop"}).placed("{venv}/bin/python")
    with pytest.raises(UnfitError):
        Places({}).named("{venv}/bin/python")


def test_a_place_is_not_one_that_begins_like_it() -> None:
    places = Places({"project": "/srv/shop"})
    assert places.named("/srv/shop2/a") == "/srv/shop2/a"
    for data in (b"see /srv/shop/a.css", b"/srv/shop"):
        assert places.named_by(data) == {"project"}
    assert not places.named_by(b"/srv/shop2 /srv/shopping")


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"token": "../../x", "inputs": [], "inside": NOTHING, "collected": {}},
        {"token": "0" * 16, "inputs": [["bytes", "a"]], "inside": NOTHING, "collected": {}},
        {"token": "0" * 16, "inputs": [["rm", "a", "b"]], "inside": NOTHING, "collected": {}},
        {"token": "0" * 16, "inputs": [["bytes", 1, "b"]], "inside": NOTHING, "collected": {}},
        {"token": "0" * 16, "inputs": [], "inside": {"reads": [1]}, "collected": {}},
        {"token": "0" * 16, "inputs": [], "inside": NOTHING, "collected": []},
        {"token": "0" * 16, "inputs": [], "inside": NOTHING, "collected": {"a": 1}},
    ],
)
def test_a_record_of_another_shape_is_refused(record: object) -> None:
    assert fault(record)


def answering(code, said, *rows):
    return {**record_of(code, *rows), "answer": json.dumps(said)}


def test_an_answer_names_the_places_of_the_machine_where_it_is_given(tmp_path: Path) -> None:
    one, places = machine(tmp_path / "one", 1)
    said = {"root": f"{one}/static", f"apps of {one}": [f"{one}", 1, None, "{name}/a"]}
    found = moved(answering(one, said), places)
    assert str(tmp_path) not in json.dumps(found)
    other, there = machine(tmp_path / "a" / "longer", 1)
    told = json.loads(disk(there).unpacked(found)["answer"])
    assert told == {
        "root": f"{other}/static",
        f"apps of {other}": [f"{other}", 1, None, "{name}/a"],
    }


def test_an_answer_that_names_a_place_in_our_words_stays_where_it_is(tmp_path: Path) -> None:
    one, places = machine(tmp_path / "one", 1)
    with pytest.raises(UnfitError, match="a name of ours"):
        packed(answering(one, {"url": "/static/{home}/"}), places)


@pytest.mark.parametrize("whose", ["machine", "account"])
def test_an_answer_that_goes_by_the_name_of_the_machine_stays_there(
    tmp_path: Path, whose: str
) -> None:
    one, places = machine(tmp_path / "one", 1)
    record = {**answering(one, {"static_url": "/of-build1/"}), f"knows_{whose}": True}
    with pytest.raises(UnfitError, match=f"it asked for the name of this {whose}"):
        packed(record, places)
    packed({**record, "answer": None}, places)


def named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Give this machine a name."""
    found = SimpleNamespace(nodename=name)
    monkeypatch.setattr("fab_static.host.project.reads.portable.os.uname", lambda: found)


@pytest.mark.parametrize(
    ("name", "made", "knows", "is_refused"),
    [
        ("build1.example.com", b"/* by build1 */", False, True),
        ("build1.example.com", b"build1.example.com", False, True),
        ("build1", b"rebuild1 build12", True, False),
        ("shop", b"/static/shop/", True, True),
        ("shop", b"/static/shop/", False, False),  # nobody asked: it is a word of the project's
        ("h1", b"h1{}", False, False),
        ("localhost", b"localhost", True, False),
    ],
)
def test_what_holds_the_name_of_the_machine_stays_there(
    monkeypatch: pytest.MonkeyPatch, name: str, made: bytes, knows: bool, is_refused: bool
) -> None:
    """However the project, or a program of its, came by it."""
    named(monkeypatch, name)
    record = {"knows_machine": knows, "answer": None}
    for one, files in ((record, [b"a", made]), ({**record, "answer": made.decode()}, [])):
        if is_refused:
            with pytest.raises(UnfitError, match="what it made holds the name of this machine"):
                named_by(one, files, Places({}))
        else:
            assert named_by(one, files, Places({})) == set()


def test_what_holds_the_name_of_the_account_stays_there_where_it_was_asked_for() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    assert named_by({}, [name.encode()], Places({})) == set()
    with pytest.raises(UnfitError, match=f"the name of this account, {name}"):
        named_by({"knows_account": True}, [f"by {name}".encode()], Places({}))


def test_a_place_that_other_paths_end_with_is_not_taken_for_it() -> None:
    places = Places({"home": "/root"})
    for text in ("/srv/root/a", "/rooted", "x/root", "/root.d"):
        assert places.named_within(text) == text
    assert places.named_within("see /root, or /root/a") == "see {home}, or {home}/a"


def test_an_answer_with_a_place_that_is_not_here_fits_nothing(tmp_path: Path) -> None:
    one, places = machine(tmp_path / "one", 1)
    found = moved(answering(one, {"lib": f"{tmp_path}/one/venv/lib"}), places)
    with pytest.raises(UnfitError, match=r"there is no \{venv\} here"):
        disk(Places({"project": str(one)})).unpacked(found)


def strange(record, there, here):
    """Return the name for which an answer is refused."""
    try:
        refuse_strange({"record": record, "there": there}, here)
    except UnfitError as error:
        return str(error).split(",")[0].removeprefix("the answer names ")
    return None


THERE, HERE = {"project": "/builds/kx7/shop"}, {"project": "/srv/deploy/shop"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"root": "{project}/static"}, None),
        ({"name": "shop"}, None),
        ({"root": "/builds/kx7/static"}, "builds"),
        ({"url": "/static-kx7/"}, "kx7"),
        ({"url": ["a", {"b": "of_kx7_"}]}, "kx7"),
        ({"kx7": 1}, "kx7"),
        ({"name": "akx7"}, None),
    ],
)
def test_an_answer_that_is_made_of_where_the_checkout_lies_is_found_out(said, name) -> None:
    """A STATIC_ROOT beside the checkout would lead to another machine's folder."""
    record = {"answer": json.dumps(said)}
    assert strange(record, THERE, HERE) == name
    assert strange(record, THERE, THERE) is None


@pytest.mark.parametrize(
    ("there", "here", "name"),
    [
        ("/a/b/shop", "/b/a/shop", "a"),  # the same names, in another order
        ("/ci/b/shop", "/b/shop", "ci"),
        ("/b/shop", "/ci/b/shop", "b"),
        ("/b/shop", "", "b"),
    ],
)
def test_names_of_a_path_are_compared_by_where_they_stand(there, here, name) -> None:
    record = {"answer": json.dumps({"is": name})}
    places = {"project": here} if here else {}
    assert strange(record, {"project": there}, places) == name


@pytest.mark.parametrize("answer", [1, "", "[]", "{", "[" * 100_000])
def test_an_answer_that_cannot_be_read_is_told(tmp_path: Path, answer: object) -> None:
    one, places = machine(tmp_path, 1)
    assert (
        fault({**packed(record_of(one), places), "answer": answer}) == "its answer cannot be read"
    )
