"""A phase that is a shell line: what it reads is seen, whatever it starts, and named to the operator where it is not."""

import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from fab_static.host.agent.processes import end_all
from fab_static.host.agent.refusals import RefusedError
from tests.processes import becomes
from tests.unit.host.project.test_reads import Project

NO_STRACE = "it is a shell line, and what that reads is not seen: strace is not installed"


class Phase(Project):
    """A project whose phase is a shell line."""

    def line(self, text, reads=(), writes=("dist",), timeout=120, trust=()):
        return self.ask(
            "run",
            command=["/bin/sh", "-c", text],
            folder=str(self.folder),
            environment=self.environment,
            timeout=timeout,
            record={
                "name": "compress",
                "what": [sys.executable, "manage.py compress", "ours"],
                "folder": str(self.folder),
                "reads": list(reads),
                "writes": list(writes),
                "inside": self.inside,
                "builds": self.builds,
                "trust": list(trust),
            },
        )


@pytest.fixture
def phase(tmp_path):
    project = Phase(tmp_path)
    project.write("src/a.txt", "a")
    project.write("src/undeclared.txt", "b")
    while time.time_ns() - (project.folder / "src").stat().st_ctime_ns < 100_000_000:
        pass  # a file of this very tick may be changed again, unseen
    return project


@pytest.fixture
def no_strace(monkeypatch):
    from fab_static.host.project.traces import strace

    monkeypatch.setitem(strace._found, "why", "strace is not installed")


BUILD = "mkdir -p dist && cd src && cat a.txt undeclared.txt > ../dist/out.txt"


def test_a_read_that_nobody_declared_is_seen(phase):
    assert phase.line(BUILD, reads=["src/a.txt"])["unseen"] == []
    assert phase.why() is None
    phase.write("src/undeclared.txt", "other")
    assert phase.why() == f"{phase.folder}/src/undeclared.txt has changed"


def test_a_declared_file_counts_that_was_not_read(phase):
    phase.write("notes.txt", "one")
    phase.line(BUILD, reads=["notes.txt"])
    phase.write("notes.txt", "two")
    assert phase.why() == f"{phase.folder}/notes.txt has changed"


def test_what_the_phase_is_there_to_make_is_no_input(phase):
    phase.line(BUILD + " && ls ../dist && ls ..")
    phase.write("dist/out.txt", "by hand")
    assert phase.why() is None


def test_a_file_that_comes_into_a_listed_folder_counts(phase):
    phase.line("ls src")
    phase.write("src/new.txt", "")
    assert phase.why() == f"{phase.folder}/src has changed"


def test_without_strace_the_globs_stand_for_what_it_reads(phase, no_strace):
    phase.line(BUILD, reads=["src/a.txt"])
    phase.write("src/undeclared.txt", "other")
    assert phase.why() is None
    phase.write("src/a.txt", "other")
    assert phase.why() == f"{phase.folder}/src/a.txt has changed"


def without(folder):
    shutil.rmtree(folder)
    return f"{folder} is gone"


def test_a_folder_that_it_has_made_must_be_there_still(phase):
    """In a fresh checkout it said "reused", and what it makes was not there."""
    phase.line("mkdir made && cp src/a.txt made", writes=())
    assert phase.why() is None
    gone = without(phase.folder / "made")
    assert phase.why() == gone


def test_without_strace_and_writes_all_that_it_has_made_must_be_there_still(phase, no_strace):
    phase.line("mkdir -p made/deep && cp src/a.txt made/deep", reads=["src/a.txt"], writes=())
    assert phase.why() is None
    gone = without(phase.folder / "made")
    assert phase.why() == gone
    phase.write("made/by_hand", "")
    phase.line("cp src/a.txt made", reads=["src/a.txt"], writes=())
    assert phase.why() is None
    gone = without(phase.folder / "made")
    assert phase.why() == gone


NODE = """
const fs = require("fs");
require("./src/part.js");
fs.mkdirSync("dist", {recursive: true});
fs.promises.readFile("src/undeclared.txt").then(text => fs.writeFileSync("dist/out.txt", text));
"""


