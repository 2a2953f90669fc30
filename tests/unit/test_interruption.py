"""Ctrl-C ends a run at once, and what puts things back goes to its end, however often it comes (fleet A5)."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from fab_static import interruption
from fab_static.workers import Workers
from tests.processes import becomes


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    for number in interruption.SIGNALS:
        signal.signal(number, signal.default_int_handler)
    interruption.heed()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def press(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def await_it(seconds=10.0):
    """Go on until a signal that waited is answered."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        os.sched_yield()


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_interrupts(number):
    with pytest.raises(KeyboardInterrupt):
        press(number)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_second_one_does_not_keep_things_from_being_put_back(number):
    done = []

    def on_the_way_back():
        press(number)
        done.append("first")
        try:
            raise ValueError("of a host")
        except ValueError:
            press(number)
        done.append("second")

    def run():
        try:
            press()
        finally:
            on_the_way_back()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["first", "second"]
    with pytest.raises(KeyboardInterrupt):
        press()  # once that is over, it is answered again


@interruption.whole
def put_back(done):
    press()
    time.sleep(5 * interruption.AGAIN_SECONDS)  # it comes again and again meanwhile
    done.append("back")


def test_one_that_comes_while_things_are_put_back_waits_for_that():
    """No interruption was on its way: a build had failed, or had ended well."""
    done = []

    def run():
        put_back(done)
        await_it()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["back"]


@contextmanager
@interruption.whole
def lifted(done, at):
    if at == "begin":
        press()
    done.append("lifted")
    try:
        yield
    finally:
        if at == "end":
            press()
        done.append("lowered")


@pytest.mark.parametrize("at", ["begin", "middle", "end"])
def test_what_a_block_begins_it_also_ends(at):
    done = []

    def run():
        with lifted(done, at):
            if at == "middle":
                press()
            if at != "end":
                await_it()
        await_it()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["lifted", "lowered"]


def interrupted(then):
    """Do something while an interruption is on its way."""

    def run():
        try:
            press()
        finally:
            then()

    with pytest.raises(KeyboardInterrupt):
        run()


def forever():
    with interruption.answerable():
        threading.Event().wait(60)
        pytest.fail("it was waited for")


def ended_by_another():
    press_soon = threading.Timer(0.05, press)
    press_soon.start()
    with pytest.raises(KeyboardInterrupt):
        forever()


def test_a_second_one_ends_the_wait_for_those_who_are_told():
    """It was ignored until the hook had ended, 300 seconds later (fleet A5)."""
    interrupted(ended_by_another)


def test_who_has_asked_twice_waits_a_moment_for_each_who_is_told():
    done = []

    def told():
        press()  # while things are put back: it changes nothing there
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                forever()
            done.append("told")

    interrupted(told)
    assert done == ["told", "told"]


def test_who_has_asked_once_waits(monkeypatch):
    monkeypatch.setattr(interruption, "LAST_WAIT_SECONDS", 0.01)

    def told():
        with interruption.answerable():
            time.sleep(0.2)

    interrupted(lambda: press())  # of an earlier run
    interrupted(told)


def test_one_that_is_ignored_stays_so():
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interruption.heed()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_program_that_says_nothing_of_ctrl_c_is_given_it_back():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with interruption.heeded():
        assert signal.getsignal(signal.SIGINT) is interruption.answer
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_that_handles_ctrl_c_itself_goes_on_doing_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruption.heeded():
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


# ---- the threads


def test_no_thread_keeps_the_program_from_ending():
    """One that waited for a host was joined at exit (fleet A5)."""
    script = (
        "import threading; from fab_static.workers import Workers; begun = threading.Event();\n"
        "def wait(): begun.set(); threading.Event().wait()\n"
        "workers = Workers(1, 'x'); workers.submit(wait); begun.wait(); print('over')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stdout == "over\n"


def test_work_is_done_by_so_many_threads_and_no_more():
    together, seen = threading.Barrier(3, timeout=120), set()

    def work(number):
        seen.add(threading.current_thread().name)
        together.wait()
        return 2 * number

    with Workers(3, "some") as workers:
        assert list(workers.map(work, range(9))) == [2 * number for number in range(9)]
    assert len(seen) == 3
    assert becomes(lambda: not any(one.name in seen for one in threading.enumerate()))


def test_threads_end_once_nobody_has_them():
    """A program that dropped a session, and did not close it, kept up to 32 threads for each."""
    workers = Workers(2, "of nobody")
    assert workers.submit(int).result() == 0
    del workers
    assert becomes(lambda: not any("of nobody" in one.name for one in threading.enumerate()))


def test_work_that_fails_tells_so():
    with Workers(1, "x") as workers, pytest.raises(ZeroDivisionError):
        list(workers.map(lambda number: 1 // number, [1, 0]))


def test_a_thread_that_is_free_takes_the_next_work():
    with Workers(5, "x") as workers:
        names = {workers.submit(lambda: threading.current_thread().name).result() for _ in range(3)}
        assert becomes(lambda: workers._idle._value > 0)
    assert len(names) <= 3


def test_what_has_not_begun_when_all_is_over_is_dropped():
    gate, begun = threading.Event(), threading.Event()

    def first():
        begun.set()
        gate.wait()

    workers = Workers(1, "x")
    workers.submit(first)
    begun.wait()
    second = workers.submit(lambda: 1)
    workers.close()
    gate.set()
    assert becomes(second.cancelled)
