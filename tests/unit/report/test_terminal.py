"""What stands on the operator's terminal, and what never does."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import ReleaseError
from fab_static.report.terminal import Terminal
from fab_static.timeline import Timeline
from tests.unit.report.screens import Tty, shown

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


STAMP = re.compile(r"^\d\d:\d\d:\d\d ")


def speak(terminal):
    """Have everything said that a deploy says."""
    with terminal.phase("compress"):
        terminal.say("12 files")
        terminal.warn("look at this")
        terminal.output("build1", b"a line\n")
    terminal.table(("id", "bytes"), [("20261122T170102Z-3f9c1a7b", "1,000")])
    terminal.text("done")
    terminal.error(ReleaseError("it failed", where="edge1", mend="mend it"))


# ---- secrets


def every_way(terminal, text):
    terminal.say(text)
    terminal.warn(text)
    terminal.text(text)
    terminal.output("build1", text.encode() + b"\n")
    terminal.table(("a",), [(text,)])
    terminal.error(ReleaseError(text, where=text, mend=text))


def test_secrets_are_blanked_out_by_value_wherever_they_are_shown():
    terminal, stream = shown({"TOKEN": "hunter2"}, verbose=True)
    every_way(terminal, "login with hunter2 failed")
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("login with [TOKEN] failed") == 8


def test_a_secret_that_contains_another_is_blanked_out_whole():
    terminal, _ = shown({"SHORT": "abc", "LONG": "abcdef"})
    assert terminal.clean("abcdef abc") == "[LONG] [SHORT]"
    terminal, _ = shown({"LONG": "abcdef", "SHORT": "abc"})
    assert terminal.clean("abcdef abc") == "[LONG] [SHORT]"


def test_secrets_are_blanked_out_from_when_they_are_known():
    terminal, stream = shown()
    terminal.keep_secret({"TOKEN": "hunter2"})
    terminal.say("hunter2")
    assert "hunter2" not in stream.getvalue()


def test_an_empty_secret_blanks_out_nothing():
    """`export TOKEN=` is set, and empty: every line would be torn apart."""
    terminal, _ = shown({"TOKEN": ""})
    assert terminal.clean("12 files") == "12 files"


@pytest.mark.parametrize(
    "printed", ["hun\x1b[1;31mter2", "hun\x00ter2", "hunter\x1b[0m2", "hun\rter2", "h\x7funter2"]
)
def test_a_secret_with_colours_in_it_is_a_secret_still(printed):
    """`grep --color` marks part of a word; what is shown in the end is the word."""
    terminal, _ = shown({"TOKEN": "hunter2"})
    assert "hunter2" not in terminal.clean(printed)


def test_each_line_of_a_secret_of_many_lines_is_blanked_out():
    """A private key; commands print it line by line."""
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\r\n7bqZr0secret\n"
    terminal, stream = shown({"KEY": key}, verbose=True)
    terminal.output("build1", b"the key: " + key.encode())
    terminal.output("build1", b"\n")
    terminal.say(key)
    assert "MIIEpAIBAAKCAQEA" not in stream.getvalue()
    assert "7bqZr0secret" not in stream.getvalue()


def test_a_secret_that_comes_in_pieces_is_blanked_out():
    terminal, stream = shown({"TOKEN": "p\u00e4ssword"}, verbose=True)
    for at in range(len(data := "the p\u00e4ssword is\n".encode())):
        terminal.output("build1", data[at : at + 1])
    assert "ssword" not in stream.getvalue()
    assert "build1: the [TOKEN] is\n" in stream.getvalue()


@given(st.text(min_size=4), st.text(), st.text())
def test_no_secret_survives_whatever_stands_around_it(secret, before, after):
    """The label in its place may happen to hold it: `[TOKEN]` for the secret "TOKEN"."""
    terminal, _ = shown({"TOKEN": secret})
    cleaned = terminal.clean(before + secret + after)
    visible = CONTROL.sub("", secret)
    if len(visible.strip()) >= 4:  # a shorter one is blanked as a word alone
        assert visible not in cleaned.replace("[TOKEN]", "\0")


# ---- control characters


@pytest.mark.parametrize(
    ("printed", "clean"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2Jcleared", "cleared"),
        ("bell\x07 back\x08 cr\r null\x00", "bell back cr null"),
        ("\x9b31mred in one byte", "red in one byte"),
        ("c1\x85\x90\x9d", "c1"),
        ("a\tb\nc", "a\tb\nc"),
        ("K\u00fcche \u2026 \U0001f600", "K\u00fcche \u2026 \U0001f600"),
    ],
)
def test_what_would_move_the_cursor_is_removed_and_text_is_kept(printed, clean):
    terminal, _ = shown()
    assert terminal.clean(printed) == clean


@given(st.text())
def test_nothing_that_is_cleaned_holds_a_control_character(text):
    terminal, _ = shown()
    assert not CONTROL.search(terminal.clean(text))


def test_without_a_terminal_no_control_characters_are_written():
    terminal, stream = shown(verbose=True)
    speak(terminal)
    assert not CONTROL.search(stream.getvalue())


def test_on_a_terminal_there_is_colour(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal, stream = shown(stream=Tty())
    speak(terminal)
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", stream.getvalue())


def test_no_color_takes_the_colour_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, stream = shown(stream=Tty(), verbose=True)
    speak(terminal)
    assert not re.search(
        r"\x1b\[([0-9;]*;)?([34][0-9]|9[0-7]|10[0-7])(;[0-9;]*)?m", stream.getvalue()
    )


def test_a_dumb_terminal_gets_no_control_characters(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    terminal, stream = shown(stream=Tty(), verbose=True)
    speak(terminal)
    assert not CONTROL.search(stream.getvalue())


# ---- as it is


@pytest.mark.parametrize(
    "text",
    [
        "[bold]x[/bold]",
        "[/]",
        "[/nothing]",
        "array[0]",
        "[red",
        "ends in a backslash \\",
        "\\[x]",
        "two \\\\",
        ":warning: is no picture",
        "10:key:20",
        "[link=file:///etc]x[/link]",
        "http://127.0.0.1:8000/health",
    ],
)
def test_text_is_shown_as_it_is_whatever_it_looks_like(text):
    """Output of commands and file names are no markup."""
    terminal, stream = shown(verbose=True)
    every_way(terminal, text)
    assert stream.getvalue().count(text) == 8


def test_a_long_line_is_not_broken():
    """A path that is broken in two cannot be copied."""
    terminal, stream = shown(verbose=True)
    path = "/static/" + "x" * 400
    terminal.say(path)
    terminal.text(path)
    terminal.error(ReleaseError(path, where=path, mend=path))
    assert stream.getvalue().count(path) == 5


# ---- time stamps


def test_without_a_terminal_every_line_of_a_phase_says_when():
    terminal, stream = shown(verbose=True)
    with terminal.phase("compress"):
        terminal.say("12 files")
        terminal.warn("look")
        terminal.output("build1", b"a line\n")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert all(STAMP.match(line) for line in lines)
    assert [STAMP.sub("", line) for line in lines[:4]] == [
        "compress",
        "  12 files",
        "! look",
        "  build1: a line",
    ]
    assert re.fullmatch(r"compress done in \d+\.\d s", STAMP.sub("", lines[4]))


def test_without_a_terminal_each_line_of_what_is_said_says_when():
    terminal, stream = shown()
    terminal.say("1 name is found twice:\n    a.js")
    assert [STAMP.sub("", line) for line in stream.getvalue().splitlines()] == [
        "  1 name is found twice:",
        "    a.js",
    ]
    assert all(map(STAMP.match, stream.getvalue().splitlines()))


def test_on_a_terminal_no_line_says_when():
    terminal, stream = shown(stream=Tty())
    speak(terminal)
    assert not any(STAMP.match(line) for line in stream.getvalue().splitlines())


# ---- phases, output, errors


def test_a_phase_that_fails_says_so_and_passes_the_error_on():
    terminal, stream = shown()
    with pytest.raises(KeyboardInterrupt), terminal.phase("compress"):
        raise KeyboardInterrupt
    assert re.search(r"compress interrupted after \d+\.\d s\n$", stream.getvalue())


def test_output_is_shown_in_whole_lines_each_with_its_host():
    terminal, stream = shown(verbose=True)
    terminal.output("build1", b"one\ntw")
    terminal.output("web1", b"other\n")
    terminal.output("build1", b"o\r\nthr\xff\n")
    lines = [STAMP.sub("", line) for line in stream.getvalue().splitlines()]
    assert lines == ["  build1: one", "  web1: other", "  build1: two", "  build1: thr\ufffd"]


def test_the_rest_of_a_line_is_shown_when_the_phase_ends():
    terminal, stream = shown(verbose=True)
    with terminal.phase("compress"):
        terminal.output("build1", b"no newline")
    assert "  build1: no newline\n" in stream.getvalue()


def test_letters_that_come_in_pieces_are_whole():
    terminal, stream = shown(verbose=True)
    for at in range(len(data := "K\u00fcche \U0001f600\n".encode())):
        terminal.output("build1", data[at : at + 1])
    assert "  build1: K\u00fcche \U0001f600\n" in stream.getvalue()


def test_output_is_kept_back_unless_asked_for():
    terminal, stream = shown()
    terminal.output("build1", b"a line\n")
    assert stream.getvalue() == ""


def test_an_error_reads_as_what_where_and_how_to_mend_it():
    terminal, stream = shown()
    terminal.error(ReleaseError("it failed", where="edge1", mend="mend it"))
    assert stream.getvalue() == "error: it failed\n  where: edge1\n  mend:  mend it\n"


# ---- the table that follows a run


def test_on_a_terminal_a_table_of_hosts_stands_below_the_lines_and_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal, stream = shown(stream=Tty())
    timeline = Timeline()
    timeline.expect(("verify",), {})
    terminal.follow(timeline, ["web1", "web2"])
    with timeline.phase("verify"), terminal.phase("verify"), timeline.on("web1"):
        terminal.say("12 files")
    text = stream.getvalue()
    assert "web2" in text
    *_, done, note = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()
    assert done.startswith("verify done in")
    assert note == "  12 files"  # below what it tells of: above it, it read as the phase's before
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is given back


def test_what_commands_print_stands_below_the_name_of_their_phase(monkeypatch):
    """Verbose, it stood above the phase's line, with the notes below: who had printed what?"""
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal, stream = shown(stream=Tty(), verbose=True)
    timeline = Timeline()
    timeline.expect(("compress",), {})
    terminal.follow(timeline, ["build1"])
    with timeline.phase("compress"), terminal.phase("compress"):
        terminal.say("12 files")
        terminal.output("build1", b"a line\n")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    words = ("compress", "  12 files", "  build1: a line", "compress done in")
    places = [text.index(f"{word}\n" if word != words[-1] else word) for word in words]
    assert places == sorted(places)


