"""The audit in `seal`, on a project that has resource_versions of its own, as CommCare HQ has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fab_static import api
from fab_static.errors import ReleaseError
from tests.integration.conftest import on_this_machine, write_tiny

COMMANDS = "own/management/commands"
# What HQ's commands do that matters here: the last finder's file is hashed, before anything is rewritten;
# a bundle is hashed, and then its line with the source map's URL gets the hash.
RESOURCE_STATIC = """\
import hashlib, pathlib, yaml
from django.contrib.staticfiles.finders import get_finders
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def handle(self, **options):
        versions = {}
        for finder in get_finders():
            for path, storage in finder.list([]):
                data = pathlib.Path(storage.path(path)).read_bytes()
                versions[path] = hashlib.sha1(data).hexdigest()[:7]
        listed = [{"name": n, "version": v} for n, v in versions.items() if n.endswith(".js")]
        pathlib.Path("resource_versions.yaml").write_text(yaml.dump(listed))
"""
BUILD_REQUIREJS = """\
import hashlib, pathlib, yaml
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def handle(self, **options):
        versions = yaml.safe_load(pathlib.Path("resource_versions.yaml").read_text())
        bundle = pathlib.Path("staticfiles/js/bundle.js")
        code = b"define([]);\\n//# sourceMappingURL=bundle.js.map\\n"
        version = hashlib.sha1(code).hexdigest()[:7]
        bundle.write_bytes(code.replace(b".map", b".map?version=" + version.encode()))
        versions.append({"name": "js/bundle.js", "version": version})
        pathlib.Path("resource_versions.yaml").write_text(yaml.dump(versions))
"""
PHASES = ("collectstatic", "resource_static", "build_requirejs", "compress")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    project = write_tiny(tmp_path / "project")
    files = {
        "own/__init__.py": "",
        "own/management/__init__.py": "",
        f"{COMMANDS}/__init__.py": "",
        f"{COMMANDS}/resource_static.py": RESOURCE_STATIC,
        f"{COMMANDS}/build_requirejs.py": BUILD_REQUIREJS,
        "assets/js/list.js": "list()\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    with (project / "tiny" / "settings.py").open("a") as file:
        file.write('INSTALLED_APPS += ["own"]\n')
        file.write('more = BASE_DIR / "more"\nmore.mkdir(exist_ok=True)\n')
        file.write("STATICFILES_DIRS.append(more)\n")
    return project


def sealed(session: api.Session) -> str:
    for name in (*PHASES, "seal"):
        session.phase(name)
    (release,) = session.releases()[:1]
    return str(release["id"])


def test_the_line_of_a_bundles_source_map_is_a_warning_and_the_recorded_version_is_served(
    own: Path,
) -> None:
    with on_this_machine(own, *PHASES) as (session, told):
        session.deploy()
        assert told.warned == [
            "1 bundle was hashed before the line with the source map's URL was written: js/bundle.js"
        ]
        bundle = (own / "staticfiles" / "js" / "bundle.js").read_bytes()
        known = session.why("js/bundle.js")
        assert known["version"] != hashlib.sha1(bundle).hexdigest()[:7]
        assert f"?version={known['version']}".encode() in bundle
        link = own / "resource_versions.yaml"  # the name that its own command gave it
        assert link.resolve().name == "resource_versions.yml"
        assert known["version"] in link.read_text()
        assert not (own / "resource_versions.yml").exists()


def test_the_hash_of_a_file_that_is_not_served_stops_the_seal_and_names_both_files(
    own: Path,
) -> None:
    """Two folders ship one path: the first is served, and HQ's command hashes the last."""
    (own / "more" / "js").mkdir(parents=True)
    (own / "more" / "js" / "list.js").write_text("other()\n")
    first, last = (hashlib.sha1(text).hexdigest()[:7] for text in (b"list()\n", b"other()\n"))
    with on_this_machine(own, *PHASES) as (session, _):
        with pytest.raises(ReleaseError) as caught:
            sealed(session)
        assert session.releases() == []
    assert str(caught.value) == (
        "1 file is not what the recorded version says; caches would keep the wrong bytes for a year:\n"
        f"    js/list.js: recorded {last}, served {first}, written by collectstatic\n"
        f"  where: here: {own}/resource_versions.yaml\n"
        "  mend:  have resource_static hash the served bytes, after every phase that changes them; "
        "where two apps ship the file, the first finder's is served"
    )


def test_what_changes_under_its_name_is_told_with_the_phase_that_wrote_it(own: Path) -> None:
    (own / "more").mkdir()
    (own / "more" / "logo.svg").write_text("<svg id='shadowed'/>")
    with on_this_machine(own, *PHASES) as (session, told):
        session.deploy()
        assert (
            "1 name is found more than once, and the first is served:\n"
            "    logo.svg: assets/logo.svg, not more/logo.svg"
        ) in told.said
        (own / "assets" / "logo.svg").write_text("<svg id='new'/>")
        (own / "assets" / "js" / "list.js").write_text("list(2)\n")
        told.said.clear()
        sealed(session)
        assert (
            "1 URL keeps its name with other bytes; no cdn stands in the inventory, so caches are not "
            "told:\n    logo.svg (collectstatic)"
        ) in told.said
