"""FAB_STATIC_RELOAD, with Django's own request cycle and django-compressor's own offline blocks."""

import json
import re
import shutil

import pytest

SETTINGS = """
INSTALLED_APPS += ["compressor"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_CSS_HASHING_METHOD = "content"
COMPRESS_FILTERS = {"css": []}
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "proj.urls"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]
"""
URLS = """
import threading
from django.shortcuts import render
from django.urls import path
from fab_static.django_app.views import running
halfway, go_on = threading.Event(), threading.Event()
def slow(request):
    first = render(request, "page.html").content
    halfway.set(); go_on.wait(120)
    answer = render(request, "page.html")
    assert answer.content == first
    return answer
urlpatterns = [path("", lambda request: render(request, "page.html")), path("running", running), path("slow", slow)]
"""
PAGE = """{% load compress fab_static %}{% static "one/a.js" %}
{% compress css %}<link rel="stylesheet" href="{% static "one/a.css" %}">{% endcompress %}"""
FLIP = """
import json, os, threading
from django.test import Client
from proj import urls
def live(release):
    os.symlink(f"releases/{release}", "deploy/.new")
    os.rename("deploy/.new", "deploy/current")
def page(url="/"):
    return Client().get(url).content.decode()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project whose manifests are links into `current`, of two releases: a web host's."""
    from tests.unit.django_app.conftest import Project

    project = Project(tmp_path_factory.mktemp("reload") / "code", SETTINGS)
    project.write({"proj/urls.py": URLS, "templates/page.html": PAGE})
    for release in ("a", "b"):
        project.write(
            {
                "one/static/one/a.js": release,
                "one/static/one/a.css": f"body {{ content: '{release}' }}",
            }
        )
        project.python(
            "from django.core.management import call_command\n"
            "call_command('collectstatic', interactive=False, verbosity=0)\n"
            "call_command('resource_static')\n"
            "call_command('compress', force=True, verbosity=0)\n"
        )
        manifest = "CACHE/manifest.json"
        seal = json.dumps({"offline_manifest": {"path": manifest, "sha256": ""}})
        folder = f"deploy/releases/{release}"
        project.write(
            {
                f"{folder}/release.json": seal,
                f"{folder}/static/{manifest}": project.read(f"staticfiles/{manifest}"),
                f"{folder}/resource_versions.yml": project.read("resource_versions.yml"),
            }
        )
        shutil.rmtree(project.path / "staticfiles")
    (project.path / "staticfiles/CACHE").mkdir(parents=True)
    (project.path / "staticfiles/CACHE/manifest.json").symlink_to(
        project.path / "deploy/current/static/CACHE/manifest.json"
    )
    (project.path / "resource_versions.yml").unlink()
    (project.path / "resource_versions.yml").symlink_to(
        project.path / "deploy/current/resource_versions.yml"
    )
    return project


@pytest.fixture
def project(built, tmp_path):
    shutil.copytree(built.path, tmp_path / "code", symlinks=True)
    for link in ("resource_versions.yml", "staticfiles/CACHE/manifest.json"):
        target = (tmp_path / "code" / link).readlink().relative_to(built.path)
        (tmp_path / "code" / link).unlink()
        (tmp_path / "code" / link).symlink_to(tmp_path / "code" / target)
    return type(built)(tmp_path / "code", f"{SETTINGS}FAB_STATIC_RELOAD = True\n")


def test_a_page_after_the_flip_is_of_the_new_release_with_no_restart(project):
    shown = project.python(
        FLIP + "live('a'); a, first = page(), page('/running')\n"
        "live('b'); b = page(); live('a'); print(json.dumps([a, b, page(), first]))"
    )
    a, b, again, running = json.loads(shown)
    assert a == again
    assert json.loads(running) == {"release": "a"}
    for pattern in (r"one/a\.js\?version=\w{7}", r"CACHE/css/output\.\w+\.css"):
        assert re.search(pattern, a)[0] != re.search(pattern, b)[0]


def test_without_the_setting_a_process_keeps_what_it_read(project):
    with (project.path / "proj/settings.py").open("a") as settings:
        settings.write("FAB_STATIC_RELOAD = False\n")
    shown = project.python(FLIP + "live('a'); a = page(); live('b'); print(a == page())")
    assert shown.strip() == "True"


def test_a_request_that_is_under_way_keeps_to_the_release_it_began_with(project):
    """Else the versions that it printed into a block would be looked up in another release's manifest."""
    shown = project.python(
        FLIP + "live('a'); a = page(); told = []\n"
        "slow = threading.Thread(target=lambda: told.append(page('/slow'))); slow.start()\n"
        "urls.halfway.wait(120); live('b'); b = page(); urls.go_on.set(); slow.join(120)\n"
        "print(told == [a], a != b)"
    )
    assert shown.split() == ["True", "True"]


def test_no_page_mixes_two_releases_while_threads_serve_and_the_link_flips(project):
    shown = project.python(
        FLIP + "live('b'); whole = {page()}; live('a'); whole.add(page())\n"
        "seen, stop, failed = set(), threading.Event(), []\n"
        "def serve():\n"
        "    while not stop.is_set():\n"
        "        try: seen.add(page())\n"
        "        except BaseException as error: failed.append(repr(error)); return\n"
        "threads = [threading.Thread(target=serve) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n"
        "for _ in range(40):\n"
        "    for release in 'ba':\n"
        "        live(release); page()\n"
        "stop.set(); [thread.join(120) for thread in threads]\n"
        "print(seen == whole, len(seen), failed)"
    )
    assert shown.strip() == "True 2 []"


def test_a_release_that_cannot_be_read_leaves_the_last_one_in_service(project):
    (project.path / "deploy/releases/b/release.json").write_text("{")
    shown = project.python(FLIP + "live('a'); a = page(); live('b'); print(a == page())")
    assert shown.strip() == "True"


def test_manifests_that_are_plain_files_are_read_again_when_they_are_replaced(project):
    """Where the project is served as it is built: no release, no link."""
    for release, link in (("a", ""), ("b", ".next")):
        folder = project.path / "deploy/releases" / release
        for name, source in (
            ("resource_versions.yml", "resource_versions.yml"),
            ("staticfiles/CACHE/manifest.json", "static/CACHE/manifest.json"),
        ):
            (project.path / f"{name}{link}").unlink(missing_ok=True)
            shutil.copy(folder / source, project.path / f"{name}{link}")
    shown = project.python(
        FLIP + "a = page()\n"
        "for name in ('resource_versions.yml', 'staticfiles/CACHE/manifest.json'):\n"
        "    os.rename(f'{name}.next', name)\n"
        "b = page(); print(json.dumps([a, b]))"
    )
    a, b = json.loads(shown)
    assert a != b


def test_the_check_before_a_request_costs_no_more_than_a_look_at_a_link(project):
    """The files are read once a flip, however many requests come."""
    shown = project.python(
        FLIP + "from fab_static.django_app import resource_versions\n"
        "read = resource_versions.read_file; times = []\n"
        "resource_versions.read_file = lambda file: times.append(file) or read(file)\n"
        "live('a'); [page() for _ in range(20)]; live('b'); [page() for _ in range(20)]; print(len(times))"
    )
    assert shown.strip() == "2"
