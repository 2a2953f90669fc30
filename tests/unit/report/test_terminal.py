import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import ReleaseError
from fab_static.report import found
from fab_static.report.terminal import Terminal
from fab_static.timeline import Timeline

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
STAMP = re.compile(r"^\d\d:\d\d:\d\d ")


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def shown(secrets=None, *, stream=None, verbose=False):
    stream = stream or io.StringIO()
    return Terminal(secrets or {}, stream=stream, verbose=verbose), stream


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
    if len(visible) >= 4:
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
        "  look",
        "  build1: a line",
    ]
    assert re.fullmatch(r"compress done in \d+\.\d s", STAMP.sub("", lines[4]))


def test_on_a_terminal_no_line_says_when():
    terminal, stream = shown(stream=Tty())
    speak(terminal)
    assert not any(STAMP.match(line) for line in stream.getvalue().splitlines())


# ---- phases, output, errors


def test_a_phase_that_fails_says_so_and_passes_the_error_on():
    terminal, stream = shown()
    with pytest.raises(KeyboardInterrupt), terminal.phase("compress"):
        raise KeyboardInterrupt
    assert re.search(r"compress failed after \d+\.\d s\n$", stream.getvalue())


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


# ---- tables


STATUS = {
    "environment": "production",
    "app": "shop",
    "live": "20261122T170102Z-3f9c1a7b",
    "agreed": True,
    "lock": None,
    "origins": [],
    "hosts": [
        {
            "host": "edge1",
            "roles": ["static"],
            "reachable": True,
            "live": "20261122T170102Z-3f9c1a7b",
            "previous": None,
            "provisional": False,
            "missing": 0,
            "changed": 0,
            "offline_manifest_sha256": "a" * 64,
            "versions_sha256": None,
            "error": None,
        }
    ],
}


def test_status_says_in_one_line_what_is_live():
    terminal, stream = shown()
    found.show_status(terminal, STATUS)
    first, *rest = stream.getvalue().splitlines()
    assert first == "shop production: live is 20261122T170102Z-3f9c1a7b on every host"
    assert "mend it" not in stream.getvalue()
    assert any("aaaaaaaa" in line for line in rest)


def test_status_names_disagreement_damage_lock_and_errors_with_their_cures():
    host = {**STATUS["hosts"][0], "missing": 3}
    gone = {
        **host,
        "host": "web1",
        "reachable": False,
        "live": None,
        "missing": 0,
        "error": "no route",
    }
    lock = {"owner": "anna@desk", "since": "2026-11-22T17:01:02Z", "phase": "compress"}
    terminal, stream = shown()
    other = {**host, "host": "web2", "live": None, "missing": 0}
    hosts = [host, gone, other]
    found.show_status(terminal, {**STATUS, "agreed": False, "lock": lock, "hosts": hosts})
    text = stream.getvalue()
    assert (
        f"shop production: HOSTS DISAGREE: live is {host['live']} on edge1; nothing yet on web2; "
        "web1 cannot be reached\n"
    ) in text
    assert "web1: no route\n" in text
    assert "unreachable" in text
    assert "locked by anna@desk since 2026-11-22T17:01:02Z, now at compress\n" in text
    assert "edge1: not as sealed; mend it with: fab production deploy\n" in text
    assert (
        "bring the hosts together with: fab production rollback, or fab production deploy\n" in text
    )


def test_status_with_a_host_down_says_what_is_live_on_the_others_and_calls_it_no_disagreement():
    """(fleet C23)."""
    host = STATUS["hosts"][0]
    gone = {**host, "host": "web1", "reachable": False, "live": None, "error": "no route"}
    terminal, stream = shown()
    hosts = [host, {**host, "host": "edge2"}, gone]
    found.show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": hosts})
    text = stream.getvalue()
    assert text.startswith(
        f"shop production: live is {host['live']} on edge1, edge2; web1 cannot be reached\n"
    )
    assert "see why web1 cannot be reached: fab production check; what it missed, the next " in text
    assert "bring the hosts together" not in text
    terminal, stream = shown()
    found.show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": [gone]})
    assert stream.getvalue().startswith("shop production: web1 cannot be reached\n")


