"""Manifests of bundlers: sealed, linked on web hosts, flipped and rolled back with the files that they name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import FabStaticError, ManifestError
from tests.integration import plain_project
from tests.integration.conftest import on_this_machine, rendered

# writes what Vite and webpack-bundle-tracker write: names with a hash of the bytes, and the manifest of them
BUNDLER = """\
import hashlib, json, pathlib, shutil
out = pathlib.Path("assets/dist")
shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)
vite, chunks = {}, {}
for source in sorted(pathlib.Path("frontend").glob("*.js")):
    data = source.read_bytes()
    name = f"{source.stem}.{hashlib.sha256(data).hexdigest()[:8]}.js"
    (out / name).write_bytes(data)
    vite[f"frontend/{source.name}"] = {"file": name, "isEntry": True}
    chunks[source.stem] = [name]
pathlib.Path("vite.json").write_text(json.dumps(vite))
stats = {"status": "done", "chunks": chunks, "assets": {n[0]: {"name": n[0]} for n in chunks.values()}}
pathlib.Path("stats.json").write_text(json.dumps(stats))
"""
SETTINGS = """\
STATICFILES_DIRS = [BASE_DIR / "assets"]
INSTALLED_APPS += ["django_vite", "webpack_loader"]
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "vite.json", "static_url_prefix": "dist"}}
WEBPACK_LOADER = {"DEFAULT": {"BUNDLE_DIR_NAME": "dist/", "STATS_FILE": str(BASE_DIR / "stats.json"), "CACHE": True}}
"""
PAGE = """\
{% load django_vite render_bundle from webpack_loader %}{% load django_vite %}
{% vite_asset 'frontend/main.js' %}{% render_bundle 'lazy' %}
"""
FILES = {
    "bundle.py": BUNDLER,
    "frontend/main.js": "main(1)\n",
    "frontend/lazy.js": "lazy(1)\n",
    "shop/templates/page.html": PAGE.replace("django_vite render_bundle", "render_bundle"),
}
PACK = {
    "name": "pack",
    "run": "python bundle.py",
    "writes": ["assets/dist", "vite.json", "stats.json"],
    "reads": ["frontend", "bundle.py"],
}


def page(code: Path) -> str:
    return rendered(code, "settings")


def inventory(folder: Path, **more: Any) -> Mapping[str, Any]:
    return {
        "deploy_to": f"{folder}/{{host}}/static",
        "hosts": {
            "here": {"local": True, "roles": ["build", "static"]},
            "web1": {"local": True, "roles": ["web"]},
        },
        "project": {
            "path": f"{folder}/{{host}}/code",
            "settings": "settings",
            "python": sys.executable,
        },
        "build": {"phases": [PACK, "collectstatic"]},
        **more,
    }


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Write the checkout of the build host, and that of a web host that has never run a bundler."""
    for host in ("here", "web1"):
        code = plain_project.write(tmp_path / host / "code", SETTINGS, FILES)
        (code / "assets").mkdir()
    return tmp_path / "here/code"


def test_web_hosts_print_what_the_live_release_has(tmp_path: Path, code: Path) -> None:
    web = tmp_path / "web1/code"
    with on_this_machine(code, **inventory(tmp_path)) as (session, _):
        first = session.deploy().current_release()
        before = page(web)
        assert before.count("/static/dist/") == 2
        assert (web / "vite.json").is_symlink()
        (code / "frontend/lazy.js").write_text("lazy(2)\n")
        second = session.deploy().current_release()
        now = page(web)
        assert now != before
        names = {path for path in second.files if path.startswith("dist/lazy.")}
        assert all(f"/static/{name}" in now for name in names)
        session.rollback()
        assert page(web) == before
        assert session.status()["live"] == first.id
        assert first.manifests.keys() == {
            "../manifests/files/vite.json",
            "../manifests/files/stats.json",
        }


def test_a_host_that_builds_and_renders_keeps_its_links_when_nothing_is_built(
    tmp_path: Path, code: Path
) -> None:
    """Nothing that a build or a reused phase writes goes through a link into what is live."""
    hosts = {"here": {"local": True, "roles": ["build", "static", "web"]}}
    asked = {**inventory(tmp_path), "hosts": hosts}
    with on_this_machine(code, **asked) as (session, _):
        first = session.deploy().current_release()
        link = (code / "vite.json").readlink()
        (code / "shop/static/css/site.css").write_text("body{color:blue}\n")
        session.deploy()
        assert (code / "vite.json").readlink() == link
        (code / "frontend/main.js").write_text("main(2)\n")
        session.phase("pack")
        assert (code / "vite.json").readlink() == link
        sealed = tmp_path / "here/static/releases" / first.id / "manifests/files/vite.json"
        text = sealed.read_text()
        session.deploy()
        assert (code / "vite.json").readlink() == link
        assert sealed.read_text() == text
        assert (code / "vite.json").read_text() != text


