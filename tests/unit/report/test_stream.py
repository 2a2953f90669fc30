"""What cannot be written is lost, and nothing fails (fleet A3)."""

import errno
import io
import os
import subprocess
import sys

import pytest

from fab_static.errors import ReleaseError
from fab_static.report.stream import Stream
from fab_static.report.terminal import Terminal


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def said_in_every_way(terminal):
    with terminal.phase("compress"):
        terminal.say("12 files")
        terminal.warn("look at this")
        terminal.output("build1", b"a line\n")
    terminal.table(("id",), [("a",)])
    terminal.text("done")
    terminal.error(ReleaseError("it failed", where="edge1", mend="mend it"))


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [Full(), closed(), None], ids=["full", "closed", "none"])
def test_a_terminal_that_cannot_be_written_ends_nothing(stream):
    said_in_every_way(Terminal({}, stream=stream))


def test_that_nothing_can_be_shown_any_more_is_said_once_on_standard_error_and_in_the_log(tmp_path):
    errors = io.StringIO()
    terminal = Terminal({}, stream=Full(), errors=errors)
    terminal.log_to(tmp_path / "a.log")
    said_in_every_way(terminal)
    words = (
        "what happens cannot be shown here any more (No space left on device); the run goes on\n"
    )
    assert errors.getvalue() == words
    log = (tmp_path / "a.log").read_text()
    assert log.count(words) == 1
    assert "12 files" in log
    assert "error: it failed" in log


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_text_that_the_encoding_lacks_is_written_as_python_escapes_it(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, errors="strict")
    terminal = Terminal({}, stream=stream)
    terminal.text("img/latin\udce9.js \u2026")
    said_in_every_way(terminal)
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert text.startswith("img/latin\\udce9.js ")
    assert "error: it failed" in text


def test_a_log_that_cannot_be_written_any_more_is_told_once_and_ends(tmp_path):
    stream = io.StringIO()
    terminal = Terminal({}, stream=stream)
    terminal.log_to(tmp_path / "a.log")
    terminal._log._file.close()
    terminal._log._file = Named("/state/a.log")
    said_in_every_way(terminal)
    text = stream.getvalue()
    assert text.count("the log ends here: No space left on device: /state/a.log\n") == 1
    assert "12 files" in text


class Named(Full):
    def __init__(self, name):
        super().__init__()
        self.name = name


def test_a_stream_that_was_set_not_to_wait_is_written_all_the_same():
    """Node does that to a terminal that it shares with us: EAGAIN."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with os.fdopen(ours, "rb") as reader, os.fdopen(theirs, "w") as file:
        tried = []

        class Once:
            fileno = file.fileno

            def write(self, text):
                if not tried:
                    tried.append(text)
                    raise BlockingIOError(errno.EAGAIN, "would block")
                file.write(text)

            def flush(self):
                file.flush()

        stream = Stream(Once(), lambda why: pytest.fail(why))
        stream.write("a line\n")
        stream.flush()
        assert os.get_blocking(theirs)
        assert reader.readline() == b"a line\n"


@pytest.mark.parametrize("redirected", [">/dev/full", ">&-", "| true", ">/dev/full 2>/dev/full"])
def test_the_exit_code_is_the_programs_own_wherever_its_output_goes(redirected):
    """Python ends with 120 where it cannot write what is left in a stream, and rich with 1."""
    program = (
        "import sys; from fab_static.report.terminal import Terminal; "
        "t = Terminal({}, stream=sys.stdout, errors=sys.stderr); "
        "[t.say('a line' * 1000) for _ in range(100)]; sys.exit(7)"
    )
    ran = subprocess.run(
        [
            "bash",
            "-c",
            f'"$1" -c "$2" {redirected}; exit ${{PIPESTATUS[0]}}',
            "-",
            sys.executable,
            program,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 7
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
