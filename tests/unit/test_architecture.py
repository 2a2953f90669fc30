"""STYLE §1, kept true: who may import whom, who may speak, and what runs on an old Python."""

import ast
import functools
import graphlib
import json
import re
import statistics
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from fab_static import remote

PACKAGE = Path(__file__).parents[2] / "fab_static"
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path):
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache  # nearly every test below reads all of them
def tree_of(path):
    return ast.parse(path.read_text("utf-8"), str(path))


@functools.cache
def imports_of(path):
    """Return every module and every `module.name` that a file imports, at any depth."""
    return imports_in(tree_of(path), path)


@functools.cache
def run_time_tree_of(path):
    """Return what a file holds, without what stands below `if TYPE_CHECKING:` at its top."""
    tree = ast.parse(path.read_text("utf-8"), str(path))  # not the one of all: this one is changed
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return tree


def imports_at_run_time_of(path):
    """Return what a file imports, but for types."""
    return imports_in(run_time_tree_of(path), path)


def imports_in(tree, path):
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def ours_in(imports):
    return {name for name in imports if name.partition(".")[0] == "fab_static"}


def tops_in(imports):
    return {name.partition(".")[0] for name in imports} - {"fab_static"}


def is_below(name, *packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def below(folder):
    return [path for path in FILES if path.is_relative_to(PACKAGE / folder)]


def of_each(paths):
    """Make one test of a rule for these files; it names each file that breaks the rule.

    A test for each file and rule would be four thousand, of which each costs more than what it looks at.
    """
    assert paths, "the rule holds of nothing"

    def made(rule):
        def test():
            broken = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as error:
                    broken.append(f"{module_of(path)}: {error}")
            assert not broken, "\n".join(broken)

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return made


# what each part may import of ours, besides itself
ARROWS = {
    "errors": (),
    "workers": (),
    "interruption": (),
    "plan": ("errors",),
    "host": (),
    "remote": ("plan", "errors", "host", "workers"),
    "remote.frames": ("host",),
    "remote.line": ("remote.frames",),
    "remote.starting": (),
    "remote.ssh": ("plan", "errors", "workers", "remote.line", "remote.patience"),
    "remote.openssh": (
        *("plan", "errors", "remote.ssh", "remote.channels", "remote.client", "remote.frames"),
        "remote.patience",
    ),
    "aws": ("plan", "errors", "workers"),
    "timeline": (),
    "show": ("timeline",),
    "report": ("plan", "errors", "timeline", "show"),
    "phases": (
        *("plan", "errors", "remote", "aws", "timeline", "show", "host"),
        *("interruption", "workers"),
    ),
    "doctor": ("plan", "errors", "remote", "aws", "phases"),
    "looking": ("plan", "errors", "remote", "aws", "phases", "host"),
    "telling": (
        *("plan", "errors", "aws", "phases", "looking", "report"),
        *("interruption", "timeline", "show", "workers"),
    ),
    "sessions": (
        *("plan", "errors", "remote", "phases", "doctor", "looking", "telling", "report"),
        *("interruption", "timeline", "show"),
    ),
    # one walk through templates, for the gate and for the commands: two would disagree
    "django_app": ("plan", "errors", "host.project"),
}


def test_the_walk_sees_the_package():
    """Else every rule below holds of nothing."""
    assert {"fab_static", "fab_static.remote", "fab_static.host.agent"} <= set(
        map(module_of, FILES)
    )
    assert "fab_static.plan.inventory.parse" not in imports_of(
        PACKAGE / "plan" / "inventory" / "read.py"
    )
    assert "fab_static.errors.InventoryError" in imports_of(
        PACKAGE / "plan" / "inventory" / "read.py"
    )


# the types of what the project on a host is asked, and answers: host names them for the type checker
# alone, below `if TYPE_CHECKING:`, and this part of a module is not sent
TYPES_FOR_HOST = "fab_static.plan.wire.questions"


def judged_imports_of(path):
    """Return what a file imports, but what the modules of host may import for types."""
    if not path.is_relative_to(PACKAGE / "host"):
        return imports_of(path)
    for_types = imports_of(path) - imports_at_run_time_of(path)
    return imports_of(path) - {name for name in for_types if is_below(name, TYPES_FOR_HOST)}


@pytest.mark.parametrize("part", ARROWS)
def test_arrows_point_one_way(part):
    place = part.replace(".", "/")
    paths = below(place) or [PACKAGE / f"{place}.py"]
    allowed = [f"fab_static.{name}" for name in (part, *ARROWS[part])]
    for path in paths:
        wrong = {
            name
            for name in ours_in(judged_imports_of(path)) - {"fab_static"}
            if not is_below(name, *allowed)
        }
        assert not wrong, f"{module_of(path)} imports {sorted(wrong)}"


@of_each(below("plan"))
def test_what_decides_touches_no_machine(path):
    """Two programs share it: no Django on the operator's machine, no Fabric on the hosts, no disk in tests."""
    forbidden = {
        "os", "io", "sys", "time", "socket", "subprocess", "threading", "shutil", "tempfile", "random",
        "select", "signal", "glob", "urllib.request", "http", "asyncio",
        "django", "compressor", "boto3", "botocore", "fabric", "invoke", "paramiko", "rich",
    }  # fmt: skip
    imports = imports_of(path)
    assert not tops_in(imports) & forbidden
    assert "urllib.request" not in imports
    called = [node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    names = {function.id for function in called if isinstance(function, ast.Name)}
    methods = {function.attr for function in called if isinstance(function, ast.Attribute)}
    assert not names & {"open", "print", "input"}
    touching = {
        "open", "read_text", "read_bytes", "write_text", "write_bytes", "exists",
        "is_file", "is_dir", "stat", "iterdir", "mkdir", "unlink", "resolve", "now", "today", "utcnow",
    }  # fmt: skip
    assert not methods & touching


INSIDE_THE_PROJECT = below("host/project")  # sent to the project's own interpreter
READS = below("host/project/reads")  # the agent looks into what they wrote
# what each part of host may import of ours, besides itself
HOST_ARROWS = {
    "agent": ("loader", "project.reads"),
    # these two run on the operator's machine
    "archive": ("loader", "kept_archives"),
    "kept_archives": (),
    "loader": (),
    "project": (),
    "project.reads": ("project.traces", "project.imports"),
    "project.traces": (),
}


@of_each(below("host"))
def test_what_runs_on_a_host_needs_only_the_standard_library(path):
    imports = judged_imports_of(path)
    name = module_of(path).removeprefix("fab_static.host.")
    part = max((each for each in HOST_ARROWS if is_below(name, each)), key=len, default="loader")
    allowed = [f"fab_static.host.{each}" for each in (part, *HOST_ARROWS[part])]
    ours = ours_in(imports) - {"fab_static.host"}  # of which a module is imported
    assert not {each for each in ours if not is_below(each, *allowed)}
    allowed = set(sys.stdlib_module_names)
    if path in INSIDE_THE_PROJECT and path not in READS:
        allowed |= {"django", "compressor", "jinja2", "yaml", "statici18n", "django_jinja"}
    assert not tops_in(imports) - allowed


def test_no_module_inside_the_project_imports_one_that_imports_it():
    imports = {module_of(path): imports_of(path) for path in INSIDE_THE_PROJECT}
    graph = {
        name: {each for each in found if each in imports and each != name}
        for name, found in imports.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names them


@of_each([path for path in FILES if not path.is_relative_to(PACKAGE / "remote")])
def test_only_remote_imports_fabric_and_paramiko(path):
    assert not tops_in(imports_of(path)) & {"fabric", "paramiko"}


@of_each([path for path in FILES if not path.is_relative_to(PACKAGE / "remote")])
def test_others_know_remote_by_its_public_names(path):
    public = {f"fab_static.remote.{name}" for name in remote.__all__}
    imports = {name for name in imports_of(path) if is_below(name, "fab_static.remote")}
    assert imports <= public | {"fab_static.remote"}


@of_each([path for path in FILES if not path.is_relative_to(PACKAGE / "aws")])
def test_only_aws_imports_boto3(path):
    assert not tops_in(imports_of(path)) & {"boto3", "botocore"}


@of_each([path for path in FILES if not path.is_relative_to(PACKAGE / "tasks")])
def test_only_tasks_imports_invoke(path):
    if path == PACKAGE / "__init__.py":  # for the type of `namespace` alone
        return
    assert not tops_in(imports_of(path)) & {"invoke"}


@of_each(below("django_app"))
def test_what_runs_inside_the_project_never_needs_the_operators_libraries(path):
    forbidden = {"fabric", "invoke", "paramiko", "boto3", "botocore", "rich"}
    imports = imports_of(path)
    assert not tops_in(imports) & forbidden
    outside = (
        *("remote", "phases", "tasks", "api", "sessions", "report", "aws"),
        *("host.agent", "host.archive", "host.kept_archives", "host.loader"),
        *("looking", "doctor", "telling"),
    )
    assert not [name for name in imports if is_below(name, *(f"fab_static.{it}" for it in outside))]


@of_each([path for path in FILES if not path.is_relative_to(PACKAGE / "django_app")])
def test_only_what_runs_inside_the_project_imports_django(path):
    if path not in INSIDE_THE_PROJECT:
        assert not tops_in(imports_of(path)) & {"django", "compressor"}


@of_each(
    [
        path
        for path in FILES
        if not (path.is_relative_to(PACKAGE / "tasks") or path.is_relative_to(PACKAGE / "host"))
    ]
)
def test_only_tasks_prints_exits_and_reads_the_command_line(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "exit", "quit", "input", "breakpoint"}, path
        if isinstance(node, ast.Attribute):
            words = ast.unparse(node)
            assert words not in {
                "sys.argv", "sys.exit", "os._exit", "sys.stdout", "sys.stderr", "sys.stdin",
            }, f"{module_of(path)}:{node.lineno}: {words}"  # fmt: skip
        if isinstance(node, ast.Raise) and node.exc is not None:
            assert "SystemExit" not in ast.unparse(node.exc)


@of_each(below("phases"))
def test_no_phase_knows_who_calls_it(path):
    outside = ("tasks", "api", "sessions", "report", "looking", "doctor", "telling")
    assert not [
        name for name in imports_of(path) if is_below(name, *(f"fab_static.{it}" for it in outside))
    ]


@of_each(below("sessions"))
def test_no_session_knows_the_command_line(path):
    outside = ("fab_static.tasks", "fab_static.api")
    assert not [name for name in imports_of(path) if is_below(name, *outside)]


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        (
            "fab_static",
            {"fabric", "invoke", "paramiko", "boto3", "botocore", "django", "rich", "yaml"},
        ),
        ("fab_static.plan.inventory", {"fabric", "invoke", "paramiko", "boto3", "django"}),
        ("fab_static.host.agent", {"fabric", "invoke", "paramiko", "boto3", "django", "yaml"}),
        (
            "fab_static.django_app.resource_versions",
            {"fabric", "invoke", "paramiko", "boto3", "rich"},
        ),
        ("fab_static.tasks", {"boto3", "botocore", "django"}),
    ],
)
def test_importing_a_part_loads_no_library_that_it_may_have_to_do_without(imported, absent):
    script = f"import json, sys, {imported}; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in json.loads(ran.stdout)}
    assert not loaded & absent


# ---- the rooms of the agent


AGENT = below("host/agent")


def test_rooms_of_the_agent_import_each_other_one_way():
    """But for types, and for what wire.py imports when it is first asked."""
    graph = {}
    for path in AGENT:
        tree = run_time_tree_of(path)
        found = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        graph[module_of(path)] = {name for name in found if is_below(name, "fab_static.host.agent")}
    list(graphlib.TopologicalSorter(graph).static_order())


# ---- types: what is ours has one; `Any` stands for what others hand in

# folder -> how often annotations there say Any, at most, and what hands it in. The numbers only fall
MOST_ANY = {
    ".": (6, "JSON of the tasks; what threads return"),
    "aws": (22, "boto3's clients and answers"),
    "django_app": (19, "Django's finders, loaders and storages"),
    "django_app/management/commands": (6, "options of management commands"),
    "django_app/requirejs": (25, "JSON of Node, and r.js's own configuration"),
    "doctor": (4, "CloudFront's configuration; details of a finding"),
    "host/agent": (46, "JSON of records and requests, before it is judged"),
    "host/project": (63, "Django's storages, finders and settings; JSON of the probe"),
    "host/project/blocks": (8, "tags of Django that a copy of is changed; what a tag resolves"),
    "host/project/coverage": (
        3,
        "Django's active language; templates, of another class in each language",
    ),
    "host/project/engines": (6, "templates, of another class in each language"),
    "host/project/lint": (2, "what is told of templates"),
    "host/project/precompilers": (16, "filters of compressor; JSON of what was kept"),
    "host/project/reads": (64, "arguments of audit events, and of functions that are watched"),
    "host/project/starts": (19, "arguments of Popen; JSON of what was kept"),
    "looking": (15, "what --json prints"),
    "phases/run": (10, "JSON of the journal, before it is judged"),
    "plan": (5, "JSON of seals, manifests and records, before it is judged"),
    "plan/inventory": (8, "YAML"),
    "plan/wire": (25, "shapes, and values before they are judged"),
    "remote": (12, "sockets and transports of Fabric and Paramiko"),
    "remote/ssh": (9, "sockets and transports of Fabric and Paramiko"),
    "report": (18, "what --json prints; any value whose secrets are taken out"),
    "sessions": (3, "what --json prints"),
    "tasks": (8, "tasks of Invoke; what --json prints"),
    "telling": (16, "the summary of a run, as hooks get it"),
}


def count_of_any(path):
    """Return how often the annotations of a module say Any: of parameters, results and attributes."""
    found = 0
    for node in ast.walk(tree_of(path)):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(annotation, ast.AST):
                found += sum(
                    isinstance(name, ast.Name) and name.id == "Any" for name in ast.walk(annotation)
                )
    return found


def test_what_is_ours_has_a_type():
    """A room that is not in the table has no Any; one whose number fell gets the lower one."""
    counts = Counter()
    for path in FILES:
        counts[path.parent.relative_to(PACKAGE).as_posix()] += count_of_any(path)
    over = {room: count for room, count in counts.items() if count > MOST_ANY.get(room, (0, ""))[0]}
    assert not over, f"give these a type, or say in MOST_ANY what hands it in: {over}"


# ---- small modules and short functions: a reader keeps one in mind

MODULE_LINES = 400
REASON = "Over 400 lines because "  # begins a sentence of a module's first docstring
# lines of a function, from `def` to its last one, docstring and all; decorators stand outside
MEDIAN_LINES = 8
NINETIETH_LINES = 22  # of 100 functions 90 are at most so long
LONG_LINES, MOST_LONG = 40, 30  # no more functions than these are longer


@of_each(FILES)
def test_a_module_is_small_or_says_why_not(path):
    lines = len(path.read_text("utf-8").splitlines())
    reason = REASON in " ".join((ast.get_docstring(tree_of(path)) or "").split())
    assert lines <= MODULE_LINES or reason, (
        f"{module_of(path)} has {lines} lines, over {MODULE_LINES}: divide it, "
        f"or begin a sentence of its docstring with {REASON!r}"
    )


def test_functions_are_short():
    spans = sorted(
        node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert len(spans) > 1000  # else the numbers below say nothing
    assert statistics.median(spans) <= MEDIAN_LINES
    assert spans[len(spans) * 9 // 10] <= NINETIETH_LINES
    assert sum(span > LONG_LINES for span in spans) <= MOST_LONG


# ---- tests stand where the code does


UNIT = Path(__file__).parent
ROOMS = (
    *("aws", "doctor", "looking", "phases", "phases/run", "remote", "remote/ssh", "report"),
    *("sessions", "tasks", "telling"),
)
# modules whose tests stand in another file of the mirrored room; the table only shrinks
TESTED_IN = {
    "fab_static.phases.build_requirejs": "test_build_phases",
    "fab_static.phases.compilejsi18n": "test_build_phases",
    "fab_static.phases.fix_less_imports": "test_build_phases",
    "fab_static.phases.resource_static": "test_build_phases",
    "fab_static.phases.run.carrying": "test_carried",
    "fab_static.remote.channels": "test_line",
    "fab_static.remote.frames": "test_agent_channel",
    "fab_static.remote.host": "test_remote_local",
    "fab_static.remote.ssh.agent": "test_login",
    "fab_static.remote.ssh.asking": "test_hops",
    "fab_static.remote.ssh.refusal": "test_opening",  # a name for what both raise
    "fab_static.remote.ssh.without_ssh": "test_hops",
    "fab_static.tasks.options": "test_tasks",  # words alone, which `fab --help` prints
}
# their tests ask for them as others do: by the names of the room's __init__.py, or by a task
THROUGH_A_DOOR = (
    *("fab_static.remote.", "fab_static.aws.address", "fab_static.looking.releases"),
    "fab_static.tasks.options",
)


def modules_of(*rooms):
    folders = [PACKAGE / room for room in rooms]
    return [path for path in FILES if path.parent in folders and path.name != "__init__.py"]


@of_each(modules_of(*ROOMS))
def test_a_module_has_its_unit_tests_in_the_mirrored_folder(path):
    """Whoever changes a module finds what it promises without a search.

    A new module, a new phase for one, needs a file of its name there that imports it and has tests.
    """
    module = module_of(path)
    name = TESTED_IN.get(module, f"test_{path.stem}")
    tests = UNIT / path.parent.relative_to(PACKAGE) / f"{name}.py"
    assert tests.exists(), f"{module} has no {tests.relative_to(UNIT)}"
    assert "def test_" in tests.read_text("utf-8")
    if not module.startswith(THROUGH_A_DOOR):
        assert any(is_below(each, module) for each in imports_of(tests)), (
            f"{tests.relative_to(UNIT)} does not import {module}"
        )


def test_the_table_of_tests_elsewhere_only_shrinks():
    for name in TESTED_IN:
        *folders, module = name.split(".")[1:]
        assert not UNIT.joinpath(*folders, f"test_{module}.py").exists(), f"take {name} out"
    assert TESTED_IN.keys() <= {module_of(path) for path in modules_of(*ROOMS)}


# ---- Python 3.8; all tests of the agent run in one, see tests/unit/host/test_every_python.py


HOST_FILES = below("host")
# what runs only beside a project's Django is looked through for names that came later: 3.9 …, 3.10 …, 3.11 … of https://docs.python.org/3/whatsnew/
LATER_ATTRIBUTES = {
    "removeprefix", "removesuffix", "is_relative_to", "with_stem", "readlink_to", "hardlink_to",
    "pairwise", "batched", "bit_count", "file_digest", "walk_up", "getrandbits_", "to_thread",
    "waitstatus_to_exitcode", "pidfd_open", "nullcontext_", "aclosing", "chdir_", "indent_tree",
    "add_note", "exceptions_", "UTC", "randbytes", "cache", "cache_clear_", "unparse", "EncodingWarning",
    "cancel_futures", "stdlib_module_names", "orig_argv",
}  # fmt: skip
LATER_KEYWORDS = {
    "strict",
    "encoding_errors",
    "cancel_futures",
    "root_dir",
    "key_",
    "slots",
    "kw_only",
}
LATER_MODULES = {"zoneinfo", "graphlib", "tomllib"}


def runtime_nodes(tree):
    """Walk a tree without its annotations, which `from __future__ import annotations` never evaluates."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns"}:
                continue
            waiting.extend(
                it
                for it in (value if isinstance(value, list) else [value])
                if isinstance(it, ast.AST)
            )


@of_each(HOST_FILES)
def test_what_runs_on_a_host_is_python_3_8_by_its_syntax(path):
    source = path.read_text("utf-8")
    ast.parse(source, str(path), feature_version=(3, 8))
    tree = tree_of(path)
    for node in ast.walk(tree):
        # feature_version lets these pass
        assert type(node).__name__ not in {"Match", "TryStar", "TypeAlias", "TypeVar"}
        if isinstance(node, ast.With | ast.AsyncWith):
            segment = ast.get_source_segment(source, node) or ""
            several = len(node.items) > 1 and re.match(r"(async\s+)?with\s*\(", segment)
            assert not several or node.items[0].context_expr.col_offset - node.col_offset == 5


@of_each([path for path in below("host/project") if path.name != "__init__.py"])
def test_what_runs_in_a_project_evaluates_nothing_newer_than_python_3_8(path):
    tree = tree_of(path)
    assert "annotations" in {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    }
    generic = {"list", "dict", "set", "tuple", "frozenset", "type"}
    typing_like = {"Callable", "Iterator", "Iterable", "Mapping", "Sequence"}
    for node in runtime_nodes(tree):
        at = f"{path.name}:{getattr(node, 'lineno', '')}"
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in generic, f"{at}: {ast.unparse(node)} is 3.9"
        if isinstance(node, ast.ImportFrom) and node.module == "collections.abc":
            used = {alias.name for alias in node.names} & typing_like
            assert not used, f"{at}: {used} of collections.abc cannot be subscripted at run time"
        if isinstance(node, ast.Attribute):
            assert node.attr not in LATER_ATTRIBUTES, f"{at}: {ast.unparse(node)}"
        if isinstance(node, ast.keyword) and node.arg in LATER_KEYWORDS:
            raise AssertionError(f"{at}: {node.arg}= is newer")
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not {alias.name.partition(".")[0] for alias in node.names} & LATER_MODULES
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.BitOr):
            sides = ast.unparse(node)
            assert "{" not in sides, f"{at}: {sides}: dict | dict is 3.9"
            assert not re.search(r"\b(None|str|int|dict|list|bytes)\b", sides), (
                f"{at}: {sides} is 3.10"
            )
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "isinstance"
        ):
            assert not isinstance(node.args[1], ast.BinOp), f"{at}: isinstance with | is 3.10"


def test_what_stands_beside_the_package_finds_all_that_it_imports():
    """Types are checked of the package alone: a function that moves would leave a benchmark behind."""
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for folder in ("benchmarks", "chaos", "demo")
        for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
        if path.stem != "__main__" and "upstream" not in path.parts
    ]
    program = f"from importlib import import_module\nfor name in {names}: import_module(name)"
    subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, check=True)
