"""A release is compared with what it should hold: the storage's folder, the finders' files, never empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import BuildError, ReleaseError
from tests.integration.conftest import on_this_machine
from tests.integration.plain_project import write

FINDER = "django.contrib.staticfiles.finders.AppDirectoriesFinder"
MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
IN_MEMORY = """
STORAGES = {"staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage",
                            "OPTIONS": {"base_url": "https://bucket.example.com/static/"}}}
"""
REMOTE = """
from django.core.files.storage import Storage
from django.core.files.base import ContentFile
class Bucket(Storage):
    def _save(self, name, content):
        raise AssertionError("nothing is to be sent")
    def exists(self, name):
        return False
    def url(self, name):
        return "https://bucket.example.com/" + name
"""
ELSEWHERE = """
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
                            "OPTIONS": {"location": BASE_DIR / "elsewhere"}}}
"""
STORED_ELSEWHERE = {
    "in memory": (
        IN_MEMORY,
        "the staticfiles storage django.core.files.storage.memory.InMemoryStorage does not write STATIC_ROOT, "
        "so a release would be empty",
    ),
    "in a bucket": (
        'STORAGES = {"staticfiles": {"BACKEND": "remote.Bucket"}}\n',
        "the staticfiles storage remote.Bucket does not write STATIC_ROOT, so a release would be empty",
    ),
    "in another folder": (
        ELSEWHERE,
        "the staticfiles storage django.contrib.staticfiles.storage.StaticFilesStorage writes "
        "{code}/elsewhere, and not STATIC_ROOT",
    ),
    "no finder": (
        "STATICFILES_FINDERS = []\n",
        "STATICFILES_FINDERS is empty, so collectstatic would collect no file",
    ),
    "a storage that is not installed": (
        'STORAGES = {"staticfiles": {"BACKEND": "storages.backends.s3.S3Storage"}}\n',
        "the staticfiles storage cannot be made: InvalidStorageError: Could not find backend "
        "'storages.backends.s3.S3Storage': No module named 'storages'",
    ),
}


@pytest.mark.parametrize(("settings", "what"), STORED_ELSEWHERE.values(), ids=STORED_ELSEWHERE)
def test_settings_by_which_a_release_would_be_empty_are_refused_before_a_command_runs(
    tmp_path: Path, settings: str, what: str
) -> None:
    """(build A2, A2b) A release of no files went live, in place of a good one too, exit 0."""
    code = write(tmp_path / "code", files={"remote.py": REMOTE})
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        live = session.deploy().current_release().id
        with (code / "settings.py").open("a") as file:
            file.write(settings)
        for act in (session.deploy, session.plan):
            with pytest.raises(BuildError) as caught:
                act()
            assert caught.value.what == what.format(code=code)
        bad = [one["what"] for one in session.check() if one["subject"] == "STATIC_ROOT"]
        assert bad == [what.format(code=code)]
        assert session.status()["live"] == live
    assert (code / "static_root" / "css" / "site.css").is_file()


OWN_COMMAND = """
from django.contrib.staticfiles.management.commands.collectstatic import Command as Django
class Command(Django):
    def copy_file(self, path, prefixed_path, source_storage):
        if not path.endswith(".js"):
            super().copy_file(path, prefixed_path, source_storage)
"""
OWN = {
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/management/commands/collectstatic.py": OWN_COMMAND,
}


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("manage.py collectstatic --noinput --dry-run", 2),
        ("true", 2),
    ],
)
def test_a_collectstatic_that_leaves_out_everything_is_refused(
    tmp_path: Path, command: str, missing: int
) -> None:
    """(build A2) Whatever the reason is: a phase's result is compared with what it should have made."""
    code = write(tmp_path / "code")
    build = {"phases": ["collectstatic"], "commands": {"collectstatic": command}}
    with (
        on_this_machine(code, settings="settings", build=build) as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        f"collectstatic left out {missing} files that the finders list:\n    css/site.css\n    js/app.js"
    )
    assert caught.value.where == f"here: {code}/static_root, after {command}"


def test_one_file_that_collectstatic_left_out_is_enough(tmp_path: Path) -> None:
    """(build A2) A manage.py that removes what it copied, say."""
    code = write(tmp_path / "code")
    manage = code / "manage.py"
    text = manage.read_text().replace(
        "sys.argv)",
        "sys.argv)\n    if 'collectstatic' in sys.argv: os.remove('static_root/js/app.js')",
    )
    manage.write_text(text)
    with (
        on_this_machine(code, "collectstatic", settings="settings") as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "collectstatic left out 1 file that the finders list:\n    js/app.js"
    )


