"""A Django project made up for measuring: as many files, bytes and compress blocks as asked, always the same ones.

`python -m benchmarks.project FOLDER [--small]` writes one. Every file's bytes come from its own path, so they
are the same on every machine, in whatever order they are written, and another size changes no file's nature.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT

SAMPLE = ROOT / "tests" / "sample_project"
LANGUAGES = ("en", "de", "fr", "es", "pt", "sw")
MESSAGES = 400
# kind -> share of the files, share of the bytes, ending: as in the CommCare-shaped tree of our research
KINDS = {
    "img": (0.50, 0.53, "png"),
    "modules": (0.20, 0.20, "js"),
    "js": (0.10, 0.14, "js"),
    "css": (0.10, 0.06, "css"),
    "less": (0.08, 0.01, "less"),
    "fonts": (0.02, 0.06, "woff2"),
}
MODULES_OF_A_BUNDLE = 5
BOOTSTRAP_EVERY = 20  # of LESS blocks, one imports Bootstrap, which costs lessc four times as much


@dataclass(frozen=True)
class Size:
    """How large a project is; `apps` share its files, pages of three compress blocks each, and bundles."""

    files: int = 10_000
    bytes: int = 180_000_000
    blocks: int = 480
    apps: int = 40
    bundles: int = 24


SMALL = Size(files=300, bytes=3_000_000, blocks=24, apps=4, bundles=2)


def write(folder: Path, size: Size = Size()) -> Path:
    """Write the project into a folder that is not there yet; return it."""
    for path, data in files(size):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    installed = packages()
    (folder / "node_modules").symlink_to(installed)
    script = folder / "base" / "static" / "base" / "js" / "require.js"
    shutil.copyfile(installed / "requirejs" / "require.js", script)
    return folder


def files(size: Size) -> Iterator[tuple[str, bytes]]:
    """Yield every file: path below the project, and bytes."""
    yield from ((path, text.encode()) for path, text in _code(size).items())
    yield from catalogues()
    yield from assets(size)
    for number in range(size.blocks // 3):
        yield from _page(number, size)


def assets(size: Size) -> Iterator[tuple[str, bytes]]:
    """Yield the static files of all apps."""
    for kind, (share, _, ending) in KINDS.items():
        count = round(size.files * share)
        for number in range(count):
            app = f"app{number % size.apps:02}"
            path = f"{app}/static/{app}/{kind}/{kind}{number // size.apps:03}.{ending}"
            yield path, MAKERS[kind](path, _bytes_of(path, size))


def _bytes_of(path: str, size: Size) -> int:
    """Return how large a file is to be: most are small and a few large, as in real projects."""
    kind = path.split("/")[3]
    share, of_bytes, _ = KINDS[kind]
    mean = size.bytes * of_bytes / (size.files * share)
    return max(64, int(mean * random.Random(path).lognormvariate(-0.32, 0.8)))  # its mean is 1


# ---- what files hold


def noise(path: str, size: int) -> bytes:
    """Return bytes that do not compress, as those of images and fonts."""
    return random.Random(path).randbytes(size)


def script(path: str, size: int) -> bytes:
    """Return JavaScript: functions that use each other, with comments and names to minify."""
    return "".join(_functions(path, size)).encode()


def module(path: str, size: int) -> bytes:
    """Return an AMD module, which asks for nothing."""
    functions = list(_functions(path, size))
    names = re.findall(r"^function (\w+)", "".join(functions), re.MULTILINE)
    offered = ",\n".join(f"    {name}: {name}" for name in names)
    text = f"define([], function () {{\n{''.join(functions)}return {{\n{offered}\n}};\n}});\n"
    return text.encode()


def sheet(path: str, size: int) -> bytes:
    """Return CSS, which names images beside it."""
    draw = random.Random(path)
    image = f"../img/img{draw.randrange(2):03}.png"
    rules = [f".{path.split('/')[0]} .banner {{ background: url({image}); }}\n"]
    return "".join([*rules, *_rules(draw, size, "{value}px")]).encode()


def less(path: str, size: int) -> bytes:
    """Return LESS that is to be imported: rules with the variables of base."""
    return "".join(_rules(random.Random(path), size, "(@gap + {value}px)")).encode()


MAKERS: dict[str, Callable[[str, int], bytes]] = {
    "img": noise,
    "modules": module,
    "js": script,
    "css": sheet,
    "less": less,
    "fonts": noise,
}
WORDS = [
    "cart",
    "order",
    "page",
    "list",
    "item",
    "view",
    "total",
    "price",
    "user",
    "form",
    "date",
    "query",
    "name",
    "label",
    "index",
]
PROPERTIES = ("margin", "padding", "width", "height", "top", "left", "line-height", "font-size")


def _functions(path: str, size: int) -> Iterator[str]:
    draw = random.Random(path)
    yield "function first(value) {\n    return value;\n}\n"
    before, length = "first", 0
    while length < size:
        one, other = draw.choice(WORDS), draw.choice(WORDS)
        name = f"{one}{other.title()}{draw.randrange(10**6)}"
        text = f"""\