def test_a_release_that_differs_in_a_manifest_alone_is_another(tmp_path: Path, code: Path) -> None:
    with on_this_machine(code, **inventory(tmp_path)) as (session, _):
        first = session.deploy().current_release()
        bundler = (
            (code / "bundle.py").read_text().replace('"isEntry": True', '"isEntry": True, "x": 1')
        )
        (code / "bundle.py").write_text(bundler)
        assert session.deploy().current_release().digest != first.digest
        assert '"x": 1' in (tmp_path / "web1/code/vite.json").read_text()


def test_one_that_only_the_inventory_knows_flips_too(tmp_path: Path, code: Path) -> None:
    own = {"path": "own/manifest.json", "below": "dist"}
    line = (
        "mkdir -p own; echo '{\"main\": [\"'$(cd assets/dist; ls main.*)'\"]}' > own/manifest.json"
    )
    pack = {**PACK, "run": f"python bundle.py; {line}", "writes": [*PACK["writes"], "own"]}
    asked = {
        **inventory(tmp_path),
        "web": {"manifests": [own]},
        "build": {"phases": [pack, "collectstatic"]},
    }
    with on_this_machine(code, **asked) as (session, _):
        session.deploy()
        there = json.loads((tmp_path / "web1/code/own/manifest.json").read_text())
        assert there["main"][0].startswith("main.")


def test_one_that_names_a_lost_file_goes_live_nowhere(tmp_path: Path, code: Path) -> None:
    with on_this_machine(code, **inventory(tmp_path)) as (session, _):
        first = session.deploy().current_release()
        lost = """echo '{"a": {"file": "a.12345678.js"}}' > vite.json"""
        (code / "bundle.py").write_text(BUNDLER + f"import os; os.system({lost!r})\n")
        with pytest.raises(
            ManifestError, match=r"names 1 file that the release has not:\n    a\.12"
        ):
            session.deploy()
        assert session.status()["live"] == first.id


def test_one_that_nobody_makes_is_told_and_refused_where_a_page_or_the_inventory_needs_it(
    tmp_path: Path, code: Path
) -> None:
    pack = {
        **PACK,
        "run": "python bundle.py; rm stats.json",
        "writes": ["assets/dist", "vite.json"],
    }
    asked = {**inventory(tmp_path), "build": {"phases": [pack, "collectstatic"]}}
    with on_this_machine(code, **asked) as (session, told):
        with pytest.raises(ManifestError, match=r"'lazy' %}: there would be no stats\.json"):
            session.deploy()
        (tmp_path / "web1/code/stats.json").write_text("{}")  # it came with the code
        session.deploy()
        assert any(
            "stats.json, which web processes read (webpack_loader)" in one for one in told.warned
        )
    asked["web"] = {"manifests": ["stats.json"]}
    refused = pytest.raises(FabStaticError, match=r"no phase has made .*stats\.json")
    with on_this_machine(code, **asked) as (session, _), refused:
        session.deploy()


VITE_ALONE = {
    "shop/templates/page.html": "{% load django_vite %}{% vite_asset 'frontend/main.js' %}"
}


def test_a_web_host_that_alone_reads_a_manifest_is_refused_before_anything_is_live(
    tmp_path: Path, code: Path
) -> None:
    """No release has what the build host's settings do not name: the gate, a rollback and `check` say so alike."""
    web = tmp_path / "web1/code"
    for host in (code, web):
        write_without_webpack(host)
    with on_this_machine(code, **inventory(tmp_path)) as (session, _):
        first = session.deploy().current_release()
        for host in (code, web):
            plain_project.write(host, SETTINGS, FILES)
        second = session.deploy().current_release()
        refused = pytest.raises(ManifestError, match=r"'lazy' %}: there would be no stats\.json")
        with refused as caught:  # its link leads into the release that is live
            session.rollback()
        assert caught.value.mend.startswith("go back to a release that has stats.json")
        write_without_webpack(code)
        with refused as caught:
            session.deploy()
        assert caught.value.where == "web1: templates and settings there"
        assert session.status()["live"] == second.id
        told = [one for one in session.check() if "there would be no stats.json" in one["what"]]
        assert [(one["where"], one["ok"]) for one in told] == [("web1", False)]
        (web / "stats.json").unlink()
        (web / "stats.json").write_text("{}")  # it came with the code
        session.rollback()
        assert session.status()["live"] == first.id


