"""The LESS filter, with real Node and less: lessc's output byte for byte, and never one of other files.

Needs `npm ci` in tests/sample_project.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import alive, becomes

ROOT = Path(__file__).parents[2]
# What django-compressor does with the filter, asked a line at a time.
ASKED = """
import json, os, sys, threading
from pathlib import Path
from django.conf import settings
given = json.loads(sys.argv[1])
wanted = given.pop("FILTER")
settings.configure(STATIC_URL="/static/", STATIC_ROOT=given["BASE_DIR"] + "/static", **given)
import django
django.setup()
from compressor.exceptions import FilterError
from django.utils.module_loading import import_string
from fab_static.django_app import cache, node
Filter = import_string(wanted)
made = [0]
ask = node.Pool.ask
def counted(*words):
    made[0] += 1
    return ask(*words)
node.Pool.ask = counted

def compiled(name, content=None, **attrs):
    made[0] = 0
    content = content or Path(name).read_bytes().decode("utf-8-sig")
    try:
        css = Filter(content, attrs=attrs, filter_type="css", filename=name, charset="utf-8").input(basename=name)
        return {"css": css, "made": made[0]}
    except FilterError as error:
        return {"error": str(error)}

def forked(name):
    ends = os.pipe()
    if not os.fork():
        os.write(ends[1], json.dumps(compiled(name)).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(ends[0], 1 << 20))

def workers():
    return [each._process.pid for pool in node._pools.values() for each in pool._all]

def threaded(name, count):
    answers = [None] * count
    def one(at):
        answers[at] = compiled(name)
    threads = [threading.Thread(target=one, args=(at,)) for at in range(count)]
    [each.start() for each in threads]
    [each.join() for each in threads]
    return answers

def setting(**values):
    [setattr(settings, *each) for each in values.items()]

for line in sys.stdin:
    word, words, named = json.loads(line)
    print(json.dumps(globals()[word](*words, **named)), flush=True)
"""


class Compiler:
    """A folder with less installed, and a process that compiles in it."""

    filter = "fab_static.django_app.less.LessFilter"

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        given = {
            "FILTER": self.filter,
            "BASE_DIR": str(path),
            "FAB_STATIC_CACHE": str(path / "cache"),
            **settings,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", ASKED, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def ask(self, word: str, *words: Any, **named: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([word, words, named]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def css(self, name: str = "static/site.less") -> str:
        answer = self.ask("compiled", str(self.path / name))
        assert "css" in answer, answer["error"]
        return str(answer["css"])

    def made(self, name: str = "static/site.less") -> int:
        return int(self.ask("compiled", str(self.path / name))["made"])

    def error(self, name: str = "static/site.less") -> str:
        return str(self.ask("compiled", str(self.path / name))["error"])

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def lessc(self, name: str = "static/site.less", *options: str) -> str:
        """What lessc makes of it, as django-compressor reads it."""
        program = self.path / "node_modules/less/bin/lessc"
        done = subprocess.run(
            ["node", program, *options, self.path / name], cwd=self.path, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().replace("\r\n", "\n")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(120)


@pytest.fixture
def compiler(packages: Path, tmp_path: Path) -> Iterator[Compiler]:
    shutil.copytree(packages, tmp_path / "node_modules", copy_function=os.link, symlinks=True)
    compiler = Compiler(tmp_path)
    yield compiler
    compiler.end()


SITE = {
    "static/site.less": '@import "parts/a";\n@import (reference) "parts/b.less";\n@import (inline) "c.css";\n'
    '@import (optional) "maybe";\n@import (css) url("print.css");\n'
    "@width: 10px / 3;\n.site { color: @a; width: @width; .b(); background: data-uri('img/dot.svg');\n"
    "  src: data-uri('img/none.png'); width+: image-width('img/dot.svg'); }\n",
    "static/parts/a.less": '@import "deeper";\n.a { background: url(img/a.png); color: darken(@a, 3%) }\n',
    "static/parts/deeper.less": "@a: #336699;\n",
    "static/parts/b.less": ".b() { margin: 1px }\n.unused { x: y }\n",
    "static/c.css": ".c { content: 'é' }\r\n.d{ a : b }\r\n",
    "static/img/dot.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="5"/>',
}


def test_the_output_follows_every_input_and_is_always_what_lessc_makes(compiler: Compiler) -> None:
    """Each change is of one thing that the sheet came from; a wrong reuse would serve another release's CSS."""
    compiler.write(SITE)
    seen = [compiler.css()]
    assert seen[0] == compiler.lessc()
    assert compiler.made() == 0, "nothing has changed"

    changes: list[dict[str, str]] = [
        {"static/site.less": SITE["static/site.less"] + ".more { a: b }\n"},
        {"static/parts/deeper.less": "@a: #336698;\n"},
        {"static/parts/b.less": ".b() { margin: 2px }\n"},
        {"static/c.css": ".c { content: 'è' }\n"},
        {"static/img/dot.svg": SITE["static/img/dot.svg"].replace("4", "7")},
        {"static/img/none.png": "it is there now"},
        {"static/maybe.less": ".maybe { now: there }\n"},
    ]
    for change in changes:
        compiler.write(change)
        seen.append(compiler.css())
        assert seen[-1] == compiler.lessc(), change
        assert compiler.made() == 0
    (compiler.path / "static/maybe.less").unlink()
    assert compiler.css() == compiler.lessc() == seen[-2]
    compiler.ask("setting", FAB_STATIC_LESS_OPTIONS={"math": "always", "rewriteUrls": "all"})
    seen.append(compiler.css())
    assert seen[-1] == compiler.lessc("static/site.less", "--math=always", "--rewrite-urls=all")
    assert len(set(seen)) == len(seen)


