import subprocess
import sys

import pytest

from fab_static.errors import LINES_SHOWN
from fab_static.plan import failures

COLLECTING = """\
Copying 'x.css'
Post-processing 'css/latin.css' failed!

Traceback (most recent call last):
  File "/srv/shop/code/manage.py", line 5, in <module>
    execute_from_command_line(sys.argv)
  File "/srv/shop/venv/lib/python3.11/site-packages/django/core/management/__init__.py", line 442, in execute
    utility.execute()
  File "one_start.py", line 128, in run_from_argv
  File "one_start.py", line 158, in _become
  File "/srv/shop/venv/lib/python3.11/site-packages/django/contrib/staticfiles/storage.py", line 367, in x
    content = original_file.read().decode("utf-8")
              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte
"""
CHAINED = """\
Traceback (most recent call last):
  File "/srv/shop/code/shop/rates.py", line 3, in read
    return {}[name]
           ~~^^^^^^
KeyError: 'EUR'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "reads.py", line 940, in run_as_main
  File "/srv/shop/code/manage.py", line 9, in <module>
    main()
  File "/srv/shop/code/shop/management/commands/vite.py", line 20, in handle
    rates.read("EUR")
  File "/srv/shop/code/shop/rates.py", line 5, in read
    raise RuntimeError("no rates:\\n  of today") from error
  File "/srv/shop/venv/lib/python3.11/site-packages/raven/hook.py", line 5, in read
    ready()
RuntimeError: no rates:
  of today
"""


def test_what_stands_before_a_traceback_and_the_exception_are_kept():
    """(build B) The line that names the file was cut: the last 25 lines were kept."""
    assert failures.shown(COLLECTING) == [
        "Copying 'x.css'",
        "Post-processing 'css/latin.css' failed!",
        "",
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ]


def test_of_each_exception_of_a_chain_the_projects_last_place_is_kept():
    assert failures.shown(CHAINED) == [
        '  File "/srv/shop/code/shop/rates.py", line 3, in read',
        "    return {}[name]",
        "KeyError: 'EUR'",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        '  File "/srv/shop/code/shop/rates.py", line 5, in read',
        '    raise RuntimeError("no rates:\\n  of today") from error',
        "RuntimeError: no rates:",
        "  of today",
    ]


def test_a_syntax_error_keeps_the_text_that_is_wrong(tmp_path):
    (tmp_path / "views.py").write_text("def index(request:\n    pass\n")
    ran = subprocess.run(
        [sys.executable, "-c", "import views"], cwd=tmp_path, capture_output=True, text=True
    )
    lines = failures.shown(ran.stderr)
    assert lines[0] == f'  File "{tmp_path}/views.py", line 1'
    assert lines[1] == "    def index(request:"
    assert lines[-1] == "SyntaxError: '(' was never closed"


def test_the_words_of_a_long_failure_are_cut_around_its_exception():
    """Neither what was copied before it, nor what Node says after it, hides it."""
    many = "".join(f"Copying '{number}.css'\n" for number in range(100))
    lines = failures.shown(many + COLLECTING + many)
    assert "Post-processing 'css/latin.css' failed!" in lines
    assert any(line.startswith("UnicodeDecodeError") for line in lines)
    assert lines[0] == lines[-1] == "…"
    assert len(lines) == LINES_SHOWN + 2
    assert failures.shown(many) == ["…", *many.splitlines()[-LINES_SHOWN:]]
    assert failures.shown(many + COLLECTING)[-1].startswith("UnicodeDecodeError")


def test_nodes_own_frames_say_nothing():
    output = """\
\x1b[31mError: no such theme\x1b[0m
    at read (/srv/shop/code/webpack.config.js:3:9)
    at Module._compile (node:internal/modules/cjs/loader:1105:14)
    at node:internal/main/run_main_module:22:47
"""
    assert failures.shown(output) == [
        "Error: no such theme",
        "    at read (/srv/shop/code/webpack.config.js:3:9)",
    ]


