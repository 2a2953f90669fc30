"""A project of CommCare HQ's shape: node_modules among its sources, LESS with Bootstrap, RequireJS bundles.

`write(folder)` makes it: real packages from npm, files as benchmarks/project.py makes them, 16 compress blocks
over 9 LESS entries, 2 shared RequireJS modules and 3 bundles. It is a git checkout, which its own commands ask.

    package-lock.json   the packages
    management/         its own commands, in front of those of benchmarks/upstream
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks import project

HERE = Path(__file__).parent
SETTINGS = "hq.settings"
SIZE = project.Size(files=1_095, bytes=7_500_000, apps=8)
FILES = "3,800 files, 46 MB, 16 blocks"
SMALL = project.Size(files=100, bytes=500_000, apps=8)
VARIABLES = "base/static/base/less/variables.less"
APPS = [f"app{number:02}" for number in range(SIZE.apps)]
BUNDLED = {  # app -> what its main module asks for, besides its own modules
    "app00": ["d3", "moment", "datetimepicker"],
    "app01": ["select2", "knockout.validation", "backbone", "sortable"],
    "app02": ["jquery.form", "moment", "timepicker", "bootstrap-switch"],
}
OWN_MODULES = 12  # of each bundle
IN_FULL = 4  # entries that print Bootstrap; the others only refer to it


def write(folder: Path, size: project.Size = SIZE) -> Path:
    """Write the project into a folder that is not there yet, as a git checkout; return it."""
    packages = project.packages(HERE)
    for path, data in _files(size):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    shutil.copytree(packages, folder / "node_modules", symlinks=True)
    script = folder / "base" / "static" / "base" / "js" / "require.js"
    shutil.copyfile(packages / "requirejs" / "require.js", script)
    _commit(folder)
    return folder


def _commit(folder: Path) -> None:
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {
            f"GIT_{role}_NAME": "hq",
            f"GIT_{role}_EMAIL": "hq@example.com",
            f"GIT_{role}_DATE": "2026-01-01T00:00:00Z",
        }
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=hq"]):
        subprocess.run(["git", *words], cwd=folder, env={**os.environ, **who}, check=True)


def _files(size: project.Size) -> Iterator[tuple[str, bytes]]:
    yield from project.catalogues()
    yield from project.assets(size)
    for path, text in (*_code().items(), *_entries(size), *_mains(size), *_pages(size)):
        yield path, text.encode()


def _code() -> dict[str, str]:
    apps = ["base", *APPS]
    common = project.code(apps)
    settings = common.pop("bench/settings.py")
    settings = settings.replace("bench.urls", "hq.urls").replace(
        'STATICFILES_DIRS = [("bootstrap/less", BASE_DIR / "node_modules" / "bootstrap" / "less")]',
        'STATICFILES_DIRS = [BASE_DIR / "node_modules"]',
    )
    return {
        **{path.replace("bench/", "hq/"): text for path, text in common.items()},
        "manage.py": common["manage.py"].replace("bench.settings", SETTINGS),
        "hq/settings.py": f'{settings}UPSTREAM_APPS = ["benchmarks.commcare"]\n',
        ".gitignore": "node_modules/\nstaticfiles/\n.cache/\nresource_versions.yml\n",
        "base/static/base/js/requirejs_config.js": _CONFIG,
        "base/static/base/yaml/requirejs.yml": _REQUIREJS,
        "base/static/base/js/reports_common.js": (
            'define(["knockout", "datatables.net-bs", "base/js/shared"], function (ko) {\n'
            "    return ko;\n});\n"
        ),
    }


def _entries(size: project.Size) -> Iterator[tuple[str, str]]:
    """Yield the LESS entries: of base, and of each app, which imports up to two of its sheets."""
    held = round(size.files * project.KINDS["less"][0]) // size.apps
    imports = "".join(f'@import "less{at:03}";\n' for at in range(min(2, held)))
    for number, app in enumerate(["base", *APPS]):
        how = "" if number < IN_FULL else "(reference) "
        partials = "" if app == "base" else imports
        yield (
            f"{app}/static/{app}/less/style.less",
            f'@import {how}"../../../../node_modules/bootstrap/less/bootstrap.less";\n'
            '@icon-font-path: "../../bootstrap/fonts/";\n'
            f'@import (reference) "../../../../base/static/base/less/variables";\n{partials}'
            f".{app} {{ .rounded(@gap); .clearfix(); color: darken(@ink, {number}%); }}\n"
            f".{app}-button {{ &:extend(.btn all); padding: (@gap * 2); }}\n",
        )


def _mains(size: project.Size) -> Iterator[tuple[str, str]]:
    for app, libraries in BUNDLED.items():
        held = round(size.files * project.KINDS["modules"][0]) // size.apps
        own = [f"{app}/modules/modules{at:03}" for at in range(min(OWN_MODULES, held))]
        wanted = str([*own, *libraries]).replace("'", '"')
        text = f"define({wanted}, function (one) {{\n    return one.first([1]);\n}});\n"
        yield f"{app}/static/{app}/modules/main.js", text


def _pages(size: project.Size) -> Iterator[tuple[str, str]]:
    """Yield 11 pages: 12 blocks of LESS over 9 entries, and 4 of JavaScript."""
    styles = [
        ["base"],
        *([app] for app in APPS),
        ["base", "app03"],
        ["base", "app04"],
        ["base", "app05"],
    ]
    scripts = round(size.files * project.KINDS["js"][0]) // size.apps
    for number, names in enumerate(styles):
        app = names[-1]
        links = "\n".join(
            f'<link rel="stylesheet" type="text/less" href="{{% static \'{name}/less/style.less\' %}}">'
            for name in names
        )
        blocks = (
            f"{{% block css %}}{{% compress css %}}\n{links}\n{{% endcompress %}}{{% endblock %}}\n"
        )
        if 1 <= number <= 4:
            elements = "\n".join(
                f"<script src=\"{{% static '{app}/js/js{at:03}.js' %}}\"></script>"
                for at in range(min(6, scripts))
            )
            blocks += f"{{% block js %}}{{% compress js %}}\n{elements}\n{{% endcompress %}}{{% endblock %}}\n"
        main = (
            f'{{% requirejs_main "{app}/modules/main" %}}'
            if [app] == names and app in BUNDLED
            else ""
        )
        head = f'{{% extends "base/base.html" %}}{{% load compress fab_static %}}{main}\n'
        yield f"{app}/templates/{app}/page{number}.html", f"{head}{blocks}<h1>Page {number}</h1>\n"


_REQUIREJS = f"""\
{project.REQUIREJS}    include: [base/js/shared, jquery, underscore, bootstrap]
  - name: base/js/reports_common
    include: [knockout, datatables.net, datatables.net-bs, jquery.cookie]
