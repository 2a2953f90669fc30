"""Django's ManifestStaticFilesStorage: names hold hashes, and staticfiles.json tells web processes which."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.integration.conftest import on_this_machine, rendered, write_tiny

STORAGES = """
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""


def page(code: Path) -> str:
    return rendered(code, "tiny.settings")


def test_a_web_host_of_its_own_prints_the_names_of_the_live_release_and_old_ones_stay(
    tmp_path: Path,
) -> None:
    """It has collected nothing: without staticfiles.json every page of it would answer 500."""
    build, web = (tmp_path / name / "code" for name in ("here", "renderer"))
    write_tiny(build)
    with (build / "tiny" / "settings.py").open("a") as settings:
        settings.write(STORAGES)
    shutil.copytree(build, web)
    inventory = {
        "deploy_to": f"{tmp_path}/{{host}}/static",
        "hosts": {
            "here": {"roles": ["build", "static"]},
            "renderer": {"local": True, "roles": ["web"]},
        },
        "project": {"path": f"{tmp_path}/{{host}}/code"},
    }
    with on_this_machine(build, "collectstatic", "compress", **inventory) as (session, _):
        first = session.deploy().current_release()
        (old,) = re.findall(r'src="/static/(logo\.[0-9a-f]{12}\.svg)', page(web))
        assert old in first.named
        (build / "assets" / "logo.svg").write_text("<svg id='new'/>")
        second = session.deploy().current_release()
        (new,) = re.findall(r'src="/static/(logo\.[0-9a-f]{12}\.svg)', page(web))
        assert new != old
        assert "CACHE/css/output." in page(web)
        held = tmp_path / "here" / "static"
        assert "new" in (held / "current" / "static" / new).read_text()
        assert "id='logo'" in (held / "pool" / "named" / old).read_text()
        assert new not in first.files
        # its order is that in which the storage met the files
        names = (held / "current" / "static" / "staticfiles.json").read_text()
        assert names == json.dumps(json.loads(names), sort_keys=True)
        session.rollback()
        assert old in page(web)
        assert session.status()["live"] == first.id != second.id