@pytest.mark.parametrize(
    ("output", "cure"),
    [
        (
            COLLECTING,
            "save css/latin.css as UTF-8, which Django reads it as: iconv -f ITS-ENCODING -t UTF-8; or leave it out "
            "of what is collected",
        ),
        (
            "Post-processing 'css/a.css' failed!\n\nTraceback (most recent call last):\n"
            "django.x.MissingFileError: The file 'css/gone.svg' could not be found with <Storage>.",
            "correct what css/a.css names, or collect css/gone.svg",
        ),
        (
            "Post-processing 'css/a.css' failed!\n\nValueError: The file 'gone.svg' could not be found with <S>.",
            "correct what css/a.css names, or collect gone.svg",
        ),
        (
            "Traceback (most recent call last):\n"
            '  File "/srv/shop/code/shop/settings.py", line 2, in <module>\n'
            '    KEY = os.environ["SHOP_KEY"]\n'
            "          ~~~~~~~~~~^^^^^^^^^^^^\n"
            '  File "<frozen os>", line 679, in __getitem__\n'
            "KeyError: 'SHOP_KEY'\n",
            "give it the variable SHOP_KEY: under project.environment, or its name under project.secrets",
        ),
        (
            "the settings shop.settings cannot be loaded: KeyError: 'KEY': the environment has no such variable",
            "give it the variable KEY: under project.environment, or its name under project.secrets",
        ),
        (
            "InvalidTemplateLibrary: Invalid template library specified. ImportError raised when trying to load "
            "'fab_static.django_app.templatetags.fab_static': No module named 'yaml'",
            "install fab_static with what it needs there, into the project's Python: pip install 'fab-static[django]'",
        ),
        (
            '  File "/srv/shop/venv/lib/python3.11/site-packages/fab_static/django_app/project.py", line 22, in <module>\n'
            "    import yaml\nModuleNotFoundError: No module named 'yaml'\n",
            "install fab_static with what it needs there, into the project's Python: pip install 'fab-static[django]'",
        ),
        (
            "ModuleNotFoundError: No module named 'yaml'",
            "install what holds yaml into the project's Python (its requirements), or correct the name: it stands in "
            "project.settings, in INSTALLED_APPS or in an import",
        ),
        (
            "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
            "correct the settings, until this ends well there: manage.py check, with the same project.settings, "
            "environment and secrets",
        ),
        (
            "django.core.management.base.SystemCheckError: SystemCheckError: System check identified some issues:",
            "correct the settings, until this ends well there: manage.py check, with the same project.settings, "
            "environment and secrets",
        ),
        (
            "django.db.utils.OperationalError: connection to server at \"db\" failed",
            "make the database reachable from there, or let the project start without it",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/srv/shop/code/static_root/a.css'",
            "let the user that builds read and write /srv/shop/code/static_root/a.css",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/srv/shop/code/assets'",
            "see to it that /srv/shop/code/assets is there, or take its name out of the project",
        ),
        ("RuntimeError: no rates", "correct the project, then run the task again; what is live has not changed"),
        ("OSError: [Errno 28] No space left on device", "free some space there; what is live has not changed"),
        ("/bin/sh: 1: node: not found", "install Node.js there (Debian: apt-get install nodejs npm), on the PATH of a "
         "login without a terminal; or set PATH in project.environment"),
        ("/bin/sh: 2: npm: not found", "install Node.js there (Debian: apt-get install nodejs npm), on the PATH of a "
         "login without a terminal; or set PATH in project.environment"),
        ("> vite build\n\nsh: 1: vite: not found", "install the project's npm packages there: npm ci in /srv/shop/code"),
        ("/bin/sh: 2: yarn: not found", "install yarn there, on the PATH of a login without a terminal; or set PATH in "
         "project.environment"),
        *(
            (f"/bin/sh: 1: {name}: not found", f"install {name} there, on the PATH of a login without a terminal; or "
             "set PATH in project.environment")
            for name in ("pnpm", "bun", "deno")
        ),
        ("bash: line 1: npx: command not found", "install Node.js there (Debian: apt-get install nodejs npm), on the "
         "PATH of a login without a terminal; or set PATH in project.environment"),
        *(
            (f"sh: 1: {name}: not found", "install the project's npm packages there: npm ci in /srv/shop/code")
            for name in ("webpack", "tailwindcss", "esbuild", "rollup", "parcel")
        ),
        ("/bin/sh: 1: node_modules/.bin/postcss: not found", "install the project's npm packages there: npm ci in "
         "/srv/shop/code"),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "give the host more memory"),
        ('npm error Missing script: "build"', "add the script build to package.json, or correct the phase's `run` in the "
         "inventory"),
        ("Error: Cannot find module 'requirejs'", "install the project's npm packages there: npm ci in /srv/shop/code"),
        ("NameError: name 'shop' is not defined", "correct the project, then run the task again; what is live has not changed"),
        ("NameError: .button is undefined in /srv/shop/code/site.less on line 3", "correct the LESS file named above; "
         "what is live has not changed"),
    ],
)  # fmt: skip
def test_a_cure_fits_the_failure(output, cure):
    """(build B) "manage.py check" cures nothing where settings and checks are well."""
    assert failures.cure(output, "/srv/shop/code") == cure


def test_a_command_that_the_kernel_ended_lacks_memory():
    assert failures.cure("", "/srv", -9) == (
        "give the host more memory: the kernel ends what asks for too much (dmesg says so)"
    )


GROUP = """\
from pathlib import Path
Path("shop").mkdir()
Path("shop/tasks.py").write_text('''
def one():
    raise ValueError("no rates")
def all_of_them():
    found = []
    for each in (one, two):
        try:
            each()
        except Exception as error:
            found.append(error)
    raise ExceptionGroup("two failed", found)
def two():
    try:
        one()
    except ValueError as error:
        raise ExceptionGroup("inner", [error, KeyError("EUR")])
''')
import sys
sys.path.insert(0, "shop")
print("Copying x.css", flush=True)
print(" + 3 files", flush=True)
import tasks
tasks.all_of_them()
"""


def test_an_exception_group_is_folded_as_its_exceptions_are(tmp_path):
    """Its frame of | and + hid each traceback: all lines were shown."""
    ran = subprocess.run(
        [sys.executable, "-c", GROUP],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = failures.shown(ran.stdout)
    assert lines[:2] == ["Copying x.css", " + 3 files"]
    said = [line for line in lines if line and not line.startswith(" ")]
    assert said == [
        "Copying x.css",
        "ExceptionGroup: two failed (2 sub-exceptions)",
        "ValueError: no rates",
        "ValueError: no rates",
        "During handling of the above exception, another exception occurred:",
        "ExceptionGroup: inner (2 sub-exceptions)",
        "ValueError: no rates",
        "KeyError: 'EUR'",
    ]
    assert not any("Traceback" in line or "|" in line or "+-" in line for line in lines)
    assert f'  File "{tmp_path}/shop/tasks.py", line 11, in all_of_them' in lines
