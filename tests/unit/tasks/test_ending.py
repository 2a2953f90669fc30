"""How a task ends: words on standard error, and the exit code that says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke.exceptions import Exit

from fab_static import interruption
from fab_static.errors import CdnError, InventoryError, ReleaseError
from fab_static.plan.ending import Ending
from fab_static.tasks import ending
from fab_static.tasks.ending import task_session, tell_live
from fab_static.timeline import Timeline
from tests.clock import Clock

ENDING = Ending(["edge1"], {"edge1": "R1"}, set(), "fab staging deploy")
LIVE = "  live: R1 on every host\n  next: fab staging deploy\n"


class Session:
    """A session whose run ended so."""

    def __init__(self) -> None:
        self.code = 1
        self.said: list[str] = []
        self.show = SimpleNamespace(say=self.said.append)
        self.environment = SimpleNamespace(name="staging")

    def exit_code(self, _: object) -> int:
        return self.code

    def ending(self) -> Any:
        return ENDING


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session()
    monkeypatch.setattr(ending, "chosen_session", lambda _: made)
    monkeypatch.setattr(interruption, "heed", lambda: None)
    return made


def fails(error: BaseException) -> int:
    with pytest.raises(Exit) as caught, task_session():
        raise error
    return int(caught.value.code)


def test_a_failure_says_what_where_how_to_mend_it_and_what_is_live(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    session.code = 5
    assert fails(ReleaseError("it broke", where="edge1", mend="mend it")) == 5
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: it broke\n  where: edge1\n  mend:  mend it\n" + LIVE)


def test_bad_input_says_nothing_of_what_is_live(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails(InventoryError("no such key", where="x", mend="y")) == 2
    assert "live:" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "interrupted; what was live before is live\n"),
        (4, "interrupted after the release went live\n"),
    ],
)
def test_an_interruption_says_on_which_side_of_the_flip_it_came(
    session: Session, capsys: pytest.CaptureFixture[str], code: int, words: str
) -> None:
    session.code = code
    assert fails(KeyboardInterrupt()) == code
    assert capsys.readouterr().err == words + LIVE


def test_a_bug_keeps_its_traceback_and_says_what_is_live(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails(ZeroDivisionError("of ours")) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("ZeroDivisionError: of ours\n" + LIVE)


def test_an_ending_that_cannot_be_told_hides_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "ending", lambda: {}["bug"])
    assert fails(ReleaseError("it broke", where="edge1", mend="mend it")) == 1
    assert capsys.readouterr().err == "error: it broke\n  where: edge1\n  mend:  mend it\n"


def test_a_task_that_ends_with_a_code_of_its_own_keeps_it(session: Session) -> None:
    assert fails(Exit(code=7)) == 7


def test_a_run_that_went_live_says_where_its_changes_stand(session: Session) -> None:
    clock = Clock()
    done: Any = SimpleNamespace(
        after_flip=[],
        is_flipped=True,
        release=SimpleNamespace(id="R2"),
        rolled_back=None,
        timeline=Timeline(clock),
        was_live="R1",
    )
    done.timeline.last_time = 14
    clock.now += 17
    tell_live(session, done)  # type: ignore[arg-type]
    assert session.said == [
        "R2 is live on staging after 0:17 (last time 0:14); what changed: fab staging report --open"
    ]
    done.is_flipped = False  # a rehearsal
    tell_live(session, done)  # type: ignore[arg-type]
    assert len(session.said) == 1
    done.was_live = "R2"
    tell_live(session, done)  # type: ignore[arg-type]
    assert session.said[1:] == ["R2 is live on staging, as before"]


def test_what_failed_after_the_flip_is_told_and_ends_with_its_own_code(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    session.code = 4
    failed = CdnError("denied", where="E1", mend="allow it")
    done: Any = SimpleNamespace(after_flip=[failed], release=SimpleNamespace(id="R2"))
    with pytest.raises(Exit) as caught, task_session():
        tell_live(session, done)  # type: ignore[arg-type]
    assert caught.value.code == 4
    assert capsys.readouterr().err == (
        "error: denied\n  where: E1\n  mend:  allow it\n"
        "R2 is LIVE, but what stands above failed after it went live\n" + LIVE
    )
    assert session.said == []


@pytest.mark.parametrize(("as_json", "stream"), [(False, "out"), (True, "err")])
def test_beside_json_words_go_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool, stream: str
) -> None:
    def chosen(show: Any) -> Session:
        show.say("a word")
        return Session()

    monkeypatch.setattr(ending, "chosen_session", chosen)
    with task_session(as_json=as_json):
        pass
    assert "a word" in getattr(capsys.readouterr(), stream)


# ---- who raises what nobody tells

TOLD = {"task_session", "tell"}  # what turns an error into words and an exit code


def bodies() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions that Invoke calls: each has the parameter c."""
    for file in sorted(Path(ending.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and [one.arg for one in node.args.args][:1] == [
                "c"
            ]:
                yield f"{file.name}: {node.name}", node


def untold(node: ast.AST) -> Iterator[ast.Raise]:
    """Yield what is raised outside any session of the task."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.With) and any(
            isinstance(call := item.context_expr, ast.Call) and ast.unparse(call.func) in TOLD
            for item in child.items
        ):
            continue
        if isinstance(child, ast.Raise):
            yield child
        yield from untold(child)


def test_no_task_raises_an_error_where_nothing_tells_it() -> None:
    found = {
        name: [ast.unparse(one.exc) for one in untold(body) if one.exc] for name, body in bodies()
    }
    assert len(found) > 15
    astray = {
        name: said
        for name, raised in found.items()
        if (said := [one for one in raised if not one.startswith("Exit(")])
    }
    assert astray == {}
