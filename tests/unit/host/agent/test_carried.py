"""Records that go to other machines, and those that come from there."""

import hashlib
import json
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from fab_static.host.agent import carried
from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.host.agent.recorded import order_to_record
from fab_static.host.project.reads import compared
from fab_static.host.project.reads.states import stamp_of, state_of
from tests.unit.host.agent.agents import (
    CHANGES,
    FakeAgent,
    change_after_read,
    record_of,
    wrongly_named,
)


@pytest.fixture(autouse=True)
def _begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is another run, in which nothing was found out yet."""
    monkeypatch.setattr(carried, "FILES", {})
    monkeypatch.setattr(carried, "KNOWN", {})


WHAT = ["/usr/bin/python3", "manage.py compress", "1"]
GIVEN = {"python": "/usr/bin/python3", "environment": {"SECRET": "hunter2"}}


def agent_at(folder, path="m.py"):
    """Return an agent of a machine with a checkout and one recorded run, and what it is asked with."""
    code = folder / "code"
    code.mkdir(parents=True)
    (code / path).write_text("main()")
    agent = FakeAgent(folder / "static")
    recorded = folder / "static" / "recorded"
    recorded.mkdir(parents=True, mode=0o700)
    row = ["bytes", f"{code}/m.py", "", stamp_of(f"{code}/m.py")]
    record = {"given": {}, "token": "0" * 16, "unseen": [], "inputs": [row]}
    record["inside"] = {"reads": [], "writes": [], "parts": {}}
    (recorded / "compress").write_text(json.dumps(record))
    return agent, {**GIVEN, "folder": str(code), "root": str(code / "staticfiles")}


def packed(agent, here, *wrote):
    body = json.dumps({"compress": [*map(sha256_of, wrote)], "absent": []}).encode()
    head, data = agent.ask("pack", body, **here)
    places = {name: head["places"][name] for name in head["named"]["compress"]}
    return head, {"given": head["given"], "places": places, "record": json.loads(data)["compress"]}


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def unpacked(agent, here, *candidates, keep=True):
    body = json.dumps(candidates).encode()
    return agent.do("unpack", body, name="compress", what=WHAT, keep=keep, **here)


def recalled(agent, here, name="compress", **shown):
    asked = {key: here[key] for key in ("folder", "environment")}
    return agent.do("recall", name=name, what=WHAT, left={}, shown=shown, **asked)


def test_a_run_goes_to_another_machine_and_is_recalled_there(tmp_path: Path) -> None:
    head, candidate = packed(*agent_at(tmp_path / "one"))
    assert head["why"] == {"absent": "it was not recorded"}
    assert "hunter2" not in json.dumps([head, candidate])
    other, here = agent_at(tmp_path / "two")
    assert unpacked(other, here, candidate)["chosen"] == 0
    assert recalled(other, here) == {"token": "0" * 16}
    assert recalled(other, here) == {"token": "0" * 16}, "by what was written, too"


def test_what_was_proved_is_not_compared_again_at_once_and_is_from_then_on(tmp_path: Path) -> None:
    _, candidate = packed(*agent_at(tmp_path / "one"))
    other, here = agent_at(tmp_path / "two")
    assert unpacked(other, here, candidate)["chosen"] == 0
    with patch.object(compared, "stamp_of", wraps=stamp_of) as compared_stamps:
        assert recalled(other, here)["token"]
        assert all(
            path != f"{here['folder']}/m.py" for (path,), _ in compared_stamps.call_args_list
        )
    (tmp_path / "two" / "code" / "m.py").write_text("evil()")
    assert recalled(other, here) == {"why": f"{here['folder']}/m.py has changed"}


def test_what_was_proved_is_compared_where_anything_was_asked_or_ran_since(tmp_path: Path) -> None:
    _, candidate = packed(*agent_at(tmp_path / "one"))
    other, here = agent_at(tmp_path / "two")
    file = tmp_path / "two" / "code" / "m.py"
    changed = {"why": f"{file} has changed"}

    def proved():
        file.write_text("main()")
        assert unpacked(other, here, candidate)["chosen"] == 0
        file.write_text("evil()")

    proved()
    assert recalled(other, here, "another") == {"why": "it was not recorded yet"}
    assert recalled(other, here) == changed
    proved()
    record = {"name": "another", "what": WHAT}
    order_to_record(other, {"record": record, "folder": None, "environment": {}}, "1" * 16)
    assert recalled(other, here) == changed
    proved()
    assert recalled(other, here, **{str(file): str(file)}) == {
        "why": f"{file} is another than {file} was"
    }


def test_the_first_candidate_that_fits_is_taken_and_the_first_that_does_not_is_told(
    tmp_path: Path,
) -> None:
    _, good = packed(*agent_at(tmp_path / "one"))
    other, here = agent_at(tmp_path / "two")
    bad = {**good, "record": {**good["record"], "inputs": [["bytes", "{project}/m.py", "x"]]}}
    assert unpacked(other, here, bad, good)["chosen"] == 1
    found = unpacked(other, here, bad)
    assert (found["chosen"], found["why"]) == (-1, f"{here['folder']}/m.py is another here")
    assert unpacked(other, here, {**good, "record": {"token": "../x"}})["chosen"] == -1


def test_who_only_looks_hears_the_same_and_nothing_is_written(tmp_path: Path) -> None:
    _, good = packed(*agent_at(tmp_path / "one"))
    other, here = agent_at(tmp_path / "two")
    bad = {**good, "record": {**good["record"], "inputs": [["bytes", "{project}/m.py", "x"]]}}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*")}
    looked = unpacked(other, here, bad, good, keep=False)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*")} == before
    assert looked == unpacked(other, here, bad, good)


def test_another_variable_or_interpreter_is_another_run(tmp_path: Path) -> None:
    _, good = packed(*agent_at(tmp_path / "one"))
    other, here = agent_at(tmp_path / "two")
    assert unpacked(other, {**here, "environment": {"SECRET": "x"}}, good)["chosen"] == -1
    assert unpacked(other, {**here, "python": "/bin/sh"}, good)["chosen"] == -1


def test_what_names_a_place_is_good_at_that_place_alone(tmp_path: Path) -> None:
    """A bundle with the checkout's path in it would lead nowhere elsewhere."""
    agent, here = agent_at(tmp_path / "one")
    text = f"see {here['folder']}/a.js".encode()
    agent.ask("put_object", text)
    _, bound = packed(agent, here, text)
    assert bound["places"] == {"project": here["folder"], "real_project": here["folder"]}
    assert unpacked(agent, here, bound)["chosen"] == 0
    other, there = agent_at(tmp_path / "two")
    found = unpacked(other, there, bound)
    assert found["chosen"] == -1
    assert found["why"] == f"what it wrote names {here['folder']}, a folder of that machine"


