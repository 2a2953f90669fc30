"""A run is used again only while all that it could see is as it was; what cannot be seen is never used again."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from fab_static.host.agent.store import Host
from fab_static.host.agent.wire import function_of
from fab_static.phases.run.project_code import RECORDER, project_archive


class Project:
    """A folder with a manage.py, on a host of its own."""

    def __init__(self, folder):
        self.folder = folder / "code"
        self.folder.mkdir()
        self.host = Host(str(folder / "deploy_to"), "shop", "production")
        self.children = set()
        self.printed = b""
        self.environment = {"GREETING": "hello"}
        self.inside = []
        self.builds = []
        self.ask("learn", project_archive())

    def send(self, head, body=b""):
        self.printed += bytes(body)

    def ask(self, do, body=b"", **params):
        return function_of(do)(self, {"do": do, **params}, body)[0]

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def run(self, script, trust=(), flags=()):
        """Run a manage.py."""
        self.write("manage.py", script)
        return self.ask(
            "run",
            main=RECORDER,
            command=[sys.executable, *flags, "-"],
            folder=str(self.folder),
            environment=self.environment,
            timeout=120,
            record={
                "name": "compress",
                "what": [sys.executable, "manage.py compress", "ours"],
                "manage": ["compress"],
                "inside": self.inside,
                "builds": self.builds,
                "trust": list(trust),
            },
        )

    def why(self, text="manage.py compress", digest="ours", **params):
        """Return why the run would not be used again, or None if it would."""
        answer = self.ask(
            "recall",
            name="compress",
            what=[sys.executable, text, digest],
            folder=str(self.folder),
            environment=self.environment,
            **params,
        )
        return answer.get("why")

    @property
    def record(self):
        return Path(self.host.path("recorded", "compress"))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


READING = {
    "a file that it opened": 'open("page.html").read()',
    "a file opened by its descriptor": 'import os; os.read(os.open("page.html", os.O_RDONLY), 9)',
    "a file opened beside a folder": (
        'import os; os.open("page.html", os.O_RDONLY, dir_fd=os.open(".", os.O_RDONLY))'
    ),
    "a file whose time it asked for": 'import os; os.path.getmtime("page.html")',
    "a file whose time it asked pathlib for": 'import pathlib; pathlib.Path("page.html").stat()',
    "a file that a child says it read": (
        'import hashlib, sys; sys.audit("fab_static.read", "page.html", '
        'hashlib.sha256(open("page.html", "rb").read()).hexdigest())'
    ),
    "a module that it compiled": "import page",
    "a module that was compiled before": "import page",
}


def test_a_file_shown_in_place_of_one_that_it_read_is_the_same_if_its_bytes_are(project, tmp_path):
    page, other = project.write("page.html", "old"), tmp_path / "other.html"
    project.run(
        'import os; open("page.html").read(); os.stat("page.html"); os.path.lexists("page.html")'
    )
    other.write_text("old")
    os.utime(other, (0, 0))
    page.unlink()
    page.symlink_to(project.write("live.html", "another"))
    assert project.why() == f"{page} has changed"
    assert project.why(shown={str(page): str(other)}) is None
    other.write_text("new")
    assert project.why(shown={str(page): str(other)}) == f"{other} is another than {page} was"
    other.unlink()
    assert project.why(shown={str(page): str(other)}) == f"{other} is another than {page} was"


def test_of_a_file_whose_time_alone_it_asked_for_no_other_is_the_same(project, tmp_path):
    page, other = project.write("page.html", "old"), tmp_path / "other.html"
    project.run('import os; os.stat("page.html")')
    other.write_text("old")
    os.utime(other, (0, 0))
    assert project.why(shown={str(page): str(other)}) == f"{other} is another than {page} was"


@pytest.mark.parametrize("what", READING)
def test_what_it_read_is_seen_when_it_changes(project, what):
    project.write("page.html", "old")
    project.write("page.py", "old = 1")
    if "compiled before" in what:
        project.run(READING[what])
    assert project.run(READING[what])["code"] == 0
    assert project.why() is None
    name = "page.py" if "module" in what else "page.html"
    project.write(name, "new = 1")
    assert project.why() == f"{project.folder / name} has changed"


def test_files_in_memory_are_no_devices():
    """/dev/shm: continuous integration checks out there, for speed."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        project = Project(Path(folder))
        project.write("page.html", "old")
        project.run('open("page.html").read(), open("/dev/urandom", "rb").read(1)')
        assert project.why() is None
        project.write("page.html", "new = 1")
        assert project.why() == f"{project.folder / 'page.html'} has changed"


