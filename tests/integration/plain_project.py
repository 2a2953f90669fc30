"""A project with an app of its own, as many have it, for tests of what a build makes and removes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
DEBUG = False
INSTALLED_APPS = ["django.contrib.staticfiles", "shop"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static_root"
ROOT_URLCONF = "urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""
FILES = {
    "manage.py": """\
import os, sys
if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
""",
    "urls.py": """\
from django.shortcuts import render
from django.urls import path
urlpatterns = [path("", lambda request: render(request, "page.html"))]
""",
    "shop/__init__.py": "",
    "shop/static/css/site.css": "body{color:red}\n",
    "shop/static/js/app.js": "app()\n",
    "shop/templates/page.html": "{% load static %}<link rel=stylesheet href=\"{% static 'css/site.css' %}\">",
}


def write(folder: Path, settings: str = "", files: Mapping[str, str] | None = None) -> Path:
    """Write the project, with more settings and other files."""
    for name, text in {
        **FILES,
        "settings.py": SETTINGS + settings,
        **(files or {}),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def everything_below(folder: Path) -> dict[str, bytes]:
    """Return every file and its bytes, compiled modules left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=me", "-c", "user.email=me@example.com", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )
