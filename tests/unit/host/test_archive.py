"""An archive of modules is imported on a host where nothing of ours is installed, or another version of it."""

import ast
import hashlib
import importlib.util
import json
import marshal
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fab_static.host import agent, archive, loader, project
from fab_static.host.loader import Modules, name_of
from fab_static.host.project import reads

PACKED = "fab_static/host/packed"
# what a host's modules look like: a package, imports between its modules, a function that fails
SOURCES = {
    "fab_static/host/loader.py": Path(loader.__file__).read_text("utf-8"),
    f"{PACKED}/__init__.py": '"""A package."""\n',
    f"{PACKED}/start.py": """\
import sys
import traceback
from fab_static_sent.host.packed import deep

def main():
    try:
        getattr(deep, sys.argv[1])(*sys.argv[2:])
    except Exception:
        traceback.print_exc()
        sys.exit(1)
""",
    f"{PACKED}/deep.py": """\
from importlib import import_module
import sys

def modules():
    print(*sorted(name for name in sys.modules if name.startswith("fab_static")))

def rest():
    print(sys.stdin.read())

def fail():
    raise ValueError("it failed")  # here

def load(name):
    import_module(name)
    print(getattr(sys.modules[name], "WHOSE", "the archive's"))

def lazily():
    print("fab_static_sent.host.packed.late" in sys.modules)
    from fab_static_sent.host.packed import late
    print(late.VALUE, late.__name__, hasattr(late, "__file__"))

def broken():
    from fab_static_sent.host.packed import broken
""",
    f"{PACKED}/late.py": "VALUE = 5\n",
    f"{PACKED}/within.py": """\
import json
import sys

def main():
    import fab_static
    names = [sys.path[0], sys.modules["__main__"].__name__, sys.stdin.read(), fab_static.WHOSE]
    print(json.dumps([sys.argv, *names]))
""",
    f"{PACKED}/broken.py": "VALUE = 5\nthis is no Python\n",
}
PACKED_DATA = archive.packed(SOURCES)


def start(*words, python=sys.executable, rest=b"", folder=None, options=("-I", "-S")):
    """Run `main` of the packed package with these words, as on a host."""
    program = archive.bootstrap(PACKED_DATA, "fab_static_sent.host.packed.start", "/not/kept")
    ran = subprocess.run(
        [python, *options, "-c", program, *words],
        input=archive.FIRST_LINE + archive.SIZE % 0 + PACKED_DATA + rest,
        capture_output=True,
        cwd=folder,
        check=False,
    )
    ran.stdout = ran.stdout.replace(archive.LACKS, b"", 1)
    return ran


def printed(*words, **how):
    ran = start(*words, **how)
    assert (ran.returncode, ran.stderr) == (0, b"")
    return ran.stdout.decode().strip()


def test_only_what_is_imported_is_compiled():
    """Compiling is what the start of an agent costs on every host."""
    assert printed("modules").split() == [
        "fab_static_sent.host",
        "fab_static_sent.host.packed",
        "fab_static_sent.host.packed.deep",
        "fab_static_sent.host.packed.start",
    ]
    assert printed("lazily").split() == ["False", "5", "fab_static_sent.host.packed.late", "False"]


def test_what_follows_the_archive_is_left_to_the_program():
    """The operator sends his first request with it, in one trip."""
    assert printed("rest", rest=b"frames \xc3\xbc") == "frames ü"


def test_a_traceback_names_the_file_and_shows_the_line():
    ran = start("fail")
    assert ran.returncode == 1
    told = ran.stderr.decode()
    assert 'File "fab_static/host/packed/deep.py", line 11, in fail\n' in told
    assert '    raise ValueError("it failed")  # here\n' in told
    assert 'File "fab_static/host/packed/start.py", line 7, in main\n' in told


def test_a_module_that_is_no_python_is_named_with_its_line():
    told = start("broken").stderr.decode()
    assert 'File "fab_static/host/packed/broken.py", line 2\n    this is no Python\n' in told
    assert "SyntaxError: " in told


@pytest.mark.parametrize(
    "name", ["fab_static_sent.host.packed.nothing", "fab_static_sent.host.nothing"]
)
def test_a_module_that_is_not_in_the_archive_is_named(name):
    assert f"ModuleNotFoundError: No module named '{name}'" in start("load", name).stderr.decode()


@pytest.fixture
def installed(tmp_path):
    """Return a folder in which another version of fab_static is installed: what a project may have."""
    for folder in ("fab_static", "fab_static/django_app", "fab_static/host"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("WHOSE = 'the project\\'s'\n")
    for name in ("loader", "packed"):
        (tmp_path / f"fab_static/host/{name}.py").write_text("WHOSE = 'the project\\'s'\n")
    asking = "from fab_static.host.packed import WHOSE\n"
    (tmp_path / "fab_static/django_app/asking.py").write_text(asking)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("fab_static_sent.host.packed", "the archive's"),
        ("fab_static_sent.host.packed.late", "the archive's"),
        ("fab_static", "the project's"),
        ("fab_static.django_app", "the project's"),
        ("fab_static.django_app.asking", "the project's"),
        ("fab_static.host.packed", "the project's"),
        ("fab_static.host.loader", "the project's"),
    ],
)
@pytest.mark.parametrize("options", [(), ("-S",)])
def test_beside_an_installed_version_each_has_its_own(installed, name, whose, options):
    """The project's tag and commands are those that it has installed; what was sent is ours."""
    assert printed("load", name, folder=installed, options=options) == whose


def test_a_project_may_make_its_own_version_findable_later(tmp_path, installed):
    """manage.py may put folders on sys.path: so nobody may stand for `fab_static` before."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    script = f"import sys; sys.path.insert(0, {str(installed)!r}); import fab_static.django_app"
    (folder / "manage.py").write_text(script + "; WHOSE = fab_static.WHOSE\n")
    assert printed("load", "manage", folder=folder, options=()) == "the project's"


def test_without_an_installed_version_there_is_none():
    assert "No module named 'fab_static" in start("load", "fab_static.errors").stderr.decode()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("fab_static/host/agent.py", "fab_static_sent.host.agent"),
        ("fab_static/host/agent/__init__.py", "fab_static_sent.host.agent"),
        ("fab_static/host/agent/disk.py", "fab_static_sent.host.agent.disk"),
    ],
)
def test_a_file_has_the_name_that_python_gives_it(file, name):
    assert name_of(file) == name
    assert Modules({file: ""}).find_spec(name).origin == file


def test_an_archive_of_a_package_holds_its_modules_and_the_loader():
    sources = loader.sources_in(archive.archive(agent))
    assert "fab_static/host/loader.py" in sources
    for name in ("__init__.py", "wire.py", "disk.py"):
        path = Path(agent.__file__).with_name(name)
        bare = archive.bare(path.read_text("utf-8"))
        assert sources[f"fab_static/host/agent/{name}"] == archive.renamed(bare)


def test_no_module_is_sent_that_names_one_of_an_installed_version():
    sources = loader.sources_in(archive.archive(agent, project))
    assert len(sources) > 50
    assert not [path for path, text in sources.items() if "fab_static.host" in text]


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


class WithoutTypes(ast.NodeTransformer):
    """Drops the types of parameters, and of what gets a value in a function: no code asks for them."""

    within = False

    def visit_FunctionDef(self, node):
        was, self.within = self.within, True
        self.generic_visit(node)
        self.within = was
        return node

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        if node.value is None or not self.within:
            return self.generic_visit(node)
        assigned = ast.Assign([node.target], node.value)
        return self.generic_visit(ast.copy_location(assigned, node))


def what_python_does(source):
    """Return what a text says to Python that runs it, and the line of each of its nodes."""
    tree = WithoutTypes().visit(ast.parse(source))
    tree.body = [
        node
        for node in tree.body
        if not is_for_types(node) and ast.unparse(node) != "TYPE_CHECKING = False"
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body[0].value.value = ""
        if isinstance(node, ast.FunctionDef):
            node.returns = None
    lines = [(type(node), getattr(node, "lineno", None)) for node in ast.walk(tree)]
    return ast.dump(tree), lines


@pytest.mark.parametrize("path", sorted(archive.HOST.rglob("*.py")), ids=lambda path: path.stem)
def test_what_is_sent_says_the_same_to_python_on_the_same_lines(path):
    """Docstrings, comments and types stay at home; a text that only looks like one does not."""
    source = path.read_text("utf-8")
    assert what_python_does(archive.bare(source)) == what_python_does(source)


def test_types_of_parameters_and_variables_are_not_sent():
    """Those of a class stay: a NamedTuple is made of them."""
    source = """\
class Found(NamedTuple):
    name: str = ""
    def one(self):
        told: list[str] = []
def one(self, name: str, *rest: int, way: dict[str, list[tuple[int, str]]] | None = None) -> int:
    self.found: dict[str, int] = {"a": 1}

    more: Any = 1
