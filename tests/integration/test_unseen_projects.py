"""Projects that nobody made for us: what their settings differ in, and what cannot be deployed is told by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration.conftest import on_this_machine, write_tiny

ODD = """
import sys, warnings
print('FAB_STATIC_PROBE {"ok": false}')
print("an unfinished line", end="")
print("on stderr", file=sys.stderr)
warnings.warn("an old way")
STATIC_URL = "https://static.example.com/assets/v1/"
STATIC_ROOT = "deep/collected"
STATICFILES_DIRS = [("prefix", BASE_DIR / "more"), str(BASE_DIR / "assets")]
COMPRESS_OUTPUT_DIR = "min"
COMPRESS_OFFLINE_MANIFEST = "built/offline.json"
COMPRESS_OFFLINE_CONTEXT = ({"theme": "light"}, {"theme": "dark"})
USE_I18N = False
"""
PAGE = """{% load static compress %}<!doctype html>
{% compress css %}<style>body { color: black } /* {{ theme }} */</style>{% endcompress %}
{% compress js %}<script src="{% static 'app.js' %}"></script>{% endcompress %}
<img src="{% static 'prefix/schöner wohnen.svg' %}">
"""
LANGUAGES = """
MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware"]
INSTALLED_APPS += ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes"]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
"""
TRANSLATED = """{% load i18n compress %}
{% compress js %}<script>var yes = "{% translate 'Yes' %}";</script>{% endcompress %}
"""


def write(folder: Path, settings: str, **files: str) -> Path:
    """Make the small project, with more settings and other files."""
    code = write_tiny(folder / "project")
    with (code / "tiny" / "settings.py").open("a") as file:
        file.write(settings)
    for name, text in files.items():
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_text(text)
    return code


def test_a_project_of_odd_settings_is_deployed_as_it_comes(tmp_path: Path) -> None:
    more = {"templates/page.html": PAGE, "more/schöner wohnen.svg": "<svg/>"}
    code = write(tmp_path, ODD, **more)
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        release = session.deploy().current_release()
    assert release.offline_manifest == "min/built/offline.json"
    manifest = code / "deep" / "collected" / "min" / "built" / "offline.json"
    assert manifest.is_symlink()
    assert len(json.loads(manifest.read_text())) == 3  # of its first block one for each context
    page = subprocess.run(
        [
            sys.executable,
            *("-Wignore", "-c"),
            "import django; django.setup()\n"
            "from django.test import RequestFactory\n"
            "from django.shortcuts import render\n"
            "for theme in ('light', 'dark'):\n"
            "    page = render(RequestFactory().get('/'), 'page.html', {'theme': theme})\n"
            "    print(page.content.decode())",
        ],
        cwd=code,
        env={"DJANGO_SETTINGS_MODULE": "tiny.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert page.returncode == 0, page.stderr
    (script,) = (path for path in release.named if path.endswith(".js"))
    assert page.stdout.count(f"https://static.example.com/assets/v1/{script}") == 2
    assert "prefix/schöner wohnen.svg" in release.files


@pytest.mark.parametrize(
    ("settings", "files", "what", "mend"),
    [
        (
            'INSTALLED_APPS = ["django.contrib.staticfiles"]\n'
            "STATICFILES_FINDERS = STATICFILES_FINDERS[:1]\nSTATIC_ROOT = None\n",
            {},
            "the setting STATIC_ROOT is empty",
            "set it to a folder of its own, which collectstatic fills",
        ),
        (
            LANGUAGES,
            {"templates/page.html": TRANSLATED},
            "page.html, block 0, line 2: visitors in de get another text than was built",
            "keep translated text out of the block, or its language out of LANGUAGES",
        ),
        (
            "",
            {"templates/page.html": "{% load static %}{% static 'app.js' %}"},
            "No 'compress' template tags found",
            "take compress out of build.phases where templates have no {% compress %}",
        ),
    ],
    ids=["no static root", "another language", "no block"],
)
def test_what_cannot_be_deployed_is_told_by_its_setting(
    tmp_path: Path, settings: str, files: dict[str, str], what: str, mend: str
) -> None:
    code = write(tmp_path, settings, **files)
    with (
        on_this_machine(code, "collectstatic", "compress") as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert what in str(caught.value)
    assert mend in str(caught.value)
