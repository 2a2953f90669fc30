"""The SCSS filter, with real Node and Dart Sass: sass's output byte for byte, and never one of other files.

Needs `npm ci` in tests/sample_project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .test_less_filter import Compiler

NEEDED = ("sass", "immutable", "chokidar", "readdirp", "source-map-js")
SITE = "static/site.scss"
FILES = {
    SITE: '@use "parts/colours" as *;\n@use "parts/grid";\n@use "sass:math";\n@import "old";\n'
    '@import url("print.css");\n.é { color: $link; width: math.div(10px, 3); @include edge }\n',
    "static/parts/_colours.scss": '@forward "base";\n@mixin edge { margin: 1px }\n',
    "static/parts/_base.scss": "$link: #336699;\n",
    "static/parts/grid/_index.scss": ".grid { display: grid; a { b: c } }\n",
    "static/old.sass": ".old\n  x: y\n",
}


class SassCompiler(Compiler):
    """A folder with sass installed, and a process that compiles in it."""

    filter = "fab_static.django_app.sass.SassFilter"

    def sass(self, name: str = SITE, *options: str, given: str | None = None) -> str:
        """What sass makes of it, as django-compressor reads it."""
        program = self.path / "node_modules/sass/sass.js"
        words = ["--stdin"] if given else [str(self.path / name)]
        done = subprocess.run(
            ["node", program, "--no-source-map", *options, *words],
            cwd=self.path, capture_output=True, input=(given or "").encode(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture
def start(packages: Path, tmp_path: Path) -> Iterator[Any]:
    for package in NEEDED:
        shutil.copytree(
            packages / package, tmp_path / "node_modules" / package, copy_function=os.link
        )
    started: list[SassCompiler] = []

    def begin(**settings: Any) -> SassCompiler:
        compiler = SassCompiler(tmp_path, **settings)
        started.append(compiler)
        compiler.write(FILES)
        return compiler

    yield begin
    for compiler in started:
        compiler.end()


@pytest.fixture
def compiler(start: Any) -> SassCompiler:
    made: SassCompiler = start()
    return made


def test_the_output_is_that_of_sass(compiler: SassCompiler) -> None:
    assert compiler.css(SITE) == compiler.sass()
    assert '@import url("print.css")' in compiler.css(SITE)
    assert compiler.css("static/old.sass") == compiler.sass("static/old.sass")


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("text/x-scss", '@use "static/parts/base"; a { b: base.$link }'),
        ("text/x-sass", "a\n  b: c\n"),
    ],
)
def test_a_style_element_is_compiled_as_standard_input_is(
    compiler: SassCompiler, type: str, content: str
) -> None:
    answer = compiler.ask("compiled", None, content, type=type)
    options = ["--indented"] if type == "text/x-sass" else []
    assert answer["css"] == compiler.sass(SITE, *options, given=content)


def test_options_are_those_of_sass(start: Any) -> None:
    compiler = start(FAB_STATIC_SASS_OPTIONS={"style": "compressed", "loadPaths": ["shared"]})
    compiler.write({"shared/_far.scss": "$x: 1", "static/a.scss": '@use "far"; a { b: far.$x }'})
    expected = compiler.sass("static/a.scss", "--style=compressed", "--load-path=shared")
    assert compiler.css("static/a.scss") == expected == "a{b:1}\n"


def test_nothing_is_compiled_again_while_all_that_it_read_is_the_same(
    compiler: SassCompiler,
) -> None:
    assert compiler.made(SITE) == 1
    assert compiler.made(SITE) == 0
    compiler.write({"static/parts/_unused.scss": "a { b: c }"})
    assert compiler.made(SITE) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("static/parts/_base.scss", "$link: red;\n"),  # by @forward
        ("static/parts/grid/_index.scss", ".grid { display: flex }\n"),  # by an index
        ("static/old.sass", ".old\n  x: z\n"),  # by @import
        # looked for, before what was found
        ("static/parts/grid.scss", ".grid { first: 1 }\n"),
        ("static/parts/_grid.sass", ".grid\n  first: 2\n"),
        ("static/old.import.scss", ".old { first: 3 }\n"),
    ],
)
def test_what_it_reads_and_what_it_would_sooner_read_change_the_result(
    compiler: SassCompiler, name: str, text: str
) -> None:
    before = compiler.css(SITE)
    compiler.write({name: text})
    assert compiler.css(SITE) == compiler.sass() != before


def test_a_file_that_comes_into_an_earlier_load_path_is_seen(start: Any) -> None:
    compiler = start(FAB_STATIC_SASS_OPTIONS={"loadPaths": ["mine", "theirs"]})
    compiler.write({"theirs/_x.scss": "$x: theirs", "static/a.scss": '@use "x"; a { b: x.$x }'})
    assert "theirs" in compiler.css("static/a.scss")
    compiler.write({"mine/x.css": "c { d: e }"})
    compiler.write({"static/a.scss": '@use "x"; a { b: c }'})
    assert "d: e" in compiler.css("static/a.scss")


@pytest.mark.parametrize(
    "chance", ["math.random()", "math.random(9)", "string.unique-id()", "meta.call($of-chance)"]
)
def test_what_comes_of_chance_is_never_kept(compiler: SassCompiler, chance: str) -> None:
    text = (
        '@use "sass:math"; @use "sass:string"; @use "sass:meta";\n'
        f'$of-chance: meta.get-function("random", $module: math);\na {{ b: {chance} }}'
    )
    compiler.write({"static/a.scss": text})
    assert compiler.made("static/a.scss") == 1
    assert compiler.made("static/a.scss") == 1


def test_a_mistake_is_told_with_its_file_its_line_and_the_words_of_sass(
    compiler: SassCompiler,
) -> None:
    compiler.write({"static/parts/_base.scss": "\n$link: lighten($nope);\n"})
    assert compiler.error(SITE) == (
        "Undefined variable.\n"
        f"  where: {compiler.path}/static/parts/_base.scss, line 2, column 16\n"
        "         2 $link: lighten($nope);\n"
        "  mend:  correct that line"
    )
    compiler.write(FILES)
    assert compiler.css(SITE) == compiler.sass()


def test_a_sheet_that_is_not_there_is_told_where_it_is_asked_for(compiler: SassCompiler) -> None:
    compiler.write({"static/a.scss": '// first\n@use "none";\n'})
    assert compiler.error("static/a.scss") == (
        "Can't find stylesheet to import.\n"
        f"  where: {compiler.path}/static/a.scss, line 2, column 1\n"
        '         2 @use "none";\n'
        "  mend:  correct that line"
    )


def test_one_process_compiles_all(compiler: SassCompiler) -> None:
    compiler.css(SITE)
    processes = compiler.ask("workers")
    compiler.css("static/old.sass")
    assert compiler.ask("workers") == processes
    assert len(processes) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"FAB_STATIC_SASS": "/nowhere"}, "there is no package sass\n  where: /nowhere\n"),
        (
            {"FAB_STATIC_SASS_OPTIONS": {"sourceMap": True}},
            "FAB_STATIC_SASS_OPTIONS cannot hold sourceMap\n",
        ),
    ],
)
def test_settings_that_will_not_do_are_told(start: Any, settings: Any, told: str) -> None:
    assert start(**settings).error(SITE).startswith(told)
