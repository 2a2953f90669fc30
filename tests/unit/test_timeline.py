import threading

import pytest

from fab_static.timeline import DONE, FAILED, RUNNING, Timeline
from tests.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timeline(clock):
    return Timeline(clock)


def test_a_phase_and_what_it_does_on_hosts_are_noted(timeline, clock):
    with timeline.phase("verify"):
        clock.now += 1
        with timeline.on("web1"):
            clock.now += 2
    phase, host = timeline.spans
    assert (phase.phase, phase.host, phase.started, phase.ended) == ("verify", None, 1000, 1003)
    assert (host.phase, host.host, host.started, host.ended) == ("verify", "web1", 1001, 1003)
    assert phase.outcome == host.outcome == DONE


def test_what_runs_has_no_end_yet(timeline, clock):
    with timeline.phase("compress"):
        clock.now += 5
        assert timeline.running is not None
        assert timeline.running.outcome == RUNNING
        assert timeline.running.seconds(clock.now) == 5
    assert timeline.running is None


def test_a_failure_is_noted_and_goes_on(timeline):
    def fail():
        with timeline.phase("verify"), timeline.on("web1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [span.outcome for span in timeline.spans] == [FAILED, FAILED]
    assert timeline.running is None


def test_outside_a_phase_nothing_is_noted_of_hosts(timeline):
    """Questions before the first phase: who is there, who holds the lock."""
    with timeline.on("web1"):
        pass
    assert timeline.spans == ()


def test_bytes_that_go_to_a_host_are_counted(timeline):
    with timeline.phase("distribute"), timeline.sending("edge1", 300) as sent:
        sent(100)
        sent(150)
        span = timeline.spans[-1]
        assert (span.sent, span.to_send) == (250, 300)
    assert timeline.to_json()[-1] == {
        "phase": "distribute",
        "host": "edge1",
        "started": 1000.0,
        "seconds": 0.0,
        "outcome": "done",
        "bytes": 250,
    }


def test_hosts_note_from_threads_of_their_own(timeline):
    def work(name):
        for _ in range(200):
            with timeline.on(name):
                pass

    with timeline.phase("verify"):
        threads = [threading.Thread(target=work, args=(f"web{at}",)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(timeline.spans) == 1 + 8 * 200
    assert {span.outcome for span in timeline.spans} == {DONE}


def test_what_makes_live_again_what_was_live_before_is_noted_as_such(timeline):
    with timeline.phase("activate"):
        with timeline.on("web1"):
            pass
        with timeline.going_back(), timeline.on("web1"):
            pass
        with timeline.on("web2"):
            pass
    assert [span.goes_back for span in timeline.spans] == [False, False, True, False]
    assert ["goes_back" in span for span in timeline.to_json()] == [False, False, True, False]


def test_it_begins_when_the_command_did(clock):
    timeline = Timeline(clock, began=997.0)
    assert timeline.began == 997.0
    (loading,) = timeline.spans
    assert (loading.phase, loading.host, loading.started, loading.ended) == (
        "load",
        None,
        997,
        1000,
    )
    assert Timeline(clock).began == 1000
    assert Timeline(clock).spans == ()
