"""The probe as it is used: sent on standard input to the interpreter of a project that knows nothing of us."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from fab_static.host.loader import program
from fab_static.phases.run.journal import Journal
from fab_static.phases.run.project_code import PROBE, project_archive
from fab_static.plan import coverage
from tests.django_starts import run_new_python, run_python

ROOT = Path(__file__).parents[4]
MANAGE = """
import os, sys
sys.path.insert(0, os.path.abspath("src"))
print("manage.py says something first", end="")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
print("and something after")
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent.parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles", "compressor"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "assets", ("lib", BASE_DIR / "vendor")]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder",
                       "django.contrib.staticfiles.finders.AppDirectoriesFinder",
                       "compressor.finders.CompressorFinder"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
              "DIRS": [BASE_DIR / "templates", BASE_DIR / "fallback"], "APP_DIRS": True}]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
"""
ASSETS = {
    "assets/a.js": "var a = 1;",
    "assets/b.js": "var b = 1;",
    "assets/.hidden": "",
    "vendor/c.js": "c",
}
BUILD = """
import runpy, sys
for words in ("collectstatic --noinput -v0", "compress -v0"):
    sys.argv = ["manage.py", *words.split()]
    runpy.run_path("manage.py", run_name="__main__")
"""
BLOCK = (
    '{% load compress %}\n{% compress js %}<script src="/static/NAME.js"></script>{% endcompress %}'
)


class Project:
    def __init__(self, path):
        self.path = path
        self.run = run_python

    def write(self, files):
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)

    def ask(self, ask, settings="proj.settings", **request):
        done = self.run(
            "-",
            input=program(project_archive(), PROBE),
            cwd=self.path,
            env={
                **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
                "DJANGO_SETTINGS_MODULE": settings,
                "FAB_STATIC_PROBE": json.dumps({"ask": ask, **request}),
            },
        )
        marked = [
            line for line in done.stdout.splitlines() if line.startswith(b"FAB_STATIC_PROBE ")
        ]
        assert len(marked) == 1, done
        return json.loads(marked[0].removeprefix(b"FAB_STATIC_PROBE ").decode("ascii"))

    def answer(self, ask, **request):
        answer = self.ask(ask, **request)
        assert answer["ok"], answer
        return answer

    def manage(self, *arguments):
        return self.python("manage.py", *arguments)

    def build(self):
        """Collect and compress; the project is started once for both."""
        self.python("-c", BUILD)

    def python(self, *arguments):
        done = run_python(*arguments, cwd=self.path, env=os.environ, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def make_project(tmp_path):
    def make(files, settings=""):
        project = Project(tmp_path / "code")
        project.write(
            {
                "manage.py": MANAGE,
                "src/proj/__init__.py": "",
                "src/proj/settings.py": SETTINGS + settings,
            }
        )
        project.write(files)
        return project

    return make


@pytest.fixture
def make_built(make_project):
    def make(files, settings=""):
        project = make_project({**ASSETS, **files}, settings)
        project.build()
        return project

    return make


# --- settings ---


def test_settings_are_told_as_django_and_compressor_read_them(make_project):
    project = make_project(
        {}, "STATIC_CDN = 'https://cdn.example'\nCOMPRESS_OUTPUT_DIR = 'built'\n"
    )
    answer = project.answer("settings")
    path = str(project.path)
    assert answer["static_root"] == f"{path}/staticfiles"
    assert (answer["static_url"], answer["static_cdn"]) == ("/static/", "https://cdn.example")
    assert answer["base_dir"] == path
    assert answer["installed_apps"] == ["django.contrib.staticfiles", "compressor"]
    assert answer["commands"]["collectstatic"] == "django.contrib.staticfiles"
    assert answer["commands"]["compress"] == "compressor"
    assert answer["compress"] == {
        "root": f"{path}/staticfiles",
        "output_dir": "built",
        "manifest_name": "manifest.json",
        "url": "/static/",
        "enabled": True,
        "offline": True,
        "css_hashing_method": "mtime",
    }
    assert answer["offline_manifest"] == f"{path}/staticfiles/built/manifest.json"
    assert answer["resource_versions"] == f"{path}/resource_versions.yml"
    assert answer["sources"][f"{path}/vendor"] == "FileSystemFinder (STATICFILES_DIRS)"
    assert answer["libraries"]["django-compressor"] == answer["compressor"]
    assert answer["libraries"]["django"] == answer["django"]
    assert answer["python"] == ".".join(map(str, sys.version_info[:3]))


def test_where_names_hold_hashes_the_manifest_that_knows_them_is_told(make_project):
    project = make_project({})
    assert project.answer("settings")["staticfiles_manifest"] is None
    with (project.path / "src/proj/settings.py").open("a") as settings:
        settings.write(
            "STORAGES = {'staticfiles': {'BACKEND': "
            "'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'}}\n"
        )
    told = project.answer("settings")["staticfiles_manifest"]
    assert told == f"{project.path}/staticfiles/staticfiles.json"


def test_a_project_without_compressor_has_no_offline_manifest(make_project):
    project = make_project(
        {}, "INSTALLED_APPS = ['django.contrib.staticfiles']\nSTATICFILES_FINDERS.pop()\n"
    )
    answer = project.answer("settings")
    assert (answer["compress"], answer["compressor"], answer["offline_manifest"]) == (
        None,
        None,
        None,
    )
    answer = project.answer("coverage", manifest=None)
    assert (answer["templates"], answer["blocks"], answer["missing"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("settings", "files", "path"),
    [
        ("", {"resource_versions.yaml": ""}, "resource_versions.yaml"),
        ("BASE_DIR = BASE_DIR / 'src'\n", {}, "src/resource_versions.yml"),
        ("BASE_DIR = BASE_DIR / 'src'\n", {"resource_versions.yml": ""}, "resource_versions.yml"),
        ("FAB_STATIC_VERSIONS_FILE = 'etc/versions.yml'\n", {}, "etc/versions.yml"),
    ],
)
def test_the_versions_file_is_the_one_that_the_django_app_uses(make_project, settings, files, path):
    project = make_project(files, settings)
    assert project.answer("settings")["resource_versions"] == str(project.path / path)
    (project.path / "src/proj/settings.py").open("a").write(
        "INSTALLED_APPS += ['fab_static.django_app']\n"
    )
    done = run_python(
        "-c",
        "import django; django.setup()\n"
        "from fab_static.django_app.resource_versions import path; print(path())",
        cwd=project.path,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "proj.settings",
            "PYTHONPATH": f"{ROOT}:src",
        },
        text=True,
    )
    assert done.stdout.strip() == str(project.path / path), done.stderr


# --- what goes wrong is told, with its place and its cure ---


def test_a_folder_without_manage_py_is_told(tmp_path):
    assert Project(tmp_path).ask("settings") == {
        "ok": False,
        "error": {
            "what": "there is no manage.py",
            "where": str(tmp_path),
            "mend": "project.path must name the folder that holds manage.py; what pip installed needs one: docs/how-to.md",
        },
    }


NO_DJANGO = """
import os, sys
sys.modules["django"] = None
try:
    from django.core.management import execute_from_command_line
