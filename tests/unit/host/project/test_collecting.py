"""collectstatic copies only what has changed, and leaves what copying everything would have left."""

import hashlib
import json
import os
import sys
import textwrap
import time

import pytest

from fab_static.host.agent.project_start import end_start
from fab_static.host.agent.store import Host
from fab_static.host.agent.wire import Agent, function_of
from fab_static.host.project.collecting import Collecting
from fab_static.host.project.reads.recorder import Recorder
from fab_static.host.project.reads.states import COARSE_TICK_NS, TICK_NS, stamp_of
from fab_static.phases.run.project_code import RECORDER, project_archive

MANAGE = """
    import os, sys
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
    import os
    BASE = os.path.dirname(os.path.abspath(__file__))
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.staticfiles", "own"]
    STATIC_URL = "/static/"
    STATIC_ROOT = os.path.join(BASE, "static")
    STATICFILES_DIRS = [os.path.join(BASE, "site"), ("lib", os.path.join(BASE, "library"))]
"""
PLAIN = {
    "site/a.css": "a",
    "site/deep/b.js": "b",
    "library/c.js": "c",
    "own/static/own/d.txt": "d",
    "own/static/a.css": "hidden by the site's",
}


class Shop(Agent):
    """A project with files to collect, collected as a build does, and the agent of its host."""

    def __init__(self, folder):
        super().__init__(-1, -1)
        self.folder = folder / "code"
        self.host = Host(str(folder / "deploy_to"), "shop", "production")
        self.printed = b""
        self.ask("learn", project_archive())
        self.write("manage.py", MANAGE)
        self.write("site_settings.py", SETTINGS)
        self.write("own/__init__.py", "")
        self.words = ["collectstatic", "--noinput", "-v", "2"]
        self.listing = self.token = None
        for name, text in PLAIN.items():
            self.write(name, text)

    @property
    def root(self):
        return self.folder / "static"

    def send(self, head, body=b""):
        self.printed += bytes(body)

    def ask(self, verb, body=b"", **params):
        return function_of(verb)(self, {"do": verb, **params}, body)[0]

    def write(self, name, text, seconds_ago=100):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        os.utime(path, (time.time() - seconds_ago,) * 2)
        return path

    def settings(self, text):
        self.write("site_settings.py", SETTINGS + textwrap.indent(text, "    "))

    def collect(self, onto=True):
        """Collect as a build does; return what was copied."""
        self.settle()
        listing = self.listing if onto else None
        self.ask("empty", root=str(self.root), keep={}, listing=listing)
        self.printed = b""
        answer = self.ask(
            "run",
            main=RECORDER,
            command=[sys.executable, "-"],
            folder=str(self.folder),
            environment={},
            timeout=120,
            shares_start=True,
            record={
                "name": "collectstatic",
                "what": [sys.executable, "collectstatic"],
                "manage": self.words,
                "inside": [str(self.root)],
                "trust": [],
                "collect": {"root": str(self.root), "onto": self.token if listing else None},
            },
        )
        end_start(self)  # another deploy starts another
        printed = self.printed.decode()
        assert "token" in answer, printed
        self.token = answer["token"]
        self.listing, self.left = self.snapshot()
        return sorted(
            line.split("'")[1][len(str(self.folder)) + 1 :]
            for line in printed.splitlines()
            if line.startswith("Copying")
        )

    def snapshot(self):
        listing = self.ask("snapshot", root=str(self.root), extra=[])["listing"]
        _, data = function_of("read_object")(self, {"object": listing}, b"")
        return listing, json.loads(data)["files"]

    def settle(self):
        """Wait until what was written has a time that the next change has not."""
        sources = [path for path in self.folder.rglob("*") if self.root not in path.parents]
        last = max(path.lstat().st_ctime_ns for path in sources)
        tick = COARSE_TICK_NS if last % 1_000_000_000 == 0 else TICK_NS
        while time.time_ns() <= last + tick:
            time.sleep(0.01)

    def agrees(self):
        """Tell whether a collection of everything leaves the same."""
        left = self.left
        self.collect(onto=False)
        return self.left == left


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    assert shop.collect() == sorted(name for name in PLAIN if name != "own/static/a.css")
    return shop


def test_nothing_is_copied_where_nothing_has_changed(shop):
    left = shop.left
    assert shop.collect() == []
    assert shop.left == left
    assert sorted(left) == ["a.css", "deep/b.js", "lib/c.js", "own/d.txt"]


@pytest.mark.parametrize("seconds_ago", [100, 10**6], ids=["newer", "older than what it replaces"])
def test_what_has_changed_is_copied_whatever_its_time(shop, seconds_ago):
    shop.write("library/c.js", "other", seconds_ago)
    assert shop.collect() == ["library/c.js"]
    assert shop.agrees()


def test_what_was_only_touched_is_copied_and_the_same(shop):
    left = shop.left
    shop.write("library/c.js", "c", 50)
    assert shop.collect() == ["library/c.js"]
    assert shop.left == left


