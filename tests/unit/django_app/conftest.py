"""Small Django projects, run as their users run them: manage.py in a process of its own."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.django_starts import run_python

MANAGE = """
import os, sys
if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles", "fab_static.django_app", "one", "two"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
              "DIRS": [BASE_DIR / "templates"], "APP_DIRS": True}]
"""


class Project:
    """A folder with manage.py, two apps `one` and `two`, and what a test adds."""

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        self.write(
            {
                "manage.py": MANAGE,
                "proj/__init__.py": "",
                "proj/settings.py": SETTINGS + settings,
                "one/__init__.py": "",
                "two/__init__.py": "",
            }
        )

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, name: str) -> str:
        return (self.path / name).read_bytes().decode()

    def manage(self, *arguments: str, **environment: str) -> str:
        done = self.run("manage.py", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *arguments: str) -> str:
        done = self.run("manage.py", *arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr

    def python(self, code: str, **environment: str) -> str:
        done = self.run("-c", f"import django; django.setup()\n{code}", **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).parents[3])
        values = {
            "DJANGO_SETTINGS_MODULE": "proj.settings",
            "PYTHONPATH": root,
            "XDG_CACHE_HOME": str(self.path.parent / "cache"),
            **environment,
        }
        return run_python(*arguments, cwd=self.path, env={**os.environ, **values}, text=True)


@pytest.fixture
def make_project(tmp_path):
    return lambda files, settings="": _made(Project(tmp_path / "code", settings), files)


def _made(project: Project, files: dict[str, str | bytes]) -> Project:
    project.write(files)
    return project