except ImportError as exc:
    raise AGAIN
"""


@pytest.mark.parametrize("again", ["exc", 'ImportError("Couldn\'t import Django.") from exc'])
def test_an_interpreter_without_django_is_told(make_project, again):
    """What startproject writes raises an error of its own."""
    project = make_project({"manage.py": NO_DJANGO.replace("raise AGAIN", f"raise {again}")})
    project.run = run_new_python
    assert project.ask("settings")["error"] == {
        "what": f"{sys.executable} cannot import Django: No module named 'django.core'; 'django' is not a package",
        "where": str(project.path),
        "mend": "project.python must name the interpreter of the project's virtual environment",
    }


def test_what_else_manage_py_cannot_import_is_not_django(make_project):
    error = make_project({"manage.py": "import not_there\n"}).ask("settings")["error"]
    assert error["what"] == "ModuleNotFoundError: No module named 'not_there'"


def test_the_django_that_manage_py_names_is_the_one_that_answers(make_project):
    """Kolibri has its own, which only its manage.py knows of; so has a checkout with a folder of libraries."""
    import django

    project = make_project({"manage.py": 'import sys\nsys.path.insert(0, "vendor")\n' + MANAGE})
    project.run = run_new_python
    vendor = project.path / "vendor" / "django"
    vendor.mkdir(parents=True)
    for part in Path(django.__file__).parent.iterdir():
        if part.name != "__init__.py":
            (vendor / part.name).symlink_to(part)
    text = Path(django.__file__).read_text()
    (vendor / "__init__.py").write_text(text + "\nVERSION = (9, 8, 7, 'final', 0)\n")
    assert project.answer("settings")["django"] == "9.8.7"


def test_settings_that_do_not_import_are_told_with_the_real_cause(make_project):
    project = make_project({}, "\nimport not_there\n")
    error = project.ask("settings")["error"]
    line = len((SETTINGS + "\nimport not_there\n").splitlines())
    assert error == {
        "what": "the settings proj.settings cannot be loaded: ModuleNotFoundError: No module named 'not_there'",
        "where": f"{project.path}/src/proj/settings.py:{line}",
        "mend": "run manage.py check there, with the same project.settings, environment and secrets",
    }
    error = project.ask("settings", settings="proj.typo")["error"]
    assert (
        error["what"]
        == "the settings proj.typo cannot be loaded: ModuleNotFoundError: No module named 'proj.typo'"
    )
    (project.path / "src/proj/settings.py").write_text("a = (\n")
    assert project.ask("settings")["error"]["where"] == f"{project.path}/src/proj/settings.py:1"


def test_an_app_that_does_not_load_is_told(make_project):
    project = make_project(
        {"src/app/__init__.py": "", "src/app/models.py": "1 / 0"}, "INSTALLED_APPS += ['app']\n"
    )
    error = project.ask("settings")["error"]
    assert (error["what"], error["where"]) == (
        "ZeroDivisionError: division by zero",
        f"{project.path}/src/app/models.py:1",
    )


def test_a_manage_py_that_ends_or_does_nothing_is_told(make_project):
    project = make_project({"manage.py": "raise SystemExit('no licence')"})
    assert project.ask("settings")["error"]["what"] == "SystemExit: no licence"
    project.write({"manage.py": ""})
    assert project.ask("settings")["error"]["what"] == "manage.py ran no management command"


def test_threads_and_exit_handlers_of_the_project_do_not_hold_it_up(make_project):
    project = make_project(
        {}, "import threading, time\nthreading.Thread(target=time.sleep, args=(50,)).start()\n"
    )
    assert project.answer("settings")["static_url"] == "/static/"


def test_an_unknown_request_is_told(make_project):
    assert (
        make_project({}).ask("everything")["error"]["mend"]
        == "ask one of: settings, sources, find, shadowed, unlisted, collected, faults, coverage, lint, entries, integrity"
    )


# --- sources ---


def test_sources_are_what_collectstatic_would_take(make_project):
    project = make_project(
        {**ASSETS, "src/app/__init__.py": "", "src/app/static/a.js": "second"},
        "INSTALLED_APPS += ['app']\n",
    )
    files = project.answer("sources")["files"]
    assert files == {
        name: [hashlib.sha256(text.encode()).hexdigest(), len(text)]
        for name, text in {"a.js": "var a = 1;", "b.js": "var b = 1;", "lib/c.js": "c"}.items()
    }
    project.manage("collectstatic", "--noinput", "-v0")
    root = project.path / "staticfiles"
    assert {str(path.relative_to(root)) for path in root.rglob("*.*")} == set(files)


# --- what the static root holds ---

WRITTEN = {
    "CACHES": (
        'CACHES = {"pages": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache",'
        ' "LOCATION": STATIC_ROOT / "cache"}}',
        'CACHES["pages"]',
        "cache",
    ),
    "SESSION_FILE_PATH": (
        'SESSION_FILE_PATH = str(STATIC_ROOT / "sessions")',
        "SESSION_FILE_PATH",
        "sessions",
    ),
    "FILE_UPLOAD_TEMP_DIR": (
        'FILE_UPLOAD_TEMP_DIR = STATIC_ROOT / "tmp"',
        "FILE_UPLOAD_TEMP_DIR",
        "tmp",
    ),
    "EMAIL_FILE_PATH": ('EMAIL_FILE_PATH = STATIC_ROOT / "mail"', "EMAIL_FILE_PATH", "mail"),
    "LOGGING": (
        'LOGGING = {"version": 1, "handlers": {"all": {"class": "logging.FileHandler", "delay": True,'
        ' "filename": STATIC_ROOT / "all.log"}, "screen": {"class": "logging.StreamHandler"}}}',
        'LOGGING (the handler "all")',
        "all.log",
    ),
    "the default storage": (
        'STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS":'
        ' {"location": STATIC_ROOT / "media"}}, "staticfiles": {"BACKEND":'
        ' "django.contrib.staticfiles.storage.StaticFilesStorage"}}',
        'STORAGES["default"]',
        "media",
    ),
    "a storage of one's own": (
        'STORAGES = {"bills": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS":'
        ' {"location": str(STATIC_ROOT)}}, "staticfiles": {"BACKEND":'
        ' "django.contrib.staticfiles.storage.StaticFilesStorage"}}',
        'STORAGES["bills"]',
        "",
    ),
    "a database": (
        'DATABASES = {"default": {"ENGINE": "django.contrib.gis.db.backends.spatialite",'
        ' "NAME": STATIC_ROOT / "geo.db"}}',
        "DATABASES PLACE",
        "geo.db",
    ),
}


@pytest.mark.parametrize(("settings", "setting", "place"), WRITTEN.values(), ids=WRITTEN)
def test_what_the_running_site_writes_is_told(make_project, settings, setting, place):
    """A deploy emptied these with the static root: uploads, sessions, logs."""
    project = make_project({}, settings)
    path = str(project.path / "staticfiles" / place)
    assert project.answer("settings")["held"][setting.replace("PLACE", path)] == path


def test_what_a_build_writes_is_no_place_of_the_running_site(make_project):
    project = make_project(
        {},
        """
STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
            "compressor": {"BACKEND": "compressor.storage.GzipCompressorFileStorage"},
            "again": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
""",
    )
    held = project.answer("settings")["held"].values()
    assert not [path for path in held if path.startswith(f"{project.path}/staticfiles")]


def test_settings_that_leave_out_what_django_lets_them_leave_out_are_read(make_project):
    """KeyError: 'NAME' ended every task."""
    project = make_project(
        {},
        """
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}, "other": {}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
          "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache",
                    "LOCATION": "redis://:secret@cache:6379"},
          "two": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": ["a:1", "b:1"]}}
LOGGING = None
LOGGING_CONFIG = None
MEDIA_ROOT = FILE_UPLOAD_TEMP_DIR = None
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}, "odd": {}}
""",
    )
    assert "secret" not in json.dumps(project.answer("settings"))


def test_every_file_that_no_finder_lists_is_told_however_many(make_project):
    """Only the first 5000 were judged, and those are a build's own where a site has many bundles."""
    project = make_project(ASSETS)
    many = project.path / "staticfiles" / "many"
    many.mkdir(parents=True)
    for number in range(5001):
        (many / str(number)).touch()
    assert len(project.answer("unlisted")["unlisted"]) == 5001


@pytest.mark.parametrize("folder", ["CACHE", "CACHE/", ".", "a/b"])
def test_only_names_that_libraries_give_are_taken_for_theirs(make_project, folder):
    """COMPRESS_OUTPUT_DIR may be a folder that other files are in; as "." it made every file compressor's."""
    within = os.path.normpath(f"staticfiles/{folder}")
    made = (
        *("css/output.0123456789ab.css", "js/0123456789ab.js", "css/output.0123456789ab.css.gz"),
        "manifest.json",
    )
    own = ("css/mine.css", "cat.0123456789ab.jpg", "notes.txt", "img/0123456789ab.png")
    project = make_project(
        {
            **ASSETS,
            **{f"{within}/{name}": "" for name in (*made, *own)},
            "staticfiles/staticfiles.json": "",
            "staticfiles/staticfiles.json.mine": "",
            "staticfiles/a.0123456789ab.js": "",
        },
        f"COMPRESS_OUTPUT_DIR = {folder!r}\n",
    )
    unlisted = project.answer("unlisted")["unlisted"]
    front = "" if folder == "." else os.path.normpath(folder) + "/"
    assert sorted(unlisted) == sorted([*(front + name for name in own), "staticfiles.json.mine"])