def test_what_is_no_more_is_removed_and_what_it_hid_comes_to_light(shop):
    (shop.folder / "site/a.css").unlink()
    (shop.folder / "library/c.js").unlink()
    assert shop.collect() == ["own/static/a.css"]
    assert sorted(shop.left) == ["a.css", "deep/b.js", "own/d.txt"]
    assert not (shop.root / "lib").exists(), "a program that lists folders would see it"
    assert shop.agrees()


def test_a_file_may_become_a_folder_and_a_folder_a_file(shop):
    (shop.folder / "site/a.css").unlink()
    (shop.folder / "own/static/a.css").unlink()
    (shop.folder / "site/deep/b.js").unlink()
    (shop.folder / "site/deep").rmdir()
    shop.write("site/a.css/now.txt", "a folder")
    shop.write("site/deep", "a file")
    assert shop.collect() == ["site/a.css/now.txt", "site/deep"]
    assert shop.agrees()


def test_settings_are_followed(shop):
    shop.settings('STATICFILES_DIRS = [os.path.join(BASE, "library")]\n')
    assert shop.collect() == ["library/c.js", "own/static/a.css"]
    assert sorted(shop.left) == ["a.css", "c.js", "own/d.txt"]
    assert shop.agrees()
    shop.words += ["--ignore", "*.css"]
    assert shop.collect() == []
    assert sorted(shop.left) == ["c.js", "own/d.txt"]


def test_where_somebody_edited_the_output_it_is_as_it_was(shop):
    left = shop.left
    (shop.root / "lib/c.js").write_text("edited")
    (shop.root / "lib/new.js").write_text("new")
    (shop.root / "a.css").unlink()
    assert shop.collect() == []
    assert shop.left == left


def test_permissions_are_djangos(shop):
    source = shop.folder / "library/c.js"
    source.chmod(0o600)
    assert shop.collect() == ["library/c.js"]
    assert (shop.root / "lib/c.js").stat().st_mode & 0o777 == 0o644


NOT_PLAIN = {
    "a storage that does more": """
        STORAGES = {"staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
    """,
    "a storage of the project's own": """
        STORAGES = {"staticfiles": {"BACKEND": "own.storage.Shouting"}}
    """,
    "a command of the project's own": """
        INSTALLED_APPS = ["own", "django.contrib.staticfiles"]
    """,
    "a finder whose files are not on disk": """
        STATICFILES_FINDERS = ["own.storage.Finder"]
    """,
}
STORAGE = """
    from django.contrib.staticfiles.finders import BaseFinder
    from django.contrib.staticfiles.storage import StaticFilesStorage
    from django.core.files.base import ContentFile
    from django.core.files.storage import InMemoryStorage

    class Shouting(StaticFilesStorage):
        def _save(self, name, content):
            return super()._save(name, ContentFile(content.read().upper()))

    class Finder(BaseFinder):
        def check(self, **kwargs):
            return []
        def list(self, ignore_patterns):
            import pathlib
            storage = InMemoryStorage()
            path = pathlib.Path(__file__).parent / "static/own/d.txt"
            storage.save("made.txt", ContentFile(path.read_bytes() * 2))
            yield "made.txt", storage
"""
COMMAND = """
    from django.contrib.staticfiles.management.commands import collectstatic

    class Command(collectstatic.Command):
        def copy_file(self, path, prefixed_path, source_storage):
            super().copy_file(path, prefixed_path, source_storage)
            with open(self.storage.path(prefixed_path), "a") as file:
                file.write("by our own command")
"""


GATHER = """
    from django.core.management import call_command
    from django.core.management.base import BaseCommand

    class Command(BaseCommand):
        def handle(self, **options):
            call_command("collectstatic", interactive=False, verbosity=2)
            open("static/a.css", "a").write("by our own command")
"""
PATCHED = """
    from django.contrib.staticfiles.management.commands.collectstatic import Command

    copy_file = Command.copy_file
    def loud(self, path, prefixed_path, source_storage):
        copy_file(self, path, prefixed_path, source_storage)
        with open(self.storage.path(prefixed_path), "a") as file:
            file.write("by our own method")
    Command.copy_file = loud
"""


def test_a_command_of_another_name_that_calls_it_does_all_of_it(shop):
    shop.settings('INSTALLED_APPS = ["own", "django.contrib.staticfiles"]')
    shop.write("own/management/__init__.py", "")
    shop.write("own/management/commands/__init__.py", "")
    shop.write("own/management/commands/gather.py", GATHER)
    shop.words = ["gather"]
    for text in ("other", "yet another"):
        shop.write("site/a.css", text, 10**6)
        assert len(shop.collect()) == 4
        assert shop.agrees()