def test_status_of_a_flip_that_has_not_ended_says_so():
    host = {**STATUS["hosts"][0], "provisional": True}
    terminal, stream = shown()
    found.show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": [host]})
    assert stream.getvalue().startswith(
        f"shop production: live is {host['live']} on edge1, and not for good: a flip has not ended\n"
    )


def test_tables_fit_a_hundred_columns_and_ids_stay_whole():
    """A log, and a terminal beside another: an id that is broken cannot be copied into `rollback --to`."""
    live = STATUS["live"]
    host = {**STATUS["hosts"][0], "host": "static-eu-west-1", "roles": ["build", "static", "web"]}
    host |= {"missing": 12345, "changed": 12345, "versions_sha256": "b" * 64}
    release = {
        "id": live, "state": "previous", "revision": "f" * 40, "created_at": "2026-11-22T17:01:02Z",
        "created_by": "ada.lovelace@ci-runner-17.internal.example.com", "files": 123_456, "bytes": 10**10,
    }  # fmt: skip
    long = "a/very/long/path/" * 8
    bundle = {"path": long, "bytes": 10**7, "gzip": 10**6, "brotli": 10**6}
    for show, value in (
        (found.show_status, {**STATUS, "hosts": [host] * 2}),
        (found.show_releases, [release]),
        (found.show_bundles, [{"bundle": long, "before": bundle, "now": bundle}]),
    ):
        terminal, stream = shown()
        show(terminal, value)
        lines = stream.getvalue().splitlines()
        assert max(map(len, lines)) <= 100
        assert show is found.show_bundles or any(live in line for line in lines[1:])


def test_only_the_first_few_files_are_shown_and_the_rest_is_counted():
    terminal, stream = shown()
    files = {"added": [f"{n}.js" for n in range(1500)], "changed": [], "removed": ["x.js"]}
    found.show_files(terminal, files)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["1,500 files added:", "  + 0.js"]
    assert lines[21:] == [
        "  \u2026 and 1,480 more",
        "0 files changed",
        "1 file removed:",
        "  - x.js",
    ]


def test_an_invalidation_says_its_price():
    terminal, stream = shown()
    found.show_invalidation(terminal, {"paths": ["/static/a.png"], "price_usd": 0.005})
    assert stream.getvalue() == "CloudFront forgets 1 path, at most $0.005:\n  /static/a.png\n"
    terminal, stream = shown()
    found.show_invalidation(terminal, {"paths": [], "price_usd": 0})
    assert stream.getvalue() == (
        "CloudFront keeps all it has: no URL keeps its name with other bytes\n"
    )


BUNDLES = [
    {
        "bundle": "shop/base.html, css 1",
        "before": {"path": "CACHE/a.css", "bytes": 4000, "gzip": 1000, "brotli": None},
        "now": {"path": "CACHE/b.css", "bytes": 5000, "gzip": 900, "brotli": None},
    },
    {
        "bundle": "js/new.js",
        "before": None,
        "now": {"path": "js/new.js", "bytes": 70, "gzip": None, "brotli": None},
    },
    {
        "bundle": "js/old.js",
        "before": {"path": "js/old.js", "bytes": 7, "gzip": None, "brotli": None},
        "now": None,
    },
]


def test_bundles_that_grew_or_shrank_are_shown_with_what_is_sent():
    terminal, stream = shown()
    found.show_bundles(terminal, BUNDLES)
    title, _, _, *rows = stream.getvalue().splitlines()
    assert title == "3 bundles changed:"
    assert [row.split("  ", 1)[0] for row in rows] == [
        "shop/base.html, css 1",
        "js/new.js",
        "js/old.js",
    ]
    assert [" ".join(row.split()) for row in rows] == [
        "shop/base.html, css 1 5.0 kB (+1.0 kB) 900 B (-100 B) -",
        "js/new.js 70 B (new) - -",
        "js/old.js gone - -",
    ]
    terminal, stream = shown()
    found.show_bundles(terminal, [])
    assert stream.getvalue() == ""


