"""Bundlers' manifests that follow the live release: with Django's own request cycle and the loaders' own tags."""

import json

import pytest

from fab_static.django_app.followed import release_in
from tests.unit.django_app.conftest import Project

A, B = "20261121T170102Z-0000000a", "20261122T170102Z-0000000b"
SETTINGS = """
INSTALLED_APPS += ["django_vite", "webpack_loader"]
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "proj.urls"
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "vite.json",
                           "app_client_class": "fab_static.django_app.vite.Client"}}
WEBPACK_LOADER = {"DEFAULT": {"STATS_FILE": str(BASE_DIR / "stats.json"), "BUNDLE_DIR_NAME": "",
                              "LOADER_CLASS": "fab_static.django_app.webpack.Loader"}}
"""
URLS = """
import threading
from django.shortcuts import render
from django.urls import path
halfway, go_on = threading.Event(), threading.Event()
def slow(request):
    first = render(request, "vite.html").content
    halfway.set(); go_on.wait(120)
    answer = render(request, "webpack.html")
    answer.content = first + answer.content
    return answer
urlpatterns = [path("", lambda request: render(request, "page.html")), path("slow", slow)]
"""
VITE = "{% load django_vite %}{% vite_asset_url 'a.ts' %} {% vite_legacy_polyfills %}"
WEBPACK = "{% load webpack_loader %}{% render_bundle 'a' %}"
SERVE = f"""
import json, os, threading
from django.test import Client
from proj import urls
A, B = "{A}", "{B}"
def live(release):
    os.symlink(f"releases/{{release}}", "deploy/.new")
    os.rename("deploy/.new", "deploy/current")
def page(url="/"):
    return Client().get(url).content.decode()
def releases(text):
    return {{name for name in (A, B) if name in text}}
"""


@pytest.fixture
def project(tmp_path):
    """A web host with two releases, whose manifests are links into `current`."""
    project = Project(tmp_path / "code", SETTINGS)
    project.write(
        {
            "proj/urls.py": URLS,
            "templates/page.html": f"{VITE} {WEBPACK}{{% load fab_static %}}{{% static 'x' %}}",
            "templates/vite.html": VITE,
            "templates/webpack.html": WEBPACK,
        }
    )
    for name in (A, B):
        vite = {
            "a.ts": {"file": f"vite.{name}.js"},
            "legacy-polyfills": {"file": f"old.{name}.js"},
        }
        chunk = f"webpack.{name}.js"
        stats = {"status": "done", "chunks": {"a": [chunk]}, "assets": {chunk: {"name": chunk}}}
        folder = f"deploy/releases/{name}"
        project.write(
            {
                f"{folder}/manifests/files/vite.json": json.dumps(vite),
                f"{folder}/manifests/files/stats.json": json.dumps(stats),
                f"{folder}/release.json": json.dumps({"offline_manifest": None}),
                f"{folder}/resource_versions.yml": f"x: {name[-7:]}\n",
            }
        )
    for name in ("vite.json", "stats.json"):
        link = project.path / "deploy/current/manifests/files" / name
        (project.path / name).symlink_to(link)
    (project.path / "deploy/current").symlink_to(f"releases/{A}")
    return project


def served(project, code):
    return json.loads(project.python(f"{SERVE}\n{code}"))


def test_a_page_after_the_flip_is_of_the_new_release_and_one_after_the_rollback_of_the_old(project):
    pages = served(
        project, "a = page(); live(B); b = page(); live(A); print(json.dumps([a, b, page()]))"
    )
    assert pages[0] == pages[2]
    for text, name, other in ((pages[0], A, B), (pages[1], B, A)):
        assert all(f"{kind}.{name}.js" in text for kind in ("vite", "old", "webpack"))
        assert other not in text


def test_a_request_keeps_to_the_release_that_it_has_begun_to_read(project):
    """One manifest it reads before the flip, the other one after it."""
    slow, after = served(
        project,
        "told = []; slow = threading.Thread(target=lambda: told.append(page('/slow'))); slow.start()\n"
        "urls.halfway.wait(120); live(B); after = page(); urls.go_on.set(); slow.join(120)\n"
        "print(json.dumps([sorted(releases(told[0])), sorted(releases(after))]))",
    )
    assert (slow, after) == ([A], [B])


