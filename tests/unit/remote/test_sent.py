"""What goes to a host before it answers anything: an agent that holds what the host will be asked, and no more."""

import ast
import subprocess
import sys

import pytest

from fab_static.host import loader
from fab_static.host.agent import wire
from fab_static.host.agent.wire import VERBS
from fab_static.host.archive import FIRST_LINE, LACKS, SIZE, bootstrap
from fab_static.phases.run.project_code import project_archive
from fab_static.remote.sent import (
    AGENT,
    OF_BUCKETS,
    OF_BUILDS,
    OF_PROJECTS,
    agent_for,
    command_here,
)


def sources(roles):
    return loader.sources_in(agent_for(roles).archive)


def names_in(roles):
    return {path.split("/")[-1][: -len(".py")] for path in sources(roles)}


def test_an_agent_is_small():
    """A fleet has many static hosts, and each gets one at its first deploy with another version of ours."""
    assert len(agent_for(["static"]).archive) <= 30_000
    assert len(agent_for(["build", "static", "web"], has_bucket=False).archive) <= 42_000


def test_a_bucket_costs_each_host_little_more():
    """The one build host also learns to put objects, and to pack for a cache; without a bucket none of it is sent."""
    for roles, most in ((["static"], 2_000), (["build", "static", "web"], 4_500)):
        without, with_one = (
            len(agent_for(roles, has_bucket=has_bucket).archive) for has_bucket in (False, True)
        )
        assert 0 < with_one - without <= most


def test_what_goes_to_a_web_host_in_all_is_small():
    """The agent, and the modules for the project's own interpreter."""
    assert len(agent_for(["web"]).archive) + len(project_archive(builds=False)) <= 80_000


@pytest.mark.parametrize("roles", [["build"], ["web"], ["static", "web"], ["static", "build"]])
def test_where_a_project_is_built_or_runs_every_module_is_sent(roles):
    wanted = {*VERBS.values(), *OF_PROJECTS, *OF_BUILDS, "wire"}
    assert wanted - names_in(roles) == ({*OF_BUILDS} if "build" not in roles else set())


def test_without_a_bucket_nothing_of_one_is_sent():
    found = loader.sources_in(agent_for(["build"], has_bucket=False).archive)
    names = {path.split("/")[-1][: -len(".py")] for path in found}
    assert names == names_in(["build"]) - {*OF_BUCKETS}


def test_a_static_host_gets_all_but_what_concerns_a_project():
    assert {*VERBS.values()} - names_in(["static"]) == {*OF_PROJECTS, *OF_BUILDS} - {
        "processes",
        "recorded",
        "differing",
    }


def imported(text):
    """Return the modules of the agent that a text imports, at any depth; not those for types alone."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.If):
            node.body = []
    found = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.rpartition(".")[2] for name in found if name.startswith(f"{AGENT}.")}


def test_no_module_that_a_static_host_gets_needs_one_that_it_does_not_get():
    absent = {*OF_PROJECTS, *OF_BUILDS}
    needed = {path: imported(text) & absent for path, text in sources(["static"]).items()}
    # by which it ends commands, where it has started any, and keeps a lock, where it has taken it
    assert needed.pop("fab_static/host/agent/wire.py") == {"processes", "lift", "lock"}
    assert needed.pop("fab_static/host/agent/transfer.py") == {"differing"}  # asked of builds alone
    assert not any(needed.values()), needed


def test_a_web_host_imports_what_only_builds_and_static_hosts_get_where_it_never_comes():
    absent = {*OF_BUILDS, "unpacking"}
    found = {path: imported(text) & absent for path, text in sources(["web"]).items()}
    assert {path.split("/")[-1]: needed for path, needed in found.items() if needed} == {
        "commands.py": {"static_root"},  # to collect into it
        "transfer.py": {"differing"},  # asked of builds alone
        "taking.py": {"unpacking"},  # of copies, which it does not hold
        "wire.py": {"lift", "lock"},
    }


@pytest.mark.parametrize("roles", [["static"], ["build", "static", "web"]])
def test_every_verb_of_an_agent_is_found_in_it(roles):
    """By the loader, in a process that has nothing else of ours."""
    archive = agent_for(roles).archive
    verbs = [verb for verb, module in VERBS.items() if module in names_in(roles)]
    program = bootstrap(archive, f"{AGENT}.wire", "/not/kept")
    program = program.replace("import main;main()", "import function_of")
    program += f";print(*(function_of(verb).__name__ for verb in {verbs!r}))"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        input=FIRST_LINE + SIZE % 0 + archive,
        capture_output=True,
        check=True,
    )
    assert ran.stdout.removeprefix(LACKS).decode().split() == verbs


def test_on_this_machine_an_agent_runs_where_its_modules_lie():
    """Packed or sent is nothing, and nothing else of ours or of others is loaded."""
    *words, line = command_here(sys.executable)
    line = line.replace("main;main()", "main;print(main.__code__.co_filename);print(*sys.modules)")
    ran = subprocess.run([*words, line], capture_output=True, check=True, encoding="utf-8")
    file, modules = ran.stdout.splitlines()
    assert file == wire.__file__
    ours = {name for name in modules.split() if name.startswith("fab_static")}
    assert ours - {"fab_static"} == {name for name in ours if name.startswith("fab_static.host")}
    assert "typing" not in modules.split()