def test_a_command_whose_method_was_replaced_does_all_of_it(shop):
    shop.settings('INSTALLED_APPS = ["own", "django.contrib.staticfiles"]')
    shop.write("own/models.py", PATCHED)
    for _ in range(2):
        assert len(shop.collect()) == 4
        assert shop.agrees()


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_where_more_than_copying_is_done_all_of_it_is_done_anew(shop, what):
    shop.write("own/storage.py", STORAGE)
    shop.settings(textwrap.dedent(NOT_PLAIN[what]))
    if "command" in what:
        shop.write("own/management/__init__.py", "")
        shop.write("own/management/commands/__init__.py", "")
        shop.write("own/management/commands/collectstatic.py", COMMAND)
    for text in ("other", "yet another"):
        shop.write("own/static/own/d.txt", text, 10**6)
        shop.write("site/a.css", text, 10**6)
        shop.collect()
        assert shop.agrees(), sorted(shop.left)


FINDERS = """
    from django.contrib.staticfiles.finders import AppDirectoriesFinder
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    class Disk(FileSystemStorage):
        prefix = None

    class DiskFinder(AppDirectoriesFinder):
        storage_class = Disk

    class Banner(Disk):
        def _open(self, name, mode="rb"):
            return ContentFile(b"/* ours */ " + super()._open(name, mode).read())

    class BannerFinder(AppDirectoriesFinder):
        storage_class = Banner
"""


@pytest.mark.parametrize("finder", ["DiskFinder", "BannerFinder"])
def test_a_file_that_comes_from_a_storage_of_the_projects_own_stays(shop, finder):
    """The command copies it itself: it is not what no finder finds any more."""
    shop.write("own/finders.py", FINDERS)
    shop.settings(f"STATICFILES_FINDERS = ['own.finders.{finder}']")
    shop.collect()
    assert sorted(shop.left) == ["a.css", "own/d.txt"]
    banner = "/* ours */ " if finder == "BannerFinder" else ""
    assert (shop.root / "own/d.txt").read_text() == banner + "d"
    assert shop.agrees()


def test_a_file_of_such_a_storage_may_hide_one_that_was_copied(shop):
    shop.write("own/finders.py", FINDERS)
    finders = "'own.finders.DiskFinder', 'django.contrib.staticfiles.finders.FileSystemFinder'"
    shop.settings(f"STATICFILES_FINDERS = [{finders}]")
    shop.collect()
    assert (shop.root / "a.css").read_text() == PLAIN["own/static/a.css"]
    assert sorted(shop.left) == ["a.css", "deep/b.js", "lib/c.js", "own/d.txt"]
    assert shop.agrees()


def test_a_project_that_is_started_for_each_command_begins_with_nothing(shop):
    shop.settings("import sys\nDEBUG = 'runserver' in sys.argv\n")
    shop.write("site/a.css", "other", 10**6)
    assert len(shop.collect()) == 4
    assert shop.agrees()


def test_after_a_failure_everything_is_copied(shop):
    shop.settings("raise ValueError\n")
    with pytest.raises(AssertionError):
        shop.collect()
    shop.settings("")
    shop.write("site/a.css", "other", 10**6)
    assert len(shop.collect()) == 4
    assert shop.agrees()


@pytest.mark.parametrize("words", [[], ["--clear"]])  # as we collect, and as Django does
def test_a_pipe_among_the_sources_is_refused_and_not_waited_for(shop, words):
    """Nobody writes into it: the build would hang until its time is over (fleet D)."""
    os.mkfifo(shop.folder / "site" / "pipe.js")
    shop.words = [*shop.words, *words]
    with pytest.raises(
        AssertionError, match=r"site/pipe\.js is not a file, but a pipe or a device"
    ):
        shop.collect()


def test_what_is_noted_of_a_source_is_what_was_copied(tmp_path):
    """Somebody writes to it between the look at its time and the copy: the record must not speak of the other bytes."""
    source, target = tmp_path / "a.css", tmp_path / "copy.css"
    source.write_text("before")
    recorder = Recorder(time.time() + 60, [], [])
    note, first = recorder.note, []

    def noted(*arguments):
        note(*arguments)
        if not first:
            source.write_text("after")
        first.append(arguments)

    recorder.note = noted
    Collecting(recorder, str(tmp_path), None)._copy_bytes(str(source), str(target))
    stamp, state = recorder.inputs["bytes", str(source)]
    assert target.read_text() == "after"
    assert state == hashlib.sha256(b"after").hexdigest()
    assert stamp != stamp_of(str(source)), "so the next build reads it again"


def test_a_large_file_is_copied_whole(tmp_path):
    data = bytes(range(256)) * 10_000
    (tmp_path / "large").write_bytes(data)
    recorder = Recorder(time.time() + 60, [], [])
    Collecting(recorder, str(tmp_path), None)._copy_bytes(
        str(tmp_path / "large"), str(tmp_path / "copy")
    )
    assert (tmp_path / "copy").read_bytes() == data
    assert recorder.inputs["bytes", str(tmp_path / "large")][1] == hashlib.sha256(data).hexdigest()