def test_a_request_is_of_the_release_whose_versions_it_began_with(project):
    (project.path / "resource_versions.yml").symlink_to(
        project.path / "deploy/current/resource_versions.yml"
    )
    with (project.path / "proj/settings.py").open("a") as settings:
        settings.write("FAB_STATIC_RELOAD = True\n")
    shown = served(
        project,
        "from django.core import signals; from django.template.loader import render_to_string\n"
        "signals.request_started.send(None); live(B)\n"
        "began = render_to_string('page.html'); signals.request_finished.send(None)\n"
        "print(json.dumps([began, page()]))",
    )
    for text, name, other in ((shown[0], A, B), (shown[1], B, A)):
        assert f"?version={name[-7:]}" in text
        assert other not in text


def test_no_page_mixes_two_releases_while_threads_serve_and_the_link_flips(project):
    seen, failed = served(
        project,
        "seen, stop, failed = set(), threading.Event(), []\n"
        "def serve():\n"
        "    while not stop.is_set():\n"
        "        try: seen.add(tuple(sorted(releases(page()))))\n"
        "        except BaseException as error: failed.append(repr(error)); return\n"
        "threads = [threading.Thread(target=serve) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n"
        "for _ in range(10):\n"
        "    for release in (B, A): live(release); page()\n"
        "stop.set(); [thread.join(120) for thread in threads]\n"
        "print(json.dumps([sorted(seen), failed]))",
    )
    assert failed == []
    assert {tuple(one) for one in seen} <= {(A,), (B,)}


def test_no_page_mixes_two_releases_when_the_link_flips_between_two_looks(project):
    pages = served(
        project,
        "from fab_static.django_app import followed\n"
        "page(); place, looks = followed._place, []\n"
        "def flipped(path, release):\n"
        "    live((A, B)[len(looks) % 2]); looks.append(path)\n"
        "    return place(path, release)\n"
        "followed._place = flipped\n"
        "print(json.dumps([sorted(releases(page())) for _ in range(3)]))",
    )
    assert {len(page) for page in pages} == {1}


@pytest.mark.parametrize("text", ["{", "[]", '{"a.ts": {}}'])
def test_when_one_cannot_be_read_all_stay_as_they_were_and_the_log_says_so(project, text):
    (project.path / f"deploy/releases/{B}/manifests/files/vite.json").write_text(text)
    done = project.run(
        "-c", f"import django; django.setup()\n{SERVE}\na = page(); live(B); print(a == page())"
    )
    assert done.stdout.strip() == "True"
    assert "the live release's manifests cannot be read" in done.stderr


def test_a_process_that_began_without_the_files_finds_them_when_they_come(project):
    """django-vite by itself keeps an empty manifest until the process is started anew."""
    (project.path / "deploy/current").unlink()
    page = served(project, f"live({A!r}); print(json.dumps(page()))")
    assert f"vite.{A}.js" in page


def test_files_that_are_no_links_are_read_again_when_they_are_replaced(project):
    for name in ("vite.json", "stats.json"):
        (project.path / name).unlink()
        for release, file in ((A, name), (B, f"next.{name}")):
            text = project.read(f"deploy/releases/{release}/manifests/files/{name}")
            project.write({file: text})
    pages = served(
        project,
        "a = page(); [os.rename(f'next.{name}', name) for name in ('vite.json', 'stats.json')]\n"
        "print(json.dumps([sorted(releases(text)) for text in (a, page())]))",
    )
    assert pages == [[A], [B]]


def test_the_files_are_read_once_a_flip_however_many_requests_come(project):
    times = served(
        project,
        "from fab_static.django_app import followed\n"
        "text, times = followed._text, []\n"
        "followed._text = lambda place: times.append(place) or text(place)\n"
        "[page() for _ in range(10)]; live(B); [page() for _ in range(10)]; print(len(times))",
    )
    assert times <= 5  # of two manifests; vite's was read when the process asked for webpack's


@pytest.mark.parametrize(
    ("path", "release"),
    [
        (f"/srv/static/releases/{A}/manifests/files/vite.json", A),
        ("/srv/releases/2026-11-22/code/vite.json", None),
        ("/srv/code/vite.json", None),
    ],
)
def test_a_folder_of_releases_that_is_somebody_elses_is_none_of_ours(path, release):
    assert release_in(path) == release
