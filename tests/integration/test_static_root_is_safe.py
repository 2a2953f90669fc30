"""Nothing of the user's is removed: a static root that holds more than collected files is refused untouched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fab_static.errors import BuildError, FabStaticError
from tests.integration.conftest import on_this_machine
from tests.integration.plain_project import everything_below, git, write

COMPRESSOR_ALONE = """
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder", "own.Finder"]
"""
OWN_FINDER = """
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
import settings
class Finder(BaseFinder):
    storage = FileSystemStorage(settings.BASE_DIR / "designs")
    def find(self, path, *args, **kwargs):
        return []
    def list(self, ignore_patterns):
        yield "logo.svg", self.storage
"""
MEDIA = """
MEDIA_ROOT = BASE_DIR / "static_root" / "uploads"
"""
OVERLAPS = {
    "an app's folder of sources": (
        'STATIC_ROOT = BASE_DIR / "shop" / "static"\n',
        {},
        "STATIC_ROOT is {code}/shop/static, a folder of sources that AppDirectoriesFinder (the app shop) "
        "reads, and a build starts by emptying STATIC_ROOT",
    ),
    "below a folder of sources": (
        'STATICFILES_DIRS = [BASE_DIR / "static"]\nSTATIC_ROOT = BASE_DIR / "static" / "collected"\n',
        {"static/a.js": "a"},
        "STATIC_ROOT lies in {code}/static, a folder of sources that FileSystemFinder (STATICFILES_DIRS) "
        "reads, and a build starts by emptying STATIC_ROOT",
    ),
    "around a folder of sources": (
        'STATICFILES_DIRS = [("lib", BASE_DIR / "static" / "lib")]\nSTATIC_ROOT = BASE_DIR / "static"\n',
        {"static/lib/a.js": "a"},
        "STATIC_ROOT holds {code}/static/lib, a folder of sources that FileSystemFinder "
        "(STATICFILES_DIRS) reads, and a build starts by emptying STATIC_ROOT",
    ),
    "through a link": (
        'STATICFILES_DIRS = [BASE_DIR / "static"]\nSTATIC_ROOT = BASE_DIR / "out"\n',
        {"static/a.js": "a", "out": "-> static"},
        "STATIC_ROOT is {code}/static, a folder of sources that FileSystemFinder (STATICFILES_DIRS) reads, "
        "and a build starts by emptying STATIC_ROOT",
    ),
    "a finder of one's own": (
        COMPRESSOR_ALONE + 'STATIC_ROOT = BASE_DIR / "designs"\n',
        {"own.py": OWN_FINDER, "designs/logo.svg": "<svg/>"},
        "STATIC_ROOT is {code}/designs, a folder of sources that own.Finder reads, and a build starts by "
        "emptying STATIC_ROOT",
    ),
    "uploads": (
        MEDIA,
        {"static_root/uploads/cat.jpg": "cat"},
        "STATIC_ROOT holds MEDIA_ROOT ({code}/static_root/uploads), and a build starts by emptying it",
    ),
    "templates": (
        'STATIC_ROOT = BASE_DIR / "shop" / "templates"\n',
        {},
        "STATIC_ROOT holds the templates of shop ({code}/shop/templates), and a build starts by emptying it",
    ),
    "translations": (
        'LOCALE_PATHS = [BASE_DIR / "locale"]\nSTATIC_ROOT = BASE_DIR / "locale"\n',
        {"locale/de/LC_MESSAGES/django.po": "po"},
        "STATIC_ROOT holds LOCALE_PATHS {code}/locale ({code}/locale), and a build starts by emptying it",
    ),
    "a database": (
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "data/db"}}\n'
        'STATIC_ROOT = BASE_DIR / "data"\n',
        {"data/db": ""},
        "STATIC_ROOT holds DATABASES {code}/data/db ({code}/data/db), and a build starts by emptying it",
    ),
    "uploads of a storage": (
        'STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": '
        '{"location": STATIC_ROOT / "media"}}, "staticfiles": {"BACKEND": '
        '"django.contrib.staticfiles.storage.StaticFilesStorage"}}\n',
        {"static_root/media/cat.jpg": "cat"},
        'STATIC_ROOT holds STORAGES["default"] ({code}/static_root/media), and a build starts by emptying it',
    ),
    "a file": (
        'STATIC_ROOT = BASE_DIR / "notes.txt"\n',
        {"notes.txt": "mine"},
        "STATIC_ROOT is a file",
    ),
    "packages of npm": (
        'STATIC_ROOT = BASE_DIR / "node_modules"\n',
        {"node_modules/less/package.json": "{}"},
        "STATIC_ROOT holds node_modules of {code} ({code}/node_modules), and a build starts by emptying it",
    ),
}


@pytest.mark.parametrize(("settings", "files", "what"), OVERLAPS.values(), ids=OVERLAPS)
def test_a_static_root_that_holds_other_things_is_refused_before_anything_is_removed(
    tmp_path: Path, settings: str, files: dict[str, str], what: str
) -> None:
    """(build A1, A1b) `check` said that all is well, and the deploy emptied the folder of sources."""
    links = {name: text[3:] for name, text in files.items() if text.startswith("-> ")}
    code = write(
        tmp_path / "code", settings, {n: text for n, text in files.items() if n not in links}
    )
    for name, target in links.items():
        (code / name).symlink_to(target)
    before = everything_below(code)
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        for act in (session.deploy, lambda: session.phase("collectstatic"), session.plan):
            with pytest.raises(FabStaticError) as caught:
                act()
            assert caught.value.what == what.format(code=code)
            assert caught.value.mend.startswith("set STATIC_ROOT to a folder of its own")
        found = [one for one in session.check() if not one["ok"]]
    assert [one["what"] for one in found if one["subject"] == "STATIC_ROOT"] == [
        what.format(code=code)
    ]
    assert everything_below(code) == before


def test_a_phase_by_hand_does_not_make_a_folder_of_sources_what_the_last_build_left(
    tmp_path: Path,
) -> None:
    """(build A1) `compress` by hand first makes STATIC_ROOT what the phase before it left: it removes the rest."""
    code = write(tmp_path / "code")
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
    settings = code / "settings.py"
    settings.write_text(settings.read_text() + 'STATIC_ROOT = BASE_DIR / "shop" / "static"\n')
    before = everything_below(code)
    phases = ("collectstatic", "compilejsi18n")
    with (
        on_this_machine(code, *phases, settings="settings") as (session, _),
        pytest.raises(FabStaticError, match="a folder of sources that AppDirectoriesFinder"),
    ):
        session.phase("compilejsi18n")
    assert everything_below(code) == before


def test_a_folder_that_somebody_else_filled_is_refused_untouched(tmp_path: Path) -> None:
    """(build A1) A folder named by mistake: the journal does not show it as filled, and no finder lists its files."""
    code = write(tmp_path / "code", 'STATIC_ROOT = BASE_DIR / "letters"\n')
    (code / "letters").mkdir()
    (code / "letters" / "to mother.txt").write_text("Dear mother")
    before = everything_below(code)
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        for act in (session.deploy, session.plan):
            with pytest.raises(BuildError) as caught:
                act()
            assert str(caught.value) == (
                "STATIC_ROOT holds 1 file that no finder lists and no build has left there, and a build "
                "starts by emptying it:\n    to mother.txt\n"
                f"  where: here: {code}/letters\n"
                "  mend:  set STATIC_ROOT to a folder of its own; where these files are left from an "
                "earlier build, move the folder away, and the build makes it again; where a program writes "
                "them, make it a phase after collectstatic: {name: …, run: …, writes: […]}"
            )
        assert "STATIC_ROOT" in [one["subject"] for one in session.check() if not one["ok"]]
    assert everything_below(code) == before


@pytest.mark.parametrize("what", ["a new file", "a copy of a file of the build"])
def test_a_file_that_somebody_puts_beside_what_a_build_left_is_refused_untouched(
    tmp_path: Path, what: str
) -> None:
    """Only the first deploy asked. `check` said that STATIC_ROOT holds nothing else, and the next one removed it."""
    code = write(tmp_path / "code")
    root = code / "static_root"
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
        session.deploy()
        (root / "media").mkdir()
        source = "Dear mother" if what == "a new file" else (root / "css/site.css").read_text()
        (root / "media" / "mother.txt").write_text(source)
        before = everything_below(code)
        for act in (session.deploy, session.plan, lambda: session.phase("collectstatic")):
            with pytest.raises(BuildError) as caught:
                act()
            assert caught.value.what == (
                "STATIC_ROOT holds 1 file that no finder lists and no build has left there, and a build "
                "starts by emptying it:\n    media/mother.txt"
            )
        assert "STATIC_ROOT" in [one["subject"] for one in session.check() if not one["ok"]]
        assert everything_below(code) == before
        (root / "media" / "mother.txt").unlink()
        (root / "css/site.css").unlink()
        session.deploy()
    assert (root / "css/site.css").exists()


def test_an_empty_folder_beside_what_a_build_left_is_nobodys_loss(tmp_path: Path) -> None:
    code = write(tmp_path / "code")
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
        built = everything_below(code / "static_root")
        (code / "static_root" / "media").mkdir()
        session.deploy()
    assert everything_below(code / "static_root") == built


def test_a_folder_that_git_tracks_is_refused_untouched(tmp_path: Path) -> None:
    """(build A1) Its files may even be those that finders list: the app that had them is installed."""
    code = write(tmp_path / "code", files={"static_root/css/site.css": "body{color:blue}"})
    git(code, "init", "-q")
    git(code, "add", "static_root")
    before = everything_below(code)
    with (
        on_this_machine(code, "collectstatic", settings="settings") as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "STATIC_ROOT holds 1 file that git tracks, and a build starts by emptying it:\n    css/site.css"
    )
    assert everything_below(code) == before


def test_a_static_root_that_commands_by_hand_filled_is_taken(tmp_path: Path) -> None:
    """The first deploy of a project that was deployed by hand before."""
    code = write(
        tmp_path / "code",
        """
