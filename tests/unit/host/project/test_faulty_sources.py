"""Sources that collectstatic fails of are named: those that it meets, with its own options, and no others."""

import hashlib
import json
import os

import pytest

from fab_static.host.loader import program
from fab_static.phases.run.project_code import PROBE, project_archive
from tests.django_starts import run_python
from tests.integration.plain_project import write

FINDER = """
from django.contrib.staticfiles.finders import FileSystemFinder
class Finder(FileSystemFinder):
    def list(self, ignore_patterns):
        yield from super().list(ignore_patterns)
"""

BANNER = """
from django.contrib.staticfiles.finders import AppDirectoriesFinder
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage


class Banner(FileSystemStorage):
    prefix = None

    def _open(self, name, mode="rb"):
        with super()._open(name, mode) as file:
            return ContentFile(TEXT)


class BannerFinder(AppDirectoriesFinder):
    storage_class = Banner
"""


def ask(code, ask, **request):
    ran = run_python(
        "-",
        input=program(project_archive(), PROBE),
        cwd=code,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "settings",
            "FAB_STATIC_PROBE": json.dumps({"ask": ask, **request}),
        },
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.rpartition(b"FAB_STATIC_PROBE ")[2])


def whats(answer):
    return [one["what"] for one in answer["faults"]]


def test_what_the_command_leaves_out_is_no_fault(tmp_path):
    """`plan` exited 1 of a dead link that collectstatic was told to ignore."""
    code = write(tmp_path)
    (code / "shop/static/dead.scss").symlink_to("nowhere")
    words = ["collectstatic", "--noinput", "-i", "*.scss"]
    assert ask(code, "faults", words=words) == {"ok": True, "faults": []}
    assert sorted(ask(code, "sources", words=words)["files"]) == ["css/site.css", "js/app.js"]
    assert ask(code, "shadowed", words=words)["shadowed"] == {}
    said = f"{code}/shop/static/dead.scss is a link to nowhere, which is not there"
    assert whats(ask(code, "faults", words=["collectstatic"])) == [said]
    answer = ask(code, "sources", words=["collectstatic"])
    assert answer["error"]["what"] == f"sources cannot be collected:\n    {said}"


def test_folders_that_link_to_each_other_are_named_where_the_round_closes(tmp_path):
    """The path named was 40 links deep, and "not there"."""
    code = write(tmp_path)
    static = code / "shop/static"
    for name, other in (("a", "b"), ("b", "a")):
        (static / name).mkdir()
        (static / name / f"to_{other}").symlink_to(f"../{other}")
    assert sorted(whats(ask(code, "faults", words=None))) == [
        f"{static}/a/to_b/to_a is a link to ../a, a folder that it lies in",
        f"{static}/b/to_a/to_b is a link to ../b, a folder that it lies in",
    ]


def test_a_link_to_a_folder_beside_it_is_no_fault(tmp_path):
    code = write(tmp_path)
    (code / "shop/static/a").mkdir()
    (code / "shop/static/b").symlink_to("a")
    (code / "shop/static/c").symlink_to("a")
    assert whats(ask(code, "faults", words=None)) == []


def test_a_dead_link_is_named_whatever_finder_lists_it(tmp_path):
    settings = """
STATICFILES_DIRS = [BASE_DIR / "assets"]
STATICFILES_FINDERS = ["finding.Finder"]
"""
    code = write(tmp_path, settings, {"finding.py": FINDER, "assets/a.css": "a"})
    (code / "assets/b.css").symlink_to("c.css")
    answer = ask(code, "sources", words=["collectstatic"])
    assert answer["error"]["what"] == (
        f"sources cannot be collected:\n    {code}/assets/b.css is a link to c.css, which is not there"
    )


def test_a_pipe_among_sources_is_named_and_not_waited_for(tmp_path):
    code = write(tmp_path)
    os.mkfifo(code / "shop/static/pipe")
    answer = ask(code, "sources", words=["collectstatic"])
    assert answer["error"]["what"] == (
        f"sources cannot be collected:\n    {code}/shop/static/pipe is neither a file nor a folder"
    )


@pytest.mark.parametrize(("debug", "printed"), [(False, True), (True, False)])
def test_a_project_in_debug_prints_no_hashed_names(tmp_path, debug, printed):
    """It was refused for a manifest that its pages never read."""
    kind = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings = f'DEBUG = {debug}\nSTORAGES = {{"staticfiles": {{"BACKEND": "{kind}"}}}}\n'
    answer = ask(write(tmp_path, settings), "settings")
    assert answer["prints_hashed_names"] == (kind if printed else None)


def test_a_storage_made_of_the_one_in_memory_writes_nothing(tmp_path):
    settings = 'STORAGES = {"staticfiles": {"BACKEND": "mine.Kept"}}\n'
    kept = (
        "from django.core.files.storage import InMemoryStorage\nclass Kept(InMemoryStorage): pass\n"
    )
    code = write(tmp_path, settings, {"mine.py": kept})
    assert ask(code, "settings")["storage"]["folder"] is None


@pytest.mark.parametrize(
    "text", ['b"/* ours */" + file.read()', '"/* ours */" + file.read().decode()']
)
def test_a_storage_may_give_other_bytes_than_its_file_holds(tmp_path, text):
    """Its sources seemed to have changed since they were collected, at every deploy."""
    code = write(tmp_path)
    (code / "shop/finders.py").write_text(BANNER.replace("TEXT", text))
    with (code / "settings.py").open("a") as settings:
        settings.write('STATICFILES_FINDERS = ["shop.finders.BannerFinder"]\n')
    run_python("manage.py", "collectstatic", "--noinput", cwd=code, env={**os.environ})
    collected = (code / "static_root/js/app.js").read_bytes()
    assert collected.startswith(b"/* ours */")
    known = [hashlib.sha256(collected).hexdigest(), len(collected)]
    assert ask(code, "sources", words=["collectstatic"])["files"]["js/app.js"] == known
