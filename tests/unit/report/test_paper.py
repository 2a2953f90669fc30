"""What the terminal writes on."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from fab_static.report.paper import Paper
from fab_static.report.stream import Stream
from fab_static.report.table import Column

SET = ("TERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "COLORTERM")


class Tty(io.StringIO):
    def isatty(self):
        return True


def lost(why):
    raise AssertionError(why)


def papers(stream, monkeypatch, variables):
    for name in SET:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Paper(Stream(stream, lost))


@pytest.mark.parametrize("stream", [Tty, io.StringIO])
@pytest.mark.parametrize(
    "variables",
    [
        {"TERM": "xterm"},
        {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        {"TERM": "dumb"},
        {"TERM": "unknown"},
        {"TERM": "xterm", "NO_COLOR": "1"},
        {"TERM": "xterm", "FORCE_COLOR": "1"},
        {"TERM": "xterm", "FORCE_COLOR": ""},
        {"TERM": "xterm", "TTY_COMPATIBLE": "1"},
        {"TERM": "xterm", "TTY_COMPATIBLE": "0"},
        {},
    ],
)
@pytest.mark.parametrize(
    "parts",
    [
        ("12:00:01 ", ("seal", "bold")),
        (("error:", "bold red"), " ", "it\tfailed\nfor good"),
        ("a\tb", ("c", "yellow")),
        (("", "dim"),),
    ],
)
def test_lines_have_the_styles_that_rich_gives_them(stream, variables, parts, monkeypatch):
    """It wrote ours before, and writes the lines that come above the table of a deploy."""
    ours, theirs = stream(), stream()
    papers(ours, monkeypatch, variables).line(*parts)
    console = Console(file=theirs, highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(Text.assemble(*parts))
    assert ours.getvalue() == theirs.getvalue()


def test_lines_go_above_what_stands_there_as_long_as_it_does(monkeypatch):
    stream, above = io.StringIO(), []
    paper = papers(stream, monkeypatch, {})
    with paper.above(above.append):
        paper.line("seal", ("done", "green"))
    paper.line("after")
    assert above == [[("seal", ""), ("done", "green")]]
    assert stream.getvalue() == "after\n"


@pytest.mark.parametrize(("columns", "width"), [("57", 57), ("0", 80), ("x", 80)])
def test_a_terminal_is_as_wide_as_it_says(columns, width, monkeypatch):
    paper = papers(Tty(), monkeypatch, {"COLUMNS": columns})
    monkeypatch.setattr("os.get_terminal_size", lambda _: (_ for _ in ()).throw(OSError()))
    assert paper.width == width


def test_a_log_is_100_columns_wide_whatever_the_terminal(monkeypatch):
    assert papers(io.StringIO(), monkeypatch, {"COLUMNS": "57"}).width == 100


def test_a_stream_without_utf_8_gets_a_rule_that_it_can_hold(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    papers(stream, monkeypatch, {}).table([Column("id", ["a"])])
    assert raw.getvalue().decode() == "id\n--\na\n"


def test_a_line_on_a_terminal_breaks_between_words_and_a_path_stays_whole(monkeypatch):
    stream, path = Tty(), "/srv/shop/static/releases/20261122T170102Z"
    paper = papers(stream, monkeypatch, {"COLUMNS": "30", "TERM": "dumb"})
    paper.line(("  mend:", "dim"), " ", f"make the folder there: {path} and go on")
    assert stream.getvalue() == (f"  mend: make the folder there:\n    {path}\n    and go on\n")


def test_what_goes_on_stands_further_in_than_its_line(monkeypatch):
    stream = Tty()
    paper = papers(stream, monkeypatch, {"COLUMNS": "24", "TERM": "dumb"})
    paper.line("       set this and that and more")
    assert stream.getvalue() == "       set this and that\n         and more\n"


def test_each_line_of_an_error_goes_on_further_in_than_itself(monkeypatch):
    """A template's line went on left of where it began, among the sentences."""
    stream = Tty()
    paper = papers(stream, monkeypatch, {"COLUMNS": "24", "TERM": "dumb"})
    paper.line(
        ("error:", "bold red"), " ", "it renders as\n        <link href='a' rel='b'>\nand ends"
    )
    assert stream.getvalue() == (
        "error: it renders as\n        <link href='a'\n          rel='b'>\nand ends\n"
    )


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        ("44", ["it is live; what changed:", "    fab staging report --open; all is well"]),
        (
            "24",
            [
                "it is live; what",
                "    changed: fab staging",
                "    report --open; all",
                "    is well",
            ],
        ),
    ],
)
def test_a_command_that_fits_a_line_is_not_broken_for_somebody_copies_it(
    monkeypatch, columns, lines
):
    stream = Tty()
    paper = papers(stream, monkeypatch, {"COLUMNS": columns, "TERM": "dumb"})
    paper.line("it is live; what changed: fab staging report --open; all is well")
    assert stream.getvalue().splitlines() == lines


def test_above_a_table_that_stands_no_word_is_broken_either(monkeypatch):
    """The longest warning of a deploy broke a release's id in two (first hour 14)."""
    lines = []
    paper = papers(Tty(), monkeypatch, {"COLUMNS": "30", "TERM": "xterm"})
    with paper.above(lines.append):
        paper.line("! ", ("as when 20261122T170102Z-aa01bb02 was built", "yellow"))
    text = "".join(part if isinstance(part, str) else part[0] for part in lines[0])
    assert text == "! as when\n    20261122T170102Z-aa01bb02\n    was built"


def test_in_a_log_a_line_stays_one_line(monkeypatch):
    stream = io.StringIO()
    papers(stream, monkeypatch, {"COLUMNS": "30"}).line("a word " * 40)
    assert stream.getvalue().count("\n") == 1