INSTALLED_APPS += ["compressor"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder",
                       "compressor.finders.CompressorFinder"]
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
""",
        {
            "static_root/css/site.css": "body{color:blue}",
            "static_root/css/site.0123456789ab.css": "body{color:blue}",
            "static_root/css/site.css.gz": "copy",
            "static_root/staticfiles.json": "damaged",
            "static_root/CACHE/css/output.0123456789ab.css": "",
            "static_root/.gitkeep": "",
        },
    )
    git(code, "init", "-q")
    git(code, "add", "static_root/.gitkeep")
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
    assert "site.0123456789ab.css" not in " ".join(everything_below(code / "static_root"))


def test_what_another_environments_build_left_in_the_same_folder_is_taken(tmp_path: Path) -> None:
    code = write(
        tmp_path / "code",
        files={
            "shop/management/__init__.py": "",
            "shop/management/commands/__init__.py": "",
            "shop/management/commands/resource_static.py": """
from django.core.management import BaseCommand
class Command(BaseCommand):
    def handle(self, **options):
        open("static_root/made.txt", "w").write("made")
""",
        },
    )
    phases = ("collectstatic", "resource_static")
    with on_this_machine(code, *phases, settings="settings") as (session, _):
        session.deploy()
    more = {"deploy_to": str(tmp_path / "other")}
    with on_this_machine(code, *phases, settings="settings", name="other", **more) as (session, _):
        session.deploy()
    (code / "static_root" / "made.txt").write_text("by hand")
    more = {"deploy_to": str(tmp_path / "third")}
    with (
        on_this_machine(code, *phases, settings="settings", name="third", **more) as (session, _),
        pytest.raises(BuildError, match="that no finder lists and no build has left there"),
    ):
        session.deploy()


def test_a_file_in_a_folder_that_git_ignores_is_the_one_that_git_cannot_give_back(
    tmp_path: Path,
) -> None:
    """(build A1) Most of the folder was collected, and git ignored it: the uploads in it were removed unasked."""
    code = write(
        tmp_path / "code",
        files={
            ".gitignore": "/static_root/\n",
            "static_root/css/site.css": "",
            "static_root/uploads/cat.jpg": "cat",
        },
    )
    git(code, "init", "-q")
    with (
        on_this_machine(code, "collectstatic", settings="settings") as (session, _),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "STATIC_ROOT holds 1 file that no finder lists and no build has left there, and a build starts by "
        "emptying it:\n    uploads/cat.jpg"
    )
    assert (code / "static_root/uploads/cat.jpg").read_text() == "cat"


def test_a_new_static_root_is_not_taken_for_the_one_that_builds_filled(tmp_path: Path) -> None:
    """(build A1) The last version's journal names no folder: every folder passed for one that builds had filled."""
    code = write(tmp_path / "code")
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
    _as_the_last_version_wrote_it(tmp_path / "code.static" / "journal.json")
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
    _as_the_last_version_wrote_it(tmp_path / "code.static" / "journal.json")
    (code / "letters").mkdir()
    (code / "letters" / "mother.txt").write_text("Dear mother")
    settings = code / "settings.py"
    settings.write_text(settings.read_text() + 'STATIC_ROOT = BASE_DIR / "letters"\n')
    with (
        on_this_machine(code, "collectstatic", settings="settings") as (session, _),
        pytest.raises(BuildError, match="that no finder lists and no build has left there"),
    ):
        session.deploy()
    assert (code / "letters" / "mother.txt").read_text() == "Dear mother"