// Returns the {one} of each {other}, {draw.randrange(10**6)} at most.
function {name}({one}Values, {other}Limit) {{
    var result = [], {one}Count = {draw.randrange(1000)};
    for (var index = 0; index < {one}Values.length; index++) {{
        if ({one}Values[index] > {other}Limit && {one}Count !== 0) {{
            result.push({before}({one}Values[index]) + "{draw.randbytes(12).hex()}");
        }} else {{
            {one}Count = {one}Count + {draw.randrange(100)};
        }}
    }}
    return result;
}}
"""
        yield text
        before, length = name, length + len(text)


def _rules(draw: random.Random, size: int, form: str) -> Iterator[str]:
    length = 0
    while length < size:
        name = f"{draw.choice(WORDS)}-{draw.choice(WORDS)}-{draw.randrange(10**5)}"
        value = form.format(value=draw.randrange(100))
        text = f".{name} {{\n  {draw.choice(PROPERTIES)}: {value};\n  color: #{draw.randbytes(3).hex()};\n}}\n"
        yield text
        length += len(text)


# ---- pages: one LESS, one CSS and one JavaScript block each


def _page(number: int, size: Size) -> Iterator[tuple[str, bytes]]:
    app, at = f"app{number % size.apps:02}", number // size.apps
    each = {kind: round(size.files * share) // size.apps for kind, (share, _, _) in KINDS.items()}

    def names(kind: str, count: int) -> list[str]:
        chosen = (at * count + step for step in range(count))
        ending = KINDS[kind][2]
        return [f"{app}/{kind}/{kind}{one % each[kind]:03}.{ending}" for one in chosen]

    partial = Path(names("less", 1)[0]).stem
    bootstrap = '@import "../../../../node_modules/bootstrap/less/bootstrap.less";\n'
    entry = (
        (bootstrap if number % BOOTSTRAP_EVERY == 0 else "")
        + '@import (reference) "../../../../base/static/base/less/variables";\n'
        + f'@import "{partial}";\n.page-{number} {{ .rounded(@gap); color: darken(@ink, {at % 9}%); }}\n'
    )
    yield f"{app}/static/{app}/less/page{at}.less", entry.encode()
    main = ""
    if number < size.bundles:  # an app's first page
        main = f'{{% requirejs_main "{app}/modules/main" %}}'
        wanted = [name.removesuffix(".js") for name in names("modules", MODULES_OF_A_BUNDLE)]
        text = f"define({wanted!r}, function (one) {{\n    return one.first([1]);\n}});\n"
        yield f"{app}/static/{app}/modules/main.js", text.replace("'", '"').encode()
    links = "\n".join(
        f'<link rel="stylesheet" href="{{% static \'{name}\' %}}">' for name in names("css", 2)
    )
    scripts = "\n".join(
        f"<script src=\"{{% static '{name}' %}}\"></script>" for name in names("js", 3)
    )
    text = f"""\
{{% extends "base/base.html" %}}{{% load compress fab_static %}}{main}
{{% block css %}}
{{% compress css %}}
<link rel="stylesheet" type="text/less" href="{{% static '{app}/less/page{at}.less' %}}">
{{% endcompress %}}
{{% compress css %}}
{links}
{{% endcompress %}}
{{% endblock %}}
{{% block js %}}
{{% compress js %}}
{scripts}
{{% endcompress %}}
{{% endblock %}}
<h1>Page {at} of {app}</h1>
"""
    yield f"{app}/templates/{app}/page{at}.html", text.encode()


# ---- the project around them


def _code(size: Size) -> dict[str, str]:
    return code(["base", *(f"app{number:02}" for number in range(size.apps))])


def code(apps: Sequence[str]) -> dict[str, str]:
    """Return the files of a project with these apps, static files and pages left out."""
    return {
        **{f"{app}/__init__.py": "" for app in apps},
        **_CODE,
        "bench/settings.py": _SETTINGS.format(
            apps="".join(f'    "{app}",\n' for app in apps), languages=LANGUAGES
        ),
    }


def packages(of: Path = SAMPLE) -> Path:
    """Return a project's node_modules, installed; the sample's own module `checkout` can be imported then."""
    sys.path.insert(0, str(SAMPLE))
    import checkout  # the sample project's own, which has no package

    installed: Path = checkout.install_packages(of)
    return installed


def catalogues() -> Iterator[tuple[str, bytes]]:
    """Yield the translations of each language, which compilejsi18n reads."""
    for language in LANGUAGES[1:]:
        draw = random.Random(language)
        messages = {"": "Content-Type: text/plain; charset=UTF-8\n"}
        for number in range(MESSAGES):
            words = " ".join(draw.choices(WORDS, k=6))
            messages[f"Message {number:04}"] = f"{language} {number} {words}"
        yield f"locale/{language}/LC_MESSAGES/djangojs.mo", _mo(messages)


def _mo(messages: dict[str, str]) -> bytes:
    """Return a GNU MO file; its form: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html."""
    ids = [key.encode() for key in sorted(messages)]
    texts = [messages[key.decode()].encode() for key in ids]
    count, at = len(ids), 28 + 16 * len(ids)
    tables, strings = [], []
    for each in (*ids, *texts):
        tables += [len(each), at]
        strings.append(each + b"\0")
        at += len(each) + 1
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return head + struct.pack(f"<{4 * count}I", *tables) + b"".join(strings)


REQUIREJS = """\
mainConfigFile: base/js/requirejs_config.js
bundlesConfigOutFile: base/js/requirejs_config.js
library: base/js/require.js
baseUrl: ./
dir: ./
allowSourceOverwrites: true
keepBuildDir: true
skipDirOptimize: true
fileExclusionRegExp: ^\\.|\\.css$
optimize: none
modules:
  - name: base/js/common
