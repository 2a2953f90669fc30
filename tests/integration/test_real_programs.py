"""Real compilers and tools: what they read by themselves is seen, and each is answered again until that changes."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fab_static.host.project.reads import programs
from fab_static.host.project.reads.compared import first_change

LESSC = Path(__file__).parents[1] / "sample_project/node_modules/.bin/lessc"
FILES = {
    "src/site.less": '@import "vars";\na { color: @c }\n',
    "src/vars.less": "@c: red;\n",
    "src/site.js": "console.log(require('./part'), require('fs').readdirSync(__dirname).length)\n",
    "src/part.js": "module.exports = 1\n",
    "package.json": '{"name": "p", "version": "1.0.0", "scripts": {"build": "node src/site.js > out.txt"}}\n',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "src").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    git = ["git", "-C", str(folder), "-c", "user.email=a@example.com", "-c", "user.name=a"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    while time.time_ns() - (folder / "package.json").stat().st_ctime_ns < 100_000_000:
        pass  # a file of this very tick may be changed again, unseen
    return folder


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (f"{LESSC} src/site.less", ["src/site.less", "src/vars.less"]),
        ("node src/site.js", ["src/site.js", "src/part.js"]),
        ("npm run build", ["package.json", "src/site.js", "src/part.js"]),
        ("git describe --always --dirty", [".git/HEAD", ".git/index"]),
        ("cd src && grep -rl red . | xargs cat", ["src/vars.less", "src/part.js"]),
    ],
)
def test_what_a_program_reads_is_seen_and_all_of_it_can_be_compared(folder, line, read):
    for tool in ("node", "npm", "git", "grep"):
        assert shutil.which(tool), f"install {tool}"
    ran = programs.run(line, folder=str(folder))
    assert (ran.code, ran.unseen, first_change(ran.inputs)) == (0, [], None), ran.errors
    files = {path for aspect, path, _, _ in ran.inputs if aspect == "bytes"}
    assert {str(folder / name) for name in read} <= files


def test_a_module_that_comes_where_node_looked_first_is_a_change(folder):
    ran = programs.run(["node", "-e", "require('./src/site')"], folder=str(folder))
    (folder / "src/part").write_text("module.exports = 2\n")
    assert first_change(ran.inputs) in (
        f"{folder}/src/part is there now",
        f"{folder}/src has changed",
    )
    (folder / "src/part").unlink()
