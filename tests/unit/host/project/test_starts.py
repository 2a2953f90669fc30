"""A program that a phase starts is not run again while all that it meets is the same; and nobody notices."""

import hashlib
import textwrap

import pytest

from fab_static.host.project.traces.strace import why_not
from tests.unit.host.project.test_reads import Project

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"nothing is traced here: {why_not()}")

TOOL = """\
#!/bin/sh
# reads what stands beside it and its own input, in place, as a minifier does; says that it ran
echo run >> "$RAN"
[ -e more.txt ] && cat more.txt >> made.js
tr a-z A-Z < in.js > in.tmp
cat "$LIBRARY" in.tmp > made.js
mv in.tmp in.js
mkdir -p folder && echo deep > folder/deep.js
rm -f old.js
echo "$1 $WORD"
echo problem >&2
"""
CALL = """\
import subprocess, sys
ran = subprocess.run(["../tool", *{words}], cwd="static", capture_output=True, text=True)
sys.stdout.write("%s|%s|%s\\n" % (ran.returncode, ran.stdout, ran.stderr))
"""
PRINTED = "0|one word\n|problem\n\n"


class Build:
    """A project whose phase starts a program in its static root; that counts its runs in a log."""

    def __init__(self, folder):
        self.project = Project(folder)
        self.root = self.project.folder / "static"
        self.ran = folder / "ran"
        self.library = self.project.write("library.js", "library\n")
        self.project.inside = [str(self.root)]
        self.project.environment = {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "RAN": str(self.ran),
            "LIBRARY": str(self.library),
            "WORD": "word",
        }
        self.cache = folder / "cache"
        self.tool, self.words = TOOL, ["one"]
        self.inputs = {"in.js": "text\n", "old.js": "old\n"}

    @property
    def kept(self):
        """The file in which the result of the one start is kept; beside it are the hashes of what it met."""
        files = (path for path in self.cache.rglob("*") if path.is_file())
        (kept,) = (path for path in files if path.name != "hashed")
        return kept

    def run(self, script=None, trust=()):
        """Build from the start; return how often the program ran, what was printed, and what stands there then."""
        self.ran.write_text("")
        if self.root.exists():
            for path in sorted(self.root.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        self.root.mkdir(exist_ok=True)
        for name, text in self.inputs.items():
            (self.root / name).write_text(text)
        tool = self.project.folder / "tool"
        if not tool.exists() or tool.read_text() != self.tool:
            tool.write_text(self.tool)
            tool.chmod(0o755)
        self.project.printed = b""
        answer = self.project.run(script or CALL.format(words=self.words), trust)
        printed = self.project.printed.decode()
        self.said = [line for line in printed.splitlines() if line.startswith("fab_static: ")]
        self.told = [line for line in printed.splitlines() if "did not run" in line]
        printed = "".join(
            line
            for line in printed.splitlines(keepends=True)
            if line.rstrip("\n") not in (*self.said, *self.told)
        )
        stands = {
            str(path.relative_to(self.root)): path.read_text()
            for path in self.root.rglob("*")
            if path.is_file()
        }
        return self.ran.read_text().count("run"), printed, stands, answer


@pytest.fixture
def build(tmp_path):
    return Build(tmp_path)


def test_what_a_program_left_and_printed_is_used_again(build):
    first = build.run()
    assert first[0] == 1
    assert first[1] == PRINTED
    assert first[2] == {
        "in.js": "TEXT\n",
        "made.js": "library\nTEXT\n",
        "folder/deep.js": "deep\n",
    }
    second = build.run()
    assert second[0] == 0
    assert second[1:3] == first[1:3]
    assert second[3]["unseen"] == []
    assert build.told == ["1 of 1 programs did not run: all that they read is as it was"]


CHANGES = {
    "its words": lambda build: setattr(build, "words", ["two"]),
    "a variable": lambda build: build.project.environment.update(WORD="other"),
    "a file that it read elsewhere": lambda build: build.library.write_text("another\n"),
    "a file that it read, and then wrote": lambda build: build.inputs.update({"in.js": "more\n"}),
    "a file that it looked for": lambda build: build.inputs.update({"more.txt": "more\n"}),
    "a file that it removed": lambda build: build.inputs.pop("old.js"),
    "a file where it made one": lambda build: build.inputs.update({"made.js": "there\n"}),
    "the program": lambda build: setattr(build, "tool", TOOL + "true\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_runs_again_when_what_it_met_is_another(build, change):
    assert [build.run()[0] for _ in range(2)] == [1, 0]
    CHANGES[change](build)
    assert build.run()[0] == 1


def test_a_program_that_lists_a_folder_runs_again_when_a_name_comes(build):
    """Of names alone, not of bytes."""
    build.tool = '#!/bin/sh\necho run >> "$RAN"\nls\n'
    assert build.run()[0] == 1
    build.inputs["in.js"] = "another text\n"
    assert build.run()[0] == 0
    build.inputs["new.js"] = ""
    assert build.run()[0] == 1


SIZE = '#!/bin/sh\necho run >> "$RAN"\n[ -s in.js ] && stat -c %s in.js > made.js\n'


def test_a_program_that_goes_by_content_may_ask_for_times_and_sizes(build):
    """While somebody says so: what rests on that word is not used again without it."""
    build.tool = SIZE
    trust = ["by_content:tool", "by_content:stat", "by_content:sh"]
    assert [build.run(trust=trust)[0] for _ in range(2)] == [1, 0]
    build.inputs["in.js"] = "another text\n"
    assert build.run(trust=trust)[0] == 0
    counts, _, stands, _ = build.run()
    assert (counts, stands["made.js"]) == (1, "13\n")
    assert build.run()[0] == 0
    build.inputs["in.js"] = "text\n"
    assert build.run()[0] == 1


def test_what_an_answered_program_had_read_counts_as_read_by_the_phase(build):
    """Else a library that changed would not be seen by the next deploy."""
    build.run()
    assert build.run()[0] == 0
    assert build.project.why() is None
    build.library.write_text("another\n")
    assert build.project.why() == f"{build.library} has changed"


def test_what_it_left_counts_as_written_by_the_phase(build):
    build.run()
    build.run()
    record = build.project.record.read_text()
    for name in ("made.js", "in.js", "old.js"):
        assert str(build.root / name) in record.partition('"writes"')[2]


def test_a_failure_is_never_kept(build):
    build.tool = '#!/bin/sh\necho run >> "$RAN"\nexit 3\n'
    for _ in range(2):
        ran, printed, _, _ = build.run()
        assert (ran, printed) == (1, "3||\n")


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("echo text > ../elsewhere.txt", "it wrote {folder}/elsewhere.txt"),
        ("rm -f ../library.js", "it removed {folder}/library.js"),
        ("ln -s in.js link.js", "there are links where it works"),
    ],
)
def test_what_nobody_could_give_back_runs_each_time_and_says_why(build, does, why):
    build.tool = f'#!/bin/sh\necho run >> "$RAN"\n{does}\n'
    for _ in range(2):
        build.library.write_text("")
        (build.project.folder / "elsewhere.txt").unlink(missing_ok=True)
        assert build.run()[0] == 1
        told = why.format(folder=build.project.folder)
        assert build.said == [f"fab_static: tool one runs each time: {told}"]


def test_a_file_that_somebody_else_changes_meanwhile_is_not_taken_for_its_own(build):
    """Which of the two left it nobody knows."""
    build.tool = '#!/bin/sh\necho run >> "$RAN"\nread line < fifo\n'
    script = """
        import os, subprocess
        os.mkfifo("fifo")
        tool = subprocess.Popen(["./tool"])
        with open("static/other.js", "w") as file:
            file.write("ours")
        with open("fifo", "w") as fifo:
            fifo.write("go\\n")
        tool.wait()
        os.unlink("fifo")
    """
    for _ in range(2):
        assert build.run(script)[0] == 1


STREAMS = {
    "two pipes": (
        'ran = subprocess.run(["../tool"], cwd="static", capture_output=True, text=True)\n'
        "print(ran.stdout, ran.stderr)"
    ),
    "inherited": 'subprocess.run(["../tool"], cwd="static")\nprint("after", flush=True)',
    "one pipe": (
        'print(subprocess.run(["../tool"], cwd="static", stdout=-1, stderr=-2, text=True).stdout)'
    ),
    "a file": (
        'with open("static/out", "w+") as file:\n'
        '    file.write("before\\n"); file.flush()\n'
        '    subprocess.run(["../tool"], cwd="static", stdout=file)\n'
        '    file.write("after\\n"); file.seek(0); print(file.read())'
    ),
    "nobody": 'subprocess.run(["../tool"], cwd="static", stdout=-3, stderr=-3)',
    "a pipeline": (
        'one = subprocess.Popen(["../tool"], cwd="static", stdout=-1, stderr=-3)\n'
        'print(subprocess.check_output(["cat"], stdin=one.stdout))\none.wait()'
    ),
    "line by line": (
        'with subprocess.Popen(["../tool"], cwd="static", stdout=-1, text=True) as one:\n'
        "    print([line for line in one.stdout], one.wait(), one.poll(), one.args)"
    ),
}


@pytest.mark.parametrize("how", STREAMS)
def test_who_started_it_sees_no_difference(build, how):
    build.tool = (
        '#!/bin/sh\necho run >> "$RAN"\necho one; echo two >&2; echo three; echo four >&2\n'
    )
    script = "import subprocess\n" + STREAMS[how]
    first = build.run(script)
    assert first[0] == 1
    if how == "inherited":
        assert first[1] == "one\ntwo\nthree\nfour\nafter\n"
    assert build.run(script)[:3] == (0, *first[1:3])


@pytest.mark.parametrize("first", ["nobody", "one pipe", "a file"])
def test_what_went_elsewhere_was_another_start(build, first):
    """What went to /dev/null is not known, nor in which order two streams would have come."""
    build.tool = '#!/bin/sh\necho run >> "$RAN"\necho one; echo two >&2\n'
    build.run("import subprocess\n" + STREAMS[first])
    script = "import subprocess\n" + STREAMS["two pipes"]
    for ran in (1, 0):
        assert build.run(script)[:2] == (ran, "one\n two\n\n")


def test_much_output_that_is_read_late_holds_nobody_up(build):
    build.tool = '#!/bin/sh\necho run >> "$RAN"\nhead -c 300000 /dev/zero | tr "\\0" x\n'
    script = """
        import subprocess
        one = subprocess.Popen(["./tool"], stdout=subprocess.PIPE)
        with open("static/other", "w") as file:
            file.write("while it prints")
        print(len(one.stdout.read()), one.wait())
    """
    for _ in range(2):
        assert build.run(script)[1] == "300000 0\n"


def test_who_stops_listening_ends_a_program_that_goes_on_for_ever(build):
    build.tool = '#!/bin/sh\necho run >> "$RAN"\nexec yes\n'
    script = """
        import subprocess
        one = subprocess.Popen(["./tool"], stdout=subprocess.PIPE)
        one.stdout.read(10)
        one.stdout.close()
        print(one.wait())
    """
    for _ in range(2):
        assert build.run(script)[:2] == (1, "-13\n")


def test_a_program_that_is_given_an_input_runs_each_time(build):
    """What it will be is not known when it starts."""
    script = """
        import subprocess
        subprocess.run(["./tool"], input=b"text")
    """
    build.tool = '#!/bin/sh\necho run >> "$RAN"\ncat\n'
    for _ in range(2):
        assert build.run(script)[0] == 1


def test_nothing_is_kept_where_the_cache_is_turned_off(build):
    script = """
        from django.conf import settings
        settings.configure(FAB_STATIC_CACHE=None)
        import subprocess
        subprocess.run(["./tool"])
    """
    build.tool = '#!/bin/sh\necho run >> "$RAN"\n'
    for _ in range(2):
        assert build.run(script)[0] == 1
    assert not build.cache.exists()


def test_verifying_runs_it_anyway_and_passes_where_nothing_differs(build):
    first = build.run()
    build.project.environment["FAB_STATIC_VERIFY_CACHE"] = "1"
    assert build.run()[:3] == first[:3]


def test_verifying_fails_where_a_program_makes_something_else_each_time(build):
    build.tool = '#!/bin/sh\necho run >> "$RAN"\ncat /proc/sys/kernel/random/uuid\n'
    build.run()
    assert build.run()[0] == 0
    build.project.environment["FAB_STATIC_VERIFY_CACHE"] = "1"
    ran, printed, _, answer = build.run()
    assert (ran, answer["code"]) == (1, 1)
    assert (
        "RuntimeError: tool one has made something else of the same files than it did before, and what it made "
        f"then would have been used again\n  where: {build.root}\n  mend:  let it make the same each time: no "
        "clock, no chance; until then it runs each time\n"
    ) in printed
    del build.project.environment["FAB_STATIC_VERIFY_CACHE"]
    assert build.run()[0] == 1
    assert build.said == [
        "fab_static: tool one runs each time: it made something else of the same files"
    ]


def test_what_another_account_may_have_written_is_not_used(build):
    """(fleet D)."""
    build.run()
    build.kept.chmod(0o666)
    assert build.run()[0] == 1


def test_a_result_leads_nowhere_else(build):
    """A path of a result that lies outside is refused (G8)."""
    build.run()
    kept = build.kept
    rest = kept.read_bytes().partition(b"\n")[2].replace(b"static/made.js", b"static/../out1")
    kept.write_bytes(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    assert build.run()[3]["code"] == 1
    assert not (build.project.folder / "out1").exists()


def test_a_mode_and_another_name_of_what_it_overwrites_stay_as_the_program_had_them(build):
    """A source may have been linked into the static root; it must not be written through."""
    build.tool = (
        '#!/bin/sh\necho run >> "$RAN"\necho new > new.tmp; chmod 750 new.tmp; mv new.tmp in.js\n'
    )
    source = build.project.write("source.js", "text\n")
    script = """
        import os, subprocess
        os.unlink("static/in.js")
        os.link("source.js", "static/in.js")
        subprocess.run(["../tool"], cwd="static")
    """
    for ran in (1, 0):
        assert build.run(textwrap.dedent(script))[0] == ran
        assert source.read_text() == "text\n"
        assert (build.root / "in.js").stat().st_mode & 0o777 == 0o750


LOOKS = """\
from fab_static_sent.host.project.starts import answered
answered._LOOKS_SECONDS, answered._LOOKS_PART = {}, 0
"""
MANY = """\
import subprocess
for _ in range(3):
    subprocess.run(["../tool", "one"], cwd="static", capture_output=True)
"""


def test_where_looking_costs_more_than_the_programs_they_run(build):
    """A phase may start one for each of thousands of files: each looked at all of them, twice."""
    unhurried = MANY.replace("import subprocess\n", "import subprocess\n" + LOOKS.format(2), 1)
    hurried = MANY.replace("import subprocess\n", "import subprocess\n" + LOOKS.format(-1), 1)
    assert build.run(hurried)[0] == 3
    assert build.said == [
        "fab_static: further programs run each time: looking at the static root takes longer than they do"
    ]
    assert build.run(hurried)[0] == 3  # nothing was kept
    assert build.run(unhurried)[0] > 0
    assert build.run(unhurried)[0] == 0
