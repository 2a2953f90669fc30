"""The sample shop, built by the real Django, lessc and r.js: without our phases it breaks, with them it is whole."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pytest

from fab_static.host.loader import program
from fab_static.phases.run.project_code import PROBE, project_archive
from tests.django_starts import run_python

SAMPLE = Path(__file__).parent.parent / "sample_project"
BUILD = (
    ("collectstatic", "--noinput"),
    ("fix_less_imports_collectstatic",),
    ("compilejsi18n",),
    ("resource_static",),
    ("build_requirejs",),
    ("compress", "--force"),
)
PAGES = (
    "/",
    "/about/",
    "/catalog/",
    "/catalog/tea-bowl/",
    "/catalog/kuechenkrug/",
    "/cart/",
    "/checkout/",
    "/account/",
    "/account/orders/",
    "/account/addresses/",
    "/styleguide/",
    "/styleguide/?theme=dark",
    "/traps/",
    "/traps/versions-in-keys/",
    "/traps/cdn-in-keys/",
    "/traps/lost-block/",
    "/traps/one-process/",
    "/traps/same-url-new-bytes/",
    "/traps/open-page/",
    "/traps/two-apps/",
    "/traps/other-bundler/",
)
ENTRIES = (
    ("shop", "shop/less/bootstrap.less"),
    ("shop", "shop/less/site.less"),
    ("shop", "shop/less/home.less"),
    ("catalog", "catalog/less/catalog.less"),
    ("cart", "cart/less/cart.less"),
    ("account", "account/less/account.less"),
    ("account", "account/less/addresses.less"),
    ("labs/styleguide", "styleguide/less/styleguide.less"),
    ("labs/styleguide", "styleguide/less/themes/dark/theme.less"),
)
# Runs in the project's own process: Django's settings can be set once only, and here they are the tests'.
FETCH = """
import json, sys, django
django.setup()
from django.test import Client
client = Client(raise_request_exception=True)
answers = {}
for url in json.loads(sys.argv[1]):
    answer = client.get(url, headers={"accept-language": sys.argv[2]})
    answers[url] = [answer.status_code, answer.content.decode()]
print(json.dumps(answers))
"""
# Each command runs in a fork of a project that was set up once, as a deploy runs its phases.
COMMANDS = """
import json, os, runpy, sys, django
django.setup()
for words in json.loads(sys.argv[1]):
    if not os.fork():
        sys.argv = ["manage.py", *words]
        runpy.run_path("manage.py", run_name="__main__")
        break
    if os.wait()[1]:
        sys.exit("failed: " + words[0])
"""
# Compiles each sheet as lessc does.
LESS_C = """
const fs = require("fs"), less = require("less"), files = process.argv.slice(1);
const compiled = (file) => less.render(fs.readFileSync(file, "utf8"), { filename: file });
Promise.all(files.map(compiled)).then((all) => console.log(JSON.stringify(all.map((made) => made.css))));
"""


@dataclass(frozen=True)
class Shop:
    """A copy of the sample project."""

    path: Path

    @property
    def root(self) -> Path:
        return self.path / "staticfiles"

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.python("manage.py", *words, **environment)

    def build(self, *phases: tuple[str, ...], **environment: str) -> None:
        done = self.python("-c", COMMANDS, json.dumps(phases), **environment)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def pages(self, *urls: str, language: str = "en", **environment: str) -> dict[str, str]:
        """Fetch pages with Django's test client; all must answer 200."""
        done = self.python("-c", FETCH, json.dumps(urls), language, **environment)
        assert done.returncode == 0, done.stderr[-3000:]
        answers = json.loads(done.stdout)
        assert {url: status for url, (status, _) in answers.items()} == dict.fromkeys(urls, 200)
        return {url: text for url, (_, text) in answers.items()}

    def failure(self, url: str, **environment: str) -> str:
        """Fetch a page that must fail; return what the process said of it."""
        done = self.python("-c", FETCH, json.dumps([url]), "en", **environment)
        assert done.returncode != 0, done.stdout[-3000:]
        return done.stderr

    def coverage(self) -> dict[str, Any]:
        """Ask what the gate asks on each web host."""
        done = run_python(
            "-",
            cwd=self.path,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "shop.settings",
                "FAB_STATIC_PROBE": json.dumps({"ask": "coverage", "manifest": None}),
            },
            input=program(project_archive(), PROBE),
            text=True,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.partition("FAB_STATIC_PROBE ")[2])
        return answer

    def write(self, name: str, text: str) -> None:
        """Replace a file, which may be a hard link."""
        (self.path / name).unlink()
        (self.path / name).write_text(text)

    def lessc(self, files: list[Path]) -> list[str]:
        done = subprocess.run(
            ["node", "-e", LESS_C, *files], cwd=self.path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        made: list[str] = json.loads(done.stdout)
        return made

    def python(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "SHOP_", "STATIC_"))
        }
        env = {**inherited, "DJANGO_SETTINGS_MODULE": "shop.settings", **environment}
        return run_python(*words, cwd=self.path, env=env, text=True)


