"""`check` and `why`: what the doctor finds, and what is known of one URL."""

from __future__ import annotations

import hashlib
import json
import re
import shutil

from tests.integration.conftest import Operator, get
from tests.integration.test_bad_days import altered


def test_the_doctor_finds_a_healthy_fleet_well(tiny: Operator) -> None:
    settings = tiny.fleet.hosts["build1"].code / "tiny" / "settings.py"
    assert "COMPRESS_CSS_HASHING_METHOD" not in settings.read_text()
    findings = json.loads(tiny.fab("check", "--json").stdout)
    assert all(one["ok"] for one in findings)
    (hashing,) = (one for one in findings if one["mend"] and "HASHING" in one["mend"])
    assert (hashing["where"], hashing["what"], hashing["advice"]) == (
        "build1",
        "COMPRESS_CSS_HASHING_METHOD is mtime: elsewhere the same files give other names",
        True,
    )
    assert hashing["mend"] == 'set COMPRESS_CSS_HASHING_METHOD = "content"'
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
    assert known["source"] is None  # no finder has it
    assert live in known["releases"]
    shown = tiny.fab("why", "logo.svg").stdout
    assert "kind: unversioned" in shown
    assert "made by: collectstatic, sha256 " in shown
    assert f"source: {tiny.fleet.hosts['build1'].code}/assets/logo.svg" in shown
    nothing = tiny.fab("why", "/static/nothing.txt", code=1).stdout
    assert "the live release has no nothing.txt" in nothing
    error = tiny.fab("why", "https://example.com/x.png", code=2).stderr
    assert "is not a static URL: those begin with /static/" in error
    assert "images/ names a folder, not a file" in tiny.fab("why", "images/", code=2).stderr


def test_why_explains_a_key_of_the_manifest(tiny: Operator) -> None:
    manifest = json.loads(tiny.manifests("web1")[0])
    key = next(iter(manifest))
    known = json.loads(tiny.fab("why", key, "--json").stdout)
    assert known["in_release"]
    assert known["releases"][str(tiny.live())] == manifest[key]
    assert [
        (asked["host"], asked["template"], asked["line"], asked["text"], asked["nearest"])
        for asked in known["asked_by"]
    ] == [
        (host, "page.html", 2, '<link rel="stylesheet" href="/static/site.css">', [])
        for host in ("build1", "web1", "web2")
    ]
    unknown = json.loads(tiny.fab("why", "0" * 64, "--json", code=1).stdout)
    assert not unknown["in_release"]
    assert "OfflineGenerationError" in unknown["verdict"]


def test_a_block_that_a_web_host_renders_otherwise_is_told_against_what_was_built(
    tiny: Operator,
) -> None:
    """Its checkout is another than the build host's: the release stays where it is, nothing is live."""
    page = tiny.fleet.hosts["web2"].code / "templates" / "page.html"
    good = page.read_text()
    live = tiny.live()
    page.write_text(good.replace("<link rel", "<link  rel"))
    try:
        error = tiny.fab("verify", code=1).stderr
        missing = re.search(r"its key ([0-9a-f]{12})…", error)
        assert missing
        manifest = json.loads(tiny.manifests("web2")[0])
        key = hashlib.sha256(b'<link  rel="stylesheet" href="site.css">').hexdigest()
        assert key.startswith(missing[1])
        assert key not in manifest
        known = tiny.json("why", missing[1])
        shown = tiny.fab("why", key).stdout
    finally:
        page.write_text(good)
    assert error.startswith(
        "error: a compress block would raise OfflineGenerationError:\n"
        f"    page.html, block 0, line 2: its key {missing[1]}… is not in the manifest; it renders as\n"
        '        <link  rel="stylesheet" href="/static/site.css">\n'
        "      the nearest built block is page.html, block 0, line 2; they differ first in line 1, in "
        "white space alone:\n"
        '      built: <link·rel="stylesheet"·href="/static/site.css">\n'
        '      here:  <link··rel="stylesheet"·href="/static/site.css">\n'
        "    libraries and settings are those of build1\n"
        f"  where: web2: templates and settings there, release {live}\n"
        "  mend:  build with the templates, settings, versions and libraries that web hosts render with\n"
    )
    assert known["key"] == key
    assert [(asked["host"], asked["template"]) for asked in known["asked_by"]] == [
        ("web2", "page.html")
    ]
    assert known["asked_by"][0]["nearest"][1:] == [
        'built: <link·rel="stylesheet"·href="/static/site.css">',
        'here:  <link··rel="stylesheet"·href="/static/site.css">',
    ]
    assert "rendered on web2 by page.html, block 0, line 2:" in shown
    assert tiny.live() == live


def test_a_collected_leftover_of_an_earlier_compress_is_refused(tiny: Operator) -> None:
    """A CACHE/ that somebody committed: what compress names may be what an earlier one wrote."""
    tiny.fab("deploy")  # with the settings as they are by now: what compress will name again
    code = tiny.fleet.hosts["build1"].code
    manifest = json.loads(tiny.manifests("web1")[0])
    named = re.search(r"CACHE/css/[^\"]+", next(iter(manifest.values())))
    assert named
    live = tiny.live()
    left = code / "assets" / named[0]
    left.parent.mkdir(parents=True)
    left.write_bytes(get(tiny.fleet.origin("edge1") + f"/static/{named[0]}").body)
    try:
        error = tiny.fab("deploy", code=1).stderr
    finally:
        shutil.rmtree(code / "assets" / "CACHE")
    assert f"it names {named[0]}, which was there before compress ran: a leftover" in error
    assert tiny.live() == live
    tiny.fab("deploy")