def test_a_file_that_was_only_copied_may_name_a_place(tmp_path: Path) -> None:
    """Many a script from elsewhere names /root, and is the same on all machines."""
    agent, here = agent_at(tmp_path / "one")
    text = f"see {here['folder']}/a.js".encode()
    (tmp_path / "one" / "code" / "m.py").write_bytes(text)
    read_anew(agent, here)
    agent.ask("put_object", text)
    _, candidate = packed(agent, here, text)
    assert candidate["places"] == {}


def read_anew(agent, here):
    """Have the recorded run read its file as it is now."""
    path = Path(agent.host.path("recorded", "compress"))
    record = json.loads(path.read_text())
    record["inputs"][0][3] = stamp_of(f"{here['folder']}/m.py")
    path.write_text(json.dumps(record))


def test_objects_are_taken_of_files_that_the_record_proves_and_of_packs(tmp_path: Path) -> None:
    _, candidate = packed(*agent_at(tmp_path / "one"))
    agent, here = agent_at(tmp_path / "two")
    assert unpacked(agent, here, candidate)["chosen"] == 0
    wanted = b"".join(map(record_of, (b"main()", b"bundled", b"elsewhere")))
    pack = record_of(b"bundled") + b"bundled"
    agent.ask("put_object", pack)
    _, absent = agent.ask("gather", wanted, packs=[sha256_of(pack)])
    assert absent == record_of(b"elsewhere")
    for data in (b"main()", b"bundled"):
        assert agent.ask("read_object", object=sha256_of(data))[1] == data
    assert agent.ask("missing", record_of(pack))[1] == record_of(pack), "it was opened"


