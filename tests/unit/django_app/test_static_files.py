"""What finders list, read faster than Django reads it: the names must be the very same."""

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder, BaseStorageFinder, FileSystemFinder
from django.contrib.staticfiles.utils import get_files
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from fab_static.django_app import static_files
from fab_static.errors import BuildError

if not settings.configured:
    settings.configure()

FILES = (
    ".git/config",
    "CVS/root.js",
    "a b/c.js",
    "a.js",
    "a.js.map",
    "js/.hidden.js",
    "js/app.js",
    "js/app.js~",
    "js/my app.js",
    "js/old/app.js",
    "js/test.spec/one.js",
    "less/äö.less",
)


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        [".*", "*~", "* *"],
        ["CVS", ".*", "*~"],
        ["*.map", "a.js"],
        ["js/*"],
        ["js*app.js"],
        ["?s"],
        ["[a-j]s"],
        ["js/old", "*.spec"],
        ["*"],
    ],
)
def test_what_is_ignored_is_what_django_ignores(tmp_path, monkeypatch, patterns):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(settings, "STATICFILES_DIRS", [tmp_path])
    finder = FileSystemFinder()
    monkeypatch.setattr(static_files, "get_finders", lambda: [finder])

    (listing,) = static_files.listings(patterns)

    assert sorted(listing.names) == sorted(get_files(listing.storage, patterns))


@pytest.mark.parametrize("root", ["assets", "assets/out", ".", "link"])
def test_no_command_writes_below_a_static_root_that_overlaps_with_sources(
    tmp_path, monkeypatch, root
):
    """(build A1) The LESS fix and build_requirejs by hand would rewrite the sources themselves."""
    (tmp_path / "assets" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to("assets")
    monkeypatch.setattr(settings, "STATICFILES_DIRS", [tmp_path / "assets"])
    finder = FileSystemFinder()
    monkeypatch.setattr(static_files, "get_finders", lambda: [finder])
    with pytest.raises(BuildError) as caught:
        static_files.refuse_sources(tmp_path / root)
    assert caught.value.what == (
        f"STATIC_ROOT overlaps with {tmp_path}/assets, a folder of sources that FileSystemFinder reads"
    )
    static_files.refuse_sources(tmp_path / "static_root")


class OneOfItsOwn(BaseFinder):
    """As projects have them: it lists files of a storage, and keeps no `storages`."""

    def __init__(self, folder):
        self.kept = FileSystemStorage(folder)

    def find(self, path, *args, **kwargs):
        return []

    def list(self, ignore_patterns):
        yield from (("a.js", self.kept), ("b.js", self.kept))


class OfAStorage(BaseStorageFinder):
    def __init__(self, folder):
        self.storage = FileSystemStorage(folder)


class ListsNothing(OfAStorage):
    """As compressor's does, whose storage is the static root itself."""

    def list(self, ignore_patterns):
        return []


@pytest.mark.parametrize("kind", [OneOfItsOwn, OfAStorage])
def test_no_command_writes_below_what_other_finders_read(tmp_path, monkeypatch, kind):
    """(build A1) By hand, only the folders of Django's two usual finders were guarded; in a deploy, all."""
    monkeypatch.setattr(
        static_files, "get_finders", lambda: [kind(tmp_path / "designs"), ListsNothing(tmp_path)]
    )
    with pytest.raises(BuildError) as caught:
        static_files.refuse_sources(tmp_path / "designs" / "out")
    assert caught.value.what == (
        f"STATIC_ROOT overlaps with {tmp_path}/designs, a folder of sources that {kind.__name__} reads"
    )
    static_files.refuse_sources(tmp_path / "static_root")


@pytest.mark.parametrize("text", [b"/* ours */", "/* ours */"])
def test_the_bytes_of_a_source_are_those_that_its_storage_gives(tmp_path, text):
    class Storage(FileSystemStorage):
        def _open(self, name, mode="rb"):
            return ContentFile(text)

    (tmp_path / "a.js").write_text("a")
    source = static_files.Source("a.js", Storage(tmp_path), "a.js")
    assert source.read() == b"/* ours */"