# --- coverage ---


def test_a_name_that_is_found_twice_with_other_bytes_is_shadowed(make_project):
    files = {"assets/lib/c.js": "mine", "assets/lib/same.js": "s", "vendor/same.js": "s"}
    project = make_project({**ASSETS, **files})
    assert project.answer("shadowed")["shadowed"] == {
        "lib/c.js": [str(project.path / "assets/lib/c.js"), str(project.path / "vendor/c.js")]
    }


def test_a_built_project_is_covered(make_built):
    project = make_built(
        {
            "templates/base.html": BLOCK.replace("NAME", "a") + "{% block more %}{% endblock %}",
            "templates/page.html": '{% extends "base.html" %}{% block more %}'
            + BLOCK.replace("NAME", "b")
            + "{% endblock %}",
            "fallback/base.html": "{% broken and shadowed %}",
        }
    )
    answer = project.answer("coverage", manifest=None)
    assert (answer["blocks"], answer["keys"]) == (3, 2)
    assert (answer["missing"], answer["failed"], answer["broken"]) == ([], [], [])


def test_a_missing_key_is_told_with_its_template_line_and_text(make_built):
    project = make_built({"templates/base.html": BLOCK.replace("NAME", "a")})
    project.write(
        {
            "templates/page.html": '{% extends "base.html" %}',
            "templates/base.html": "\n" + BLOCK.replace("NAME", "b"),
        }
    )
    missing = project.answer("coverage", manifest=None)["missing"]
    text = '<script src="/static/b.js"></script>'
    key = hashlib.sha256(text.replace("/static/", "").encode()).hexdigest()
    assert missing == [
        {
            "engine": "django",
            "template": "base.html",
            "in": "base.html",
            "block": 0,
            "line": 3,
            "context": 0,
            "key": key,
            "text": text,
        }
    ]


def test_the_manifest_asked_about_is_looked_into(make_built, tmp_path):
    project = make_built({"templates/base.html": BLOCK.replace("NAME", "a")})
    (tmp_path / "empty.json").write_text("{}")
    assert len(project.answer("coverage", manifest=str(tmp_path / "empty.json"))["missing"]) == 1
    error = project.ask("coverage", manifest=str(tmp_path / "none.json"))["error"]
    assert error["where"] == str(tmp_path / "none.json")


def test_every_offline_context_is_rendered(make_built):
    files = {
        "src/contexts.py": "def every():\n    for name in 'ab':\n        yield {'name': name}\n",
        "templates/base.html": BLOCK.replace("NAME", "{{ name }}"),
    }
    project = make_built(files, "COMPRESS_OFFLINE_CONTEXT = 'contexts.every'\n")
    answer = project.answer("coverage", manifest=None)
    assert (answer["blocks"], answer["keys"], answer["missing"]) == (2, 2, [])
    project.write(
        {"src/contexts.py": "def every():\n    return [{'name': name} for name in 'abc']\n"}
    )
    assert [each["text"] for each in project.answer("coverage", manifest=None)["missing"]] == [
        '<script src="/static/c.js"></script>'
    ]
    project.write({"src/contexts.py": "def every():\n    1 / 0\n"})
    assert (
        "COMPRESS_OFFLINE_CONTEXT failed: ZeroDivisionError"
        in project.ask("coverage", manifest=None)["error"]["what"]
    )


def test_a_block_that_compress_drops_without_a_word_is_told(make_built):
    """features.md, fact 3: the error dies in compress's thread pool, which ends with 0."""
    files = {
        "src/app/__init__.py": "",
        "src/app/templatetags/__init__.py": "",
        "src/app/templatetags/tags.py": "from django import template\nregister = template.Library()\n"
        "@register.simple_tag\ndef boom():\n    raise ValueError('lost')\n",
        "templates/fine.html": BLOCK.replace("NAME", "a"),
        "templates/page.html": "{% load tags %}" + BLOCK.replace("NAME", "{% boom %}"),
    }
    project = make_built(files, "INSTALLED_APPS += ['app']\n")
    answer = project.answer("coverage", manifest=None)
    assert answer["failed"] == [
        {
            "engine": "django",
            "template": "page.html",
            "in": "page.html",
            "block": 0,
            "line": 2,
            "context": 0,
            "error": "ValueError: lost",
        }
    ]
    assert answer["missing"] == []
    assert coverage.problems(answer) == [
        "page.html, block 0, line 2 cannot be rendered for its key, and compress does not say so: "
        "ValueError: lost"
    ]


