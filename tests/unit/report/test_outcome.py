"""The last table of a run."""

import io

from fab_static.report.outcome import show_outcomes
from fab_static.report.terminal import Terminal
from tests.unit.report.screens import Tty, shown

R1, R2 = "20261121T170102Z-c6411c8e", "20261122T170102Z-40b46b94"


def row(host, live=R2, *, roles=("static",), seconds=1.25, sent=4800, is_left_out=False):
    return {
        "host": host,
        "roles": [*roles],
        "live": live,
        "seconds": seconds,
        "sent": sent,
        "is_left_out": is_left_out,
    }


FEW = [
    row("build1", roles=("build",), sent=0),
    row("edge1", roles=("static", "web")),
    row("edge2", R1),
    row("web9", None, roles=(), seconds=0.0, sent=0, is_left_out=True),
]


def test_each_host_has_a_row_whose_state_is_a_sign_and_a_word():
    terminal, stream = shown()
    show_outcomes(terminal, FEW, R2)
    lines = stream.getvalue().splitlines()
    assert [line.split() for line in lines[:1] + lines[2:]] == [
        ["host", "roles", "live", "seconds", "sent", "state"],
        ["build1", "build", R2, "1.2", "-", "✓", "live"],
        ["edge1", "static", "web", R2, "1.2", "4.8", "kB", "✓", "live"],
        ["edge2", "static", R1, "1.2", "4.8", "kB", "✗", "differs"],
        ["web9", "-", "-", "-", "-", "!", "left", "out"],
    ]


def test_it_fits_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    terminal, stream = shown(stream=Tty())
    show_outcomes(terminal, FEW, R2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 + len(FEW)  # no row is broken
    assert max(map(len, lines)) <= 80 + len("\x1b[1m\x1b[0m")


def test_a_large_fleet_is_a_line_and_the_hosts_that_differ():
    terminal, stream = shown()
    hosts = [row(f"web{at:02}") for at in range(63)]
    show_outcomes(terminal, [*hosts, row("web63", R1), row("slow", seconds=9.0)], R2)
    first, _, _, differs = stream.getvalue().splitlines()
    assert first == (
        f"✓ 64 hosts: {R2} is live on each; 307.2 kB sent in all, slow took longest: 9.0 s"
    )
    assert differs.split()[0] == "web63"


def test_a_large_fleet_of_which_none_differs_has_no_table():
    terminal, stream = shown()
    show_outcomes(terminal, [row(f"web{at:02}") for at in range(64)], R2)
    assert len(stream.getvalue().splitlines()) == 1


def test_a_quiet_terminal_shows_none_of_it():
    stream = io.StringIO()
    show_outcomes(Terminal({}, stream=stream, quiet=True), FEW, R2)
    assert stream.getvalue() == ""


def test_where_the_encoding_lacks_our_signs_letters_stand_for_them():
    """LANG=C showed their code points."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    show_outcomes(Terminal({}, stream=stream), FEW, R2)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "+ live" in text
    assert "x differs" in text
    assert "\\u" not in text
