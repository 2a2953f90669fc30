"""Several commands share one start of the project, and none of them can tell."""

import os

import pytest

from fab_static.host.agent.project_start import end_start
from tests.processes import alive, becomes
from tests.unit.host.project.projects import Project


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    yield project
    end_start(project)


def test_commands_share_one_start_and_none_can_tell(project):
    project.command("told", "print(sys.argv, words, os.getpid() == os.getsid(0))")
    assert project.run("hello", "you") == (0, "settings\nhello you\nafter hello\nthe end\n")
    assert project.run("told", "a", "b") == (
        0,
        "['manage.py', 'told', 'a', 'b'] ['a', 'b'] True\nafter told\nthe end\n",
    )
    assert project.starts == 1


def test_a_program_that_asks_the_project_shares_it_too(project):
    program = """
        import os, sys
        from django.conf import settings
        print(os.environ["QUESTION"], settings.STATIC_ROOT, open("page.html").read(), flush=True)
        sys.audit("fab_static.end", "the answer")
        os._exit(0)
    """
    project.write("page.html", "old")
    project.run("hello")
    assert project.ask(program, QUESTION="where") == ("the answer", "where static old\n")
    assert project.starts == 1
    project.write("page.html", "other")
    assert project.ask("import os; os._exit(0)")[0] == "", "an answer that stands on another page"


SHOW_ANOTHER = """
    import os
    from fab_static_sent.host.project.redirect import redirect
    redirect({os.path.abspath("versions.txt"): os.path.abspath("new.txt")})
    import site_settings
    print(site_settings.version(), flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize(
    "version",
    [
        "def version(): return open('versions.txt').read()",
        "def version(opened=open): return opened('versions.txt').read()",
        "import io, os\nfrom os import stat\ndef version(): return stat('versions.txt').st_size",
        "from pathlib import Path\ndef version(): return Path('versions.txt').read_text()",
    ],
    ids=["open", "an_open_of_before", "a_stat_of_before", "pathlib"],
)
def test_a_project_that_was_set_up_before_is_shown_other_files_too(project, version):
    project.write("versions.txt", "old")
    project.write("new.txt", "newer")
    project.settings(version)
    project.set_up()
    _, printed = project.ask(SHOW_ANOTHER, redirected=[str(project.folder / "versions.txt")])
    assert printed in ("settings\nnewer\n", "settings\n5\n")
    assert project.starts == 1


@pytest.mark.parametrize(
    "look", ["open('versions.txt').read()", "import os; os.path.exists('link/../versions.txt')"]
)
def test_what_knows_a_file_that_it_is_to_be_shown_another_of_is_not_used(project, look):
    project.write("versions.txt", "old")
    project.write("here/nothing.txt", "")
    (project.folder / "link").symlink_to("here")
    project.settings(look)
    project.set_up()
    asked = project.ask(SHOW_ANOTHER, redirected=[str(project.folder / "versions.txt")])
    assert asked == ("", "by itself\n")
    assert project.starts == 1, "a second start would know it too"


def test_a_file_of_the_same_name_elsewhere_may_be_known(project):
    project.write("versions.txt", "old")
    project.write("new.txt", "newer")
    project.write("far/away/versions.txt", "another")
    project.settings(
        "open('far/away/versions.txt').read()\ndef version(): return open('versions.txt').read()"
    )
    project.set_up()
    _, printed = project.ask(SHOW_ANOTHER, redirected=[str(project.folder / "versions.txt")])
    assert printed == "settings\nnewer\n"
    assert project.starts == 1


def test_a_start_is_not_shared_by_what_builds_and_what_is_shown_other_files(project):
    project.write("versions.txt", "old")
    project.write("new.txt", "new")
    project.settings("def version(): return open('versions.txt').read()")
    project.run("hello")
    _, printed = project.ask(SHOW_ANOTHER, redirected=[str(project.folder / "versions.txt")])
    assert printed.endswith("new\n")
    assert project.starts == 2


def test_a_start_that_only_a_question_to_come_wanted_ends_with_it(project):
    project.set_up()
    assert project.children
    project.ask("import os; os._exit(0)", redirected=["/a"])
    assert not project.children


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ('raise CommandError("no such thing")', 1, "CommandError: no such thing"),
        ("sys.exit(3)", 3, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("os._exit(4)", 4, ""),
        ('sys.exit("no such word")', 1, "no such word"),
        ('raise SystemExit(["a", "list"])', 1, "['a', 'list']"),
        ("sys.exit(256 + 5)", 5, ""),
        ("sys.exit(None)", 0, ""),
    ],
)
def test_a_command_ends_as_it_would_by_itself(project, body, code, said):
    project.command("broken", body)
    assert project.run("hello")[0] == 0
    ended, printed = project.run("broken")
    assert ended == code
    assert said in printed
    assert project.run("hello")[0] == 0
    assert project.starts == 1


def test_what_the_project_leaves_for_later_is_not_done_by_the_start(project):
    """To look for open files among all objects must not wake Django's lazy ones."""
    project.settings(
        "from django.utils.functional import SimpleLazyObject\n"
        "LATER = SimpleLazyObject(lambda: open('awake', 'w'))\n"
    )
    assert project.run("hello")[0] == 0
    assert not (project.folder / "awake").exists()
    assert project.starts == 1