def two(
    name: str,
    otherwise: Callable[[str], None] = print,
):
    return {name: otherwise, "b": 2}
"""
    assert (
        archive.bare(source)
        == """\
class Found(NamedTuple):
 name: str = ""
 def one(self):
  told = []
def one(self, name, *rest, way = None):
 self.found = {"a": 1}

 more = 1
def two(
 name,
 otherwise = print,
):
 return {name: otherwise, "b": 2}
"""
    )


def test_a_text_of_several_lines_keeps_its_spaces():
    source = 'def one():\n    return """a\n        b"""\n'
    assert archive.bare(source) == source


def test_types_of_results_and_imports_for_types_are_not_sent():
    source = archive.bare(Path(loader.__file__).read_text("utf-8"))
    assert "Callable" in Path(loader.__file__).read_text("utf-8").partition("class ")[0]
    assert "Callable" not in source
    assert " -> " not in source


def test_no_docstring_and_no_comment_line_is_sent():
    source = archive.bare(Path(archive.__file__).read_text("utf-8"))
    assert all(
        ast.get_docstring(node) in (None, "")
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    )
    assert not [line for line in source.splitlines() if line.lstrip().startswith("#")]


def test_a_record_is_trusted_by_the_program_that_wrote_it_alone():
    """Zlib may deflate the same sources to other bytes on another machine; its records are as good."""
    assert archive.digest_of(project) == archive.digest_of(project)
    assert archive.digest_of(project) != archive.digest_of(reads)


def run_program(name, *options, python=sys.executable, folder=None):
    """Run `main` of the packed package as the project's Python runs it: `python -`."""
    data = archive.packed(SOURCES)
    program = loader.program(data, f"fab_static_sent.host.packed.{name}")
    return subprocess.run(
        [python, *options, "-"], input=program, capture_output=True, cwd=folder, check=False
    )


@pytest.mark.parametrize("version", [None, "3.8.18", "3.13.0"])
def test_a_projects_python_finds_itself_as_python_without_a_script(version, installed):
    """What a project sees of its command line and its folder does not depend on us."""
    python = Path.home() / f".pyenv/versions/{version}/bin/python" if version else sys.executable
    if not Path(python).exists():
        pytest.skip(f"no Python {version} here")
    ran = run_program("within", python=python, folder=installed)
    assert ran.stderr == b""
    assert json.loads(ran.stdout) == [["-"], "", "__main__", "", "the project's"]


def test_the_program_holds_no_line_of_a_module():
    data = archive.packed(SOURCES)
    program = loader.program(data, "fab_static_sent.host.packed.start").decode("ascii")
    assert len(program.splitlines()) == 9
    assert "it failed" not in program


def test_the_bootstrap_is_one_line_without_two_backslashes_together():
    """A login shell such as csh takes no newline in an argument; fish makes one of two backslashes, in quotes too."""
    program = archive.bootstrap(b"x" * 5, "fab_static_sent.host.agent", "/home/deploy/programs")
    assert "\n" not in program
    assert "\\\\" not in program


def test_an_archive_whose_beginning_the_login_has_read_is_told():
    sent = archive.FIRST_LINE + archive.SIZE % 0 + PACKED_DATA[5:] + b"frames"
    ran = kept_start("/not/kept", sent)
    assert (ran.returncode, ran.stderr.decode().strip()) == (1, archive.READ_BY_THE_LOGIN)


@pytest.mark.parametrize("modules", [[agent], [agent, project]])
def test_an_archive_for_this_machine_holds_the_same_modules_with_all_their_lines(modules):
    here, sent = (
        loader.sources_in(made(*modules)) for made in (archive.archive_here, archive.archive)
    )
    assert [*here] == [*sent]
    for path, text in here.items():
        whole = (archive.ROOT / path).read_text("utf-8")
        assert text == archive.renamed(whole)
        assert text.count("\n") == sent[path].count("\n")