def test_templates_that_do_not_parse_are_told_with_whether_a_block_is_lost(make_built):
    project = make_built(
        {
            "templates/fine.html": BLOCK.replace("NAME", "a"),
            "templates/broken.html": "{% nothing %}" + BLOCK.replace("NAME", "a"),
            "templates/harmless.html": "{% nothing %}",
            "templates/orphan.html": '{% extends "gone.html" %}',
            "templates/child.html": '{% extends "broken.html" %}',
            "templates/mail.txt": "{% nothing %}",
        }
    )
    broken = {
        each["template"]: each for each in project.answer("coverage", manifest=None)["broken"]
    }
    assert {name: each["has_compress"] for name, each in broken.items()} == {
        "broken.html": True,
        "child.html": True,
        "harmless.html": False,
        "orphan.html": False,
    }
    assert "Invalid block tag on line 1: 'nothing'" in broken["harmless.html"]["error"]
    assert "gone.html" in broken["orphan.html"]["error"]
    answer = {**project.answer("coverage", manifest=None), "missing": []}
    refused, advised = coverage.problems(answer), coverage.advice(answer)
    assert refused[0] == (
        "broken.html does not parse, and holds a compress block: TemplateSyntaxError: Invalid block tag "
        "on line 1: 'nothing'. Did you forget to register or load this tag?"
    )
    assert [each.split()[0] for each in refused] == ["broken.html", "child.html"]
    assert [each.split()[0] for each in advised] == ["harmless.html", "orphan.html"]


def test_a_template_that_compress_does_not_look_at_but_a_page_may_is_covered(make_built):
    project = make_built(
        {
            "templates/fine.html": BLOCK.replace("NAME", "a"),
            "templates/page.xhtml": BLOCK.replace("NAME", "b"),
        }
    )
    assert [each["template"] for each in project.answer("coverage", manifest=None)["missing"]] == [
        "page.xhtml"
    ]


def test_every_block_that_compress_builds_is_found_in_the_manifest(make_built):
    """Overridden, inherited, included, conditional, named, inline and preloaded ones, several contexts."""
    load = "{% load compress %}"

    def block(name, *words):
        return BLOCK.replace(" js ", f" js {' '.join(words)} ").replace("NAME", name)

    project = make_built(
        {
            "templates/base.html": "<html>{% block css %}"
            + block("a")
            + "{% endblock %}{% block more %}{% endblock %}</html>",
            "templates/overrides.html": "{% extends 'base.html' %}{% block css %}"
            + block("b")
            + "{% endblock %}",
            "templates/adds.html": "{% extends 'base.html' %}{% block css %}{{ block.super }}"
            + block("b")
            + "{% endblock %}",
            "templates/around.html": load + "{% compress js %}{% block inner %}"
            "<script>var inner = 0;</script>{% endblock %}{% endcompress %}",
            "templates/within.html": "{% extends 'around.html' %}{% block inner %}{{ block.super }}"
            "<script>var within = 1;</script>{% endblock %}",
            "templates/variable.html": "{% extends parent %}{% block more %}"
            + block("lib/c")
            + "{% endblock %}",
            "templates/included.html": load
            + "{% compress js %}{% include 'part.txt' %}{% endcompress %}",
            "templates/part.txt": '<script src="/static/{{ theme }}.js"></script>',
            "templates/if.html": load
            + "{% if nothing %}"
            + block("a", "file", "named")
            + "<br>{% elif less %}{% compress js %}<script>var e = 1;</script>{% endcompress %}{% else %}"
            + "{% compress js inline %}<script>var f = 1;</script>{% endcompress %}{% endif %}",
            "templates/preload.html": load
            + "{% compress js preload %}<script>var p;</script>{% endcompress %}",
            "src/app/__init__.py": "",
            "src/app/templates/app/page.html": block("b"),
            "src/contexts.py": "def every():\n    for theme in 'ab':\n"
            "        yield {'theme': theme, 'parent': 'base.html'}\n",
        },
        "INSTALLED_APPS += ['app']\nCOMPRESS_OFFLINE_CONTEXT = 'contexts.every'\n",
    )
    answer = project.answer("coverage", manifest=None, texts=True)
    assert (answer["missing"], answer["failed"], answer["broken"]) == ([], [], [])
    manifest = json.loads((project.path / "staticfiles/CACHE/manifest.json").read_text())
    assert set(answer["texts"]) == set(manifest)
    assert '<script src="/static/a.js"></script>' in answer["texts"].values()
    assert {each["template"] for each in answer["rendered"] if each["in"] != each["template"]} >= {
        "adds.html",
        "within.html",
        "variable.html",
    }


