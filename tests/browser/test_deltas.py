"""What a returning visitor downloads: twenty releases of real packages, through nginx, in a real browser.

Dictionaries need a secure context: nginx serves HTTPS with a certificate of this test's own, which Chromium is told of.
Three visitors keep their caches, and come at each, each second and each fifth release.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import BrowserContext, sync_playwright

from demo.fleet import nginx_config
from fab_static import api
from fab_static.plan import inventory
from fab_static.plan.nginx import nginx_server
from fab_static.plan.release import Release
from tests.integration import plain_project
from tests.ports import kept_port, listens

pytestmark = pytest.mark.timeout(900)  # of twenty deploys, on a busy machine
HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
# SHA-256 -> bytes that brotli makes of it: it takes half a second for each, and node is asked of others
SIZES = HERE / "brotli_sizes.json"
ESBUILD = HERE.parent / "bundlers" / "node_modules" / ".bin" / "esbuild"
EVERY = (1, 2, 5)  # a visitor comes at each so many releases
RELEASES = 20
MOST = 0.05  # of what brotli would cost, in the median
# what each release brings besides a changed line of the bundles: a package's next version, one after the other
VERSIONS = {
    "bootstrap": ("5.3.0", "5.3.1", "5.3.2", "5.3.3"),
    "jquery": ("3.6.0", "3.6.1", "3.6.2", "3.6.3", "3.6.4", "3.7.0", "3.7.1"),
    "d3": ("7.8.0", "7.8.1", "7.8.2", "7.8.4", "7.8.5", "7.9.0"),
    "less": ("4.1.0", "4.1.1", "4.1.2", "4.1.3", "4.2.0"),
}
FILES = {
    "vendor/bootstrap.css": ("bootstrap", "dist/css/bootstrap.css"),
    "vendor/bootstrap.js": ("bootstrap", "dist/js/bootstrap.bundle.js"),
    "vendor/jquery.js": ("jquery", "dist/jquery.js"),
    "vendor/d3.js": ("d3", "dist/d3.js"),
    "vendor/less.js": ("less", "dist/less.js"),
}
INVENTORY = """\
app: shop
deploy_to: {folder}/host
hosts:
  here: {{local: true, roles: [build, static]}}
project: {{path: "{folder}/code", python: "{python}", settings: settings}}
build: {{phases: [collectstatic, resource_static], immutable: ["assets/**"], deltas: 5}}
"""
SETTINGS = 'INSTALLED_APPS += ["fab_static.django_app"]\n'
BROTLI = """\
const zlib = require("zlib"), fs = require("fs")
const quality = {params: {[zlib.constants.BROTLI_PARAM_QUALITY]: 11}}
const size = (path) => zlib.brotliCompressSync(fs.readFileSync(path), quality).length
console.log(JSON.stringify(process.argv.slice(1).map(size)))
"""


@dataclass
class Visit:
    """What one visitor downloaded of one release, by nginx's log, and what brotli would have cost."""

    every: int
    release: int
    changed: set[str]
    sent: dict[str, tuple[int, str]]  # path -> bytes, coding


@dataclass
class Story:
    visits: list[Visit] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # what a browser refused to run
    brotli: dict[str, int] = field(default_factory=dict)  # SHA-256 -> bytes
    files: list[dict[str, str]] = field(default_factory=list)  # of each release: path -> SHA-256
    cross: dict[str, tuple[int, str]] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)  # what differs for who knows no dictionaries


