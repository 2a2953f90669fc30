"""Sheets that are compiled ahead: compress finds them, and cannot else tell. Needs strace."""

import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fab_static.host.agent.project_start import end_start
from fab_static.host.project import ahead
from tests.processes import alive, becomes
from tests.unit.host.project.projects import Project

SETTINGS = """
    import os, sys
    SECRET_KEY = "x"
    INSTALLED_APPS = ["own", "compressor"]
    STATIC_URL, STATIC_ROOT = "/static/", os.path.abspath("static")
    STATICFILES_FINDERS = ["compressor.finders.CompressorFinder"]
    TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["pages"], "APP_DIRS": True}]
    COMPRESS_ENABLED = COMPRESS_OFFLINE = True
    COMPRESS_CSS_HASHING_METHOD = "content"
    COMPRESS_PRECOMPILERS = [("text/sheet", f"sh {os.path.abspath('compile.sh')} {{infile}} {{outfile}}")]
    FAB_STATIC_CACHE = os.path.abspath("../cache")
"""
COMPILE = 'echo "$1" >> {}/calls.log\ntr a-z A-Z < "$1" > "$2"\n'
PAGE = (
    '{{% load compress %}}{{% compress css %}}<link rel="stylesheet" type="text/sheet" '
    'href="/static/{}.sheet">{{% endcompress %}}'
)
SHEETS = ("one", "two")
COMPRESS = ("compress", "--force")


class Styled(Project):
    """A project with two sheets, and a precompiler that logs its calls."""

    def __init__(self, folder):
        super().__init__(folder)
        self.compiler(COMPILE.format(folder))
        self.settings()
        for name in SHEETS:
            self.write(f"static/{name}.sheet", f".{name} {{}}\n")
            self.write(f"pages/{name}.html", PAGE.format(name))
        self.log = folder / "calls.log"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.environment["TMPDIR"] = str(self.temporary)

    def settings(self, text=""):
        self.write("site_settings.py", SETTINGS + text)

    def compiler(self, text):
        self.write("compile.sh", text)

    def go_ahead(self, commands=True):
        order = {"words": list(COMPRESS), "trust": [], "commands": commands}
        self.set_up({"trust": []}, ahead=order)

    def is_compiled(self):
        """Wait until all sheets were compiled ahead, and are kept."""
        results = self.folder.parent / "cache/results"
        return becomes(lambda: len([path for path in results.rglob("*") if path.is_file()]) == 2)

    def is_over(self):
        """Tell whether what is done ahead has ended: nobody asks for its exit code, so it is to be seen still."""
        start = self.start.process.pid
        children = Path(f"/proc/{start}/task/{start}/children").read_text().split()
        return bool(children) and not any(alive(int(each)) for each in children)

    @property
    def found(self):
        """What stands in the static root."""
        return {
            path.name: path.read_text()
            for path in (self.folder / "static").iterdir()
            if path.is_file()
        }

    @property
    def lines(self):
        return self.log.read_text().split() if self.log.exists() else []

    @property
    def made(self):
        """What compress has left: the text of each block's file."""
        manifest = json.loads((self.folder / "static/CACHE/manifest.json").read_text())
        files = (self.folder / "static/CACHE/css").glob("*.css")
        return len(manifest), sorted(path.read_text() for path in files)


@pytest.fixture
def project(tmp_path):
    project = Styled(tmp_path)
    yield project
    end_start(project)