"""
_CONFIG = """\
requirejs.config({
  paths: {
    jquery: "jquery/dist/jquery",
    underscore: "underscore/underscore",
    bootstrap: "bootstrap/dist/js/bootstrap",
    backbone: "backbone/backbone",
    knockout: "knockout/build/output/knockout-latest.debug",
    "knockout.validation": "knockout.validation/dist/knockout.validation",
    "datatables.net": "datatables.net/js/jquery.dataTables",
    "datatables.net-bs": "datatables.net-bs/js/dataTables.bootstrap",
    d3: "d3/d3",
    moment: "moment/moment",
    datetimepicker: "eonasdan-bootstrap-datetimepicker/src/js/bootstrap-datetimepicker",
    timepicker: "bootstrap-timepicker/js/bootstrap-timepicker",
    "bootstrap-switch": "bootstrap-switch/dist/js/bootstrap-switch",
    select2: "select2/dist/js/select2.full",
    sortable: "sortablejs/Sortable",
    "jquery.form": "jquery-form/src/jquery.form",
    "jquery.cookie": "jquery.cookie/jquery.cookie",
  },
  shim: {
    bootstrap: { deps: ["jquery"] },
    timepicker: { deps: ["jquery", "bootstrap"] },
    "bootstrap-switch": { deps: ["jquery"] },
  },
});
"""