def _as_the_last_version_wrote_it(journal: Path) -> None:
    data = json.loads(journal.read_text())
    del data["static_root"]
    journal.write_text(json.dumps(data))


def test_what_a_first_build_left_that_failed_halfway_is_the_builds(tmp_path: Path) -> None:
    """The next deploy refused what the first one's own command had written, as nobody's."""
    fails = BUNDLER.replace("# then", "raise SystemExit(1)")
    first = 'INSTALLED_APPS = ["shop", "django.contrib.staticfiles"]\n'
    code = write(tmp_path / "code", first, _command("collectstatic", fails))
    with (
        on_this_machine(code, "collectstatic", settings="settings") as (session, _),
        pytest.raises(BuildError, match="collectstatic"),
    ):
        session.deploy()
    assert (code / "static_root" / "bundle.js").exists()
    write(code, first, _command("collectstatic", BUNDLER))
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()


def test_a_refused_build_does_not_make_the_folder_its_own(tmp_path: Path) -> None:
    code = write(tmp_path / "code", files={"static_root/mine.txt": "mine"})
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        for _again in range(2):
            with pytest.raises(
                BuildError, match="that no finder lists and no build has left there"
            ):
                session.deploy()
    assert (code / "static_root/mine.txt").read_text() == "mine"


BUNDLER = """
import os
from django.contrib.staticfiles.management.commands import collectstatic
class Command(collectstatic.Command):
    def handle(self, **options):
        os.makedirs("static_root", exist_ok=True)
        open("static_root/bundle.js", "w").write("made")
        # then
        super().handle(**options)
"""


def _command(name: str, text: str) -> dict[str, str]:
    folder = "shop/management"
    packages = dict.fromkeys((f"{folder}/__init__.py", f"{folder}/commands/__init__.py"), "")
    return {**packages, f"{folder}/commands/{name}.py": text}