class Gate:
    """What a compiler waits for: that a process ends. A file that came while it waits would be read as an input."""

    def __init__(self):
        self._process = subprocess.Popen(["sleep", "infinity"])
        self.wait = f"while kill -0 {self._process.pid} 2>&-; do sleep 0.01; done\n"

    def open(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()


def test_compress_finds_what_was_compiled_ahead(project):
    project.go_ahead()
    assert project.is_compiled()
    assert not (project.folder / "static/CACHE").exists(), "only compress itself saves anything"
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert "2 of 2 calls of precompilers ran, 2 of them while other phases ran\n" in printed
    assert len(project.lines) == 2
    assert project.made == (2, [".ONE{}", ".TWO{}"])
    assert project.why(*COMPRESS) is None, "its record holds all that it came from"


def test_a_call_that_failed_ahead_and_again_is_counted_once(project):
    project.compiler('grep -q two "$1" && exit 7\ntr a-z A-Z < "$1" > "$2"\n')
    project.go_ahead()
    code, printed = project.run(*COMPRESS)
    assert code
    calls = re.findall(r"(\d) of (\d) calls of precompilers ran", printed)
    assert [made <= asked for made, asked in calls] == [True], printed


def test_a_sheet_rests_on_what_the_inventory_vouches_for(project):
    """What was made by a word that was taken back is made again, though the sheet is as it was."""
    for project.trust, calls in ((["sh"], 2), (["sh"], 2), ([], 4), ([], 4)):
        assert project.run(*COMPRESS)[0] == 0
        assert len(project.lines) == calls


def test_compress_waits_for_what_is_being_compiled(project):
    """Else it would compile the same once more."""
    project.go_ahead()
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert len(project.lines) == 2
    assert project.made == (2, [".ONE{}", ".TWO{}"])


CONTEXTS = """
    import os
    def contexts():
        with open("../contexts.log", "a") as file:
            file.write(f"{os.getpid()}\\n")
        yield {}
"""


def test_compress_looks_for_its_templates_while_it_waits(project, gate, tmp_path):
    """It asks for their context, as what goes ahead does, while no sheet is compiled yet; and none is compiled twice."""
    log = tmp_path / "contexts.log"
    project.compiler(COMPILE.format(tmp_path) + gate.wait)
    project.write("own/pages.py", CONTEXTS)
    project.settings('    COMPRESS_OFFLINE_CONTEXT = "own.pages.contexts"\n')
    project.go_ahead()
    with ThreadPoolExecutor(1) as pool:
        ran = pool.submit(project.run, *COMPRESS)
        both_asked = becomes(lambda: log.exists() and len(set(log.read_text().split())) == 2)
        both_wait = becomes(lambda: len(project.lines) == 2)
        gate.open()
        assert ran.result()[0] == 0
    assert both_asked
    assert both_wait
    assert len(project.lines) == 2
    assert project.made == (2, [".ONE{}", ".TWO{}"])


def test_other_commands_run_meanwhile(project, gate, tmp_path):
    project.compiler(COMPILE.format(tmp_path) + gate.wait)
    project.go_ahead()
    assert becomes(lambda: len(project.lines) == 2)
    assert project.run("hello", "you")[0] == 0
    gate.open()
    assert project.run(*COMPRESS)[0] == 0
    assert len(project.lines) == 2


def test_a_sheet_that_a_phase_changes_meanwhile_is_compiled_again(project):
    project.go_ahead()
    assert project.is_compiled()
    project.write("static/two.sheet", ".other {}\n")
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert len(project.lines) == 3
    assert project.made == (2, [".ONE{}", ".OTHER{}"])


def test_what_fails_ahead_is_told_by_compress(project):
    project.compiler("echo 'no such colour' >&2; exit 1\n")
    project.go_ahead()
    code, printed = project.run(*COMPRESS)
    assert code == 1
    assert "no such colour" in printed


def test_what_leaves_no_result_is_not_compiled_ahead_to_the_end(project, tmp_path):
    """Its output names a temporary file, which is another one each time."""
    project.compiler(COMPILE.format(tmp_path) + 'echo "/* $2 */" >> "$2"\n')
    project.go_ahead()
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert "while other phases ran" not in printed
    assert 3 <= len(project.lines) <= 4  # two may begin at once
    assert list(project.temporary.iterdir()) == []
    assert project.made == (2, [".ONE{}", ".TWO{}"])


OWN_COMPRESSOR = """
    import compressor.css
    class Own(compressor.css.CssCompressor):
        pass
"""
CACHED = 'COMPRESS_CACHEABLE_PRECOMPILERS = ["text/sheet"]'
OWN = 'COMPRESSORS = {"css": "own.css.Own", "js": "compressor.js.JsCompressor"}'


@pytest.mark.parametrize(
    "settings",
    [
        "FAB_STATIC_COMPILE_AHEAD = False",
        "FAB_STATIC_CACHE = None",
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
        OWN,
        CACHED,
        'INSTALLED_APPS.insert(0, "another")',
    ],
    ids=["off", "nothing_kept", "one_processor", "own_compressor", "kept_by_text", "own_compress"],
)
def test_nothing_is_compiled_ahead_where_that_may_be_wrong_or_in_vain(project, settings):
    project.write("own/css.py", OWN_COMPRESSOR)
    project.write("another/__init__.py", "")
    project.write("another/management/__init__.py", "")
    project.write("another/management/commands/__init__.py", "")
    another = "from compressor.management.commands.compress import Command as Known\n"
    project.write(
        "another/management/commands/compress.py", another + "class Command(Known):\n    pass\n"
    )
    project.settings(f"    {settings}\n")
    project.go_ahead()
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert "while other phases ran" not in printed
    assert len(project.lines) == 2
    assert project.made == (2, [".ONE{}", ".TWO{}"])


def test_a_filter_of_the_projects_own_is_not_called_ahead(project):
    """Nobody keeps what it makes."""
    project.write(
        "own/sheets.py",
        """
        import os
        from compressor.filters import FilterBase
        class Sheets(FilterBase):
            def input(self, **kwargs):
                with open("../calls.log", "a") as file:
                    file.write("/sheets/called\\n")
                return self.content.upper()
        """,
    )
    project.settings('    COMPRESS_PRECOMPILERS = [("text/sheet", "own.sheets.Sheets")]\n')
    project.go_ahead()
    assert project.run(*COMPRESS)[0] == 0
    assert len(project.lines) == 2


def test_a_command_that_nobody_has_seen_yet_is_confined(project):
    """It logs no call then, since that would be written elsewhere."""
    project.compiler('tr a-z A-Z < "$1" > "$2" 2> /dev/null\n')
    project.go_ahead(commands=False)
    assert project.is_compiled()
    assert not (project.folder / "static/CACHE").exists()
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert "2 of 2 calls of precompilers ran, 2 of them while other phases ran\n" in printed
    assert project.made == (2, [".ONE{}", ".TWO{}"])
    project.write("static/two.sheet", ".other {}\n")
    code, printed = project.run(*COMPRESS)
    assert "1 of 2 calls of precompilers ran; all that" in printed, (
        "what it read is known as of any other"
    )
    assert ".OTHER{}" in project.made[1]


WRITES = [
    "echo > static/beside.txt",
    "echo >> static/there.txt",
    ": > static/there.txt",
    "truncate -s 0 static/there.txt",
    "ln static/there.txt static/beside.txt",
    "ln -s there.txt static/beside.txt",
    "mv static/there.txt static/beside.txt",
    'cp "$1" "$1.aside"; mv "$1.aside" static/beside.txt',
    "rm static/there.txt",
]


@pytest.mark.parametrize("writes", WRITES)
def test_what_a_command_would_write_elsewhere_is_written_in_compress(project, tmp_path, writes):
    """Else the phase that runs meanwhile would be taken for who wrote it; nor is it missing afterwards."""
    there = project.write("static/there.txt", "there\n")
    met = project.found
    project.compiler(f'{{ {writes}; }} 2> /dev/null || true; tr a-z A-Z < "$1" > "$2"\n')
    project.go_ahead(commands=False)
    assert becomes(project.is_over)
    assert project.found == met
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert "2 of 2 calls of precompilers ran\n" in printed
    assert "beside.txt" in project.found or not there.exists() or there.read_text() != "there\n"
    assert project.made == (2, [".ONE{}", ".TWO{}"])


ASKS = """
import socket
try:
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect("../socket")
except OSError:
    pass
"""


def test_a_command_that_nobody_has_seen_yet_cannot_have_another_write(project, tmp_path):
    """A compiler may be a program that runs already, and is not confined."""
    project.write("ask.py", ASKS)
    project.compiler(f'{sys.executable} -I ask.py; tr a-z A-Z < "$1" > "$2"\n')
    with socket.socket(socket.AF_UNIX) as asked:
        asked.bind(str(tmp_path / "socket"))
        asked.listen()
        asked.setblocking(False)
        project.go_ahead(commands=False)
        assert becomes(project.is_over)
        with pytest.raises(BlockingIOError):
            asked.accept()
        asked.setblocking(True)
        assert project.run(*COMPRESS)[0] == 0
        asked.accept()
    assert project.made == (2, [".ONE{}", ".TWO{}"])


NO_LANDLOCK = """
    import ctypes
    def without(*_, **__):
        raise OSError("no library")
    ctypes.CDLL = without
"""


def test_a_command_that_nobody_has_seen_yet_is_not_called_where_it_cannot_be_confined(project):
    project.settings(NO_LANDLOCK)
    project.go_ahead(commands=False)
    code, printed = project.run(*COMPRESS)
    assert code == 0, printed
    assert "while other phases ran" not in printed
    assert len(project.lines) == 2


def test_what_is_compiled_ahead_ends_with_the_start(project, tmp_path):
    project.compiler(
        f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; sleep 600\n"
    )
    project.go_ahead()
    pid = tmp_path / "pid"
    assert becomes(pid.exists)
    end_start(project)
    assert becomes(lambda: not alive(int(pid.read_text())))
    assert becomes(lambda: not list(project.temporary.iterdir())), "what it was at"


def test_one_processor_is_enough_for_one(monkeypatch):
    """Where the system does not tell which may be used, all count."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert ahead.begin(None, None, [], [], commands=True) is None