def test_a_block_that_compress_takes_for_that_of_another_page_is_told(make_built):
    """Compressor writes a child's blocks into the `if` of the cached parent: pages do not."""
    js = "{% load compress %}{% compress js %}<script>var NAME;</script>{% endcompress %}"
    base = "{% if all %}{% block b %}" + js.replace("NAME", "base") + "{% endblock %}{% endif %}"
    project = make_built(
        {
            "templates/a_child.html": "{% extends 'base.html' %}{% block b %}"
            + js.replace("NAME", "child")
            + "{% endblock %}",
            "templates/base.html": base,
            "templates/other.html": "{% extends 'base.html' %}",
        },
    )
    keep = project.answer("coverage", manifest=None, texts=True)
    by_name = {each["template"]: keep["texts"][each["key"]] for each in keep["rendered"]}
    assert by_name == {
        "a_child.html": "<script>var child;</script>",
        "base.html": "<script>var base;</script>",
        "other.html": "<script>var base;</script>",
    }


def test_a_parent_that_one_offline_context_alone_names_is_no_broken_template(make_built):
    project = make_built(
        {
            "templates/base.html": "{% block b %}{% endblock %}",
            "templates/page.html": "{% extends parent %}{% block b %}"
            + BLOCK.replace("NAME", "a")
            + "{% endblock %}",
        },
        "COMPRESS_OFFLINE_CONTEXT = [{'parent': 'base.html'}, {}]\n",
    )
    answer = project.answer("coverage", manifest=None)
    assert (answer["blocks"], answer["missing"], answer["broken"]) == (1, [], [])
    (project.path / "src/proj/settings.py").open("a").write("COMPRESS_OFFLINE_CONTEXT = {}\n")
    (broken,) = project.answer("coverage", manifest=None)["broken"]
    assert (broken["template"], broken["has_compress"]) == ("page.html", True)
    assert "Invalid template name in 'extends' tag" in broken["error"]


def test_templates_of_every_loader_are_covered(make_project):
    project = make_project(
        {**ASSETS, "templates/page.html": BLOCK.replace("NAME", "a"), "linked/x.html": ""},
        """
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [
    ("django.template.loaders.cached.Loader", [
        ("django.template.loaders.filesystem.Loader", [BASE_DIR / "templates"]),
        "django.template.loaders.app_directories.Loader",
        ("django.template.loaders.locmem.Loader", {"memory.html": MEMORY})])]}}]
""".replace("MEMORY", repr(BLOCK.replace("NAME", "b"))),
    )
    (project.path / "linked/y.html").write_text(BLOCK.replace("NAME", "lib/c"))
    (project.path / "templates/link").symlink_to(project.path / "linked")
    (project.path / "linked/round").symlink_to(project.path / "linked")
    project.build()
    missing = project.answer("coverage", manifest=None)["missing"]
    assert [each["template"] for each in missing] == ["link/y.html", "memory.html"]
    project.manage("compress", "--follow-links", "-v0")
    missing = project.answer("coverage", manifest=None)["missing"]
    assert [each["template"] for each in missing] == ["memory.html"]


def test_text_that_visitors_get_in_another_language_is_told(make_built):
    project = make_built(
        {
            "templates/page.html": "{% load i18n compress %}{% compress js %}"
            "<script>var t = '{% translate 'Yes' %}';</script>{% endcompress %}"
            + BLOCK.replace("NAME", "a"),
            "src/contexts.py": "from django.utils import translation\n"
            "def every():\n    translation.activate('fr')\n    return [{}, {'x': 1}]\n",
        },
        "INSTALLED_APPS.append('django.contrib.admin')\nINSTALLED_APPS += ['django.contrib.auth', "
        "'django.contrib.contenttypes', 'django.contrib.messages']\nLANGUAGE_CODE = 'en'\n"
        "LANGUAGES = [('en', ''), ('de', ''), ('xx', '')]\nUSE_I18N = True\n"
        "COMPRESS_OFFLINE_CONTEXT = 'contexts.every'\n",
    )
    assert project.answer("coverage", manifest=None)["untranslated"] == []  # nobody may choose
    (project.path / "src/proj/settings.py").open("a").write(
        "MIDDLEWARE = ['django.middleware.locale.LocaleMiddleware']\n"
    )
    answer = project.answer("coverage", manifest=None)
    assert answer["missing"] == []
    assert [(each["block"], each["language"], each["text"]) for each in answer["untranslated"]] == [
        (0, "de", "<script>var t = 'Ja';</script>")
    ]


def test_what_no_offline_context_gives_is_told(make_project):
    """The commonest OfflineGenerationError: what a page puts into a block gives it another key."""
    project = make_project(
        {
            **ASSETS,
            "templates/page.html": "{% load compress %}{% compress js %}<script>"
            "var a = '{{ STATIC_URL }}{{ theme }}{{ shop }}{{ user.id }}';"
            "{% for x in xs %}{{ x }}{% endfor %}</script>{% endcompress %}"
            "{% for y in 'ab' %}{% compress js %}<script>{{ y }}</script>{% endcompress %}{% endfor %}",
            "jinja/page.html": "{% compress js %}<script>{{ theme }}{{ name }}</script>{% endcompress %}",
        },
        JINJA2 + "COMPRESS_OFFLINE_CONTEXT = [{'theme': 'a'}, {'theme': 'b', 'shop': 1}]\n",
    )
    answer = project.answer("coverage", manifest=None)
    assert [(each["engine"], each["block"], each["variables"]) for each in answer["unfilled"]] == [
        ("django", 0, ["user.id", "xs"]),
        ("django", 1, ["y"]),
        ("jinja2", 0, ["name"]),
    ]
    assert "<script>var a = 'a';</script>" in {each["text"] for each in answer["missing"]}