def checkout(folder: Path) -> Shop:
    """Copy the sample project; installs its npm packages where they are missing."""
    subprocess.run([sys.executable, SAMPLE / "checkout.py", folder], check=True)
    return Shop(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = checkout(tmp_path_factory.mktemp("built") / "shop")
    shop.build(*BUILD)
    return shop


@pytest.fixture
def copy(built: Shop, tmp_path: Path) -> Shop:
    """The built shop, for a test that changes it."""
    shutil.copytree(built.path, tmp_path / "shop", symlinks=True, copy_function=os.link)
    return Shop(tmp_path / "shop")


def test_compress_fails_when_no_phase_has_fixed_the_less_imports(tmp_path: Path) -> None:
    shop = checkout(tmp_path / "shop")
    shop.build(("collectstatic", "--noinput"))

    done = shop.manage("compress", "--force")

    assert done.returncode != 0
    assert "wasn't found" in done.stdout + done.stderr
    assert not (shop.root / "CACHE" / "manifest.json").exists()


@pytest.fixture(scope="module")
def pages(built: Shop) -> dict[str, str]:
    return built.pages(*PAGES)


def test_every_page_names_only_files_that_are_in_the_static_root(
    built: Shop, pages: dict[str, str]
) -> None:
    assert _missing(built, pages) == {}


def test_each_version_is_that_of_the_bytes_served_under_it(
    built: Shop, pages: dict[str, str]
) -> None:
    texts = [*pages.values(), _text(built, "shop/js/resource_versions.js")]
    versioned = {
        (unquote(name), version)
        for text in texts
        for name, version in re.findall(r'"/static/([^"?]+)\?version=(\w+)"', text)
    }

    wrong = {
        (name, version)
        for name, version in versioned
        if hashlib.sha1((built.root / name).read_bytes()).hexdigest()[:7] != version
    }

    assert wrong == set()
    assert {"shop/js/awesome.js", "shop/js/requirejs_config.js", "catalog/js/bundle.js"} <= {
        name for name, _ in versioned
    }


@pytest.fixture(scope="module")
def sheets(built: Shop) -> dict[str, tuple[str, str]]:
    """Each entry, compiled in the static root and where its source is."""
    static = [built.root / entry for _, entry in ENTRIES]
    sources = [built.path / app / "static" / entry for app, entry in ENTRIES]
    pairs = zip(built.lessc(static), built.lessc(sources), strict=True)
    return {entry: pair for (_, entry), pair in zip(ENTRIES, pairs, strict=True)}


@pytest.mark.parametrize(("app", "entry"), ENTRIES)
def test_the_style_sheet_is_the_one_that_the_sources_give(
    sheets: dict[str, tuple[str, str]], app: str, entry: str
) -> None:
    """That it compiles proves nothing: an old Bootstrap three folders up compiles too."""
    in_static_root, from_source = sheets[entry]
    assert in_static_root == from_source != ""


def test_compress_makes_with_our_less_filter_what_it_makes_with_lessc(built: Shop) -> None:
    made = _made_by_compress(built)
    built.build(("compress", "--force"), SHOP_LESS="lessc")

    assert _made_by_compress(built) == made
    assert any(name.endswith(".css") for name in made)


def test_each_main_module_is_in_the_bundle_of_its_folder(built: Shop) -> None:
    bundles = _bundles(built)

    assert {"catalog/js/list", "catalog/js/product"} <= set(bundles["catalog/js/bundle"])
    assert {"cart/js/cart", "cart/js/checkout", "cart/js/sums"} <= set(bundles["cart/js/bundle"])
    assert "shop/js/store" not in bundles["cart/js/bundle"], "it is common to all pages"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "Ihr Warenkorb ist leer."),
        ("fr", "Votre panier est vide."),
        ("pl", "Twój koszyk jest pusty."),
    ],
)
def test_a_page_loads_its_languages_catalogue_by_an_unversioned_url(
    built: Shop, language: str, words: str
) -> None:
    page = built.pages("/cart/", language=language)["/cart/"]

    assert f'src="/static/jsi18n/{language}/djangojs.js"' in page
    assert json.dumps(words) in _text(built, f"jsi18n/{language}/djangojs.js")


