"""What templates promise of static files, and what their tags will ask for, in the project's own interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fab_static.host.project.integrity import names_in
from tests.unit.host.project.test_probe import MANAGE, Project

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "first"]},
    {"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [BASE_DIR / "jinja"]},
]
"""
WRITTEN = """{% load static %}
<script src="{% static 'a.js' %}" integrity="sha384-a"></script>
<link rel=stylesheet
   href="/static/b%20c.css?v=1" integrity='sha256-b'>
<script src="{% static name %}" integrity="sha384-c"></script>
<script src="https://cdn.example.com/d.js" integrity="sha384-d"></script>
<script src="{% static 'e.js' %}" integrity="{{ hash }}"></script>
{# <script src="{% static 'f.js' %}" integrity="sha384-f"></script> #}
{% compress js %}<script src="{% static 'g.js' %}" integrity="sha384-g"></script>{% endcompress %}
"""


def asked(folder: Path, settings: str = "", **templates: str) -> Any:
    files = {"manage.py": MANAGE, "proj/__init__.py": "", "proj/settings.py": SETTINGS + settings}
    files |= {name.replace("_", "/", 1) + ".html": text for name, text in templates.items()}
    project = Project(folder)
    project.write(files)
    return project.ask("integrity")


def test_hashes_that_are_written_out_are_told_with_their_lines(tmp_path: Path) -> None:
    jinja = "{# x #}\n<script src=\"{{ static('h.js') }}\" integrity='sha384-h'></script>"
    found = asked(tmp_path, first_page=WRITTEN, jinja_other=jinja)
    assert [(one["template"], one["line"], one["name"], one["integrity"]) for one in found["written"]] == [
        ("page.html", 2, "a.js", "sha384-a"),
        ("page.html", 3, "b c.css", "sha256-b"),
        ("other.html", 2, "h.js", "sha384-h"),
    ]  # fmt: skip
    assert {one["is_own"] for one in found["written"]} == {True}
    assert [one["is_url"] for one in found["written"]] == [False, True, False]
    assert (found["names"], found["computed"], found["preloads"]) == ([], False, False)


def test_names_that_tags_are_given_are_told(tmp_path: Path) -> None:
    text = "{% load static_integrity from fab_static %}{% static_integrity 'a.js' %}{{ \"b.js\"|static_integrity }}{% static_preload 'main' %}"
    found = asked(tmp_path, first_page=text, jinja_other="{{ static_integrity('c.js') }}")
    assert (found["names"], found["computed"]) == (["a.js", "b.js", "c.js"], False)
    assert found["preloads"]


@pytest.mark.parametrize(
    "text", ["{% static_integrity name %}", "{{ name|static_integrity }}{% static_integrity 'a' %}"]
)
def test_a_computed_name_asks_for_all(text: str) -> None:
    assert names_in(text)[1]


def test_the_settings_ask_for_all(tmp_path: Path) -> None:
    settings = "FAB_STATIC_PAGE_FACTS = True\nFAB_STATIC_INTEGRITY = 'sha512'\n"
    found = asked(tmp_path, settings, first_page="")
    assert (found["computed"], found["preloads"], found["algorithm"]) == (True, True, "sha512")