def test_blocks_of_one_text_that_ask_for_different_output_are_told(make_built):
    js = "{% load compress %}{% compress js MODE %}<script>var a;</script>{% endcompress %}"
    project = make_built(
        {
            "templates/file.html": js.replace("MODE", ""),
            "templates/inline.html": js.replace("MODE", "inline"),
            "templates/same.html": js.replace("MODE", "file"),
        }
    )
    (told,) = project.answer("coverage", manifest=None)["ambiguous"]
    assert [(each["template"], each["form"]) for each in told["blocks"]] == [
        ("file.html", "js file"),
        ("inline.html", "js inline"),
    ]


JINJA2 = """
TEMPLATES.append({"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [BASE_DIR / "jinja"],
                  "OPTIONS": {"extensions": ["compressor.contrib.jinja2ext.CompressorExtension"]}})
"""
JINJA2_BLOCK = BLOCK.replace("{% load compress %}", "")


def test_jinja2_blocks_are_covered_as_pages_ask_for_them(make_project):
    def script(name):
        return f'{{% compress js %}}<script src="/static/{name}.js"></script>{{% endcompress %}}'

    project = make_project(
        {
            **ASSETS,
            "templates/x.html": "",
            "jinja/base.html": "<html>{% block css %}" + script("a") + "{% endblock %}</html>",
            "jinja/page.html": "{% extends 'base.html' %}{% block css %}{{ super() }}"
            "{% compress js, inline %}<script>var {{ name }};</script>{% endcompress %}{% endblock %}",
            "jinja/include.html": "{% compress js %}{% include 'part.jinja' %}{% endcompress %}",
            "jinja/part.jinja": '<script src="/static/b.js"></script>',
            "jinja/if.html": "{% if x %}x{% else %}" + script("lib/c") + "{% endif %}",
            "jinja/elif.html": "{% if x %}x{% elif y %}"
            "{% compress js %}<script>var passed = 1;</script>{% endcompress %}{% endif %}",
            "jinja/other.txt": "{% compress js %}<script>var t;</script>{% endcompress %}",
        },
        JINJA2 + "COMPRESS_OFFLINE_CONTEXT = [{'name': 'one'}, {'name': 'two'}]\n",
    )
    project.manage("collectstatic", "--noinput", "-v0")
    project.manage("compress", "--engine", "jinja2", "-v0")
    answer = project.answer("coverage", manifest=None, texts=True)
    assert (answer["failed"], answer["broken"]) == ([], [])
    assert [(each["engine"], each["template"], each["text"]) for each in answer["missing"]] == [
        ("jinja2", "elif.html", "<script>var passed = 1;</script>"),
        ("jinja2", "other.txt", "<script>var t;</script>"),
    ]
    assert {"<script>var one;</script>", "<script>var two;</script>"} <= set(
        answer["texts"].values()
    )


def test_a_jinja2_environment_of_the_projects_own_is_covered(make_project):
    project = make_project(
        {
            **ASSETS,
            "templates/x.html": "",
            "src/own.py": "import functools, jinja2\n"
            "@functools.lru_cache\ndef env():\n    return jinja2.Environment(\n"
            "    extensions=['compressor.contrib.jinja2ext.CompressorExtension'],\n"
            f"    loader=jinja2.DictLoader({{'memory.html': {JINJA2_BLOCK.replace('NAME', 'a')!r},\n"
            "        'broken.html': '{% compress js %}{% nothing %}'}))\n",
        },
        "import own\ndef COMPRESS_JINJA2_GET_ENVIRONMENT():\n    return own.env()\n",
    )
    answer = project.answer("coverage", manifest=None)
    assert [(each["engine"], each["template"]) for each in answer["missing"]] == [
        ("jinja2", "memory.html")
    ]
    assert [(each["template"], each["has_compress"]) for each in answer["broken"]] == [
        ("broken.html", True)
    ]
    (project.path / "src/proj/settings.py").open("a").write(
        "def COMPRESS_JINJA2_GET_ENVIRONMENT():\n    1 / 0\n"
    )
    assert project.ask("coverage", manifest=None)["error"]["what"] == (
        "COMPRESS_JINJA2_GET_ENVIRONMENT failed: ZeroDivisionError: division by zero"
    )


def test_jinja2_templates_are_covered(make_project):
    project = make_project(
        {
            **ASSETS,
            "jinja/page.html": JINJA2_BLOCK.replace("NAME", "a"),
            "templates/x.html": "",
        },
        JINJA2,
    )
    project.manage("collectstatic", "--noinput", "-v0")
    missing = project.answer("coverage", manifest=None)["missing"]
    assert [(Path(each["template"]).name, each["line"]) for each in missing] == [("page.html", 2)]
    project.manage("compress", "--engine", "jinja2", "-v0")
    answer = project.answer("coverage", manifest=None)
    assert (answer["keys"], answer["missing"], answer["broken"]) == (1, [], [])