def certificate(folder: Path) -> str:
    """Write a key and a certificate for localhost; return the name by which Chromium is told of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(9)
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = built.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    spki = key.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


@contextlib.contextmanager
def served(folder: Path, ports: list[int]) -> Iterator[Path]:
    """Run nginx: pages and files, the files once more for another origin, and once more without deltas."""
    pages, host = folder / "pages", folder / "host"
    pages.mkdir()
    sites = []
    for name, port in zip(("own", "cross", "plain"), ports, strict=True):
        site = nginx_server(host, f"127.0.0.1:{port} ssl http2", name=name, deltas=name != "plain")
        page = f'    location / {{ root "{pages}"; add_header Cache-Control no-store; }}\n'
        sites.append(site.rstrip().removesuffix("}") + page + "}\n")
    config = nginx_config("".join(sites), folder).replace(
        f'    access_log "{folder}/access.log";\n',
        '    log_format bytes escape=json \'{"who":"$http_user_agent","uri":"$uri","url":"$request_uri",'
        '"bytes":$body_bytes_sent,"coding":"$sent_http_content_encoding","status":$status}\';\n'
        f'    access_log "{folder}/access.log" bytes;\n'
        f'    ssl_certificate "{folder}/cert.pem";\n    ssl_certificate_key "{folder}/key.pem";\n'
        "    variables_hash_max_size 4096;\n",
    )
    file = folder / "nginx.conf"
    file.write_text(config)
    log = folder / "http.log"
    server = subprocess.Popen(
        ["/usr/sbin/nginx", "-e", str(log), "-p", str(folder), "-c", str(file)]
    )
    try:
        assert listens(server, ports[0]), log.read_text()
        yield pages
    finally:
        server.terminate()
        server.wait()


def versions_of(release: int) -> dict[str, str]:
    """Return which version of each package a release has: one of them is another in each."""
    order = [name for at in range(1, 7) for name in VERSIONS if at < len(VERSIONS[name])]
    done = order[: release - 1]
    return {name: known[done.count(name)] for name, known in VERSIONS.items()}


def write_sources(code: Path, release: int) -> None:
    """Write what a release is built of; its two bundles are made by esbuild, under names with hashes."""
    static, versions = code / "shop" / "static", versions_of(release)
    for path, (package, inside) in FILES.items():
        (static / path).parent.mkdir(parents=True, exist_ok=True)
        (static / path).write_bytes(
            (PACKAGES / f"{package}-{versions[package]}" / inside).read_bytes()
        )
    sources = code / "frontend"
    sources.mkdir(exist_ok=True)
    jquery, d3 = (PACKAGES / f"{name}-{versions[name]}" for name in ("jquery", "d3"))
    (sources / "app.js").write_text(
        f'import $ from "{jquery}/dist/jquery.js"\n$(() => document.title = "release {release}")\n'
    )
    (sources / "charts.js").write_text(
        f'import * as d3 from "{d3}/dist/d3.js"\nwindow.charts = [d3.version, d3.scaleLinear, {release // 2}]\n'
    )
    for old in (static / "assets").glob("*"):
        old.unlink()
    subprocess.run(
        [ESBUILD, "app.js", "charts.js", "--bundle", "--minify", "--log-level=error",
         "--entry-names=[name]-[hash]", f"--outdir={static / 'assets'}"],
        cwd=sources, check=True,
    )  # fmt: skip


def urls_of(release: Release) -> dict[str, str]:
    """Return what the page of a release names: path -> URL."""
    paths = [*FILES, *(path for path in release.files if path.startswith("assets/"))]
    version = {path: f"?version={release.versions[path]}" for path in FILES}
    return {path: f"/static/{path}{version.get(path, '')}" for path in paths}


def page_of(
    urls: Mapping[str, str], files: Mapping[str, str], base: str = "", more: str = ""
) -> str:
    """Return a page whose scripts and stylesheets run only if their bytes are the release's: the browser hashes them."""
    tags = []
    for path, url in urls.items():
        sha256 = base64.b64encode(bytes.fromhex(files[path])).decode()
        checked = f'{more} integrity="sha256-{sha256}"' if more or not base else ""
        tags.append(
            f'<link rel="stylesheet" href="{base}{url}"{checked}>'
            if path.endswith(".css")
            else f'<script src="{base}{url}"{checked}></script>'
        )
    return '<!doctype html><title>shop</title><link rel="icon" href="data:,">' + "\n".join(tags)


