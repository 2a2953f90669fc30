"""The sample shop, built by the real Django, lessc and r.js: without our phases it breaks, with them it is whole."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest

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
)
ENTRIES = {
    "shop": ("shop/less/bootstrap.less", "shop/less/site.less", "shop/less/home.less"),
    "catalog": ("catalog/less/catalog.less",),
    "cart": ("cart/less/cart.less",),
    "account": ("account/less/account.less", "account/less/addresses.less"),
    "labs/styleguide": (
        "styleguide/less/styleguide.less",
        "styleguide/less/themes/dark/theme.less",
    ),
}
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


@dataclass(frozen=True)
class Shop:
    """A copy of the sample project."""

    path: Path

    @property
    def root(self) -> Path:
        return self.path / "staticfiles"

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._python("manage.py", *words, **environment)

    def build(self, *phases: tuple[str, ...], **environment: str) -> None:
        for words in phases:
            done = self.manage(*words, **environment)
            assert done.returncode == 0, f"{words[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

    def pages(self, *urls: str, language: str = "en", **environment: str) -> dict[str, str]:
        """Fetch pages with Django's test client; all must answer 200."""
        done = self._python("-c", FETCH, json.dumps(urls), language, **environment)
        assert done.returncode == 0, done.stderr[-3000:]
        answers = json.loads(done.stdout)
        assert {url: status for url, (status, _) in answers.items()} == dict.fromkeys(urls, 200)
        return {url: text for url, (_, text) in answers.items()}

    def lessc(self, file: Path) -> bytes:
        program = self.path / "node_modules" / "less" / "bin" / "lessc"
        done = subprocess.run(["node", program, file], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _python(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "SHOP_", "STATIC_"))
        }
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.path,
            env={**inherited, "DJANGO_SETTINGS_MODULE": "shop.settings", **environment},
            capture_output=True,
            text=True,
            check=False,
        )


def checkout(folder: Path) -> Shop:
    """Copy the sample project; installs its npm packages where they are missing."""
    subprocess.run([sys.executable, SAMPLE / "checkout.py", folder], check=True)
    return Shop(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = checkout(tmp_path_factory.mktemp("built") / "shop")
    shop.build(*BUILD)
    return shop


def test_compress_fails_when_no_phase_has_fixed_the_less_imports(tmp_path: Path) -> None:
    shop = checkout(tmp_path / "shop")
    shop.build(("collectstatic", "--noinput"))

    done = shop.manage("compress", "--force")

    assert done.returncode != 0
    assert "wasn't found" in done.stdout + done.stderr
    assert not (shop.root / "CACHE" / "manifest.json").exists()


def test_every_page_names_only_files_that_are_in_the_static_root(built: Shop) -> None:
    pages = built.pages(*PAGES)

    assert _missing(built, pages) == {}


def test_each_version_is_that_of_the_bytes_served_under_it(built: Shop) -> None:
    texts = [*built.pages(*PAGES).values(), _text(built, "shop/js/resource_versions.js")]
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


@pytest.mark.parametrize(
    ("app", "entry"), [(app, entry) for app, entries in ENTRIES.items() for entry in entries]
)
def test_the_style_sheet_is_the_one_that_the_sources_give(
    built: Shop, app: str, entry: str
) -> None:
    """That it compiles proves nothing: an old Bootstrap three folders up compiles too."""
    assert built.lessc(built.root / entry) == built.lessc(built.path / app / "static" / entry)


def test_compress_makes_with_our_less_filter_what_it_makes_with_lessc(built: Shop) -> None:
    made = _made_by_compress(built)
    built.build(("compress", "--force"), SHOP_LESS="lessc")

    assert _made_by_compress(built) == made
    assert any(name.endswith(".css") for name in made)


def test_each_main_module_is_in_the_bundle_of_its_folder(built: Shop) -> None:
    config = _text(built, "shop/js/requirejs_config.js")
    bundles = json.loads(re.findall(r"requirejs\.config\((\{.*?\})\);", config, re.DOTALL)[-1])[
        "bundles"
    ]

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

    pages = shop.pages("/", "/cart/", "/account/", "/styleguide/?theme=dark", SHOP_COMPRESS="0")

    compiled = {url for page in pages.values() for url in _links(page) if "/CACHE/" in url}
    assert compiled
    assert all((shop.root / url.removeprefix("/static/")).is_file() for url in compiled)
    assert 'src="/static/jquery/dist/jquery.js"' in pages["/"]
    assert "resource_versions.js" not in pages["/cart/"]


def test_health_says_which_release_runs(built: Shop) -> None:
    answer = built.pages("/health", SHOP_RELEASE="20261122T170102Z-3f9c1a7b")["/health"]

    assert json.loads(answer) == {"status": "ok", "release": "20261122T170102Z-3f9c1a7b"}


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


def _text(shop: Shop, name: str) -> str:
    return (shop.root / name).read_text("utf-8")