def test_a_file_that_has_changed_since_is_not_taken(tmp_path: Path) -> None:
    _, candidate = packed(*agent_at(tmp_path / "one"))
    agent, here = agent_at(tmp_path / "two")
    assert unpacked(agent, here, candidate)["chosen"] == 0
    (tmp_path / "two" / "code" / "m.py").write_text("evil()")
    assert agent.ask("gather", record_of(b"main()"), packs=[])[1] == record_of(b"main()")
    (tmp_path / "two" / "code" / "m.py").unlink()
    assert agent.ask("gather", record_of(b"main()"), packs=[])[1] == record_of(b"main()")


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_taken_is_not_taken_under_a_wrong_name(
    tmp_path: Path, monkeypatch, change, number
) -> None:
    _, candidate = packed(*agent_at(tmp_path / "one"))
    agent, here = agent_at(tmp_path / "two")
    assert unpacked(agent, here, candidate)["chosen"] == 0
    path = tmp_path / "two" / "code" / "m.py"
    with monkeypatch.context() as patch:
        change_after_read(patch, number, lambda: change(path, b"main()"))
        absent = agent.ask("gather", record_of(b"main()"), packs=[])[1]
    assert wrongly_named(agent) == []
    assert agent.ask("missing", record_of(b"main()"))[1] == absent


def collecting_at(folder):
    """Return an agent of a machine whose recorded run has collected its file, and what it is asked with."""
    agent, here = agent_at(folder)
    path = Path(agent.host.path("recorded", "compress"))
    record = json.loads(path.read_text())
    record["collected"] = {"js/m.js": f"{here['folder']}/m.py"}
    path.write_text(json.dumps(record))
    return agent, here


def objects_of(agent):
    """Return what is kept as objects, whole or half written."""
    return [
        one.read_bytes() for one in Path(agent.host.path("objects")).rglob("*") if one.is_file()
    ]


def test_a_collected_file_is_kept_as_it_is_proved_and_read_no_second_time(tmp_path: Path) -> None:
    _, candidate = packed(*collecting_at(tmp_path / "one"))
    agent, here = agent_at(tmp_path / "two")
    looked = unpacked(agent, here, candidate, keep=False)
    assert objects_of(agent) == []
    assert unpacked(agent, here, candidate) == looked
    assert objects_of(agent) == [b"main()"]
    (tmp_path / "two" / "code" / "m.py").unlink()
    assert agent.ask("gather", record_of(b"main()"), packs=[])[1] == b""
    assert agent.ask("read_object", object=sha256_of(b"main()"))[1] == b"main()"


def test_a_collected_file_with_other_bytes_is_not_kept(tmp_path: Path) -> None:
    """Whoever writes to the bucket may say of any file that it was collected; objects can be read by all."""
    _, candidate = packed(*collecting_at(tmp_path / "one"))
    agent, here = agent_at(tmp_path / "two")
    file = tmp_path / "two" / "code" / "m.py"
    file.write_text("evil()")
    assert unpacked(agent, here, candidate)["why"] == f"{file} is another here"
    assert objects_of(agent) == []


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("change", CHANGES)
def test_a_collected_file_that_changes_while_it_is_proved_is_kept_under_its_own_name_alone(
    tmp_path: Path, monkeypatch, change, number
) -> None:
    _, candidate = packed(*collecting_at(tmp_path / "one"))
    agent, here = agent_at(tmp_path / "two")
    path = tmp_path / "two" / "code" / "m.py"
    with monkeypatch.context() as patch:
        change_after_read(patch, number, lambda: change(path, b"main()"))
        found = unpacked(agent, here, candidate)
    assert wrongly_named(agent) == []
    assert objects_of(agent) == ([b"main()"] if found["chosen"] == 0 else [])


