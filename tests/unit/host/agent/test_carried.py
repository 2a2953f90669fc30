"""Records that go to other machines, and those that come from there."""

import json
from pathlib import Path

from fab_static.host.agent import carried
from fab_static.host.project.reads.states import stamp_of
from tests.unit.host.agent.agents import FakeAgent, record_of

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


def packed(agent, here, body=b""):
    head, data = agent.ask("pack", body, names=["compress", "absent"], **here)
    return head, {"given": head["given"], "places": None, "record": json.loads(data)["compress"]}


def unpacked(agent, here, *candidates):
    what = ["/usr/bin/python3", "manage.py compress", "1"]
    return agent.do("unpack", json.dumps(candidates).encode(), name="compress", what=what, **here)


def test_a_run_goes_to_another_machine_and_is_recalled_there(tmp_path: Path) -> None:
    head, candidate = packed(*agent_at(tmp_path / "one"))
    assert head["why"] == {"absent": "it was not recorded"}
    assert "hunter2" not in json.dumps([head, candidate])
    other, here = agent_at(tmp_path / "two")
    assert unpacked(other, here, candidate)["chosen"] == 0
    asked = {key: here[key] for key in ("folder", "environment")}
    what = ["/usr/bin/python3", "manage.py compress", "1"]
    recalled, _ = other.ask("recall", name="compress", what=what, left={}, shown={}, **asked)
    assert recalled == {"token": "0" * 16}


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
    head, candidate = packed(agent, here, record_of(text))
    assert head["names_places"]
    bound = {**candidate, "places": head["places"]}
    assert unpacked(agent, here, bound)["chosen"] == 0
    other, there = agent_at(tmp_path / "two")
    found = unpacked(other, there, bound)
    assert found["chosen"] == -1
    assert "names folders of the machine" in found["why"]


def test_a_venv_is_a_place_and_the_folder_of_a_systems_python_is_none(tmp_path: Path) -> None:
    agent, here = agent_at(tmp_path)
    assert "venv" not in carried.places_of(agent.host, here)
    (tmp_path / "pyvenv.cfg").write_text("")
    places = carried.places_of(agent.host, {**here, "python": f"{tmp_path}/bin/python"})
    assert places["venv"] == str(tmp_path)