def test_a_package_found_by_its_name_is_an_input_too(compiler: Compiler) -> None:
    compiler.write(
        {
            "static/site.less": '@import "theme/colours";\n@import "theme/main.less";\n.a { b: @c }\n',
            "node_modules/theme/package.json": '{"name": "theme", "version": "1.0.0"}',
            "node_modules/theme/colours.less": "@c: red;\n",
            "node_modules/theme/main.less": ".main { c: @c }\n",
        }
    )
    assert compiler.css() == compiler.lessc()
    assert compiler.made() == 0
    compiler.write({"node_modules/theme/colours.less": "@c: blue;\n"})
    assert compiler.css() == compiler.lessc()
    compiler.write(
        {
            "node_modules/theme/package.json": '{"exports": {"./main.less": "./new.less", '
            '"./colours.less": "./colours.less"}}'
        }
    )
    compiler.write({"node_modules/theme/new.less": ".new { c: @c }\n"})
    assert compiler.css() == compiler.lessc()
    assert ".new" in compiler.css()
    compiler.write({"node_modules/less/node_modules/theme/main.less": ".nearer { c: @c }\n"})
    assert compiler.css() == compiler.lessc()
    assert ".nearer" in compiler.css()


def test_another_less_makes_everything_anew(compiler: Compiler) -> None:
    compiler.write(SITE)
    before = compiler.css()
    package = compiler.path / "node_modules/less/package.json"
    text = package.read_text()
    package.unlink()  # it is a link to the sample project's
    package.write_text(text.replace('"version": "4', '"version": "40'))
    assert compiler.made() == 1

    program = compiler.path / "node_modules/less/dist/less-node.cjs"
    text = program.read_text()
    program.unlink()
    program.write_text(text.replace("darken", "lighten"))  # one patched in place, its version kept
    compiler.ask("setting", FAB_STATIC_LESS_TIMEOUT=60)  # a new process reads it
    assert compiler.css() != before