def test_a_large_file_and_what_is_not_a_file_are_proved_and_not_kept(tmp_path: Path) -> None:
    """A large one is hashed piece by piece, and copied once it is wanted; a pipe would wait for a writer."""
    agent, here = agent_at(tmp_path)
    code, large = tmp_path / "code", b"x" * PIECE
    os.mkfifo(code / "pipe")
    (code / "folder").mkdir()
    (code / "large").write_bytes(large)
    _, candidate = packed(agent, here)
    names = ("pipe", "folder", "absent", "large")
    rows = [["bytes", f"{{project}}/{name}", state_of("bytes", str(code / name))] for name in names]
    collected = {name: f"{{project}}/{name}" for name in names}
    candidate["record"] = {**candidate["record"], "inputs": rows, "collected": collected}
    assert unpacked(agent, here, candidate)["chosen"] == 0
    assert objects_of(agent) == []
    assert agent.ask("gather", record_of(large), packs=[])[1] == b""
    assert objects_of(agent) == [large]


def test_a_pack_that_says_that_it_holds_more_than_it_does_takes_no_memory_for_that(
    tmp_path: Path,
) -> None:
    agent, _ = agent_at(tmp_path)
    pack = RECORD.pack(bytes.fromhex(sha256_of(b"small")), 1 << 62) + b"small"
    agent.ask("put_object", pack)
    wanted = record_of(b"small") + record_of(b"other")
    assert agent.ask("gather", wanted, packs=[sha256_of(pack)])[1] == record_of(b"other")


def test_a_pack_keeps_what_it_holds_under_its_own_name_alone(tmp_path: Path) -> None:
    """Whoever writes to the bucket may say of bytes what they like."""
    agent, _ = agent_at(tmp_path)
    pack = record_of(b"main()") + b"evil()" + record_of(b"cut")[:10]
    agent.ask("put_object", pack)
    wanted = record_of(b"main()")
    assert agent.ask("gather", wanted, packs=[sha256_of(pack)])[1] == wanted
    assert agent.ask("read_object", object=sha256_of(b"evil()"))[1] == b"evil()"


def test_a_venv_is_a_place_and_the_folder_of_a_systems_python_is_none(tmp_path: Path) -> None:
    agent, here = agent_at(tmp_path)
    assert "venv" not in carried.places_of(agent.host, here)
    (tmp_path / "pyvenv.cfg").write_text("")
    places = carried.places_of(agent.host, {**here, "python": f"{tmp_path}/bin/python"})
    assert places["venv"] == str(tmp_path)


PROBE = ["/usr/bin/python3", "the probe", "1"]


def answering_at(folder):
    """Return an agent of a machine whose project has answered a question, and what it is asked with."""
    agent, here = agent_at(folder)
    code = folder / "code"
    (code / "app" / "templates").mkdir(parents=True)
    (code / "app" / "templates" / "page.html").write_text("{% compress js %}")
    (code / "app" / "latest").symlink_to("templates")
    looks = [
        ("bytes", code / "app/templates/page.html"),
        ("bytes", code / "app/local.py"),
        ("kind", code / "app/media"),
        ("link", code / "app/latest"),
        ("times", code / "app/templates/page.html"),
        ("names", code / "app/templates"),
        ("modules", code / "app"),
        ("packages", code),
        ("others", f"{code}/app\0staticfiles"),
        ("matches", f"{code}/app/**/*.less"),
    ]
    inputs = [[aspect, str(path), state_of(aspect, str(path)), None] for aspect, path in looks]
    said = {"ok": True, "static_root": f"{code}/staticfiles"}
    record = {"given": {}, "token": "1" * 16, "unseen": [], "inputs": inputs}
    record["inside"] = {"reads": [], "writes": [], "parts": {}}
    record["answer"] = json.dumps(said)
    (folder / "static" / "recorded" / NAME).write_text(json.dumps(record))
    return agent, here


