"""Manifests that web processes read beyond STATIC_ROOT: shipped, sealed, flipped and rolled back like the others."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError, ManifestError
from fab_static.plan.layout import OUTSIDE
from tests.integration.conftest import on_this_machine, write_tiny
from tests.processes import becomes

PYTHON = os.environ.get("FAB_STATIC_PROJECT_PYTHON", sys.executable)  # another Django's
BESIDE = """
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from compressor.storage import CompressorFileStorage
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.conf import settings

class Given(ManifestStaticFilesStorage):
    def __init__(self, *words, **more):
        more["manifest_storage"] = StaticFilesStorage(location=settings.BASE_DIR)
        super().__init__(*words, **more)

class InFolders(ManifestStaticFilesStorage):
    manifest_name = "names/of/files.json"

    def __init__(self, *words, **more):
        super().__init__(*words, manifest_storage=FileSystemStorage(location=settings.BASE_DIR), **more)

class Offline(CompressorFileStorage):
    def __init__(self):
        super().__init__(location=str(settings.BASE_DIR / "offline"))

class Nowhere(ManifestStaticFilesStorage):
    def __init__(self, *words, **more):
        super().__init__(*words, manifest_storage=InMemoryStorage(), **more)
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "tiny.beside.%s"},
}
"""
OFFLINE = """
COMPRESS_OFFLINE_MANIFEST_STORAGE = "tiny.beside.Offline"
"""


def write(code: Path, storage: str, more: str = "") -> None:
    write_tiny(code)
    (code / "tiny" / "beside.py").write_text(BESIDE)
    with (code / "tiny" / "settings.py").open("a") as settings:
        settings.write(SETTINGS % storage + more)


def two_hosts(folder: Path, **web: str) -> dict[str, Any]:
    """Return the inventory of one host that builds, and one that renders, each with its own checkout."""
    return {
        "deploy_to": f"{folder}/{{host}}/static",
        "hosts": {
            "here": {"roles": ["build", "static"]},
            "renderer": {"local": True, "roles": ["web"]},
        },
        "project": {"path": f"{folder}/{{host}}/code", "python": PYTHON},
        "web": web,
    }


class Web:
    """A real gunicorn in a host's checkout."""

    def __init__(self, code: Path) -> None:
        self.code = code
        self.socket = code / "gunicorn.port"

    def page(self) -> str:
        return urllib.request.urlopen(f"http://{self.address}/", timeout=120).read().decode()

    def shows(self, name: str) -> bool:
        """Wait until new processes answer, and tell whether they print this name."""

        def is_printed() -> bool:
            with contextlib.suppress(OSError):
                return name in self.page()
            return False

        return becomes(is_printed)

    @contextmanager
    def running(self) -> Iterator[Web]:
        log = self.code / "gunicorn.log"
        words = "-b 127.0.0.1:0 -w 1 --pid gunicorn.pid django.core.wsgi:get_wsgi_application()"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [PYTHON, "-m", "gunicorn", *words.split()],
                cwd=self.code,
                env={"DJANGO_SETTINGS_MODULE": "tiny.settings", "PATH": "/usr/bin:/bin"},
                stdout=out,
                stderr=out,
            )
            try:
                listening = re.compile(r"Listening at: http://([\d.:]+)")
                assert becomes(
                    lambda: listening.search(log.read_text()) or process.poll() is not None
                )
                found = listening.search(log.read_text())
                assert found, log.read_text()
                self.address = found[1]
                yield self
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(120)