# Less 3 keeps what it has read from sheet to sheet, and asks for the file's time alone.
REMEMBERING = """
const less = require("../less");
const manager = less.environment.fileManagers[0], load = manager.loadFile;
manager.contents = {};
manager.loadFile = function (name, folder, options, ...rest) {
  const known = this.contents[folder + name];
  if (known && !options.syncImport) return Promise.resolve(known);
  const loaded = load.call(this, name, folder, options, ...rest);
  if (loaded.then) loaded.then((file) => { this.contents[folder + name] = file; }, () => {});
  return loaded;
};
module.exports = less;
"""


def test_what_less_remembers_of_an_earlier_sheet_is_not_used(compiler: Compiler) -> None:
    compiler.write({**SITE, "node_modules/less3/index.js": REMEMBERING})
    compiler.write({"node_modules/less3/package.json": '{"version": "3.10.3"}'})
    compiler.write({"static/other.less": SITE["static/site.less"] + ".other { a: b }\n"})
    compiler.ask("setting", FAB_STATIC_LESS=str(compiler.path / "node_modules/less3"))
    assert compiler.css() == compiler.lessc()
    assert compiler.css("static/other.less") == compiler.lessc("static/other.less")

    compiler.write({"static/parts/deeper.less": "@a: #336698;\n"})

    assert compiler.css("static/other.less") == compiler.lessc("static/other.less")
    assert compiler.css() == compiler.lessc()


def test_what_javascript_makes_is_never_kept_and_leaves_nothing_behind(compiler: Compiler) -> None:
    compiler.write(
        {
            "static/site.less": '@plugin "./count.js";\n.a { b: count() }\n',
            "static/count.js": "let n = 0; registerPlugin({ install(less, manager, functions) {"
            " less.n = (less.n || 0) + 1; functions.add('count', () => less.n); } });",
        }
    )
    for _ in range(2):
        answer = compiler.ask("compiled", str(compiler.path / "static/site.less"))
        assert (answer["css"], answer["made"]) == (compiler.lessc(), 1)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("process.exit(3);", "signal 9"),
        (
            "process.emit('uncaughtException', new Error('nobody caught it'));",
            "nobody caught it",
        ),
    ],
)
def test_a_plugin_that_ends_node_is_told_at_once(
    compiler: Compiler, script: str, told: str
) -> None:
    compiler.write(
        {
            "static/site.less": '@plugin "./bad.js";\n@import "a";\n',
            "static/bad.js": f"(async () => {{ {script} }})();",
        }
    )

    assert told in compiler.error()


def test_sheets_compiled_at_once_are_all_right(compiler: Compiler) -> None:
    compiler.write(SITE)
    css = {compiler.lessc()}
    name = str(compiler.path / "static/site.less")
    compiler.ask("setting", FAB_STATIC_CACHE=None)

    assert {answer["css"] for answer in compiler.ask("threaded", name, 4)} == css
    assert len(compiler.ask("workers")) == 1
    compiler.ask("setting", FAB_STATIC_LESS_WORKERS=2)
    assert {answer["css"] for answer in compiler.ask("threaded", name, 8)} == css
    assert len(compiler.ask("workers")) <= 1 + 2


def test_an_error_names_the_file_the_line_and_the_cure(compiler: Compiler) -> None:
    compiler.write(
        {
            "static/site.less": '@import "a";\n',
            "static/a.less": ".a {\n  color: @nope;\n}\n",
            "static/b.less": '.b { c: d }\n\n@import "../../no/such.less";\n',
        }
    )
    folder = compiler.path / "static"
    assert compiler.error() == (
        "NameError: variable @nope is undefined\n"
        f"  where: {folder}/a.less, line 2, column 10\n"
        "         1 .a {\n"
        "         2   color: @nope;\n"
        "         3 }\n"
        "  mend:  correct that line"
    )
    message = compiler.error("static/b.less")
    assert message.startswith("FileError: '../../no/such.less' wasn't found. Tried - ")
    assert f"  where: {folder}/b.less, line 3, column 1\n" in message
    assert "manage.py fix_less_imports_collectstatic corrects" in message
    compiler.write({"static/a.less": ".a { b: c }\n"})
    assert compiler.css() == compiler.lessc(), "an error is not kept"