def test_images_with_a_space_and_an_umlaut_in_their_names_are_shown(built: Shop) -> None:
    images = {unquote(url.split("?")[0]) for url in _links(built.pages("/catalog/")["/catalog/"])}

    assert {"/static/catalog/img/tea bowl.svg", "/static/catalog/img/Küchenkrug.svg"} <= images


def test_behind_a_cdn_every_static_url_leads_to_it_but_the_catalogues(tmp_path: Path) -> None:
    shop = checkout(tmp_path / "shop")
    cdn = "https://cdn.example.com"
    shop.build(*BUILD, STATIC_CDN=cdn)

    pages = shop.pages(*PAGES, STATIC_CDN=cdn)

    own = {url for page in pages.values() for url in _links(page) if url.startswith("/static/")}
    assert own == {"/static/jsi18n/en/djangojs.js"}
    assert _missing(shop, pages, cdn) == {}
    sheets = "".join(file.read_text() for file in (shop.root / "CACHE" / "css").glob("*.css"))
    assert f"{cdn}/static/bootstrap/fonts/glyphicons-halflings-regular.woff2" in sheets


def test_in_development_pages_come_from_the_sources_with_nothing_built(tmp_path: Path) -> None:
    shop = checkout(tmp_path / "shop")

    asked = ("/", "/cart/", "/account/", "/styleguide/?theme=dark", "/traps/other-bundler/")
    pages = shop.pages(*asked, SHOP_COMPRESS="0")

    compiled = {url for page in pages.values() for url in _links(page) if "/CACHE/" in url}
    assert compiled
    assert all((shop.root / url.removeprefix("/static/")).is_file() for url in compiled)
    assert 'src="/static/jquery/dist/jquery.js"' in pages["/"]
    assert "resource_versions.js" not in pages["/cart/"]
    assert '"traps/js/loaded"' in pages["/traps/other-bundler/"]
    assert "shop/js/resource_versions" not in _scripts(pages["/traps/other-bundler/"])


def test_health_says_which_release_runs(built: Shop) -> None:
    answer = built.pages("/health", SHOP_RELEASE="20261122T170102Z-3f9c1a7b")["/health"]

    assert json.loads(answer) == {"status": "ok", "release": "20261122T170102Z-3f9c1a7b"}


def test_the_traps_page_leads_to_a_page_for_each_trap(built: Shop) -> None:
    links = [url for url in _links(built.pages("/traps/")["/traps/"]) if url.startswith("/traps/")]

    assert links[:-1] == [
        page for page in PAGES if page.startswith("/traps/") and page != "/traps/"
    ]
    assert len(links[:-1]) == 8


def test_trap_1_with_other_versions_than_compress_saw_a_page_fails_and_the_gate_says_so(
    copy: Shop,
) -> None:
    assert copy.coverage()["missing"] == []
    (copy.path / "resource_versions.yml").unlink()

    assert "OfflineGenerationError" in copy.failure("/traps/versions-in-keys/")
    assert "traps/versions-in-keys.html" in {
        block["template"] for block in copy.coverage()["missing"]
    }


def test_trap_2_behind_another_cdn_than_the_build_s_a_page_fails(built: Shop) -> None:
    said = built.failure("/traps/cdn-in-keys/", STATIC_CDN="https://other.example.com")

    assert "OfflineGenerationError" in said


