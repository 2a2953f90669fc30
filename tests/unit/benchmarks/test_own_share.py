"""What of the start of `fab` is ours, and what is Fabric's."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import own_share
from benchmarks.own_share import Import, shares


def test_a_module_is_whose_that_first_asked_for_it():
    """A library that Fabric has loaded already costs us nothing."""
    fabfile = ["invoke.loader", "fabfile"]
    imports = [
        Import("html", [*fabfile, "fab_static", "fab_static.report"], 1.0),
        Import("fab_static.report", [*fabfile, "fab_static"], 2.0),
        Import("fab_static", fabfile, 4.0),
        Import("fabfile", ["invoke.loader"], 8.0),
        Import("yaml", [*fabfile, "fab_static"], 16.0),
        Import("invoke.loader", [], 32.0),
        Import("site", [], 64.0),
    ]
    assert shares(imports) == {"ours": 7.0, "theirs": 56.0}


@pytest.fixture
def noted(tmp_path):
    (tmp_path / "fabfile.py").write_text("from fab_static import namespace\n")
    file = tmp_path / "imports.json"
    subprocess.run(
        [sys.executable, "-P", own_share.__file__, str(file), "--list"],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        check=True,
    )
    return [Import(*one) for one in json.loads(file.read_text())]


def test_both_shares_of_a_command_are_measured(noted):
    within = {one.name: one.within for one in noted}
    assert within["fab_static.tasks.living"][-1] == "fab_static.tasks.namespace"
    assert within["fabric.connection"][0] == "fabric.main"
    found = shares(noted)
    assert found["ours"] > 0
    assert found["theirs"] > 0
    assert found["ours"] + found["theirs"] <= sum(one.seconds for one in noted) + 1e-9
