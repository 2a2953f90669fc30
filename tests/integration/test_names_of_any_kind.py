"""A file's name never costs a release: it is served as it is written, or refused before anything is live."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml

from chaos.project import BUILD, QUICK
from fab_static.errors import BuildError
from tests.django_starts import run_python
from tests.integration.conftest import Operator, get, on_this_machine, write_tiny
from tests.integration.test_command_line import local  # noqa: F401  # a fixture

CARRIED = (
    *("what?.js", "c#.js", "100%.js", "a%20b.js", "a+b&c=d;e,f.js", " both ", "trailing.", "dots.."),
    *("*", "-rf", "$uri", "'single'.js", 'double".js', "()[]{}.js", "@me!", "a:b.js", "a|b^c`d.js"),
    *("é.js", "e\u0301.js", "Logo.svg", "logo.svg", "LOGO.SVG", "\u202eabc.js", "😀.svg", "\u017f.js", "s.js"),
    *("folder.with.dots./x y/ü?.css", "none", "unknown", "1234567", "long" * 60 + ".css"),
)  # fmt: skip
PRINTED = """
import django, json, sys
django.setup()
from django.templatetags.static import static
print(json.dumps([static(name) for name in json.load(sys.stdin)]))
"""


def printed(code: Path, names: list[str]) -> list[str]:
    """Return the URLs that the project's pages print for these names."""
    ran = run_python(
        "-c",
        PRINTED,
        cwd=code,
        env={"DJANGO_SETTINGS_MODULE": "tiny.settings", "PATH": "/usr/bin:/bin"},
        input=json.dumps(names).encode(),
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    urls: list[str] = json.loads(ran.stdout)
    return urls


def test_every_name_that_a_url_can_carry_is_served_with_its_own_bytes(local: Operator) -> None:  # noqa: F811
    """(build A8) As Django prints the URL, and with a version; names alike but for case or form stay apart."""
    code = local.fleet.hosts["here"].code
    expected = {}
    for name in CARRIED:
        data = f"/* {name} */ ".encode() * 300  # worth a precompressed copy
        expected[f"odd/{name}"] = hashlib.sha256(data).hexdigest()
        file = code / "assets" / "odd" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    local.fab("deploy")
    origin = local.fleet.origin("here")
    seal = local.fleet.hosts["here"].static / "releases" / str(local.live()) / "release.json"
    files = json.loads(seal.read_text())["files"]
    for name, url in zip(expected, printed(code, [*expected]), strict=True):
        assert urlsplit(url).path == url
        for form in (url, f"/static/{quote(name)}"):
            for version in ("", f"?version={files[name]['version']}"):
                answer = get(origin + form + version)
                assert (answer.status, answer.sha256) == (200, expected[name]), form + version
    local.fab("deploy")
    local.fab("status")


def test_a_name_that_was_a_file_and_becomes_a_folder_is_served_from_both_releases(
    local: Operator,  # noqa: F811
) -> None:
    """(build A10) Pages of the old release still name the file, with its version; back again, too."""
    code = local.fleet.hosts["here"].code
    inventory = local.folder / "inventories" / "local.yml"
    inventory.write_text(yaml.safe_dump({**yaml.safe_load(inventory.read_text()), "build": BUILD}))
    (code / "versions.py").write_text(QUICK["versions.py"])
    assets = code / "assets"
    data = b"the same bytes in both\n" * 100
    file, inside = "lib/jquery.js", "lib/jquery.js/index.js"
    (assets / "lib").mkdir()
    (assets / file).write_bytes(data)
    local.fab("deploy")
    seal = local.fleet.hosts["here"].static / "releases" / str(local.live()) / "release.json"
    version = json.loads(seal.read_text())["files"][file]["version"]
    (assets / file).unlink()
    (assets / file).mkdir()
    (assets / inside).write_bytes(data)
    local.fab("deploy")

    def served(name: str) -> bool:
        url = f"{local.fleet.origin('here')}/static/{name}?version={version}"
        return all(
            get(url, encoding).sha256 == hashlib.sha256(data).hexdigest()
            for encoding in ("identity", "gzip")
        )

    assert served(file)
    assert served(inside)
    local.fab("rollback")
    assert served(file)
    assert served(inside)
    assert get(f"{local.fleet.origin('here')}/static/{file}").body == data
    assert get(f"{local.fleet.origin('here')}/static/{inside}").body == data, (
        "it is of a kept release"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"img/latin\xe9.js", r"img/latin\xe9.js: its name is not UTF-8"),
        (b"caf\xe9/app.js", r"caf\xe9/app.js: its name is not UTF-8"),
        (b"js/a\nb.js", r"js/a\nb.js: its name holds a control character"),
        (b"js\\app.js", r"js\app.js: its name holds a backslash"),
    ],
)
def test_a_name_that_no_url_leads_to_is_refused_by_name_when_it_is_collected(
    tmp_path: Path, name: bytes, shown: str
) -> None:
    """(build A8) The release went live, and then the telling of it failed: hooks and the report were lost."""
    code = write_tiny(tmp_path / "project")
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        session.deploy()
        live = session.status()["live"]
        path = code / "assets" / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        with pytest.raises(BuildError) as refused:
            session.deploy()
        assert "1 file cannot be served under its name:\n    " + shown in str(refused.value)
        assert f"here: {code}/staticfiles" in refused.value.where
        assert session.status()["live"] == live