def test_trap_3_a_block_that_compress_loses_is_named_though_compress_ends_well(
    copy: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.build(("compress", "--force", "-v0"), SHOP_LOSE="1")

    assert "OfflineGenerationError" in copy.failure("/traps/lost-block/")
    assert [block["template"] for block in copy.coverage()["missing"]] == ["traps/lost-block.html"]
    monkeypatch.setenv("SHOP_LOSE", "1")
    (failed,) = copy.coverage()["failed"]
    assert (failed["template"], failed["error"]) == (
        "traps/lost-block.html",
        "LookupError: SHOP_LOSE is set",
    )


def test_trap_4_a_process_serves_on_with_the_versions_that_it_has_read(copy: Shop) -> None:
    done = copy.python(
        "-c",
        "import pathlib, re, django; django.setup()\n"
        "from django.test import Client\n"
        "def versions():\n"
        "    page = Client().get('/traps/one-process/').content.decode()\n"
        "    return re.search('id=\"versions\">([0-9]+)<', page)[1]\n"
        "before = versions()\n"
        "with pathlib.Path('resource_versions.yml').open('a') as file:\n"
        "    file.write('- {name: one/more.js, version: \"0123456\"}')\n"
        "print(before, versions())",
    )

    before, after = map(int, done.stdout.split())
    anew = copy.pages("/traps/one-process/")["/traps/one-process/"]
    assert after == before > 100
    assert f'id="versions">{before + 1}<' in anew


def test_traps_5_and_6_new_bytes_have_a_new_url_and_the_old_name_keeps_its_own(
    copy: Shop,
) -> None:
    asked = ("/traps/same-url-new-bytes/", "/traps/open-page/")
    before = copy.pages(*asked)
    (script,) = re.findall(r'/static/(CACHE/js/later[^"]+)', before[asked[1]])
    old = _text(copy, script)
    for name in ("by_itself", "later"):
        copy.write(f"labs/traps/static/traps/js/{name}.js", "console.log('changed');")

    copy.build(BUILD[0], *BUILD[3:])

    after = copy.pages(*asked)
    pattern = r"traps/js/by_itself\.js\?version=(\w+)"
    versions = [re.findall(pattern, pages[asked[0]])[0] for pages in (before, after)]
    assert versions[0] != versions[1]
    assert versions[1] == hashlib.sha1(b"console.log('changed');").hexdigest()[:7]
    assert script not in after[asked[1]]
    assert _text(copy, script) == old


def test_trap_7_of_two_apps_that_ship_one_path_the_version_is_that_of_the_file_served(
    built: Shop,
) -> None:
    page = built.pages("/traps/two-apps/")["/traps/two-apps/"]
    (version,) = re.findall(r"traps/js/greeting\.js\?version=(\w+)", page)

    served = (built.root / "traps/js/greeting.js").read_bytes()
    sources = [built.path / app / "static/traps/js/greeting.js" for app in ("shop", "labs/traps")]
    first, passed_over = (source.read_bytes() for source in sources)
    assert served == first != passed_over
    assert version == hashlib.sha1(served).hexdigest()[:7]


def test_trap_8_a_page_s_module_comes_in_a_bundle_where_one_was_built(built: Shop) -> None:
    """Where none was: test_in_development_pages_come_from_the_sources_with_nothing_built."""
    page = built.pages("/traps/other-bundler/")["/traps/other-bundler/"]

    assert '"traps/js/loaded"' in page
    assert "shop/js/resource_versions" in _scripts(page)
    assert "traps/js/loaded" in _bundles(built)["traps/js/bundle"]


def test_the_package_lock_names_no_registry() -> None:
    lock = json.loads((SAMPLE / "package-lock.json").read_text())

    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def _made_by_compress(shop: Shop) -> dict[str, object]:
    """Return what CACHE/ holds; the manifest's order is chance."""
    folder = shop.root / "CACHE"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
    return {**files, "manifest.json": json.loads(files["manifest.json"])}


def _missing(shop: Shop, pages: dict[str, str], cdn: str = "") -> dict[str, set[str]]:
    """Return the static URLs that lead to no file, by the page or style sheet that names them."""
    missing: dict[str, set[str]] = {}
    sheets: set[str] = set()
    for page, text in pages.items():
        for url in _links(text):
            name = _name(url, cdn)
            if name is None:
                continue
            if not (shop.root / name).is_file():
                missing.setdefault(page, set()).add(url)
            elif name.endswith(".css"):
                sheets.add(name)
    assert sheets
    for sheet in sheets:
        for url in re.findall(r"""url\(["']?([^"')]+)""", _text(shop, sheet)):
            name = _name(urljoin(f"{cdn}/static/{sheet}", url), cdn)
            if name is not None and not (shop.root / name).is_file():
                missing.setdefault(sheet, set()).add(url)
    return missing


def _name(url: str, cdn: str) -> str | None:
    for prefix in (f"{cdn}/static/", "/static/"):
        if url.startswith(prefix):
            return unquote(re.split(r"[?#]", url.removeprefix(prefix))[0])
    return None


def _links(page: str) -> Iterator[str]:
    """Yield what a page's src and href attributes say."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if name in {"src", "href"} and value)

    Reader().feed(page)
    yield from found


def _bundles(shop: Shop) -> dict[str, list[str]]:
    """Return the modules of each bundle, as pages are told of them."""
    config = _text(shop, "shop/js/requirejs_config.js")
    told = json.loads(re.findall(r"requirejs\.config\((\{.*?\})\);", config, re.DOTALL)[-1])
    bundles: dict[str, list[str]] = told["bundles"]
    return bundles


def _scripts(page: str) -> set[str]:
    """Return the names of the scripts that a page starts with, less their ending."""
    return set(re.findall(r'src="/static/([^"?]+)\.js', page))


def _text(shop: Shop, name: str) -> str:
    return (shop.root / name).read_text("utf-8")