def test_a_sheet_without_end_is_stopped_and_the_next_one_compiles(compiler: Compiler) -> None:
    compiler.write(
        {
            "static/loop.less": ".l(@n) when (@n > 0) { .l(@n); }\n@v: `(function () { for (;;); })()`;\n.a { b: @v }\n",
            "static/site.less": ".a { b: c }\n",
        }
    )
    compiler.ask(
        "setting", FAB_STATIC_LESS_TIMEOUT=3, FAB_STATIC_LESS_OPTIONS={"javascriptEnabled": True}
    )
    assert compiler.error("static/loop.less").startswith(
        "the LESS compiler gave no answer: it did not answer within 3 seconds\n"
        f"  where: {compiler.path}/static/loop.less\n"
    )
    compiler.ask("setting", FAB_STATIC_LESS_TIMEOUT=60)
    assert compiler.css() == compiler.lessc()


def test_a_killed_process_is_replaced(compiler: Compiler) -> None:
    compiler.write(SITE)
    compiler.ask("setting", FAB_STATIC_CACHE=None)
    compiler.css()
    (worker,) = compiler.ask("workers")
    os.kill(worker, signal.SIGKILL)
    assert becomes(lambda: not alive(worker))

    assert compiler.css() == compiler.lessc()
    assert compiler.ask("workers") != [worker]


def test_a_fork_has_processes_of_its_own(compiler: Compiler) -> None:
    compiler.write(SITE)
    compiler.ask("setting", FAB_STATIC_CACHE=None)
    compiler.css()
    (worker,) = compiler.ask("workers")

    assert compiler.ask("forked", str(compiler.path / "static/site.less"))["css"] == compiler.css()
    assert compiler.ask("workers") == [worker]


@pytest.mark.parametrize("busy", [False, True])
def test_no_process_outlives_the_one_that_started_it(compiler: Compiler, busy: bool) -> None:
    compiler.write(
        {**SITE, "static/loop.less": "@v: `(function () { for (;;); })()`;\n.a { b: @v }\n"}
    )
    compiler.css()
    (worker,) = compiler.ask("workers")
    if busy:
        assert compiler.process.stdin is not None
        compiler.ask("setting", FAB_STATIC_LESS_OPTIONS={"javascriptEnabled": True})
        name = str(compiler.path / "static/loop.less")
        print(json.dumps(["compiled", [name], {}]), file=compiler.process.stdin, flush=True)
        before = _cpu(worker)
        assert becomes(lambda: _cpu(worker) > before + 10)  # ticks: it loops
    compiler.process.kill()
    compiler.process.wait()

    assert becomes(lambda: not alive(worker))


def test_without_node_or_less_it_says_how_to_get_them(compiler: Compiler) -> None:
    compiler.write(SITE)
    compiler.ask("setting", FAB_STATIC_NODE="no-such-node")
    assert compiler.error() == (
        "there is no program 'no-such-node'\n"
        f"  where: {compiler.path}/static/site.less, which is LESS\n"
        "  mend:  install Node.js 18 or later on the build host, or name it: FAB_STATIC_NODE"
    )
    compiler.ask("setting", FAB_STATIC_LESS=str(compiler.path / "none"))
    assert compiler.error() == (
        "there is no package less\n"
        f"  where: {compiler.path}/none\n"
        "  mend:  run npm install less in the project's folder, or name the package's: FAB_STATIC_LESS"
    )
    compiler.ask("setting", FAB_STATIC_NODE="node")
    compiler.write({"none/package.json": '{"version": "4.0.0"}'})
    assert compiler.error().startswith(f"LoadError: Cannot find module '{compiler.path}/none'\n")
    compiler.ask("setting", FAB_STATIC_LESS=None)
    compiler.ask("setting", FAB_STATIC_LESS_OPTIONS={"plugins": []})
    assert compiler.error().startswith("FAB_STATIC_LESS_OPTIONS cannot hold plugins\n")


def _cpu(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