LOOKING = {
    "asked for with exists": 'import os; os.path.exists("local.py")',
    "asked for with lexists": 'import os; os.path.lexists("local.py")',
    "asked for with pathlib": 'import pathlib; pathlib.Path("local.py").is_file()',
    "not there to open": "try: open('local.py')\nexcept FileNotFoundError: pass",
    "not there to import": "try: import local\nexcept ImportError: pass",
    "of a folder that it listed": 'import os; os.listdir(".")',
    "of a folder that it walked": 'import os; list(os.walk("."))',
    "that a child says is absent": 'import sys; sys.audit("fab_static.read", "local.py", "absent")',
}


@pytest.mark.parametrize("script", LOOKING.values(), ids=LOOKING)
def test_a_file_that_appears_is_seen_where_it_was_looked_for(project, script):
    project.write("templates/base.html", "")
    project.run(script)
    assert project.run(script)["code"] == 0
    assert project.why() is None
    project.write("local.py", "")
    assert project.why()


UNSEEN = {
    "it started ls, and strace is not installed": "import subprocess; subprocess.run(['/bin/ls'])",
    "it started lessc, and strace is not installed": (  # that is what the shell starts
        "import subprocess; subprocess.run('LANG=C node_modules/.bin/lessc a b || true', shell=True)"
    ),
    "it ran a shell command": "import os; os.system('true')",
    "it started another program": "import os; os.posix_spawn('/bin/true', ['/bin/true'], {})",
    "it started another Python by multiprocessing": (
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=print)\n"
        "    child.start()\n"
        "    child.join()"
    ),
    "it forked": "import os; os.fork() or os._exit(0)",
    "it forked; it started another program": (
        "import multiprocessing, os, pty\n"
        "child = multiprocessing.get_context('fork').Process(target=print)\n"
        "child.start()\n"
        "child.join()\n"
        "os.spawnv(os.P_WAIT, '/bin/true', ['true'])\n"
        # as loky does, and so joblib and scikit-learn
        "import inspect, multiprocessing.util as util\n"
        "exec(inspect.getsource(util.spawnv_passfds), {**vars(util), '__name__': 'loky'}, names := {})\n"
        "os.waitpid(names['spawnv_passfds'](b'/bin/true', [b'true'], []), 0)"
    ),
    "it asked the network": (
        "import socket\n"
        "with socket.socket() as one, socket.create_server(('127.0.0.1', 0)) as other:\n"
        "    one.connect(other.getsockname())"
    ),
    "it loaded native code, which may read unseen: libm.so.6; trust what does not: build.trust: [libm]": (
        "import ctypes; ctypes.CDLL('libm.so.6')"
    ),
    "it may have opened a dbm database": "import sys, types; sys.modules['_gdbm'] = types.ModuleType('x')",
    "a plugin read it": "import sys; sys.audit('fab_static.unseen', 'a plugin read it')",
    "it asked the database default": (
        "import sys, types\n"
        "class Signal:\n"
        "    def connect(self, receiver, weak): self.receiver = receiver\n"
        "signals = sys.modules['django.db.backends.signals'] = types.ModuleType('signals')\n"
        "signals.connection_created = Signal()\n"
        "open('manage.py')\n"
        "connection = types.SimpleNamespace(vendor='postgresql', alias='default')\n"
        "signals.connection_created.receiver(connection=connection)"
    ),
    "it asked a database through psycopg2": (
        "import sys, types\n"
        "driver = sys.modules['psycopg2'] = types.ModuleType('psycopg2')\n"
        "driver._connect = lambda dsn: None\n"
        "import colorsys\n"
        "driver._connect('dbname=shop')"
    ),
}


@pytest.mark.parametrize("why", UNSEEN)
def test_what_cannot_be_seen_is_never_used_again(project, why):
    project.environment["PATH"] = str(project.folder)  # no strace there
    answer = project.run(UNSEEN[why])
    assert (answer["code"], "; ".join(answer["unseen"])) == (0, why)
    assert project.why() == why