@pytest.mark.parametrize(("term", "tty"), [("dumb", True), ("xterm", False)])
def test_where_nothing_can_be_moved_there_are_lines_instead_of_a_table(monkeypatch, term, tty):
    monkeypatch.setenv("TERM", term)
    terminal, stream = shown(stream=Tty() if tty else None)
    timeline = Timeline()
    timeline.expect(("verify",), {})
    terminal.follow(timeline, ["web1"])
    with timeline.phase("verify"), terminal.phase("verify"), timeline.on("web1"):
        pass
    assert not CONTROL.search(stream.getvalue())
    assert next(STAMP.sub("", line) for line in stream.getvalue().splitlines()) == "verify"


def test_a_quiet_terminal_shows_what_went_wrong_and_nothing_else():
    terminal, stream = shown()
    terminal = Terminal({}, stream=stream, quiet=True)
    speak_of_phases(terminal)
    assert [STAMP.sub("", line) for line in stream.getvalue().splitlines()] == ["! look at this"]
    with pytest.raises(ReleaseError):
        fail_in_a_phase(terminal, lines=1)
    assert "compress failed after" in stream.getvalue()


def speak_of_phases(terminal):
    with terminal.phase("compress"):
        terminal.say("12 files")
        terminal.warn("look at this")
        terminal.output("build1", b"a line\n")