class Visitor:
    """A browser that keeps its cache, and what it has seen."""

    def __init__(self, context: BrowserContext, log: Path) -> None:
        self._context = context
        self._log = log
        self.title = ""

    def visit(self, url: str) -> tuple[dict[str, tuple[int, str]], list[str]]:
        """Open a page; return what nginx sent for it, by path, and what the browser refused."""
        before = self._log.stat().st_size
        page = self._context.new_page()
        refused: list[str] = []
        page.on("requestfailed", lambda request: refused.append(f"{request.url} failed"))
        page.on("pageerror", lambda error: refused.append(str(error)))
        page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
        page.goto(url, wait_until="load")
        self.title = page.title()
        page.close()
        with self._log.open() as log:
            log.seek(before)
            lines = [json.loads(line) for line in log]
        return {
            one["url"].partition("/static/")[2].partition("?")[0]: (one["bytes"], one["coding"])
            for one in lines
            if "/static/" in one["url"]
        }, refused


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("deltas")
    told = Story()
    code = plain_project.write(folder / "code", SETTINGS)
    write_sources(code, 1)
    plain_project.git(code, "init", "-q")
    key = certificate(folder)
    environment = inventory.parse(
        INVENTORY.format(folder=folder, python=sys.executable), name="staging", source="staging.yml"
    )
    with contextlib.ExitStack() as ends:
        ports = [ends.enter_context(kept_port()) for _ in range(3)]
        session = ends.enter_context(api.Session(environment, inventories=folder))
        pages = ends.enter_context(served(folder, ports))
        playwright = ends.enter_context(sync_playwright())

        def visitor(name: str) -> Visitor:
            context = playwright.chromium.launch_persistent_context(
                str(folder / f"profile {name}"),
                executable_path="/usr/bin/chromium",
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                      f"--ignore-certificate-errors-spki-list={key}"],
            )  # fmt: skip
            ends.callback(context.close)
            return Visitor(context, folder / "access.log")

        visitors = {every: visitor(str(every)) for every in EVERY}
        brotli: dict[str, int] = {}
        origins = [f"https://localhost:{port}" for port in ports]
        seen: dict[int, dict[str, str]] = {}
        for number in range(1, RELEASES + 1):
            write_sources(code, number)
            release = session.deploy().current_release()
            urls = urls_of(release)
            files = {path: file.sha256 for path, file in release.files.items()}
            told.files.append(files)
            (pages / "index.html").write_text(page_of(urls, files))
            versions = versions_of(number)
            first = told.files[0].values()  # has changed for nobody: brotli takes seconds for it
            of = {path: source_of(path, versions) for path in urls if files[path] not in first}
            new = {each: files[path] for path, each in of.items() if each not in brotli}
            brotli |= brotli_of(folder / "host", new)
            told.brotli |= {files[path]: brotli[each] for path, each in of.items()}
            for every, one in visitors.items():
                if (number - 1) % every:
                    continue
                sent, wrong = one.visit(f"{origins[0]}/index.html")
                told.wrong += wrong
                if one.title != f"release {number}":
                    told.wrong.append(f"the scripts of release {number} never ran")
                known = seen.get(every)
                if known is not None:
                    changed = {path for path in urls if files[path] not in known.values()}
                    told.visits.append(Visit(every, number, changed, sent))
                seen[every] = files
            if number > RELEASES - 2:
                told.cross = across(visitors[1], pages / "cross.html", origins, urls, files)
        told.plain = differing(ports, urls)
        release = session.rollback().current_release()
        files = {path: file.sha256 for path, file in release.files.items()}
        told.files.append(files)
        (pages / "index.html").write_text(page_of(urls_of(release), files))
        for one in visitors.values():
            told.wrong += one.visit(f"{origins[0]}/index.html")[1]
    return told


def source_of(path: str, versions: Mapping[str, str]) -> str:
    """Return what a file is made of: bundles of one package's version differ by a number, and brotli's size hardly."""
    name = path.rpartition("/")[2].partition(".")[0].partition("-")[0]
    package = {"app": "jquery", "charts": "d3"}.get(name, name)
    return f"{path.partition('/')[0]} {name} {path.rpartition('.')[2]} {versions[package]}"