def write_without_webpack(code: Path) -> None:
    settings = SETTINGS.replace(', "webpack_loader"', "")
    plain_project.write(code, settings, {**FILES, **VITE_ALONE})


def test_a_manifest_that_collectstatic_collects_too_is_no_stranger_on_a_host_that_renders(
    tmp_path: Path, code: Path
) -> None:
    """The link in its place is no source that somebody has changed: collectstatic met the file that the phase made."""
    (code / "settings.py").write_text(
        (code / "settings.py")
        .read_text()
        .replace('BASE_DIR / "vite.json"', 'BASE_DIR / "assets/dist/vite.json"')
    )
    (code / "bundle.py").write_text(
        BUNDLER.replace('Path("vite.json")', 'Path("assets/dist/vite.json")')
    )
    pack = {**PACK, "writes": ["assets/dist", "stats.json"]}
    asked = {
        **inventory(tmp_path),
        "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
        "build": {"phases": [pack, "collectstatic"]},
    }
    with on_this_machine(code, **asked) as (session, told):
        first = session.deploy().current_release()
        before = page(code)
        session.deploy()  # Python lists the checkout, and the first flip has put links there
        told.said.clear()
        assert session.deploy().current_release().id == first.id
        assert told.said.count("reused: nothing that it reads has changed") == 2
        (code / "frontend/lazy.js").write_text("lazy(2)\n")
        second = session.deploy().current_release()
        assert page(code) != before
        assert not [path for path in second.files if "before-fab-static" in path]
        session.rollback()
        assert page(code) == before
        assert session.deploy().current_release().digest == second.digest


def with_page(tmp_path: Path, text: str) -> None:
    for host in ("here", "web1"):
        (tmp_path / host / "code/shop/templates/page.html").write_text(text)


MISSING = "{% load django_vite webpack_loader %}\n{% vite_asset 'frontend/mian.js' %}{% render_bundle \"lazi\" 'js' %}"


def test_a_tag_without_an_entry_stops_the_build_with_template_line_and_nearest(
    tmp_path: Path, code: Path
) -> None:
    with on_this_machine(code, **inventory(tmp_path)) as (session, _):
        first = session.deploy().current_release()
        with_page(tmp_path, MISSING)
        with pytest.raises(ManifestError) as caught:
            session.deploy()
        assert caught.value.what == (
            "2 tags ask for what no manifest has, and pages would fail:\n"
            "    page.html:2: {% vite_asset 'frontend/mian.js' %}: vite.json has no entry 'frontend/mian.js'; "
            "the nearest is 'frontend/main.js'\n"
            "    page.html:2: {% render_bundle 'lazi' %}: stats.json has no entry 'lazi'; the nearest is 'lazy'"
        )
        assert session.status()["live"] == first.id
        (code / "shop/templates/page.html").write_text(FILES["shop/templates/page.html"])
        with pytest.raises(ManifestError, match="web1: templates and settings there"):
            session.deploy()  # the code of one host alone asks for it
        assert session.status()["live"] == first.id


def test_what_the_inventory_lets_be_goes_live(tmp_path: Path, code: Path) -> None:
    with_page(tmp_path, MISSING)
    asked = {**inventory(tmp_path), "web": {"unchecked_entries": ["frontend/mian*", "lazi"]}}
    with on_this_machine(code, **asked) as (session, _):
        assert session.deploy().current_release().manifests


def test_the_project_s_own_manifest_that_a_link_replaced_is_not_collected(
    tmp_path: Path, code: Path
) -> None:
    """It was built by hand, in a folder that finders read; it stays beside the link."""
    settings = code / "settings.py"
    manifest = code / "assets/dist/vite.json"
    settings.write_text(
        settings.read_text().replace('BASE_DIR / "vite.json"', 'BASE_DIR / "assets/dist/vite.json"')
    )
    bundler = BUNDLER.replace('Path("vite.json")', 'Path("assets/dist/vite.json")')
    (code / "bundle.py").write_text(bundler)
    subprocess.run([sys.executable, "bundle.py"], cwd=code, check=True)
    asked = {
        **inventory(tmp_path),
        "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
        "build": {"phases": ["collectstatic"]},
    }
    with on_this_machine(code, **asked) as (session, _):
        first = session.deploy().current_release()
        assert manifest.is_symlink()
        assert [one.name for one in manifest.parent.iterdir() if "before-fab-static" in one.name]
        assert session.deploy().current_release().id == first.id
