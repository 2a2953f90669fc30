"""The first line of a command, which stands before anything of ours that takes long is loaded."""

import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from fab_static.tasks.first_line import INTERRUPTED
from tests.unit.tasks.started import MAIN, run

# ends where a session would begin, whose module is loaded right after the line
FABFILE = """
import sys
from fab_static import namespace

class Last:
    def find_spec(self, name, path=None, target=None):
        if name == "fab_static.api":
            raise SystemExit(7)

sys.meta_path.insert(0, Last())
"""
WATCHED = """
import json, sys
from fabric.main import program

class Stream:
    encoding = "utf-8"
    def isatty(self): return True
    def flush(self): pass
    def write(self, text):
        names = [name for name in sys.modules if name.startswith("fab_static.")]
        print(json.dumps([text, names]), file=sys.__stdout__, flush=True)
        raise KeyboardInterrupt

sys.stdout = Stream()
program.run(["fab", *sys.argv[1:]])
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inventories").mkdir()
    (tmp_path / "fabfile.py").write_text(FABFILE)
    hosts = "".join(
        f"  {name}: {{address: {name}.invalid, roles: [{role}]}}\n"
        for name, role in (("a", "build"), ("b", "static"), ("c", "static"), ("d", "static"))
    )
    (tmp_path / "inventories" / "eu_west.yml").write_text(
        f"app: shop\ndeploy_to: /srv/static\nproject: {{path: /srv/code}}\nhosts:\n{hosts}"
    )
    (tmp_path / "inventories" / "broken.yml").write_text("hosts: [")
    return tmp_path


ASKING = [
    *(
        "deploy",
        "prepare",
        "activate",
        "rollback",
        "join x",
        "compress",
        "distribute",
        "invalidate",
    ),
    *(
        "plan",
        "status",
        "releases",
        "diff",
        "check",
        "why /static/a.js",
        "unlock",
        "nginx",
        "export",
    ),
]


@pytest.mark.parametrize("words", ASKING)
def test_before_the_first_line_nothing_is_loaded_that_connects(folder, words):
    ran = run(folder, "eu-west", *words.split(), main=WATCHED)
    said, modules = json.loads(ran.stdout.splitlines()[0])
    assert said == "eu_west: asks 4 hosts ...\n"
    rooms = {name.split(".")[1] for name in modules}
    assert rooms <= {
        "errors",
        "interruption",
        "phases",
        "plan",
        "report",
        "sessions",
        "show",
        "tasks",
    }
    assert "fab_static.phases.run" not in modules


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        (("eu-west", "deploy"), "4 hosts"),
        (("eu_west", "rollback", "--check"), "4 hosts"),
        (("eu-west", "deploy", "--without", "b,c"), "2 hosts"),
        (("eu-west", "prepare", "--without=b"), "3 hosts"),
        (("eu-west", "compress"), "4 hosts"),
    ],
)
def test_what_acts_says_at_once_in_a_log_which_hosts_it_asks_and_when(folder, words, hosts):
    ran = run(folder, *words)
    assert ran.returncode == 7
    assert re.fullmatch(rf"\d\d:\d\d:\d\d eu_west: asks {hosts} \.\.\.\n", ran.stdout)
    assert ran.stderr == ""


@pytest.mark.parametrize(
    "words", [("status",), ("plan", "--json"), ("deploy", "--dry-run"), ("why", "/static/a.js")]
)
def test_what_answers_a_program_keeps_its_answer_free_of_it(folder, words):
    ran = run(folder, "eu-west", *words)
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize(
    "words",
    [
        ("eu-west", "deploy", "--help"),
        ("eu-west", "deploy", "--quiet"),
        ("eu-west", "deploy", "-yq"),
        ("eu-west", "report"),
        ("eu-west", "nginx", "--url", "/static/"),
        ("--list",),
        ("broken", "deploy"),
        ("nowhere", "deploy"),
        ("init",),
        ("eu-west",),
    ],
)
def test_where_nobody_is_asked_or_nothing_is_to_be_said_it_is_not_said(folder, words):
    ran = run(folder, *words)
    assert ": asks " not in ran.stdout + ran.stderr


@pytest.mark.parametrize("is_piped", [False, True])
@pytest.mark.parametrize("words", [("status",), ("why", "/static/a.js")])
def test_who_watches_a_terminal_is_told_though_the_answer_goes_elsewhere(folder, words, is_piped):
    """`why` said nothing until it had its answer: its URL was taken for `nginx --url`."""
    reader, writer = pty.openpty()
    command = [sys.executable, "-c", MAIN, "eu-west", *words]
    out = subprocess.DEVNULL if is_piped else writer
    subprocess.run(command, cwd=folder, stdout=out, stderr=writer, check=False)
    assert os.read(reader, 100) == b"eu_west: asks 4 hosts ...\r\n"


def test_ctrl_c_before_a_task_begins_is_one_clear_line_and_exit_1(folder):
    """Invoke ends without a word there; Python would show where it was."""
    (folder / "fabfile.py").write_text(
        "from fab_static import namespace\nimport signal\nprint(flush=True)\nsignal.pause()\n"
    )
    words = [sys.executable, "-c", MAIN, "eu-west", "deploy"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=folder, **pipes) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (1, f"{INTERRUPTED}\n")


def test_a_task_of_the_teams_own_answers_ctrl_c_as_ever(folder):
    (folder / "fabfile.py").write_text(
        "import signal, sys\nfrom fabric import task\nfrom fab_static import namespace\n\n"
        "@task\ndef ours(c):\n"
        "    sys.exit(signal.getsignal(signal.SIGINT) is signal.default_int_handler and 9)\n\n"
        "namespace.add_task(ours)\n"
    )
    assert run(folder, "eu-west", "ours").returncode == 9
