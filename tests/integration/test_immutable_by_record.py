"""What caches may keep for good is so by the record: real nginx, and the probe, over three releases."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import ReleaseError
from fab_static.plan.nginx import IMMUTABLE, UNVERSIONED, nginx_server
from tests.integration import plain_project
from tests.integration.conftest import on_this_machine
from tests.integration.test_bundler_manifests import BUNDLER, PACK, SETTINGS
from tests.integration.test_nginx_settings import nginx

# a name that the project chose and Vite lists, which looks like a hashed one; and what no manifest lists
STABLE = """
(out / "runtime-deadbeef.js").write_bytes(pathlib.Path("frontend/lazy.js").read_bytes())
(out / "chunk.1a2b3c4d.js").write_bytes(pathlib.Path("frontend/lazy.js").read_bytes())
vite["frontend/runtime.js"] = {"file": "runtime-deadbeef.js", "name": "runtime"}
pathlib.Path("vite.json").write_text(json.dumps(vite))
"""
FILES = {
    "bundle.py": BUNDLER + STABLE,
    "frontend/main.js": "main(1)\n",
    "frontend/lazy.js": "lazy(1)\n",
}
RUNTIME, CHUNK = "dist/runtime-deadbeef.js", "dist/chunk.1a2b3c4d.js"


def inventory(folder: Path, port: int, *immutable: str) -> dict[str, Any]:
    return {
        "deploy_to": str(folder / "static"),
        "project": {
            "path": str(folder / "code"),
            "settings": "settings",
            "python": sys.executable,
        },
        "build": {"phases": [PACK, "collectstatic"], "immutable": list(immutable)},
        "probe": {"origin": f"http://127.0.0.1:{port}"},
    }


def headers(port: int, *paths: str) -> list[tuple[int, str | None]]:
    found = []
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("GET", f"/static/{path}")
        answer = connection.getresponse()
        found.append((answer.status, answer.getheader("Cache-Control")))
        connection.close()
    return found


def named(release: Any, stem: str) -> str:
    (path,) = (one for one in release.files if one.startswith(f"dist/{stem}."))
    return str(path)


def test_hashed_names_of_manifests_stay_with_browsers_and_names_that_look_so_do_not(
    tmp_path: Path,
) -> None:
    code = plain_project.write(tmp_path / "code", SETTINGS, FILES)
    (code / "assets").mkdir()
    server = nginx_server(tmp_path / "static", "127.0.0.1:PORT")
    with nginx(tmp_path / "nginx", server) as port:
        with on_this_machine(code, **inventory(tmp_path, port)) as (session, told):
            first = session.deploy().current_release()
            main, lazy = named(first, "main"), named(first, "lazy")
            assert set(first.named) == {main, lazy}
            live = headers(port, main, lazy, RUNTIME, CHUNK, "css/site.css")
            assert live == [(200, IMMUTABLE)] * 2 + [(200, UNVERSIONED)] * 3
            (code / "frontend/lazy.js").write_text("lazy(2)\n")
            second = session.deploy().current_release()
            assert headers(port, main, lazy, named(second, "lazy")) == [(200, IMMUTABLE)] * 3
            assert headers(port, RUNTIME, CHUNK) == [(200, UNVERSIONED)] * 2
            assert told.warned == []
        # a glob that the record contradicts
        with (
            on_this_machine(code, **inventory(tmp_path, port, "dist/chunk.*")) as (session, _),
            pytest.raises(ReleaseError, match=r"other bytes than before(.|\n)*chunk\.1a2b3c4d\.js"),
        ):
            session.deploy()
        assert headers(port, CHUNK) == [(200, UNVERSIONED)]


def test_what_the_inventory_names_stays_with_browsers_and_may_never_change(tmp_path: Path) -> None:
    code = plain_project.write(tmp_path / "code", SETTINGS, FILES)
    (code / "assets").mkdir()
    server = nginx_server(tmp_path / "static", "127.0.0.1:PORT")
    with nginx(tmp_path / "nginx", server) as port:
        with on_this_machine(code, **inventory(tmp_path, port)) as (session, _):
            session.deploy()
        asked = inventory(tmp_path, port, "dist/chunk.*")
        with on_this_machine(code, **asked) as (session, _):
            release = session.deploy().current_release()  # the same files: the record alone is new
            assert CHUNK in release.named
            assert headers(port, CHUNK, RUNTIME) == [(200, IMMUTABLE), (200, UNVERSIONED)]
            (code / "frontend/lazy.js").write_text("lazy(2)\n")
            with pytest.raises(ReleaseError, match="browsers keep the old ones for a year"):
                session.deploy()
            assert session.status()["live"] == release.id