def test_an_archive_for_this_machine_leaves_out_what_it_is_told_to():
    name = "fab_static_sent.host.agent.carried"
    made = loader.sources_in(archive.archive_here(agent, without=[name]))
    assert "fab_static/host/agent/carried.py" not in made
    assert "fab_static/host/agent/objects.py" in made


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish", "tcsh"])
def test_a_shell_that_reads_the_archive_ends_at_its_first_line(shell, tmp_path):
    """An archive is bytes of any kind: as lines of a shell, they could do anything."""
    assert shutil.which(shell), f"no {shell} here: tests/servers.sh installs it"
    sent = archive.FIRST_LINE + b"touch made\n"
    ran = subprocess.run([shell], input=sent, cwd=tmp_path, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (archive.READ_BY_A_SHELL, b"")
    assert not [*tmp_path.iterdir()]


# ---- an archive that the host may keep


def kept_start(folder, stdin):
    """Run `rest` of the packed package, from what a folder keeps or from what is sent."""
    program = archive.bootstrap(PACKED_DATA, "fab_static_sent.host.packed.start", str(folder))
    assert "\n" not in program
    command = [sys.executable, "-I", "-S", "-c", program, "rest"]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def keep(folder, data, mode=0o700):
    folder.mkdir(mode=0o700)
    (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)
    folder.chmod(mode)


ASKED = archive.FIRST_LINE + archive.SIZE % 6 + b"frames"
SENT_AGAIN = PACKED_DATA + b"frames"


def test_what_is_kept_runs_and_is_not_sent(tmp_path):
    keep(tmp_path / "programs", PACKED_DATA)
    ran = kept_start(tmp_path / "programs", ASKED)
    assert (ran.stderr, ran.stdout) == (b"", b"frames\n")


def test_what_is_not_kept_is_asked_for_and_the_first_frames_are_sent_again(tmp_path):
    ran = kept_start(tmp_path / "programs", ASKED + SENT_AGAIN)
    assert (ran.stderr, ran.stdout) == (b"", archive.LACKS + b"frames\n")


def test_a_folder_that_others_may_write_to_counts_for_nothing(tmp_path):
    keep(tmp_path / "programs", PACKED_DATA, mode=0o770)
    ran = kept_start(tmp_path / "programs", ASKED + SENT_AGAIN)
    assert ran.stdout.startswith(archive.LACKS)


def keep_compiled(folder, *, tag="", cut=None):
    """Keep what was compiled of the packed package, with a `main` that says so itself."""
    says = {**SOURCES, f"{PACKED}/start.py": "def main():\n    print('compiled before')\n"}
    del says[f"{PACKED}/broken.py"]
    made = {path: marshal.dumps(compile(text, path, "exec")) for path, text in says.items()}
    data = marshal.dumps(made)
    magic = importlib.util.MAGIC_NUMBER.hex()
    name = hashlib.sha256(PACKED_DATA).hexdigest()
    file = folder / f"{name}.{tag or sys.implementation.cache_tag}-{magic}"
    file.write_bytes((hashlib.sha256(data).digest() + data)[:cut])


@pytest.mark.parametrize(
    ("compiled", "said"),
    [
        ({}, b"compiled before\n"),
        ({"tag": "cpython-36"}, b"frames\n"),
        ({"cut": -1}, b"frames\n"),
        ({"cut": 0}, b"frames\n"),
    ],
)
def test_what_was_compiled_before_runs_where_it_is_whole_and_this_pythons(tmp_path, compiled, said):
    keep(tmp_path / "programs", PACKED_DATA)
    keep_compiled(tmp_path / "programs", **compiled)
    ran = kept_start(tmp_path / "programs", ASKED)
    assert (ran.stderr, ran.stdout) == (b"", said)


def test_what_was_compiled_counts_for_nothing_without_its_archive(tmp_path):
    (tmp_path / "programs").mkdir(mode=0o700)
    keep_compiled(tmp_path / "programs")
    ran = kept_start(tmp_path / "programs", ASKED + SENT_AGAIN)
    assert (ran.stderr, ran.stdout) == (b"", archive.LACKS + b"frames\n")


def test_other_bytes_under_its_name_never_run(tmp_path):
    keep(tmp_path / "programs", PACKED_DATA)
    (file,) = (tmp_path / "programs").iterdir()
    file.write_bytes(archive.packed({}))
    ran = kept_start(tmp_path / "programs", ASKED + SENT_AGAIN)
    assert ran.stdout == archive.LACKS + b"frames\n"


def test_a_login_that_reads_the_first_line_has_all_sent_again(tmp_path):
    keep(tmp_path / "programs", PACKED_DATA)
    ran = kept_start(tmp_path / "programs", ASKED[len(archive.FIRST_LINE) :] + SENT_AGAIN)
    assert ran.stdout == archive.LACKS + b"frames\n"


def test_a_login_that_reads_more_is_told_of(tmp_path):
    ran = kept_start(tmp_path / "programs", b"no number and no line of ours " * 10)
    assert ran.returncode != 0
    assert ran.stderr.decode().strip() == archive.READ_BY_THE_LOGIN
