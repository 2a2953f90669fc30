"""`check` and `why`: what the doctor finds, and what is known of one URL."""

from __future__ import annotations

import json
import re
import shutil

from tests.integration.conftest import Operator, get
from tests.integration.test_bad_days import altered


def test_the_doctor_finds_a_healthy_fleet_well(tiny: Operator) -> None:
    settings = tiny.fleet.hosts["build1"].code / "tiny" / "settings.py"
    assert "COMPRESS_CSS_HASHING_METHOD" not in settings.read_text()
    findings = json.loads(tiny.fab("check", "--json", code=1).stdout)
    bad = [one for one in findings if not one["ok"]]
    assert [(one["where"], one["what"]) for one in bad] == [
        (
            "build1",
            "COMPRESS_CSS_HASHING_METHOD is mtime: elsewhere the same files give other names",
        )
    ]
    assert bad[0]["mend"] == 'set COMPRESS_CSS_HASHING_METHOD = "content"'
    good = {(one["where"], one["subject"]) for one in findings if one["ok"]}
    assert {("edge1", "SSH"), ("edge1", "disk"), ("edge1", "clock"), ("web1", "web.check")} <= good
    for host in tiny.fleet.with_role("web"):
        path = host.code / "tiny" / "settings.py"
        path.write_text(path.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
    path = tiny.fleet.hosts["build1"].code / "tiny" / "settings.py"
    path.write_text(path.read_text() + 'COMPRESS_CSS_HASHING_METHOD = "content"\n')
    shown = tiny.fab("check").stdout
    assert "all is well" in shown
    assert "tip  build1: templates: {% static %} prints no version in 1 template" in shown


def test_the_doctor_names_what_would_break_a_deploy(tiny: Operator) -> None:
    tiny.fleet.stop("edge2")
    settings = tiny.fleet.hosts["web1"].code / "tiny" / "settings.py"
    good = settings.read_text()
    settings.write_text(good + 'STATIC_URL = "/other/"\n')
    try:
        brotli = {"phases": ["collectstatic", "compress"], "precompress": ["br"]}
        with altered(tiny, web={"check": "http://{address}:1/health"}, build=brotli):
            shown = tiny.fab("check", code=1).stdout
    finally:
        settings.write_text(good)
        tiny.fleet.start("edge2")
    assert re.search("BAD  edge2: SSH: the host cannot be reached", shown)
    assert re.search("BAD  web1: settings: STATIC_URL is '/other/' here and '/static/'", shown)
    without = "BAD  build1: brotli: there is no program brotli, and build.precompress has br"
    assert (without in shown) == (shutil.which("brotli") is None)
    assert re.search(r"BAD  web1: web.check: http://127.0.0.5:1/health answers", shown)


def test_why_tells_everything_of_a_url(tiny: Operator) -> None:
    page = get(tiny.fleet.site("web1") + "/").body.decode()
    url = re.search(r'href="(/static/CACHE/css/[^"]+)"', page)
    assert url
    known = json.loads(tiny.fab("why", url[1], "--json").stdout)
    live = tiny.live()
    assert known["release"] == live
    assert known["kind"] == "content-named"
    assert [one["phase"] for one in known["phases"]] == ["compress"]
    sha256 = tiny.release("edge1", str(live))["files"][known["path"]]["sha256"]
    assert [(one["host"], one["current"], one["named"]) for one in known["hosts"]] == [
        ("edge1", sha256, sha256),
        ("edge2", sha256, sha256),
    ]
    assert known["verdict"] == "as the live release has it"
    shown = tiny.fab("why", "logo.svg").stdout
    assert "kind: unversioned" in shown
    assert "the live release has no nothing.txt" in tiny.fab("why", "/static/nothing.txt").stdout
    error = tiny.fab("why", "https://example.com/x.png", code=2).stderr
    assert "is no static URL: those begin with /static/" in error


def test_why_explains_a_key_of_the_manifest(tiny: Operator) -> None:
    manifest = json.loads(tiny.manifests("web1")[0])
    key = next(iter(manifest))
    known = json.loads(tiny.fab("why", key, "--json").stdout)
    assert known["in_release"]
    assert known["releases"][str(tiny.live())] == manifest[key]
    assert any("site.css" in asked.get("text", "") for asked in known["asked_by"])
    unknown = json.loads(tiny.fab("why", "0" * 64, "--json").stdout)
    assert not unknown["in_release"]
    assert "OfflineGenerationError" in unknown["verdict"]
