"""Hooks: a limit for each, and only one before the deploy may stop it (fleet A3, C28)."""

import os
from dataclasses import replace

import pytest

from fab_static.errors import BuildError
from fab_static.plan import inventory
from fab_static.telling import hooks
from tests.processes import alive, becomes
from tests.unit.site import INVENTORY


class Show:
    def __init__(self):
        self.said, self.warned, self.printed = [], [], b""

    def say(self, text):
        self.said.append(text)

    def warn(self, text):
        self.warned.append(text)

    def output(self, host, data):
        self.printed += data


def run(tmp_path, command, *, limit=0.3, must=False, summary=None):
    text = INVENTORY.format(folder=tmp_path, more="")
    environment = replace(
        inventory.parse(text, name="staging", source="staging.yml"),
        hooks={"after_activate": (command,), "before_deploy": (command,)},
        hooks_timeout=limit,
    )
    show = Show()
    event = "before_deploy" if must else "after_activate"
    hooks.run(environment, tmp_path, show, {"event": event, **(summary or {})}, must=must)
    return show


def are_gone(tmp_path):
    """Tell whether the processes whose numbers a hook has written are no more."""
    numbers = [int(number) for number in (tmp_path / "numbers").read_text().split()]
    assert numbers
    return becomes(lambda: not any(alive(number) for number in numbers))


def hangs(tmp_path, command):
    """Run a hook that hangs once it has written numbers of processes; give it as long as it needs for that."""
    (tmp_path / "numbers").touch()
    for limit in (0.3, 2, 8, 32):  # a busy machine may not have started it yet
        show = run(tmp_path, command, limit=limit)
        if (tmp_path / "numbers").read_text():
            break
    told = f"the hook after_activate was ended after {limit:g} seconds (hooks.timeout): {command}"
    assert show.warned == [told]


def test_a_hook_that_hangs_is_ended_with_all_that_it_started_and_told(tmp_path):
    hangs(tmp_path, "(sleep 600 & echo $! > numbers; wait); echo never")
    assert are_gone(tmp_path)


def test_a_hook_that_takes_no_notice_of_being_ended_is_killed(tmp_path):
    hangs(tmp_path, "trap '' TERM; echo $$ > numbers; while :; do sleep 0.1; done")
    assert are_gone(tmp_path)


def test_a_hook_before_the_deploy_that_hangs_stops_it_in_words(tmp_path):
    with pytest.raises(BuildError) as caught:
        run(tmp_path, "sleep 600", must=True)
    assert str(caught.value) == (
        "the hook before_deploy was ended after 0.3 seconds (hooks.timeout): sleep 600\n"
        "  where: hooks.before_deploy\n"
        "  mend:  mend the command, or raise hooks.timeout; nothing was built"
    )


def test_a_hook_that_prints_without_end_is_kept_up_to_a_bound_and_ended(tmp_path):
    show = run(tmp_path, "yes", limit=0.5)
    assert len(show.printed) < hooks.MOST_OUTPUT + 1000
    assert b"(it prints more than is kept)" in show.printed
    assert "was ended after 0.5 seconds" in show.warned[0]


def test_a_hook_that_leaves_a_program_with_its_output_ends_when_it_ends(tmp_path, monkeypatch):
    """`service start` in a hook: the daemon holds the pipe for as long as it lives, and is not part of it."""
    monkeypatch.setattr(hooks, "LAST_WORDS_SECONDS", 0.1)
    show = run(tmp_path, "sleep 600 & echo $! > numbers; echo started", limit=120)
    assert show.warned == []  # of its end at the limit
    assert b"started\n" in show.printed
    os.kill(int((tmp_path / "numbers").read_text()), 9)  # it was left to run


def test_a_hook_need_not_read_what_it_is_told(tmp_path):
    show = run(tmp_path, "exec 0<&-; sleep 0.1", limit=120, summary={"long": "x" * 1_000_000})
    assert show.warned == []


def test_a_hook_gets_all_of_a_long_summary(tmp_path):
    show = run(tmp_path, "wc -c", limit=120, summary={"long": "x" * 1_000_000})
    assert int(show.printed) > 1_000_000
    assert show.said == ["runs the hook after_activate: wc -c"]  # or a slow one is a silent minute


def test_a_hook_that_cannot_be_started_is_told(tmp_path):
    show = run(tmp_path / "gone", "true")
    assert show.warned == [
        "the hook after_activate could not be started (No such file or directory): true"
    ]


def test_ctrl_c_ends_the_hook_and_not_the_run(tmp_path, monkeypatch):
    """The release is live by then; a hook before the deploy ends with the deploy."""

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(hooks.subprocess.Popen, "wait", interrupted)
    assert run(tmp_path, "true").warned == [
        "the hook after_activate was ended by your interruption: true"
    ]
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "true", must=True)


CHILD = "sh -c 'trap \"\" TERM; sleep 600 & echo $$ $! > numbers; echo > ready; wait; sleep 600'"


def test_a_program_that_takes_no_notice_is_killed_with_the_hook_that_does(tmp_path):
    """The shell ended at SIGTERM, and what it had started lived on."""
    hangs(tmp_path, f"{CHILD} & wait")
    assert are_gone(tmp_path)


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """Have a hook interrupted once it is ready."""
    plain = hooks.subprocess.Popen.wait

    def wait(self, timeout=None):
        if timeout is None:
            return plain(self)
        assert becomes((tmp_path / "ready").exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(hooks.subprocess.Popen, "wait", wait)


@pytest.mark.usefixtures("interrupted")
def test_a_program_of_a_hook_that_is_interrupted_is_killed_too(tmp_path):
    run(tmp_path, f"{CHILD} & wait")
    assert are_gone(tmp_path)


@pytest.mark.usefixtures("interrupted")
def test_what_a_hook_starts_may_clean_up_when_the_hook_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "LAST_WORDS_SECONDS", 120.0)
    clean = "trap 'sleep 0.2; echo yes > clean; exit' TERM; echo > ready"
    run(tmp_path, f"({clean}; while :; do sleep 0.05; done) & wait")
    assert (tmp_path / "clean").read_text() == "yes\n"