def test_what_a_command_leaves_to_the_end_of_the_interpreter_is_done(project):
    project.settings('LOG = open("log", "w")\n')
    project.command(
        "leaves",
        """
            import atexit, tempfile, threading, weakref
            def slowly():
                threading.main_thread().join()
                print("a thread")
                global kept
                kept = open("kept", "w")  # nobody closes it
                kept.write("text")
            threading.Thread(target=slowly).start()
            site_settings.LOG.write("a line")
            class Cyclic:
                def __del__(self):
                    print("deleted", flush=True)
            cyclic = Cyclic()
            cyclic.itself = cyclic
            global folder
            folder = tempfile.TemporaryDirectory(dir=".", prefix="temporary")
            atexit.register(print, "an exit handler")
            atexit.register(lambda: 1 / 0)
        """,
    )
    project.run("hello")
    code, printed = project.run("leaves")
    assert code == 0
    words = ("a thread", "an exit handler", "ZeroDivisionError", "the end", "deleted")
    assert [word for word in words if word not in printed] == []
    assert (project.folder / "kept").read_text() == "text"
    assert (project.folder / "log").read_text() == "a line"
    assert not list(project.folder.glob("temporary*"))
    assert project.starts == 1


@pytest.mark.parametrize(
    "text",
    [
        'import sys\nTESTING = "test" in sys.argv',
        "import sys\nNAME = sys.argv[1]",
        "import sys\nWORDS = [*sys.argv]",
        "import sys\nLINE = ' '.join(sys.argv)",
    ],
)
def test_a_project_that_looks_at_its_command_line_is_started_for_each(project, text):
    project.settings(text)
    project.command("told", 'print(getattr(site_settings, "NAME", "told"))')
    assert "hello" in project.run("hello")[1]
    assert "told" in project.run("told")[1].splitlines()
    assert project.starts == 3  # with the one that found it out


def test_a_project_with_threads_is_started_for_each(project):
    project.settings(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    assert project.run("hello")[0] == 0
    assert project.run("hello")[0] == 0
    assert project.starts == 3


def test_what_was_read_at_the_start_and_changed_since_is_read_anew(project):
    project.write("static/said.txt", "one")
    project.settings('SAID = open("static/said.txt").read()')
    project.command("tell", "print(site_settings.SAID)")
    assert "one" in project.run("tell")[1]
    project.write("static/said.txt", "another")
    assert "another" in project.run("tell")[1]
    assert project.starts == 2


def test_a_project_that_cannot_be_set_up_says_so_itself(project):
    project.settings("1 / 0")
    code, printed = project.run("hello")
    assert code == 1
    assert "ZeroDivisionError" in printed
    project.settings("")
    assert project.run("hello")[0] == 0


def test_each_command_is_recorded_with_what_it_and_the_start_read(project):
    for name in ("one", "two", "both"):
        project.write(f"{name}.txt", "x")
    project.settings('BOTH = open("both.txt").read()')
    project.command("first", 'open("one.txt").read()')
    project.command("second", 'open("two.txt").read()')
    assert project.run("first")[0] == project.run("second")[0] == 0
    assert (project.why("first"), project.why("second")) == (None, None)
    project.write("one.txt", "changed")
    assert "one.txt has changed" in project.why("first")
    assert project.why("second") is None
    project.write("both.txt", "changed")
    assert "both.txt has changed" in project.why("second")


def test_what_a_command_does_unseen_is_its_own_alone(project):
    project.command("unseen", "os.fork() or os._exit(0)")
    project.run("unseen")
    project.run("hello")
    assert project.why("unseen") == "it forked"
    assert project.why("hello") is None
    assert project.starts == 1


def test_a_start_that_prints_much_blocks_nothing(project):
    project.settings('print("x" * 300_000)')
    code, printed = project.run("hello")
    assert code == 0
    assert printed.count("x") == 300_000


def test_a_command_is_ended_in_time_and_the_next_one_runs(project):
    project.command("sleep", "import time; time.sleep(600)")
    assert project.run("hello")[0] == 0
    assert project.run("sleep", timeout=0.2)[0] == -9
    assert project.run("hello")[0] == 0
    assert project.starts == 1


def test_the_start_ends_with_the_agent(project):
    project.run("hello")
    (process,) = project.children
    end_start(project)
    assert becomes(lambda: not alive(process))


def test_a_start_that_was_killed_is_made_again(project):
    project.run("hello")
    (process,) = project.children
    os.kill(process, 9)
    assert project.run("hello")[0] == 0
    assert project.starts == 2