NAME = "settings-" + "0" * 16


def answer_of(agent, here):
    """Return the record of an answer, as another machine is asked to take it."""
    head, data = agent.ask("pack", json.dumps({NAME: []}).encode(), **here)
    assert head["why"] == {}
    record = json.loads(data)[NAME]
    return {"given": head["given"], "places": {}, "there": head["places"], "record": record}


def taken(agent, here, candidate):
    """Have a machine take the answer; return it as it is recalled there, or why not."""
    body = json.dumps([candidate]).encode()
    told = agent.do("unpack", body, name=NAME, what=PROBE, keep=True, **here)
    asked = {key: here[key] for key in ("folder", "environment")}
    recalled, said = agent.ask("recall", name=NAME, what=PROBE, left={}, shown={}, **asked)
    return json.loads(said) if "token" in recalled else told["why"]


def test_an_answer_is_given_on_another_machine_with_its_own_places(tmp_path: Path) -> None:
    candidate = answer_of(*answering_at(tmp_path / "one"))
    other, here = empty_at(tmp_path / "two")
    assert taken(other, here, candidate) == {
        "ok": True,
        "static_root": f"{here['folder']}/staticfiles",
    }


def empty_at(folder):
    """Return a machine with the same checkout, whose project was asked nothing."""
    agent, here = answering_at(folder)
    (folder / "static" / "recorded" / NAME).unlink()
    return agent, here


def changes(code):
    """Return what each kind of input may come to be: name -> what changes it."""
    app = code / "app"
    return {
        "the bytes of a file": lambda: (app / "templates/page.html").write_text("other"),
        "a file is gone": lambda: (app / "templates/page.html").unlink(),
        "a file has come": lambda: (app / "local.py").write_text(""),
        "a folder has come": lambda: (app / "media").mkdir(),
        "a link leads elsewhere": lambda: relinked(app / "latest"),
        "a link is a folder": lambda: [(app / "latest").unlink(), (app / "latest").mkdir()],
        "a name in a folder": lambda: (app / "templates/new.html").write_text(""),
        "a module": lambda: (app / "signals.py").write_text(""),
        "a package": lambda: (code / "extra.dist-info").mkdir(),
        "a name beside what builds make": lambda: (app / "notes.txt").write_text(""),
        "a file that a glob matches": lambda: (app / "media.less").write_text(""),
    }


def relinked(link):
    link.unlink()
    link.symlink_to(".")


@pytest.mark.parametrize("what", changes(Path()))
def test_no_answer_is_taken_where_anything_that_it_read_is_another(
    tmp_path: Path, what: str
) -> None:
    candidate = answer_of(*answering_at(tmp_path / "one"))
    other, here = empty_at(tmp_path / "two")
    changes(tmp_path / "two" / "code")[what]()
    assert isinstance(taken(other, here, candidate), str)


@pytest.mark.parametrize(
    "changed", [{"environment": {"SECRET": "x"}}, {"environment": {}}, {"python": "/bin/sh"}]
)
def test_no_answer_is_taken_where_another_thing_is_given_to_the_project(
    tmp_path: Path, changed
) -> None:
    candidate = answer_of(*answering_at(tmp_path / "one"))
    other, here = empty_at(tmp_path / "two")
    assert isinstance(taken(other, {**here, **changed}, candidate), str)


def test_an_answer_of_a_folder_beside_the_checkout_is_not_taken(tmp_path: Path) -> None:
    """A build would empty it."""
    one, here = answering_at(tmp_path / "one")
    path = tmp_path / "one" / "static" / "recorded" / NAME
    record = json.loads(path.read_text())
    record["answer"] = json.dumps({"ok": True, "static_root": f"{tmp_path}/one/collected"})
    path.write_text(json.dumps(record))
    candidate = answer_of(one, here)
    other, there = empty_at(tmp_path / "two")
    assert taken(other, there, candidate) == (
        "the answer names one, which is in a path of that machine"
    )
    assert taken(one, here, candidate)["static_root"] == f"{tmp_path}/one/collected"
