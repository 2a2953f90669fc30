"""What the command line has chosen: an environment, and the session that chained tasks share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static import api
from fab_static.errors import InventoryError
from fab_static.tasks import chosen


class Shown:
    """A terminal that takes down what it is to hide."""

    def __init__(self) -> None:
        self.hidden: list[Any] = []
        self.keep_secret = self.hidden.append


class Opened:
    """A session with this environment."""

    def __init__(self, environment: Any, **_: Any) -> None:
        self.environment = environment
        self.hidden = {"PASSWORD": "tiger"}
        self.forgotten = 0
        self.show: Any = None

    def close(self) -> None:
        pass

    def forget_last(self) -> None:
        self.forgotten += 1


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What was chosen; each test begins with nothing."""
    known: dict[str, Any] = {"inventories": tmp_path}
    monkeypatch.setattr(chosen, "CHOSEN", known)
    monkeypatch.setattr(chosen, "ENVIRONMENTS", [])
    monkeypatch.setattr(chosen, "TASK_WORDS", ["deploy", "status"])
    monkeypatch.setattr(chosen.atexit, "register", lambda _: None)
    monkeypatch.setattr(chosen, "read_environment", lambda name, _: SimpleNamespace(name=name))
    for name in ("with_given", "with_passphrase"):
        monkeypatch.setattr(chosen, name, lambda environment, *_: environment)
    monkeypatch.setattr(api, "Session", Opened)
    return known


def opened(show: Shown | None = None) -> Any:
    return chosen.chosen_session(show or Shown())  # type: ignore[arg-type]


def test_chained_tasks_share_a_session_and_each_is_shown_by_its_own_terminal(
    choose: dict[str, Any],
) -> None:
    choose["environment"] = "staging"
    first, second = Shown(), Shown()
    session = opened(first)
    assert opened(second) is session
    assert session.show is second
    assert session.forgotten == 2  # how the task before ended is none of this one's
    assert second.hidden == [{"PASSWORD": "tiger"}]


def test_another_environment_has_a_session_of_its_own(choose: dict[str, Any]) -> None:
    choose["environment"] = "staging"
    session = opened()
    choose["environment"] = "production"
    assert opened() is not session


@pytest.mark.parametrize(
    ("files", "what", "mend"),
    [
        ([], "there are: none yet", "fab <environment> deploy"),
        (["qa"], "there are: qa", "fab <environment> deploy"),
        (
            ["status"],
            'there are: none yet; "status" is a task, and cannot be an environment',
            "fab <environment> deploy; rename {}/status.yml",
        ),
    ],
)
def test_a_task_without_an_environment_says_which_there_are(
    choose: dict[str, Any], tmp_path: Path, files: list[str], what: str, mend: str
) -> None:
    for name in files:
        (tmp_path / f"{name}.yml").write_text("")
    with pytest.raises(InventoryError) as caught:
        opened()
    assert caught.value.what == f"no environment was named; {what}"
    assert caught.value.mend == f"put one before the task: {mend.format(tmp_path)}"


def test_an_environment_is_known_by_both_spellings(
    choose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "ENVIRONMENTS", ["eu_west"])
    assert {*chosen.environment_words()} == {"eu_west", "eu-west"}
    monkeypatch.setattr("sys.argv", ["fab", "static.eu-west", "static.deploy"])
    assert chosen.spell()("fab eu_west deploy") == "fab static.eu_west static.deploy"


def test_an_environment_is_offered_once_and_never_as_the_name_of_a_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chosen, "ENVIRONMENTS", ["deploy", "my-env", "my_env", "staging"])
    assert "deploy" in chosen.TASK_WORDS
    assert chosen.usable_words() == ["my-env", "staging"]