@pytest.mark.parametrize(
    ("storage", "manifest"), [("Given", "staticfiles.json"), ("InFolders", "names/of/files.json")]
)
def test_pages_print_the_hashed_names_of_the_live_release_through_a_deploy_and_a_rollback(
    tmp_path: Path, storage: str, manifest: str
) -> None:
    """It was live, exit 0, and on the web host every page raised "Missing staticfiles manifest entry" (build A3)."""
    build, web = (tmp_path / name / "code" for name in ("here", "renderer"))
    write(build, storage)
    shutil.copytree(build, web)
    reload = f"kill -HUP $(cat {web}/gunicorn.pid)"
    inventory = two_hosts(tmp_path)
    with on_this_machine(build, "collectstatic", "compress", **inventory) as (session, _):
        first = session.deploy().current_release()
        assert first.staticfiles_manifest == f"{OUTSIDE}staticfiles/{Path(manifest).name}"
        assert (web / manifest).is_symlink()
        assert not (
            tmp_path / "here/static/current/static" / manifest
        ).exists()  # nobody is served it
        (old,) = (name for name in first.named if re.match(r"logo\.[0-9a-f]{12}\.svg", name))
    inventory = two_hosts(tmp_path, reload=reload)
    with (
        Web(web).running() as pages,
        on_this_machine(build, "collectstatic", "compress", **inventory) as (session, _),
    ):
        assert pages.shows(f"/static/{old}")
        (build / "assets" / "logo.svg").write_text("<svg id='new'/>")
        second = session.deploy().current_release()
        (new,) = (name for name in second.named if re.match(r"logo\.[0-9a-f]{12}\.svg", name))
        assert new != old
        assert pages.shows(f"/static/{new}")
        assert session.deploy().current_release().id == second.id  # nothing to seal
        session.rollback()
        assert pages.shows(f"/static/{old}")
        assert session.status()["live"] == first.id


def test_a_host_that_does_everything_builds_beside_what_is_live(tmp_path: Path) -> None:
    """There the project's own file is a link into `current`, and a build writes to it."""
    code = tmp_path / "code"
    write(code, "Given", OFFLINE)
    project = {"python": PYTHON}
    with on_this_machine(code, "collectstatic", "compress", project=project) as (session, _):
        first = session.deploy().current_release()
        live = (code / "staticfiles.json").read_text()
        assert first.offline_manifest == f"{OUTSIDE}offline/manifest.json"
        assert sorted(first.manifests) == [
            f"{OUTSIDE}offline/manifest.json",
            f"{OUTSIDE}staticfiles/staticfiles.json",
        ]
        (code / "assets" / "site.css").write_text("body { color: #123 }")
        second = session.prepare()
        assert second.id != first.id
        assert (code / "staticfiles.json").read_text() == live
        session.activate()
        assert (code / "staticfiles.json").read_text() != live
        blocks = (code / "offline" / "manifest.json").read_text()
        session.rollback()
        assert (code / "staticfiles.json").read_text() == live
        assert (code / "offline" / "manifest.json").read_text() != blocks
        assert {
            (code / name).is_symlink() for name in ("staticfiles.json", "offline/manifest.json")
        } == {True}


def test_a_storage_whose_manifest_is_no_file_is_refused_and_not_taken_for_one_without_hashes(
    tmp_path: Path,
) -> None:
    code = tmp_path / "code"
    write(code, "Nowhere")
    with (
        on_this_machine(code, "collectstatic", project={"python": PYTHON}) as (
            session,
            _,
        ),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what.startswith(
        "tiny.beside.Nowhere prints names with hashes, and collectstatic left no manifest of them "
    )
    assert caught.value.mend == (
        "let its manifest_storage keep files there (StaticFilesStorage(location=…)), and collect without "
        "--no-post-process"
    )


def test_a_manifest_that_an_earlier_build_left_is_refused(tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, "Given", "COMPRESS_OFFLINE = False\n")
    project = {"python": PYTHON}
    with on_this_machine(code, "collectstatic", project=project) as (session, _):
        session.deploy()
    (code / "assets" / "logo.svg").write_text("<svg id='new'/>")
    build = {"commands": {"collectstatic": "manage.py collectstatic --noinput --no-post-process"}}
    with (
        on_this_machine(code, "collectstatic", project=project, build=build) as (
            session,
            _,
        ),
        pytest.raises(ManifestError) as caught,
    ):
        session.deploy()
    assert "that the static root does not hold, such as" in caught.value.what