def test_without_strace_node_tells_what_it_opens_besides(phase, no_strace):
    phase.write("src/part.js", "module.exports = 1")
    phase.write("build.js", NODE)
    while time.time_ns() - (phase.folder / "build.js").stat().st_ctime_ns < 100_000_000:
        pass
    phase.environment["NODE_OPTIONS"] = "--no-warnings"
    answer = phase.line("node build.js", reads=["build.js"])
    assert (answer["code"], answer["unseen"]) == (0, [])
    assert phase.why() is None
    phase.write("dist/out.txt", "by hand")
    assert phase.why() is None
    phase.write("src/part.js", "module.exports = 2")
    assert phase.why() == f"{phase.folder}/src/part.js has changed"
    phase.line("node build.js", reads=["build.js"])
    phase.write("src/undeclared.txt", "other")
    assert phase.why() == f"{phase.folder}/src/undeclared.txt has changed"


def test_without_strace_and_globs_it_says_why_it_always_runs(phase, no_strace):
    assert phase.line(BUILD)["unseen"] == [NO_STRACE]
    assert phase.why() == NO_STRACE


def test_all_reasons_are_told_at_once(phase):
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); "
        "open('src/a.txt', 'r+').write('c')"
    )
    phase.line(f'{sys.executable} -S -c "{script}"')
    assert phase.why() == (
        f"{Path(sys.executable).name} asked the network; it read {phase.folder}/src/a.txt and wrote it"
    )


def test_a_program_may_be_trusted_with_its_connections(phase):
    script = (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    )
    phase.line(f'{sys.executable} -S -c "{script}"', trust=[Path(sys.executable).name])
    assert phase.why() is None


def test_a_glob_without_a_file_is_refused_before_it_runs(phase):
    with pytest.raises(RefusedError, match="no file matches nope"):
        phase.line("touch ran", reads=["nope"])
    assert not (phase.folder / "ran").exists()


@pytest.mark.parametrize(("line", "code"), [("exit 7", 7), ("kill -TERM $$", -15)])
def test_a_failure_passes_as_it_is(phase, line, code):
    assert phase.line("echo said; " + line)["code"] == code
    assert phase.printed == b"said\n"
    assert phase.why() == "it was not recorded yet"


def processes_with(text):
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes()
                is_dead = b") Z " in (folder / "stat").read_bytes()
            except OSError:
                continue
            if text.encode() in words and not is_dead:
                found.append(words)
    return found


def test_at_the_time_out_all_ends_that_it_started_and_strace_too(phase):
    mark = "31557600.125"
    answer = phase.line(f"setsid sleep {mark} & sleep {mark}", timeout=1)
    assert (answer["code"], answer["timed_out"]) == (-9, True)
    assert processes_with(mark) == []


def test_when_the_operator_interrupts_all_ends_too(phase):
    mark = "31557600.25"

    def interrupt():
        assert becomes(lambda: processes_with("sleep\0" + mark))
        end_all(list(phase.children))

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert phase.line(f"setsid sleep {mark} & exec sleep {mark}")["code"] == -15
    thread.join()
    assert processes_with(mark) == []


def test_a_program_with_rights_of_its_own_is_traced_once_at_most(phase, monkeypatch):
    """As sudo, which would fail for ever: the operator is told, and the next run works."""
    sudo = phase.write("sudo", "#!/bin/sh\nexit $(cat ../fails)\n")
    sudo.chmod(0o4755)
    phase.write("../fails", "1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert phase.line("./sudo")["code"] == 1
    assert phase.printed.decode() == (
        "sudo had no rights of its own, because it was traced. It is not traced the next time: run it again\n"
    )
    phase.write("../fails", "0")
    assert phase.line("./sudo")["unseen"] == [
        "it is a shell line, and what that reads is not seen: "
        "sudo would have no rights of its own while it is traced"
    ]


def test_what_npm_installs_anew_each_time_is_used_again(phase):
    with tarfile.open(phase.folder / "part.tgz", "w:gz") as file:
        for name in ("package.json", "index.js"):
            made = phase.write(f"part/{name}", '{"name": "part", "version": "1.0.0"}')
            file.add(made, f"package/{name}")
    phase.write("package.json", '{"private": true, "dependencies": {"part": "file:part.tgz"}}')
    part = '{"version": "1.0.0", "resolved": "file:part.tgz"}'
    wanted = '"": {"dependencies": {"part": "file:part.tgz"}}, "node_modules/part": ' + part
    phase.write("package-lock.json", f'{{"lockfileVersion": 3, "packages": {{{wanted}}}}}')
    phase.write("node_modules/part/old.js", "of an earlier install")
    phase.environment["npm_config_cache"] = str(phase.folder.parent / ".npm")
    assert phase.line("npm ci && cat node_modules/part/package.json")["unseen"] == []
    assert phase.why() is None
    marker = phase.write("node_modules/.package-lock.json", "of another install")
    assert phase.why() == f"{marker} has changed"