"""  # of r.js, up to what the common module includes
_CODE = {
    "manage.py": """\
import os, sys
if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
""",
    "bench/__init__.py": "",
    "bench/urls.py": "urlpatterns = []\n",
    "base/static/base/less/variables.less": """\
@gap: 4px;
@ink: #223344;
.rounded(@radius) { border-radius: @radius; }
""",
    "base/static/base/js/common.js": """\
define(["base/js/shared"], function (shared) {
    return shared;
});
""",
    "base/static/base/js/shared.js": """\
define([], function () {
    return { first: 1 };
});
""",
    "base/static/base/js/requirejs_config.js": "requirejs.config({ paths: {} });\n",
    "base/static/base/yaml/requirejs.yml": f"{REQUIREJS}    include: [base/js/shared]\n",
    "base/templates/base/base.html": """\
{% load fab_static %}{% requirejs_main %}<!DOCTYPE html>
<title>bench</title>
{% block css %}{% endblock %}
{% if requirejs_main %}{% requirejs_scripts %}{% endif %}
{% block js %}{% endblock %}
""",
}
_SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "measured, never served"
INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "compressor",
    "statici18n",
    "fab_static.django_app",
{apps}]
ROOT_URLCONF = "bench.urls"
TEMPLATES = [{{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}}]
LANGUAGES = [(code, code) for code in {languages}]
LOCALE_PATHS = [BASE_DIR / "locale"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [("bootstrap/less", BASE_DIR / "node_modules" / "bootstrap" / "less")]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_PRECOMPILERS = [("text/less", "fab_static.django_app.less.LessFilter")]
COMPRESS_FILTERS = {{
    "css": [
        "compressor.filters.css_default.CssAbsoluteFilter",
        "compressor.filters.cssmin.rCSSMinFilter",
    ],
    "js": ["compressor.filters.jsmin.rJSMinFilter"],
}}
COMPRESS_CSS_HASHING_METHOD = "content"
FAB_STATIC_CACHE = BASE_DIR / ".cache"
"""


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("folder", type=Path)
    words.add_argument("--small", action="store_true")
    chosen = words.parse_args()
    write(chosen.folder, SMALL if chosen.small else Size())
