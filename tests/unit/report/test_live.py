import io

import pytest
from rich.console import Console

from fab_static.report import live
from fab_static.report.stream import Stream
from fab_static.timeline import Timeline
from tests.clock import Clock
from tests.unit.report.screens import Tty

HOSTS = ["build1", "edge1", "web1"]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timeline(clock):
    made = Timeline(clock)
    made.expect(("compress", "seal", "distribute", "verify"), {"compress": 4, "verify": 2})
    return made


def shown(timeline, hosts=HOSTS, notes=(), height=24, width=100):
    console = Console(file=io.StringIO(), width=width)
    console.print(live.table(timeline, hosts, notes, height=height, width=width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_headline_says_what_runs_for_how_long_and_how_long_it_took_before(timeline, clock):
    with timeline.phase("compress"), timeline.on("build1"):
        clock.now += 3
        headline, *rows = shown(timeline)
    assert headline == "compress 0:03 (last time 0:04)  ·  in all 0:03"
    assert [row.split() for row in rows] == [
        ["host", "build", "distribute", "verify"],
        ["build1", "▸", "3.0", "s", "·", "·"],
        ["edge1", "·", "·", "·"],
        ["web1", "·", "·", "·"],
    ]


def test_each_host_shows_how_far_it_is(timeline, clock):
    with timeline.phase("seal"), timeline.on("build1"):
        clock.now += 1
    with timeline.phase("distribute"), timeline.sending("edge1", 4_000_000) as sent:
        sent(1_000_000)
        lines = shown(timeline)
    assert lines[2].startswith("build1  ✓ 1.0 s")
    assert " 25% of 4.0 MB " in lines[3]


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("name", ["web1", "web1.eu-west-1.internal.example.com"])
def test_numbers_are_whole_on_a_narrow_terminal_and_only_names_are_cut(timeline, width, name):
    timeline.expect(("compress", "distribute", "verify", "activate", "prune"), {})
    with timeline.phase("distribute"), timeline.sending(name, 400_000_000) as sent:
        sent(100_000_000)
        lines = shown(timeline, [name], width=width)
    assert len(lines) == 3  # the headline, the head, one row: nothing is folded
    assert all(len(line) <= width for line in lines)
    assert lines[1].split() == ["host", "build", "distribute", "verify", "activate", "prune"]
    assert " 25% of 400.0 MB " in lines[2]
    assert lines[2].startswith(("web1 ", "web1."))
    assert ("━" in lines[2]) == (width >= 100)


def test_a_host_that_failed_stands_out(timeline, clock):
    def fail():
        with timeline.phase("verify"), timeline.on("web1"):
            clock.now += 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert shown(timeline)[-1].endswith("✗ 2.0 s")


def test_the_whole_is_expected_once_every_phase_has_run_before(timeline, clock):
    timeline.expect(("compress", "verify"), {"compress": 4, "verify": 70})
    timeline.last_time = 74
    with timeline.phase("compress"):
        clock.now += 65
        assert (
            shown(timeline)[0] == "compress 1:05 (last time 0:04)  ·  in all 1:05 (last time 1:14)"
        )


def test_a_large_fleet_fits_a_small_window_those_at_work_first(timeline):
    hosts = [f"web{at:02}" for at in range(64)]
    with timeline.phase("verify"):
        with timeline.on("web40"):
            pass
        with timeline.on("web63"):
            lines = shown(timeline, hosts, height=10)
    assert len(lines) <= 10
    assert lines[2].startswith("web63")
    assert lines[-1] == "and 59 not begun" or lines[-1].startswith("and ")
    assert sum(line.startswith("web") for line in lines) == 5


def test_every_hidden_host_is_counted(timeline):
    hosts = [f"web{at}" for at in range(9)]
    with timeline.phase("verify"):
        for host in hosts[:3]:
            with timeline.on(host):
                pass
        assert shown(timeline, hosts, height=8)[-1] == "and 6 not begun"


def test_what_the_phase_said_last_stands_above_the_hosts_a_line_each(timeline):
    notes = [("  one\n  two", ""), ("! " + "long " * 30, "yellow"), *[("  more", "")] * 3]
    hosts = [f"web{at:02}" for at in range(64)]
    with timeline.phase("seal"):
        lines = shown(timeline, hosts, notes, height=12)
    assert lines[1:6] == ["  two", lines[2], "  more", "  more", "  more"]
    assert lines[2].startswith("! long")
    assert lines[2].endswith("…")
    assert lines[6].startswith("host ")
    assert len(lines) <= 12


def test_the_table_stands_from_the_first_moment(timeline, monkeypatch):
    """Rich waited for an eighth of a second at the beginning of each phase: the table blinked."""
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Tty()
    with timeline.phase("seal"), live.standing(Stream(stream, print), timeline, HOSTS):
        assert "web1" in stream.getvalue()


def test_after_ctrl_c_the_cursor_is_shown_once_more(timeline, monkeypatch):
    """What was written when Ctrl-C came is lost (termios(3), NOFLSH): the cursor stayed hidden."""
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Tty()
    with (
        pytest.raises(KeyboardInterrupt),
        timeline.phase("seal"),
        live.standing(Stream(stream, print), timeline, HOSTS),
    ):
        raise KeyboardInterrupt
    assert stream.getvalue().count("\x1b[?25h") == 2


def test_ctrl_c_while_the_table_is_drawn_first_takes_it_away(timeline, monkeypatch):
    """It stayed, and `compress interrupted` stood behind its last row."""
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Tty()
    shown = live.Live.start

    def interrupted(self, refresh=False):
        shown(self, refresh)
        raise KeyboardInterrupt

    monkeypatch.setattr(live.Live, "start", interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        timeline.phase("seal"),
        live.standing(Stream(stream, print), timeline, HOSTS),
    ):
        pytest.fail("it had not begun")
    *_, last = stream.getvalue().split("web1")
    assert last.count("\x1b[1A\x1b[2K") == len(HOSTS) + 2  # its rows, its head and the phase
