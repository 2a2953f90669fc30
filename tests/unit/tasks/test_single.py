"""A task for each phase by itself: its options, and what they mean to the session."""

from __future__ import annotations

import pytest
from invoke.context import Context

from fab_static.phases import BUILD, EVERYTHING
from fab_static.tasks import single
from fab_static.tasks.single import phase_task
from tests.unit.site import Site, run_task
from tests.unit.tasks.sessions import Session

PLAIN = {"wait", "verbose", "quiet"}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session()
    monkeypatch.setattr(single, "task_session", made.task)
    return made


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_phase_is_a_task_with_its_own_documentation_and_number(name: str) -> None:
    task = phase_task(name)
    first, *_ = str(task.__doc__).splitlines()
    assert first.startswith(f"Phase {EVERYTHING.index(name) + 1} · ")
    assert task.name == name.replace("_", "-")
    assert str(task.__doc__).splitlines()[-1].strip() == f"fab staging {task.name}"


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_phase_has_the_options_that_it_needs_and_explains_each(name: str) -> None:
    of_here = {"here", "release", "project_path", "project_python"}
    more = {"verify": {"audit", *of_here}, "invalidate": {"again"}}.get(name, set())
    more |= {"project_path"} if name in BUILD else set()
    options = phase_task(name).get_arguments()
    assert {option.name for option in options} == PLAIN | more
    assert all(option.help for option in options)


@pytest.mark.parametrize(
    ("name", "option", "meant"),
    [
        ("compress", {"project_path": "/srv/new"}, {"project_path": "/srv/new"}),
        ("seal", {}, {}),
        ("verify", {"audit": True}, {"options": {"audit": True}}),
        ("verify", {}, {"options": {"audit": False}}),
        ("invalidate", {"again": True}, {"options": {"again": True}}),
    ],
)
def test_a_phase_by_itself_is_one_call_of_the_session(
    session: Session, name: str, option: dict[str, object], meant: dict[str, object]
) -> None:
    phase_task(name)(Context(), wait=5.0, quiet=True, **option)
    assert session.calls == [("phase", (name,), {"wait_seconds": 5.0, **meant})]
    assert session.opened == [{"verbose": False, "quiet": True}]


def test_verify_here_asks_the_project_on_this_machine(session: Session) -> None:
    phase_task("verify")(Context(), here=True, project_path="/app", project_python="/bin/python3")
    meant = {"project_path": "/app", "project_python": "/bin/python3"}
    assert session.calls == [("verify_here", (None,), meant)]


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"release": "x"}, "--release"),
        ({"project_path": "/app"}, "--project-path"),
        ({"project_python": "/bin/python3"}, "--project-python"),
    ],
)
def test_what_is_said_of_this_machine_needs_here(
    site: Site, capsys: pytest.CaptureFixture[str], option: dict[str, str], name: str
) -> None:
    """It ended in a traceback: the error left the task before anything could tell it."""
    site.asked.clear()
    assert run_task(site, capsys, "verify", **option) == (
        2,
        f"error: {name} has no meaning without --here\n  where: verify\n"
        f"  mend:  add --here, or leave {name} out\n",
    )
    assert site.asked == []
