"""An application from PyPI that uses django-compressor and knows nothing of us: HyperKitty, with SCSS.

It is deployed as its own documentation has it: no project folder, but manage.py in site-packages and a
settings module elsewhere. Its virtual environment is kept in .cache/, so that it is made once.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.integration.conftest import PIP, ROOT, get, on_this_machine, served
from tests.integration.test_sample_project import _links

pytestmark = pytest.mark.timeout(900)  # pip installs it, beside whoever else needs the processor
PACKAGES = (
    *("mailman-web==0.0.9", "HyperKitty==1.3.12", "postorius==1.3.13", "django-mailman3==1.3.15"),
    *("Django==4.2.30", "django-allauth==65.21.1", "django_compressor==4.6.0", "libsass==0.23.0"),
)
SETTINGS = """\
import sys
from pathlib import Path
from mailman_web.settings.base import *
from mailman_web.settings.mailman import *
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only-for-a-test"
ALLOWED_HOSTS = ["*"]
STATIC_ROOT = BASE_DIR / "static"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "lists.db"}}
sassc = f"{sys.executable} -m pysassc -t compressed {{infile}} {{outfile}}"
COMPRESS_PRECOMPILERS = [("text/x-scss", sassc)]
LOGGING = {"version": 1}
"""
PAGE = """\
import sys
sys.path.insert(0, sys.argv[1])
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
print(Client(raise_request_exception=True).get("/archives/").content.decode())
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of a virtual environment that holds the application."""
    key = hashlib.sha256(f"{sys.version}{PACKAGES}".encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"mailman-{key}"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            venv.create(folder, clear=True)
            subprocess.run([*PIP, folder / "bin" / "python", "install", *PACKAGES], check=True)
            (folder / "installed").touch()
    return folder / "bin" / "python"


def test_hyperkitty_is_deployed_as_it_comes(python: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mailman" / "mailman_settings.py"  # `settings` is a package of theirs
    settings.parent.mkdir()
    settings.write_text(SETTINGS)
    (code,) = python.parents[1].glob("lib/*/site-packages/mailman_web")
    deploy_to = tmp_path / "lists"
    inventory = {
        "app": "lists",
        "deploy_to": str(deploy_to),
        "project": {
            "python": str(python),
            "settings": None,
            "environment": {"MAILMAN_WEB_CONFIG": str(settings)},
        },
    }
    with on_this_machine(code, "collectstatic", "compress", **inventory) as (session, told):
        release = session.deploy().current_release()
        assert told.warned == []
        assert session.status()["live"] == release.id
        for folder in (code, settings.parent):  # it has no versions, and gets no file for them
            assert list(folder.glob("resource_versions*")) == []
        # its COMPRESS_CSS_HASHING_METHOD is mtime, and a second build is the same release all the same
        for phase in ("collectstatic", "compress", "seal"):
            session.phase(phase)
        assert f"the content is the same as in release {release.id}; nothing to seal" in told.said

    ran = subprocess.run(
        [python, "-c", PAGE, settings.parent],
        env={"DJANGO_SETTINGS_MODULE": "mailman_settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    links = {link for link in _links(ran.stdout) if link.startswith("/static/")}
    assert {link.split("/")[3] for link in links if "/CACHE/" in link} == {"css", "js"}
    with served(deploy_to / "current") as site:
        for link in links:
            answer = get(site + link)
            path = link.removeprefix("/static/")
            assert (answer.status, answer.sha256) == (200, release.files[path].sha256), link
    sheets = [deploy_to / "current" / "static" / path for path in release.named if "/css/" in path]
    assert any(".thread-date" in sheet.read_text() for sheet in sheets)  # of hyperkitty.scss
