"""The main job: deploy, deploy again, roll back; over HTTP each byte is what the release recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import yaml

from fab_static.phases.probe import assets
from tests.integration.conftest import HOSTS, Operator, get

LESS = "shop/static/shop/less/_shop/variables.less"
SCRIPT = "shop/static/shop/js/awesome.js"
IMAGE = "shop/static/shop/img/paper.png"


def change(shop: Operator) -> None:
    code = shop.fleet.hosts["build1"].code
    less = code / LESS
    less.write_text(re.sub(r"#[0-9a-f]{6}", "#2a6f97", less.read_text(), count=1))
    for path in (SCRIPT, IMAGE):
        with (code / path).open("ab") as file:
            file.write(b"\n// changed\n")


def named_by_the_page(shop: Operator) -> list[str]:
    """Return the static URLs that the running web process prints."""
    page = shop.fleet.site("web1") + "/"
    return [*assets(page, get(page).body.decode())]


def everything(shop: Operator, release: str) -> dict[str, str]:
    """Return every URL of the live release, the unversioned ones too."""
    files = shop.release("edge1", release)["files"]
    unversioned = {f"/static/{quote(path)}": file["sha256"] for path, file in files.items()}
    return unversioned | shop.urls(release)


def test_two_deploys_and_a_rollback_serve_each_byte_as_recorded(shop: Operator) -> None:
    assert shop.live() is None

    first_output = shop.fab("deploy").stdout
    first = shop.live()
    assert first is not None
    assert "answered as the release recorded them" in first_output
    assert shop.wrong(everything(shop, first)) == []
    manifests = {host: shop.manifests(host) for host in ("web1", "web2")}
    seal = shop.release("web1", first)
    assert json.loads(manifests["web1"][0])  # an offline manifest with keys
    assert b"shop/js/awesome.js" in manifests["web1"][1]
    assert shop.fleet.invalidations() == []
    page = named_by_the_page(shop)

    change(shop)
    plan = shop.json("plan")
    assert plan["files"]["changed"] == [
        "shop/img/paper.png",
        "shop/js/awesome.js",
        "shop/less/_shop/variables.less",
    ]
    assert plan["invalidation"] == {"paths": ["/static/shop/img/paper.png*"], "price_usd": 0.005}
    assert {host["host"]: host["objects"] for host in plan["hosts"]} == {
        "build1": 0,
        "edge1": 3,
        "edge2": 3,
        "web1": 0,
        "web2": 0,
    }
    assert [phase["name"] for phase in plan["phases"] if phase["will_run"]][:2] == [
        "collectstatic",
        "fix_less_imports",
    ]
    image, script = plan["urls"]  # that of what LESS makes is known once it is built
    for url, path in ((image, r"img/paper\.png"), (script, r"js/awesome\.js")):
        assert re.fullmatch(rf"/static/shop/{path}\?version=[0-9a-f]{{7}}", url["before"])
        assert url["now"] is None
    assert plan["bundles"] is None
    assert shop.live() == first

    shop.fab("deploy")
    second = shop.live()
    assert second is not None
    told = shop.json("diff")
    assert told["bundles"] == shop.json("diff", first, second)["bundles"]
    sheets = [one for one in told["bundles"] if one["bundle"] == "shop/base.html, css 1"]
    (sheet,) = sheets
    for release, side in ((first, sheet["before"]), (second, sheet["now"])):
        file = shop.release("edge1", release)["files"][side["path"]]
        gzipped = file["encodings"]["gz"]["size"]
        assert (side["bytes"], side["gzip"], side["brotli"]) == (file["size"], gzipped, None)
    assert sheet["before"]["path"] != sheet["now"]["path"]
    urls = {one["before"]: one["now"] for one in told["urls"]}
    assert urls[f"/static/{sheet['before']['path']}"] == f"/static/{sheet['now']['path']}"
    assert urls[script["before"]].startswith("/static/shop/js/awesome.js?version=")
    assert urls[image["before"]].startswith("/static/shop/img/paper.png?version=")
    assert second > first
    assert shop.wrong(everything(shop, second)) == []
    assert shop.wrong(shop.urls(first)) == []  # pages that are still open print these
    assert shop.fleet.invalidations() == [["/static/shop/img/paper.png*"]]
    assert shop.manifests("web1") != manifests["web1"]
    assert named_by_the_page(shop) != page

    shop.fab("rollback")
    assert shop.live() == first
    assert shop.wrong(everything(shop, first)) == []
    assert shop.wrong(shop.urls(second)) == []
    assert {host: shop.manifests(host) for host in ("web1", "web2")} == manifests
    assert shop.release("web1", first) == seal
    assert shop.fleet.invalidations() == [["/static/shop/img/paper.png*"]] * 2
    assert named_by_the_page(shop) == page

    states = {one["id"]: one["state"] for one in shop.json("releases")}
    assert states == {second: "bad", first: "live"}


def test_a_deploy_of_an_unchanged_release_sends_no_object(shop: Operator) -> None:
    shop.fab("deploy")  # what the first test changed, and rolled back
    live = shop.live()
    before = {
        host: {
            path: path.stat().st_ino
            for path in (shop.fleet.hosts[host].static / "objects").rglob("*")
        }
        for host in HOSTS
    }
    output = shop.fab("deploy").stdout
    assert "every host has every object already; nothing sent" in output
    assert shop.live() == live
    after = {
        host: {
            path: path.stat().st_ino
            for path in (shop.fleet.hosts[host].static / "objects").rglob("*")
        }
        for host in ("edge1", "edge2", "web1", "web2")
    }
    assert after == {host: before[host] for host in after}


def test_text_is_served_precompressed_as_it_was_sealed(shop: Operator) -> None:
    """On the disk of every static host and over HTTP, in the live root and in the pool."""
    live = shop.live()
    assert live is not None
    seal = shop.release("edge1", live)
    copies = {
        path: one["encodings"]["gz"] for path, one in seal["files"].items() if "encodings" in one
    }
    assert {Path(path).suffix for path in copies} >= {".css", ".js", ".svg"}
    assert not [path for path in copies if path.endswith((".png", ".less", ".gz", "manifest.json"))]
    assert "gz" not in seal["files"]["shop/img/paper.png"].get("encodings", {})
    served = {f"/static/{quote(path)}": path for path in copies}
    served |= {f"/static/{quote(path)}?version={v}": path for path, v in seal["versioned"].items()}
    for host in ("edge1", "edge2"):
        for url, path in served.items():
            answer = get(shop.fleet.origin(host) + url, "gzip")
            assert answer.sha256 == seal["files"][path]["sha256"]
            if path in copies:
                assert answer.headers["Content-Encoding"] == "gzip"
                assert int(answer.headers["Content-Length"]) == copies[path]["size"]


def test_other_encodings_make_another_release_of_the_same_digest(shop: Operator) -> None:
    """Else who asks for them gets none before the next change; and those of before are still known."""
    live = shop.live()
    assert live is not None
    inventory = shop.folder / "inventories" / "staging.yml"
    text = inventory.read_text()
    data = yaml.safe_load(text)
    inventory.write_text(yaml.safe_dump({**data, "build": {"precompress": []}}))
    shop.fab("seal")
    newest = shop.json("releases")[0]
    assert newest["state"] == "staged"
    bare, full = shop.release("build1", newest["id"]), shop.release("build1", live)
    assert bare["digest"] == full["digest"]
    assert not any("encodings" in file for file in bare["files"].values())
    inventory.write_text(text)
    assert f"the content is the same as in release {live}" in shop.fab("seal").stdout


def test_status_has_the_shape_that_scripts_rely_on(shop: Operator) -> None:
    status = shop.json("status")
    assert set(status) >= {"environment", "app", "live", "agreed", "lock", "hosts"}
    assert status["lock"] is None
    host = status["hosts"][1]
    assert host["host"] == "edge1"
    assert host["roles"] == ["static"]
    assert host["live"] == status["live"]
    assert (host["missing"], host["changed"], host["error"]) == (0, 0, None)
    assert re.fullmatch("[0-9a-f]{64}", host["offline_manifest_sha256"])
    assert re.fullmatch("[0-9a-f]{64}", host["versions_sha256"])


def test_status_counts_files_that_are_not_as_sealed_and_a_deploy_mends_them(shop: Operator) -> None:
    root = shop.fleet.hosts["edge1"].static / "current" / "static"
    (root / "shop" / "img" / "logo.svg").unlink()
    damaged = root / "shop" / "img" / "favicon.png"
    damaged.chmod(0o644)
    damaged.write_bytes(b"not a picture")
    host = next(one for one in shop.json("status")["hosts"] if one["host"] == "edge1")
    assert (host["missing"], host["changed"]) >= (1, 1)

    live = shop.live()
    shop.fab("deploy")
    assert shop.live() == live
    host = next(one for one in shop.json("status")["hosts"] if one["host"] == "edge1")
    assert (host["missing"], host["changed"]) == (0, 0)
    assert shop.wrong(everything(shop, str(live))) == []


def test_a_phase_by_hand_says_what_it_made_stale_and_resume_runs_just_that(shop: Operator) -> None:
    live = shop.live()
    output = shop.fab("resource-static").stdout
    assert "stale now: build-requirejs, compress, seal" in output
    resumed = shop.fab("deploy", "--resume").stdout
    ran = re.findall(r"(\S+) done in", resumed)
    assert ran[:3] == ["build-requirejs", "compress", "seal"]
    assert "collectstatic" not in ran
    assert (
        shop.live() == live
    )  # the same content as before: each phase met what a whole build meets
    assert "nothing is stale" in shop.fab("deploy", "--resume").stdout


def test_phases_chain_on_one_command_line(shop: Operator) -> None:
    output = shop.fab("collectstatic", "fix-less-imports").stdout
    assert re.findall(r"(\S+) done in", output) == ["collectstatic", "fix-less-imports"]


def test_prepare_changes_nothing_live_and_activate_makes_it_live(shop: Operator) -> None:
    def staged_now() -> set[str]:
        return {one["id"] for one in shop.json("releases") if one["state"] == "staged"}

    live, before = shop.live(), staged_now()
    change(shop)
    shop.fab("prepare")
    assert shop.live() == live
    staged = sorted(staged_now() - before)
    assert len(staged) == 1
    plan = shop.json("deploy", "--dry-run")
    assert plan["release"] == staged[0]
    assert [host["objects"] for host in plan["hosts"]] == [0] * len(HOSTS)
    shop.fab("activate")
    assert shop.live() == staged[0]


def test_a_dry_run_writes_nothing_on_any_host(shop: Operator) -> None:
    change(shop)

    def tree() -> dict[Path, tuple[int, int]]:
        return {
            path: (path.lstat().st_mtime_ns, path.lstat().st_size)
            for host in shop.fleet.hosts.values()
            for folder in (host.static, host.code)
            for path in folder.rglob("*")
            if "__pycache__" not in path.parts and "node_modules" not in path.parts
        }

    before = tree()
    shop.fab("plan")
    shop.fab("deploy", "--dry-run")
    assert tree() == before


def test_without_the_less_fix_compress_fails_and_nothing_live_changes(shop: Operator) -> None:
    live = shop.live()
    phases = ["collectstatic", "compilejsi18n", "resource_static", "build_requirejs", "compress"]
    shop.write_inventory("nofix", app="shop", build={"phases": phases})
    # its own journal and lock: another app's folder is refused, so it has its own deploy_to
    path = shop.folder / "inventories" / "nofix.yml"
    path.write_text(path.read_text().replace("/{host}/static", "/{host}/nofix"))
    error = shop.fab("deploy", name="nofix", code=1).stderr
    assert "compress" in error
    assert ".less" in error
    assert shop.live() == live


def test_a_less_syntax_error_fails_with_the_file_and_nothing_live_changes(shop: Operator) -> None:
    live = shop.live()
    less = shop.fleet.hosts["build1"].code / LESS
    good = less.read_text()
    less.write_text(good + "\n.broken { color: \n")
    try:
        error = shop.fab("deploy", code=1).stderr
    finally:
        less.write_text(good)
    assert "mend:" in error
    assert "less" in error
    assert "what is live has not changed" in error
    assert shop.live() == live


def test_without_node_the_message_says_how_to_get_it(shop: Operator) -> None:
    live = shop.live()
    shop.write_inventory("nonode", app="shop", project={"environment": {"PATH": "/nonexistent"}})
    path = shop.folder / "inventories" / "nonode.yml"
    path.write_text(path.read_text().replace("/{host}/static", "/{host}/nonode"))
    error = shop.fab("deploy", name="nonode", code=1).stderr
    assert re.search("Node", error)
    assert shop.live() == live


def test_a_template_that_loses_its_block_fails_the_phase_by_name(shop: Operator) -> None:
    live = shop.live()
    template = shop.fleet.hosts["build1"].code / "shop" / "templates" / "shop" / "lost.html"
    template.write_text(
        "{% load compress fab_static %}{% compress js %}{% static 'a' 'b' 'c' 'd' %}{% endcompress %}"
    )
    try:
        error = shop.fab("compress", code=1).stderr
    finally:
        template.unlink()
    assert "lost.html" in error
    assert shop.live() == live