def test_a_file_without_a_name_changes_no_folder(project):
    """Tempfile opens /tmp itself to write, and whoever had listed it ran each time."""
    project.run("import os, tempfile; os.listdir('.'); tempfile.TemporaryFile(dir='.').close()")
    assert project.why() is None


def test_whether_anything_can_be_traced_is_no_part_of_a_run(project):
    answer = project.run("from fab_static_sent.host.project.traces import strace; strace.why_not()")
    assert (answer["code"], answer["unseen"]) == (0, [])
    assert "/bin/strace" not in project.record.read_text()


def test_where_nothing_is_built_programs_are_not_followed(project):
    """What follows them is not sent to hosts that only render."""
    project.ask("learn", project_archive(builds=False))
    assert project.run("import subprocess; subprocess.run(['/bin/ls'])")["code"] == 0
    assert project.why() == "it started ls"
    pool = "it started another Python by multiprocessing"
    assert project.run(UNSEEN[pool])["unseen"] == [pool]


def test_several_native_modules_are_told_at_once(project):
    """One of each package is enough, and what mypyc made is Python: one library was told of as 40 modules.

    Of Pillow, images open nothing by themselves, colour profiles do.
    """
    native = next(Path(path) for path in sys.path if Path(path).name == "lib-dynload")
    for name in ("one", "two.a", "two.b", "0af7__mypyc", "PIL._imaging"):
        (project.folder / f"{name}.so").write_bytes(next(native.glob("_bisect.*")).read_bytes())
    project.run(
        """
        import importlib.machinery, importlib.util, sys
        for name in ("one", "two.a", "two.b", "0af7__mypyc", "PIL._imaging"):
            loader = importlib.machinery.ExtensionFileLoader("_bisect", name + ".so")
            spec = importlib.util.spec_from_file_location("_bisect", name + ".so", loader=loader)
            sys.modules[name] = importlib.util.module_from_spec(spec)
        sys.modules["elsewhere.packages.one"] = sys.modules["one"]
        """
    )
    assert (
        "it loaded native code, which may read unseen: one and two.a; trust what does not: "
        "build.trust: [one, two]"
    ) in project.why()


def test_a_native_module_is_used_again_only_when_it_is_trusted(project):
    """It may open files without Python's knowing, as lxml does."""
    native = next(Path(path) for path in sys.path if Path(path).name == "lib-dynload")
    copied = next(native.glob("_bisect.*")).read_bytes()
    (project.folder / "sass.so").write_bytes(copied)
    script = """
        import importlib.machinery, importlib.util, sys
        loader = importlib.machinery.ExtensionFileLoader("_bisect", "sass.so")
        spec = importlib.util.spec_from_file_location("_bisect", "sass.so", loader=loader)
        sys.modules["sass"] = importlib.util.module_from_spec(spec)
    """
    project.run(script)  # the module is too new the first time
    project.run(script)
    assert project.why() == (
        "it loaded native code, which may read unseen: sass; trust what does not: build.trust: [sass]"
    )
    project.run(script, trust=["sass"])
    assert project.why() is None


def test_a_font_that_pillow_opens_is_an_input(project):
    """Its native part opens it by itself. A project that had a font drawn anywhere was never used again."""
    for folder in (project.folder / "PIL", project.folder):
        folder.mkdir(exist_ok=True)
    (project.folder / "PIL" / "__init__.py").touch()
    (project.folder / "PIL" / "_imagingft.py").write_text(
        "def getfont(filename, size): return size\n"
    )
    project.write("a.ttf", "a")
    project.run("from PIL import _imagingft as core; assert core.getfont(b'a.ttf', size=3) == 3")
    assert project.why() is None
    project.write("a.ttf", "b")
    assert project.why() == f"{project.folder / 'a.ttf'} has changed"