def test_rendered_texts_are_told_on_request(make_built):
    project = make_built({"templates/base.html": BLOCK.replace("NAME", "a")})
    assert project.answer("coverage", manifest=None)["texts"] == {}
    assert list(project.answer("coverage", manifest=None, texts=True)["texts"].values()) == [
        '<script src="/static/a.js"></script>'
    ]


def test_places_are_told_on_request_each_block_once_with_all_its_keys(make_built):
    """By them a bundle is found again in the next release; a page of thousands extends the base."""
    page = "{% extends 'base.html' %}{% block own %}var NAME;{% endblock %}"
    project = make_built(
        {
            "templates/base.html": BLOCK.replace("NAME", "a")
            + "{% compress js %}<script>{% block own %}var base;{% endblock %}</script>{% endcompress %}",
            "templates/one.html": page.replace("NAME", "one"),
            "templates/two.html": page.replace("NAME", "two"),
        }
    )
    assert project.answer("coverage", manifest=None)["places"] == []
    same, filled = project.answer("coverage", manifest=None, places=True)["places"]
    entry = {"ran": 1, "seconds": 0.1, "listing": "0" * 64, "places": [same, filled]}
    read, why = Journal.read(None, {"phases": {"compress": entry}})
    assert (read.phases["compress"]["places"], why) == ([same, filled], None)
    assert (same["in"], same["line"], same["block"], same["context"]) == ("base.html", 2, 0, 0)
    assert list(same["keys"].values()) == ["base.html"]
    assert (filled["in"], sorted(filled["keys"].values())) == (
        "base.html",
        ["base.html", "one.html", "two.html"],
    )


READERS = {
    "open": "open(PATH).read()",
    "io": "__import__('io').open(PATH, 'rb').read().decode()",
    "pathlib": "__import__('pathlib').Path(PATH).read_text()",
    "os": "__import__('os').fdopen(__import__('os').open(PATH, 0)).read()",
    "relative": "open('versions.txt').read()",
    "named": "open(file=PATH, mode='r').read()",
    "kept_by_a_class": "type('Reader', (), {'open': open})().open(PATH).read()",
    "may_be_read": "'new' if __import__('os').access(PATH, 4) else 'old'",
    "linked": "open(__import__('os').path.realpath('.') + '/link/../versions.txt').read()",
    "asked": "'new' if __import__('os').path.isfile(PATH) and __import__('pathlib').Path(PATH).exists()"
    " and __import__('os').path.getsize(PATH) == 3 else 'old'",
}


@pytest.mark.parametrize("reader", READERS)
def test_a_release_that_is_not_live_is_read_however_the_project_reads(
    make_project, tmp_path, reader
):
    """CommCare HQ reads resource_versions.yaml with code of its own, at import."""
    project = make_project(
        {
            "link/x": "",
            "templates/base.html": "{% load compress %}{% compress js %}<script>'{{ v }}'</script>{% endcompress %}",
        },
        f"PATH = str(BASE_DIR / 'versions.txt')\nCOMPRESS_OFFLINE_CONTEXT = {{'v': {READERS[reader]}}}\n",
    )
    (tmp_path / "new.txt").write_text("new")
    redirect = {str(project.path / "versions.txt"): str(tmp_path / "new.txt")}
    missing = project.answer("coverage", manifest=None, redirect=redirect)["missing"]
    assert [each["text"] for each in missing] == ["<script>'new'</script>"]
    assert not (project.path / "versions.txt").exists()


def test_the_projects_own_manifest_can_be_redirected_too(make_built, tmp_path):
    project = make_built({"templates/base.html": BLOCK.replace("NAME", "a")})
    live = project.path / "staticfiles/CACHE/manifest.json"
    live.rename(tmp_path / "new.json")
    assert len(project.answer("coverage", manifest=None)["missing"]) == 1
    redirect = {str(live): str(tmp_path / "new.json")}
    assert project.answer("coverage", manifest=None, redirect=redirect)["missing"] == []


def test_what_copies_links_still_does(make_project, tmp_path):
    copies = "import shutil; shutil.copystat(BASE_DIR / 'link', BASE_DIR / 'other', follow_symlinks=False)\n"
    project = make_project({"a.txt": "", "b.txt": ""}, copies)
    (project.path / "link").symlink_to("a.txt")
    (project.path / "other").symlink_to("b.txt")
    assert project.answer("settings", redirect={str(tmp_path / "c"): str(tmp_path / "d")})["ok"]


def test_writes_are_never_redirected(make_project, tmp_path):
    project = make_project({}, "open(BASE_DIR / 'versions.txt', 'w').write('own')\n")
    (tmp_path / "new.txt").write_text("new")
    project.answer(
        "settings", redirect={str(project.path / "versions.txt"): str(tmp_path / "new.txt")}
    )
    assert (tmp_path / "new.txt").read_text() == "new"
    assert (project.path / "versions.txt").read_text() == "own"