def test_finders_that_list_nothing_are_refused(tmp_path: Path) -> None:
    code = write(
        tmp_path / "code",
        f'STATICFILES_FINDERS = ["{FINDER}"]\nINSTALLED_APPS = INSTALLED_APPS[:1]\n',
    )
    with (
        on_this_machine(code, "collectstatic", settings="settings") as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == "no finder lists a file, so the release would hold none"
    assert FINDER in caught.value.where


def test_a_release_without_a_file_is_never_sealed(tmp_path: Path) -> None:
    """(build A2) Also where another phase than collectstatic left nothing."""
    code = write(tmp_path / "code")
    build = {"phases": ["compress"], "commands": {"compress": "mkdir -p static_root"}}
    with (
        on_this_machine(code, settings="settings", build=build) as (session, _),
        pytest.raises(ReleaseError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "the release would hold no file, and every URL of the live one would answer 404"
    )


KEPT_HASHES = """
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
class Storage(ManifestStaticFilesStorage):
    def post_process(self, *args, **kwargs):
        for name, hashed, processed in super().post_process(*args, **kwargs):
            if hashed != name:
                self.delete(name)
            yield name, hashed, processed
"""
MEANT_SO = {
    "hashed names": (f'STORAGES = {{"staticfiles": {{"BACKEND": "{MANIFEST}"}}}}\n', None, 5),
    "hashed names alone": ('STORAGES = {"staticfiles": {"BACKEND": "kept.Storage"}}\n', None, 3),
    "patterns": ("", "manage.py collectstatic --noinput -i '*.js'", 1),
    "patterns of the app": (
        'INSTALLED_APPS[0] = "quiet.Config"\n',
        None,
        1,
    ),
    "a folder below": (
        'STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",'
        ' "OPTIONS": {"location": STATIC_ROOT / "v3"}}}\n',
        None,
        2,
    ),
    "a prefix": (
        'STATICFILES_DIRS = [("lib", BASE_DIR / "lib")]\n',
        None,
        3,
    ),
}
QUIET = """
from django.contrib.staticfiles.apps import StaticFilesConfig
class Config(StaticFilesConfig):
    ignore_patterns = ["*.js"]
"""


@pytest.mark.parametrize(("settings", "command", "count"), MEANT_SO.values(), ids=MEANT_SO)
def test_what_is_left_out_or_renamed_on_purpose_is_not_refused(
    tmp_path: Path, settings: str, command: str | None, count: int
) -> None:
    code = write(
        tmp_path / "code",
        settings,
        {"kept.py": KEPT_HASHES, "quiet.py": QUIET, "lib/a.txt": "a"},
    )
    build = {"phases": ["collectstatic"], "commands": {"collectstatic": command} if command else {}}
    with on_this_machine(code, settings="settings", build=build) as (session, told):
        release = session.deploy().current_release()
    assert len(release.files) == count
    assert told.warned == []


def test_what_a_command_of_the_projects_own_leaves_out_is_told(tmp_path: Path) -> None:
    code = write(tmp_path / "code", "INSTALLED_APPS.reverse()\n", OWN)
    with on_this_machine(code, "collectstatic", settings="settings") as (session, told):
        session.deploy()
    assert told.warned == [
        "collectstatic left out 1 file that the finders list:\n    js/app.js\n"
        "(collectstatic is the project's own command, so that may be meant so)"
    ]


def test_files_that_git_lfs_has_not_fetched_are_warned_of(tmp_path: Path) -> None:
    """(build B) Visitors got 130 bytes of text in place of an image."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    code = write(tmp_path / "code", files={"shop/static/img/hero.png": pointer})
    with on_this_machine(code, "collectstatic", settings="settings") as (session, told):
        session.deploy()
    assert told.warned == [
        "1 file is only what git-lfs leaves in place of a file that it has not fetched; run `git lfs pull` in "
        "the checkout:\n    img/hero.png"
    ]


def test_a_setting_that_django_does_not_read_any_more_is_told(tmp_path: Path) -> None:
    """(build B) STATICFILES_STORAGE is ignored since Django 5.1."""
    code = write(tmp_path / "code", f'STATICFILES_STORAGE = "{MANIFEST}"\n')
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        (found,) = [one for one in session.check() if one["subject"] == "STATICFILES_STORAGE"]
    assert found["what"].endswith(
        "does not read this setting any more: it uses "
        f"django.contrib.staticfiles.storage.StaticFilesStorage, and not {MANIFEST}"
    )
    assert found["mend"] == f'set STORAGES = {{"staticfiles": {{"BACKEND": "{MANIFEST}"}}, …}}'