PLAN = {
    "environment": "production",
    "live": "20261122T170102Z-3f9c1a7b",
    "release": None,
    "exact": False,
    "phases": [{"name": "compress", "will_run": True, "why": "2 collected files changed"}],
    "files": {"added": [], "changed": ["js/a.js"], "removed": []},
    "urls": [{"before": "/static/js/a.js?version=1a2b3c4", "now": None}],
    "bundles": None,
    "hosts": [{"host": "edge1", "objects": 3, "bytes": 1234}],
    "origins": [],
    "flip": [
        {"do": "flip", "hosts": ["edge1", "edge2"], "reloads": False},
        {"do": "publish", "bucket": "s3://shop/static/"},
        {"do": "invalidate"},
        {"do": "flip", "hosts": ["web1"], "reloads": True},
        {"do": "confirm", "hosts": ["edge1", "edge2", "web1"]},
    ],
    "invalidation": {"paths": [], "price_usd": 0},
}


def test_a_plan_says_what_only_a_build_can_tell():
    terminal, stream = shown()
    found.show_plan(terminal, PLAN)
    text = stream.getvalue()
    assert "what bundles will weigh is known once they are built: fab production prepare\n" in text
    assert "1 URL changes:\n  /static/js/a.js?version=1a2b3c4 -> (known once built)\n" in text


def test_a_plan_says_in_which_order_hosts_go_live():
    terminal, stream = shown()
    found.show_plan(terminal, PLAN)
    assert (
        "it goes live in this order:\n"
        "  flip edge1 edge2\n"
        "  copy to the live keys of s3://shop/static/\n"
        "  ask CloudFront to forget\n"
        "  flip web1, reload, check\n"
        "  confirm: edge1 edge2 web1\n"
    ) in stream.getvalue()


def test_an_exact_plan_shows_bundles_and_both_urls():
    terminal, stream = shown()
    urls = [{"before": None, "now": f"/static/{at}"} for at in range(22)]
    found.show_plan(terminal, {**PLAN, "exact": True, "bundles": BUNDLES, "urls": urls})
    text = stream.getvalue()
    assert "3 bundles changed:" in text
    assert "22 URLs change:\n  (none) -> /static/0\n" in text
    assert "  … and 2 more\n" in text


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
    assert text.index("12 files") > 0
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()[-1]
    assert last.startswith("verify done in")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is given back


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
    assert [STAMP.sub("", line) for line in stream.getvalue().splitlines()] == ["  look at this"]
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
        "  look at this",
        "  build1: a line",
        words[4],
    ]
    assert re.fullmatch(r"compress done in [0-9.]+ s", words[4])
    assert words[5:9] == ["compress", *(f"  build1: line {at} with [TOKEN]" for at in range(3))]
    assert words[-3:] == ["error: it failed", "  where: edge1", "  mend:  mend it"]


# ---- why


PATH = {
    "path": "js/a.js",
    "kind": "versioned",
    "asked_version": None,
    "release": "R2",
    "in_release": True,
    "version": "1a2b3c4",
    "sha256": "a" * 64,
    "size": 12345,
    "phases": [
        {"phase": "collectstatic", "sha256": "c" * 64},
        {"phase": "build_requirejs", "sha256": "a" * 64},
    ],
    "source": "/srv/shop/code/shop/static/js/a.js",
    "shadowed": ["/srv/shop/venv/lib/other/static/js/a.js"],
    "releases": ["R1", "R2"],
    "releases_of_version": ["R2"],
    "hosts": [
        {
            "host": "edge1",
            "current": "a" * 64,
            "pool": "a" * 64,
            "named": None,
            "gone": None,
            "as_sealed": True,
        },
        {
            "host": "edge2",
            "current": "b" * 64,
            "pool": None,
            "named": None,
            "gone": None,
            "as_sealed": False,
        },
        {"host": "edge3", "error": "the host cannot be reached"},
    ],
    "verdict": "as the live release has it",
}


def why_lines(known):
    terminal, stream = shown()
    found.show_why(terminal, known)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return [line for line in lines if line.strip("─")]


