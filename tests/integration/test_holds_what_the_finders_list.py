"""At the seal a release holds what the finders list: no later phase took a file away, or wrote sources too late."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration.conftest import on_this_machine
from tests.integration.plain_project import write

COMMAND = """
import subprocess
from pathlib import Path
from django.core.management.base import BaseCommand
class Command(BaseCommand):
    def handle(self, **options):
        BODY
"""
LATE = "shop/static/gen/late.js"
SUBPROCESS = (
    f"subprocess.run('mkdir -p shop/static/gen; echo late > {LATE}', shell=True, check=True)"
)
BOTH = (
    "Path('shop/static/gen').mkdir(exist_ok=True); Path('shop/static/gen/late.js').write_text('late'); "
    "Path('static_root/js/b.js').write_text('b')"
)
LINKED = "Path('real/late.js').write_text('late')"
ASSETS = 'STATICFILES_DIRS = [BASE_DIR / "assets"]\n'


def with_command(code: Path, body: str, settings: str = "") -> Path:
    """Write the project with a management command `make`."""
    return write(
        code,
        settings,
        {
            "shop/management/__init__.py": "",
            "shop/management/commands/__init__.py": "",
            "shop/management/commands/make.py": COMMAND.replace("BODY", body),
        },
    )


def build(command: str) -> dict[str, object]:
    phases = ["collectstatic", "compilejsi18n"]
    return {"build": {"phases": phases, "commands": {"compilejsi18n": command}}}


@pytest.mark.parametrize("command", ["rm static_root/css/site.css", "manage.py make"])
def test_a_file_that_a_later_phase_deleted_is_refused(tmp_path: Path, command: str) -> None:
    """(build A2) It went live without it, exit 0, no warning."""
    code = with_command(tmp_path / "code", "Path('static_root/css/site.css').unlink()")
    with (
        on_this_machine(code, settings="settings", **build(command)) as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "1 file that the finders list was removed from STATIC_ROOT after collectstatic:\n"
        "    css/site.css (compilejsi18n)"
    )
    assert caught.value.where == f"here: {code}/static_root"
    assert caught.value.mend == (
        "have that phase leave it there; or leave it out of what is collected: build.commands: "
        "{collectstatic: \"manage.py collectstatic --noinput --ignore 'PATTERN'\"}"
    )


LATER = {
    "a shell line": ("mkdir -p shop/static/gen && echo late > " + LATE, "pass", ""),
    "a subprocess": ("manage.py make", SUBPROCESS, ""),
    "a file in the root too": ("manage.py make", BOTH, "compilejsi18n"),
}
MEND = (
    "have it written before collectstatic runs: before the deploy, or below STATIC_ROOT (of compilejsi18n: "
    "STATICI18N_ROOT or --output); where somebody has edited sources meanwhile, deploy again"
)


@pytest.mark.parametrize(("command", "body", "phase"), LATER.values(), ids=LATER)
def test_a_source_that_comes_after_collectstatic_is_refused(
    tmp_path: Path, command: str, body: str, phase: str
) -> None:
    """(build A7) No release had it, exit 0, no warning, and the next build brought it."""
    code = with_command(tmp_path / "code", body)
    with on_this_machine(code, settings="settings", **build(command)) as (session, _):
        with pytest.raises(BuildError) as caught:
            session.deploy()
        assert caught.value.what == (
            f"{phase or 'something'} wrote sources that collectstatic has collected already:\n    {code}/{LATE}"
        )
        assert caught.value.where == (
            f"here: phase {phase}" if phase else "here: the folders that the finders read"
        )
        assert caught.value.mend == MEND
        # what was late is there now
        release = session.deploy().current_release()
        assert "gen/late.js" in release.files


def test_a_source_behind_a_link_is_a_source(tmp_path: Path) -> None:
    """(build A7) STATICFILES_DIRS names a link, and the phase writes the folder that it leads to."""
    code = with_command(tmp_path / "code", LINKED, ASSETS)
    (code / "real").mkdir()
    (code / "assets").symlink_to("real")
    with (
        on_this_machine(code, settings="settings", **build("manage.py make")) as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "compilejsi18n changed nothing in STATIC_ROOT, and wrote sources that collectstatic has collected "
        f"already:\n    {code}/real/late.js"
    )


def test_a_source_that_was_rewritten_after_collectstatic_is_refused(tmp_path: Path) -> None:
    """(build A7) The release has the old bytes."""
    code = with_command(tmp_path / "code", "pass")
    line = "echo 'other()' > shop/static/js/app.js"
    with (
        on_this_machine(code, settings="settings", **build(line)) as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "compilejsi18n changed nothing in STATIC_ROOT, and wrote sources that collectstatic has collected already:\n"
        f"    {code}/shop/static/js/app.js"
    )


HARMLESS = {
    "the same bytes": "printf 'app()\\n' > shop/static/js/app.js",
    "the same in both": "echo 'x()' > shop/static/js/app.js; echo 'x()' > static_root/js/app.js",
    "a new one in both": "echo 'x()' > shop/static/js/x.js; echo 'x()' > static_root/js/x.js",
    "a file that no finder lists": "echo x > shop/static/js/.x; echo x > shop/static/js/x~",
    "a source that is gone": "rm shop/static/js/app.js",
    "changed in the root alone": "echo '/**/' >> static_root/js/app.js",
}


@pytest.mark.parametrize("line", HARMLESS.values(), ids=HARMLESS)
def test_what_a_phase_may_do_among_sources_is_not_refused(tmp_path: Path, line: str) -> None:
    code = write(tmp_path / "code")
    with on_this_machine(code, settings="settings", **build(line)) as (session, told):
        release = session.deploy().current_release()
    assert {"css/site.css", "js/app.js"} <= set(release.files)
    assert told.warned == []


def test_what_a_command_left_out_before_is_not_late(tmp_path: Path) -> None:
    code = write(tmp_path / "code")
    collect = f"{sys.executable} manage.py collectstatic --noinput -i '*.css'"
    phases = {
        "phases": ["collectstatic", "compilejsi18n"],
        "commands": {"collectstatic": collect, "compilejsi18n": "true"},
    }
    with on_this_machine(code, settings="settings", build=phases) as (session, told):
        session.deploy()
    assert told.warned == [
        "collectstatic left out 1 file that the finders list:\n    css/site.css\n"
        "(it is a shell line, so that may be meant so)"
    ]


SPLIT = """
from django.contrib.staticfiles.storage import StaticFilesStorage
class Storage(StaticFilesStorage):
    def _save(self, name, content):
        return name if name.endswith(".js") else super()._save(name, content)