def test_what_libsass_imports_is_an_input(project):
    """django-libsass compiles inside the project's process: no compress phase that it served was ever used again."""
    project.write(
        "css/site.scss", '@import "vars"; p { color: $red; margin: -theirs("x"); @import "own:y" }'
    )
    project.write("library/_vars.scss", "$red: #f00;")
    script = """
        import sass
        def own(path):
            return [(path, "a { b: c }")] if path.startswith("own:") else None
        css = sass.compile(
            filename="css/site.scss", include_paths=["library"], importers=[(0, own)],
            custom_functions={"-theirs": lambda word: word},
        )
        assert "#f00" in css and "b: c" in css and "x" in css, css
    """
    project.run(script)
    assert project.why() is None
    project.write("library/_vars.scss", "$red: #e00;")
    assert project.why() == f"{project.folder / 'library/_vars.scss'} has changed"
    project.run(script.replace("#f00", "#e00"))
    assert project.why() is None
    project.write("css/vars.scss", "$red: #d00;")  # found first now
    assert project.why() == f"{project.folder / 'css/vars.scss'} is there now"


def test_a_folder_that_libsass_compiles_is_an_input(project):
    project.write("css/site.scss", "p { color: red }")
    (project.folder / "out").mkdir()
    project.run("import sass; sass.compile(dirname=('css', 'out'))")
    assert project.why() is None
    project.write("css/site.scss", "p { color: blue }")
    assert project.why() == f"{project.folder / 'css/site.scss'} has changed"


def test_a_library_that_ctypes_loads_is_used_again_only_when_it_is_trusted(project):
    """GeoDjango loads GDAL so: no phase of such a project was ever used again, and nothing could be done about it."""
    project.run("import ctypes; ctypes.CDLL('libm.so.6')", trust=["libm"])
    assert project.why() is None


def test_a_child_that_tells_what_it_reads_may_be_started(project):
    project.run(
        "import subprocess, sys\nsys.audit('fab_static.child')\nsubprocess.run(['/bin/true'])"
    )
    assert project.why() is None


def test_only_one_child_is_vouched_for(project):
    project.environment["PATH"] = str(project.folder)  # no strace there
    project.run(
        "import subprocess, sys\n"
        "sys.audit('fab_static.child')\n"
        "subprocess.run(['/bin/true'])\n"
        "subprocess.run(['/bin/true'])"
    )
    assert project.why() == "it started true, and strace is not installed"


def test_a_database_in_a_file_is_a_file(project):
    import sqlite3

    with sqlite3.connect(project.folder / "db") as database:
        database.execute("create table page (name)")
    script = "import sqlite3; sqlite3.connect('db').execute('select * from page')"
    project.run(script)
    assert project.why() is None
    with sqlite3.connect(project.folder / "db") as database:
        database.execute("insert into page values ('cart')")
    assert project.why() == f"{project.folder / 'db'} has changed"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("GREETING", "good day", "the environment variable GREETING has changed"),
        ("NEW", "1", "the environment variable NEW has changed"),
        ("SSH_CONNECTION", "10.0.0.1 4711 10.0.0.2 22", None),
        ("COLUMNS", "132", None),
    ],
)
def test_the_environment_counts_but_for_what_each_login_has_anew(project, name, value, why):
    project.run("")
    project.environment[name] = value
    assert project.why() == why


MACHINE, ACCOUNT = ["knows_machine"], ["knows_account"]


@pytest.mark.parametrize(
    ("script", "noted"),
    [
        ("import socket; socket.getfqdn()", MACHINE),
        ("import os; os.uname().nodename", MACHINE),
        ("import os; os.uname()[1]", MACHINE),
        ("import os; kind, name, *_ = os.uname()", MACHINE),
        ("import os; str(os.uname())", MACHINE),
        ("import platform; platform.node()", MACHINE),
        ("import platform; platform.system(); platform.uname().node", MACHINE),
        ("import os, pwd; pwd.getpwuid(os.getuid())", ACCOUNT),
        ("import os, contextlib\nwith contextlib.suppress(OSError): os.getlogin()", ACCOUNT),
        ("import socket, uuid, sysconfig; sysconfig.get_platform()", []),
        ("import platform; platform.platform(); platform.machine()", []),
        (
            "import os; found = os.uname(); found.sysname + found[4] + found.release + found.machine",
            [],
        ),
        ("import os; os.environ.pop('HOME', 0); os.path.expanduser('~')", []),
    ],
)
def test_whether_it_asked_for_the_name_of_its_machine_or_account_is_noted(project, script, noted):
    """What a project says on one machine by its name, it would not say on another."""
    project.run(script)
    assert project.why() is None
    record = json.loads(project.record.read_text())
    assert [key for key in (*MACHINE, *ACCOUNT) if record.get(key)] == noted