def brotli_of(host: Path, objects: Mapping[str, str]) -> dict[str, int]:
    """Return what brotli makes of objects, at its best: the name of each, given with its SHA-256 -> bytes."""
    sizes: dict[str, int] = json.loads(SIZES.read_text())
    if new := [sha256 for sha256 in objects.values() if sha256 not in sizes]:
        paths = [str(host / "objects" / one[:2] / one) for one in new]
        ran = subprocess.run(["node", "-e", BROTLI, *paths], capture_output=True, check=True)
        sizes |= zip(new, json.loads(ran.stdout), strict=True)
    return {name: sizes[sha256] for name, sha256 in objects.items()}


def across(
    visitor: Visitor, page: Path, origins: list[str], urls: dict[str, str], files: dict[str, str]
) -> dict[str, tuple[int, str]]:
    """Visit a page that names the bundles of another origin: the one with leave for CORS, the other without."""
    app, charts = (path for path in sorted(urls) if path.startswith("assets/"))
    leave = page_of({app: urls[app]}, files, origins[1], " crossorigin")
    page.write_text(leave + page_of({charts: urls[charts]}, files, origins[1]))
    sent, wrong = visitor.visit(f"{origins[0]}/cross.html")
    assert wrong == []
    return {"crossorigin": sent[app], "without": sent[charts]}


def differing(ports: list[int], urls: dict[str, str]) -> list[str]:
    """Return the URLs that are answered otherwise than without deltas, to who knows no dictionaries."""

    def ask(port: int, url: str, coding: str) -> object:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        with contextlib.closing(connection):
            connection.request("GET", url, headers={"Accept-Encoding": coding})
            answer = connection.getresponse()
            new = ("Date", "Vary", "Use-As-Dictionary")
            return (
                answer.status,
                [one for one in answer.getheaders() if one[0] not in new],
                answer.read(),
            )

    return [
        f"{url} {coding}"
        for url in (*urls.values(), *(f"/static/{path}" for path in urls), "/static/nothing.js")
        for coding in ("identity", "gzip", "gzip, deflate, br")
        if sorted_headers(ask(ports[0], url, coding)) != sorted_headers(ask(ports[2], url, coding))
    ]


def sorted_headers(answer: Any) -> object:
    status, headers, body = answer
    return status, sorted(headers), body


def test_half_of_the_visits_cost_a_twentieth_of_brotli_at_the_most(story: Story) -> None:
    """By nginx's log: what was sent for what has changed since the visitor's last visit."""
    shares = {
        (visit.every, visit.release): sum(visit.sent[path][0] for path in visit.changed)
        / sum(story.brotli[story.files[visit.release - 1][path]] for path in visit.changed)
        for visit in story.visits
    }
    assert len(shares) == 19 + 9 + 3
    for every in EVERY:
        some = [share for (one, _), share in shares.items() if one == every]
        assert median(some) <= MOST, (every, shares)
    assert median(shares.values()) <= MOST


def test_every_changed_file_came_as_a_delta_and_no_other_was_asked_for(story: Story) -> None:
    for visit in story.visits:
        assert visit.sent.keys() == visit.changed, (visit.every, visit.release)
        assert {coding for _, coding in visit.sent.values()} == {"dcz"}, visit


def test_all_that_a_page_ran_was_the_release_s_own_after_the_rollback_too(story: Story) -> None:
    assert story.wrong == []
    assert story.files[-1] == story.files[-3], "went back to what was live before"


def test_a_script_of_another_origin_needs_leave_for_its_delta(story: Story) -> None:
    """A request without CORS carries no dictionary; it gets what it always got."""
    assert story.cross["crossorigin"][1] == "dcz"
    assert story.cross["without"][1] == "gzip"


def test_who_knows_no_dictionaries_gets_what_he_always_got(story: Story) -> None:
    assert story.plain == []
