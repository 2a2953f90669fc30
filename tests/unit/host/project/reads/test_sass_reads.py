"""What LibSass reads inside the project's process: its own importer tells where it looks, and strace that this is all."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SHEETS = {
    "sheets/site.scss": '@import "vars"; @import "parts/menu"; @import "shared/colors"; @import "theme";\n'
    "@import 'plain.css'; p { color: $red; margin: $gap }\n",
    "sheets/_vars.scss": "$red: #f00;\n",
    "sheets/parts/menu.scss": '@import "../vars"; @import "deep"; nav { color: $red }\n',
    "sheets/parts/_deep.sass": "ul\n  color: $red\n",
    "library/shared/_colors.scss": "$blue: #00f;\n",
    "library/theme/_index.scss": "$gap: 1px;\n",
}
# tells what an audit hook hears, and compiles between two marks
SCRIPT = """
import json, os, sys
from fab_static.host.project.reads import sass_reads
told = []
sys.addaudithook(lambda event, given: event == "fab_static.read" and told.append(list(given[0::2])))
sass_reads.begin()
import sass
call = json.loads(sys.argv[1])
os.path.exists("/mark")
css = sass.compile(**call)
os.path.exists("/mark")
print(json.dumps([css, told]))
"""
CALLS = {
    "a file": {"filename": "sheets/site.scss", "include_paths": ["library"]},
    "an absolute file": {
        "filename": "{here}/sheets/site.scss",
        "include_paths": ["{here}/library"],
    },
    "a text": {"string": SHEETS["sheets/site.scss"], "include_paths": ["sheets", "library"]},
}


@pytest.fixture
def here(tmp_path):
    for name, text in SHEETS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def compiled(here, call):
    """Return the CSS, what was told of as {aspect: paths}, and each path that the process looked at meanwhile."""
    traced = here / "traced"
    said = subprocess.run(
        ["strace", "-f", "-y", "-o", str(traced), "-e", "trace=%file", sys.executable, "-c", SCRIPT, call],
        cwd=here, capture_output=True, text=True, check=True,
    )  # fmt: skip
    css, told = json.loads(said.stdout)
    looked = set()
    for line in traced.read_text().split('"/mark"')[1].splitlines():
        for path in re.findall(r'"([^"]+)"', line):
            looked.add((here / path).resolve())
    by_aspect = {"bytes": set(), "names": set()}
    for path, aspect in told:
        by_aspect[aspect].add(Path(path).resolve())
    return css, by_aspect, looked


@pytest.mark.parametrize("kind", CALLS)
def test_all_that_libsass_looks_at_is_told(here, kind):
    call = json.dumps(CALLS[kind]).replace("{here}", str(here))
    css, told, looked = compiled(here, call)
    assert "margin: 1px" in css
    below = {path for path in looked if here in path.parents}
    assert {here / "sheets/_vars.scss", here / "library/theme/_index.scss"} <= below
    unseen = {
        path for path in below if path not in told["bytes"] and path.parent not in told["names"]
    }
    assert not {path for path in unseen if path not in told["names"]}
    assert {path for path in below if path.is_file()} <= told["bytes"]
