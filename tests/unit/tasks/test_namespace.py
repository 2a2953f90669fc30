"""What a fabfile imports: all tasks, and one for each environment beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from fab_static.tasks import TASKS, chosen, namespace
from fab_static.tasks.first_line import calling_folder
from fab_static.tasks.namespace import namespace_beside


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with inventories; what is chosen there is forgotten after the test."""
    for name, empty in (("CHOSEN", {}), ("ENVIRONMENTS", [])):
        for module in (chosen, namespace):
            monkeypatch.setattr(module, name, empty)
    (tmp_path / "inventories").mkdir()
    return tmp_path


def written(folder: Path, *names: str) -> None:
    for name in names:
        (folder / "inventories" / f"{name}.yml").write_text("")


def test_each_inventory_is_a_task_beside_all_others(folder: Path) -> None:
    written(folder, "staging", "eu_west", "example")
    names = {*namespace_beside(folder).task_names}
    ours = {task.name.replace("_", "-") for task in TASKS}
    assert names == ours | {"staging", "eu-west"}
    assert chosen.ENVIRONMENTS == ["eu_west", "staging"]


def test_an_inventory_named_as_a_task_takes_no_task_away(folder: Path) -> None:
    written(folder, "status")
    found = namespace_beside(folder)
    (status,) = [task for task in TASKS if task.name == "status"]
    assert found["status"].body is status.body


def run(collection: Any, name: str) -> None:
    collection[name](Context())


def test_the_task_of_an_environment_chooses_it_for_those_after_it(folder: Path) -> None:
    written(folder, "staging", "eu_west")
    run(namespace_beside(folder), "eu-west")
    assert chosen.CHOSEN["environment"] == "eu_west"
    assert chosen.CHOSEN["inventories"] == folder / "inventories"


def test_two_inventories_of_one_word_are_refused_when_either_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, "eu_west", "eu-west", "staging")
    found = namespace_beside(folder)
    run(found, "staging")
    with pytest.raises(Exit) as caught:
        run(found, "eu-west")
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "eu-west.yml and eu_west.yml are one word on the command line: eu-west" in told
    assert chosen.CHOSEN["environment"] == "staging"


def test_the_list_of_tasks_names_the_files_that_are_there(folder: Path) -> None:
    """With `my-env.yml` and `my_env.yml` it showed one, and `UP.yaml` as `UP.yml`."""
    written(folder, "eu_west", "eu-west", "staging")
    (folder / "inventories" / "UP.yaml").write_text("")
    found = namespace_beside(folder)
    assert [found[name].__doc__ for name in ("staging", "UP", "eu-west")] == [
        "Environment · inventories/staging.yml",
        "Environment · inventories/UP.yaml",
        "Environment · inventories/eu-west.yml and eu_west.yml: rename one of them",
    ]


@pytest.mark.parametrize(
    ("fabfile", "inventories", "found"),
    [
        ("fabfile.py", "inventories", "."),
        ("fabfile/__init__.py", "inventories", "."),  # a package: they stand beside it
        ("fabfile/__init__.py", "fabfile/inventories", "fabfile"),
        ("fabfile/__init__.py", None, "fabfile"),
    ],
)
def test_inventories_are_looked_for_beside_the_fabfile_that_imports_us(
    tmp_path: Path, fabfile: str, inventories: str | None, found: str
) -> None:
    file = tmp_path / fabfile
    file.parent.mkdir(exist_ok=True)
    if inventories:
        (tmp_path / inventories).mkdir()
    known: dict[str, Any] = {"__file__": str(file), "__name__": "fabfile", "ask": calling_folder}
    exec(compile("folder = ask()", str(file), "exec"), known)
    assert known["folder"] == (tmp_path / found).resolve()