def test_another_command_is_another_run(project):
    project.run("")
    assert project.why("manage.py compress --force") == "the command has changed"


def test_who_has_just_trusted_a_module_is_not_told_to_trust_it(project):
    project.run('import sys; sys.audit("fab_static.unseen", "trust it")')
    assert project.why() == "trust it"
    assert project.why(digest="with trust") == (
        "build.trust, build.by_content, what it is to read and write, or fab_static has changed"
    )


def test_a_record_holds_no_secret_and_is_its_users_alone(project):
    project.environment["DATABASE_PASSWORD"] = "hunter2-0815"
    project.run("")
    assert "DATABASE_PASSWORD" in project.record.read_text()
    assert "hunter2" not in project.record.read_text()
    assert project.record.stat().st_mode & 0o077 == 0


def test_a_file_that_was_only_touched_has_not_changed(project):
    """A new checkout of the same revision, for one."""
    page = project.write("page.html", "same")
    project.run("open('page.html').read()")
    page.write_text("same")
    assert project.why() is None


def test_what_it_wrote_elsewhere_must_be_there_still(project):
    project.run("open('made.txt', 'w').write('made')")
    assert project.why() is None
    (project.folder / "made.txt").write_text("edited")
    assert project.why() == f"{project.folder / 'made.txt'} has changed"
    (project.folder / "made.txt").unlink()
    assert project.why() == f"{project.folder / 'made.txt'} is gone"


def test_a_file_that_it_counts_in_is_never_the_same(project):
    project.write("count", "1")
    project.run("n = int(open('count').read()); open('count', 'w').write(str(n + 1))")
    assert project.why() == f"it read {project.folder / 'count'} and wrote it"


def test_a_file_that_it_leaves_as_it_found_it_is_an_input(project):
    """Mayan EDMS takes a lock in a file as it starts: each deploy found it as the last one had left it, and ran."""
    project.write("locks", "{}")
    project.run(
        "held = open('locks').read()\nopen('locks', 'w').write('{1: 2}')\nopen('locks', 'w').write(held)"
    )
    assert project.why() is None
    project.write("locks", "{3: 4}")
    assert project.why() == f"{project.folder / 'locks'} has changed"


def test_a_log_that_it_appends_to_is_no_input(project):
    project.run("open('log', 'a').write('ran')")
    project.write("log", "ran\nran\n")
    assert project.why() is None


def test_temporary_files_and_compiled_modules_are_no_inputs(project):
    project.write("page.py", "")
    project.run("import tempfile, page; tempfile.NamedTemporaryFile().write(b'x')")
    assert project.why() is None


def test_who_compiles_meanwhile_changes_nothing(project):
    """Pkgutil lists the folder of compiled modules too, to see whether it is a package."""
    project.write("commands/compress.py", "")
    compiled = project.write("commands/__pycache__/compress.cpython-311.pyc", "")
    project.run("import pkgutil; list(pkgutil.iter_modules(['commands']))")
    compiled.with_name("other.cpython-311.pyc.1234").touch()
    assert project.why() is None


def test_what_the_caller_watches_is_left_out(project):
    project.inside = [str(project.folder / "static"), str(project.folder / "versions.yml")]
    project.write("static/a.css", "old")
    project.write("versions.yml", "old")
    project.run("[open(name).read() for name in ('static/a.css', 'versions.yml')]")
    project.write("static/a.css", "new")
    project.write("versions.yml", "new")
    assert project.why() is None


def test_files_beside_must_be_in_a_state_that_the_caller_names(project):
    project.run("")
    path = str(project.write("versions.yml", ""))
    assert project.why(left={path: [None]}) == f"{path} has changed"
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert project.why(left={path: [None, nothing]}) is None