def test_why_of_a_url_reads_from_its_origin_to_what_each_host_has():
    assert why_lines(PATH) == [
        "as the live release has it",
        "path: js/a.js",
        "kind: versioned",
        f"version: 1a2b3c4, 12,345 bytes, sha256 {'a' * 64}",
        "made by: collectstatic, sha256 cccccccccccc",
        "changed by: build_requirejs, sha256 aaaaaaaaaaaa",
        "source: /srv/shop/code/shop/static/js/a.js",
        "shadowed: /srv/shop/venv/lib/other/static/js/a.js: collectstatic takes the first of this name",
        "live release: R2",
        "releases that hold it: R1, R2",
        "releases with version 1a2b3c4: R2",
        "host    current                      pool           named   gone   as sealed",
        "edge1   aaaaaaaaaaaa                 aaaaaaaaaaaa   -       -      yes",
        "edge2   bbbbbbbbbbbb                 -              -       -      NO",
        "edge3   the host cannot be reached",
    ]


def test_why_of_a_file_that_a_phase_wrote_names_the_phase():
    phases = [{"phase": "compress", "sha256": "a" * 64}]
    lines = why_lines({**PATH, "phases": phases, "source": None, "shadowed": []})
    assert "written by: compress, sha256 aaaaaaaaaaaa" in lines
    gone = [*PATH["phases"], {"phase": "compress", "sha256": None}]
    assert "removed by: compress" in why_lines({**PATH, "phases": gone})


def test_why_of_a_key_shows_who_renders_it_and_what_was_built():
    asked = {
        "host": "web2",
        "template": "page.html",
        "in": "base.html",
        "block": 1,
        "line": 7,
        "context": 0,
        "language": "de",
        "text": "<script>\n  var a;\n</script>",
        "nearest": ["the nearest built block is …", "built: x", "here:  y"],
    }
    known = {
        "key": "k" * 64,
        "release": "R2",
        "in_release": False,
        "releases": {"R1": "<script src=x></script>\n"},
        "asked_by": [asked],
        "unasked": [{"host": "web3", "error": "the host cannot be reached"}],
        "verdict": "the live manifest lacks it",
    }
    assert why_lines(known) == [
        "the live manifest lacks it",
        f"key: {'k' * 64}",
        "live release: R2",
        "in R1: <script src=x></script>",
        "rendered on web2 by page.html, block 1, line 7 of base.html, in language de:",
        "    <script>",
        "      var a;",
        "    </script>",
        "  the nearest built block is …",
        "  built: x",
        "  here:  y",
        "web3 did not answer: the host cannot be reached",
    ]


def test_status_tells_of_a_bucket_what_is_live_there_and_what_a_broken_flip_left():
    origin = {
        "origin": "s3://shop/static/",
        "reachable": True,
        "live": "20261122T170102Z-3f9c1a7b",
        "pending": "20261123T170102Z-3f9c1a7b",
        "missing": 2,
        "error": None,
    }
    gone = {
        **origin,
        "origin": "s3://gone/",
        "reachable": False,
        "missing": 0,
        "error": "there is no bucket",
    }
    stream = io.StringIO()
    found.show_status(
        Terminal({}, stream=stream), {**STATUS, "agreed": False, "origins": [origin, gone]}
    )
    told = stream.getvalue()
    assert "s3://shop/static/: live is 20261122T170102Z-3f9c1a7b" in told
    assert "s3://shop/static/: a flip to 20261123T170102Z-3f9c1a7b began and did not end" in told
    assert "s3://shop/static/: 2 objects are missing" in told
    assert "s3://shop/static/, s3://gone/" not in told
    assert "s3://shop/static/" in next(
        line for line in told.splitlines() if "not as sealed" in line
    )
    assert "s3://gone/: there is no bucket" in told


def test_what_turns_text_around_is_spelt_out():
    """gpj.exe would be shown as exe.jpg (fleet D)."""
    terminal, stream = shown()
    terminal.warn("img/logo\u202egpj.svg \u2066x\u2069 \u200fy \u2028z")
    assert stream.getvalue().endswith(
        "  img/logo\\u202egpj.svg \\u2066x\\u2069 \\u200fy \\u2028z\n"
    )