def fail_in_a_phase(terminal, *, lines):
    with terminal.phase("compress"):
        for at in range(lines):
            terminal.output("build1", f"line {at} with hunter2\n".encode())
        raise ReleaseError("it failed", where="build1", mend="mend it")


def test_all_that_a_failing_command_printed_is_shown_where_the_error_cannot_hold_it():
    terminal, stream = shown({"TOKEN": "hunter2"})
    with pytest.raises(ReleaseError):
        fail_in_a_phase(terminal, lines=40)
    assert stream.getvalue().count("build1: line") == 40
    assert "hunter2" not in stream.getvalue()


def test_what_the_error_shows_anyway_is_not_shown_twice():
    terminal, stream = shown()
    with pytest.raises(ReleaseError):
        fail_in_a_phase(terminal, lines=20)
    assert "build1: line" not in stream.getvalue()


def test_the_log_holds_all_that_was_shown_and_all_that_was_not(tmp_path):
    terminal = Terminal({"TOKEN": "hunter2"}, stream=io.StringIO(), quiet=True)
    terminal.log_to(tmp_path / "a.log")
    speak_of_phases(terminal)
    with pytest.raises(ReleaseError):
        fail_in_a_phase(terminal, lines=3)
    terminal.error(ReleaseError("it failed", where="edge1", mend="mend it"))
    lines = (tmp_path / "a.log").read_text().splitlines()
    words = [STAMP.sub("", line) for line in lines]
    assert words[:5] == [
        "compress",
        "  12 files",
        "! look at this",
        "  build1: a line",
        words[4],
    ]
    assert re.fullmatch(r"compress done in [0-9.]+ s", words[4])
    assert words[5:9] == ["compress", *(f"  build1: line {at} with [TOKEN]" for at in range(3))]
    assert words[-3:] == ["error: it failed", "  where: edge1", "  mend:  mend it"]


def test_what_turns_text_around_is_spelt_out():
    """gpj.exe would be shown as exe.jpg (fleet D)."""
    terminal, stream = shown()
    terminal.warn("img/logo\u202egpj.svg \u2066x\u2069 \u200fy \u2028z")
    assert stream.getvalue().endswith(
        "! img/logo\\u202egpj.svg \\u2066x\\u2069 \\u200fy \\u2028z\n"
    )