MAKING = {
    "a file in a folder that it listed": "import os; os.listdir('templates'); open('templates/made', 'w')",
    "a folder in one that it listed": "import os; os.listdir('templates'); os.mkdir('templates/made')",
    "a file that it looked for": (
        "import os; os.path.exists('templates/made') or open('templates/made', 'w').close()"
    ),
    "a file that it tried to open": (
        "try: open('templates/made')\nexcept OSError: open('templates/made', 'w').close()"
    ),
    "a folder that it looked for": "import os; os.path.isdir('templates/made') or os.mkdir('templates/made')",
    "a file that a program makes in a folder that it listed": (
        "import subprocess; subprocess.run('ls templates && touch templates/made', shell=True)"
    ),
    "a file that a program makes for a moment": (
        "import subprocess; "
        "subprocess.run(': > templates/tmp; ls templates; rm templates/tmp; : > templates/made', shell=True)"
    ),
}


@pytest.mark.parametrize("what", MAKING)
def test_what_it_makes_itself_is_no_input_and_has_to_stay(project, what):
    """It ran once more for nothing: what it had found was not there before it made that."""
    project.write("templates/base.html", "")
    assert project.run(MAKING[what])["unseen"] == []
    assert project.why() is None
    made = project.folder / "templates/made"
    (made.rmdir if made.is_dir() else made.unlink)()
    assert project.why()


def test_what_another_makes_in_a_folder_that_it_listed_and_changed_is_seen(project):
    project.write("templates/base.html", "")
    project.run(MAKING["a file in a folder that it listed"])
    project.write("templates/new.html", "")
    assert project.why() == f"{project.folder}/templates has changed"


@pytest.mark.parametrize("script", ["os.listdir('.')", "os.system('ls')"])
def test_what_builds_make_in_a_folder_that_it_listed_is_no_input(project, script):
    """A script that lists the checkout ran once more after the first flip: links stood there."""
    project.builds = [str(project.folder / "versions.yml")]
    project.write("manage.py", "")
    project.run("import os; " + script)
    project.write("versions.yml", "")
    assert project.why() is None
    project.write("other.yml", "")
    assert project.why() == f"{project.folder} has changed"


MEANWHILE = {
    "a file that it read": ("open('page.html').read()", "echo new > page.html"),
    "a module that it imported": ("import page", "echo new = 1 > page.py"),
    "a folder that it listed": ("import os; os.listdir('templates')", "touch templates/new.html"),
    "a file that it looked for": ("import os; os.path.exists('new.html')", "touch new.html"),
    "a module that it looked for": (
        "try: import local\nexcept ImportError: pass",
        "touch local.py",
    ),
    "the time of a file": ("import os; os.path.getmtime('page.html')", "touch page.html"),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_somebody_changes_while_it_runs_is_seen(project, what):
    """It was built from the old one; the record must not take the new one for it."""
    reading, change = MEANWHILE[what]
    project.write("page.html", "old")
    project.write("page.py", "")
    project.write("templates/base.html", "")
    script = (
        "\nimport subprocess, sys\nsys.audit('fab_static.child')\nsubprocess.run({!r}, shell=True)"
    )
    project.run(reading)
    project.run(reading + script.format(change))
    assert project.why()


@pytest.mark.parametrize("script", ["raise ValueError('no')", "import sys; sys.exit(3)", "1 +", ""])
def test_a_command_prints_and_ends_as_without_us(project, script):
    text = f"import sys\nprint(sys.argv, __name__, __file__, sys.path[0])\n{script}"
    ran = project.run(text)
    alone = subprocess.run(
        [sys.executable, "manage.py", "compress"],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    assert project.printed.decode() == alone.stdout + alone.stderr
    assert ran["code"] == alone.returncode


def test_a_command_that_failed_is_not_used_again(project):
    project.run("")
    project.run("raise SystemExit(1)")
    assert project.why() == "it was not recorded yet"


def test_without_manage_py_it_says_what_python_says(project):
    project.run("")
    (project.folder / "manage.py").unlink()
    project.write = lambda *_: None
    project.printed = b""
    assert project.run("")["code"] == 2
    assert b"can't open file" in project.printed
    assert b"manage.py" in project.printed


def test_what_is_imported_for_the_first_time_is_whole(project):
    """Importlib is: an import of ours within that one would find half of it, and load the rest twice."""
    script = """
        import sys
        print("importlib" in sys.modules)
        import importlib.util
        import _frozen_importlib
        print(importlib._bootstrap is _frozen_importlib, importlib.util.find_spec("wsgiref.util").name)
    """
    assert project.run(script, flags=["-I", "-S"])["code"] == 0
    assert b"True wsgiref.util" in project.printed