class Told(Storage):
    def url(self, name):
        return "https://bucket.example.com/" + name if name.endswith(".js") else super().url(name)
"""


@pytest.mark.parametrize("kind", ["Storage", "Told"])
def test_a_storage_that_puts_files_elsewhere_must_give_their_urls_there(
    tmp_path: Path, kind: str
) -> None:
    """(build A2) It was warned of, and every page asked for files that answered 404."""
    storage = f'STORAGES = {{"staticfiles": {{"BACKEND": "split.{kind}"}}}}\n'
    code = write(tmp_path / "code", storage, {"split.py": SPLIT})
    with on_this_machine(code, "collectstatic", settings="settings") as (session, told):
        if kind == "Told":
            session.deploy()
            assert told.warned == [
                "collectstatic left out 1 file that the finders list:\n    js/app.js\n"
                "(the storage Told has its own way to store files, so that may be meant so)"
            ]
            return
        with pytest.raises(BuildError) as caught:
            session.deploy()
    assert caught.value.what == (
        "the storage gives URLs below STATIC_URL to 1 file that it has not stored in STATIC_ROOT:\n    js/app.js"
    )
    assert caught.value.where == f"here: split.Storage, with STATIC_ROOT = {code}/static_root"


def test_a_phase_that_writes_caches_and_logs_is_not_warned_of(tmp_path: Path) -> None:
    """(build A7) A pickle in /tmp was told as if a release should have it."""
    cache = tmp_path / "cache"
    body = (
        f"open({str(cache / 'a.pickle')!r}, 'wb').write(b'x'); open({str(cache / 'a.js')!r}, 'w').write('x'); "
        "open('make.log', 'w').write('x')"
    )
    cache.mkdir()
    code = with_command(tmp_path / "code", body)
    with on_this_machine(code, settings="settings", **build("manage.py make")) as (session, told):
        session.deploy()
    assert told.warned == []
