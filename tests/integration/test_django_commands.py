"""The phases inside the project, with real Node, less, r.js and minifiers.

Needs `npm ci` in tests/sample_project.
"""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from fab_static.django_app.requirejs.minifying import MINIFIERS
from fab_static.host.loader import program
from fab_static.phases.run.project_code import PROBE, project_archive
from fab_static.plan import versions
from tests.django_starts import run_python

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests/sample_project"
# swc is not installed: its lock file names packages of all systems, and not every registry has them
INSTALLED = tuple(name for name in MINIFIERS if name != "swc")
MINIFIERS = INSTALLED[1:]  # without "none"
BUNDLES = (
    "cart/js/bundle.js",
    "catalog/js/bundle.js",
    "shop/js/common.js",
    "traps/js/bundle.js",
)
# Runs a page as a browser does: modules are fetched by RequireJS' own URLs.
BROWSER = """
const fs = require("fs"), path = require("path"), vm = require("vm");
const root = process.argv[1], scripts = JSON.parse(process.argv[2]), fetched = [];
const element = { getElementsByTagName: () => [], appendChild(script) { queue.push(script); } };
const queue = [];
const document = {
  getElementsByTagName: (name) => (name === "head" ? [element] : []), querySelectorAll: () => [],
  createElement: () => ({
    setAttribute(name, value) { this[name] = value; }, getAttribute(name) { return this[name]; },
    addEventListener(kind, done) { this[kind] = done; }, removeEventListener() {},
  }),
};
const window = { document, setTimeout, clearTimeout, navigator: {}, console, told: [] };
window.window = window.self = window;
const context = vm.createContext(window);
const run = (url) => vm.runInContext(fs.readFileSync(path.join(root, url.replace(/^.*?\\/static\\//, "").split("?")[0]), "utf8"), context);
for (const script of scripts) script.startsWith("/") ? run(script) : vm.runInContext(script, context);
(function next() {
  const script = queue.shift();
  if (!script) return setTimeout(() => (queue.length ? next() : console.log(JSON.stringify({ fetched, told: window.told }))), 30);
  fetched.push(script.src);
  run(script.src);
  script.load({ type: "load", currentTarget: script, srcElement: script });
  setTimeout(next, 0);
})();
"""
# Compiles each sheet as lessc does: prints its CSS, or null where it only compiles within another one.
LESS_C = """
const fs = require("fs"), less = require("less"), files = process.argv.slice(1);
const compiled = (file) =>
  less.render(fs.readFileSync(file, "utf8"), { filename: file }).then((made) => made.css, () => null);
Promise.all(files.map(compiled)).then((all) => console.log(JSON.stringify(all)));
"""
PREPARE = """
import runpy, sys
for words in ("collectstatic --noinput -v0", "fix_less_imports_collectstatic", "resource_static"):
    sys.argv = ["manage.py", *words.split()]
    runpy.run_path("manage.py", run_name="__main__")
"""


class Shop:
    """A copy of the sample project, collected but not yet bundled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path / "staticfiles"

    def copy_sample(self):
        ignored = shutil.ignore_patterns(
            "node_modules", "staticfiles", "resource_versions.*", "__pycache__"
        )
        shutil.copytree(SAMPLE, self.path, ignore=ignored)
        (self.path / "node_modules").symlink_to(SAMPLE / "node_modules")
        return self.prepare()

    def copy_to(self, path):
        shutil.copytree(self.path, path, symlinks=True)
        return Shop(path)

    def run(self, *arguments, **environment):
        return self.python("manage.py", *arguments, **environment)

    def python(self, *arguments, **environment):
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        return run_python(*arguments, cwd=self.path, env=env, text=True)

    def manage(self, *arguments, **environment):
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr

    def leave_out_jquery(self):
        """Write sources of a few lines, for which no minifier takes seconds."""
        self.write(
            "shop/static/shop/yaml/requirejs.yml",
            "mainConfigFile: shop/js/requirejs_config.js\ncommonModule: shop/js/common\n",
        )
        self.write("shop/static/shop/js/common.js", 'define(["shop/js/money"], function () {});')
        for name in ("cart", "checkout"):
            self.write(
                f"cart/static/cart/js/{name}.js",
                'define(["cart/js/sums"], () => window.told.push("ran"));',
            )
        for name in ("list", "product"):
            self.write(f"catalog/static/catalog/js/{name}.js", "define([], function () {});")
        self.write(
            "cart/static/cart/js/sums.js", 'define(["shop/js/money"], function () { return {}; });'
        )
        return self

    def prepare(self):
        """Run what comes before the bundles; the project is started once for all of it."""
        done = self.python("-c", PREPARE)
        assert done.returncode == 0, done.stderr
        return self

    def state(self):
        files = [self.path / "resource_versions.yml", *sorted(self.root.rglob("*"))]
        return {str(file): file.read_bytes() for file in files if file.is_file()}

    @property
    def versions(self):
        return versions.parse((self.path / "resource_versions.yml").read_text())

    def write(self, name, text):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    assert (SAMPLE / "node_modules").is_dir(), "run first: npm ci --prefix tests/sample_project"
    return Shop(tmp_path_factory.mktemp("prepared") / "shop").copy_sample()


@pytest.fixture
def shop(prepared, tmp_path):
    return prepared.copy_to(tmp_path / "shop")


@pytest.fixture(scope="module")
def built(prepared, tmp_path_factory):
    """Build with a minifier, once: return the shop, which is for reading alone, and what was told."""

    @cache
    def build(minify):
        shop = prepared.copy_to(tmp_path_factory.mktemp("built") / "shop")
        return shop, shop.manage("build_requirejs", "--minify", minify)

    return build


def less_c(files):
    done = subprocess.run(
        ["node", "-e", LESS_C, *files], cwd=SAMPLE, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_fixed_less_compiles_to_the_very_css_of_the_source_tree(shop):
    """Build-trap 18: the best test there is of the fix."""
    sources = [path for path in shop.path.glob("*/static/*/less/*.less") if path.stem != "glazes"]
    sources += shop.path.glob("labs/*/static/*/less/*.less")
    names = [str(source).split("/static/", 1)[1] for source in sources]
    expected, fixed = less_c(sources), less_c([shop.root / name for name in names])
    compared = [each for each in zip(names, expected, fixed, strict=True) if each[1] is not None]
    assert len(compared) >= 5
    assert not [name for name, of_source, of_fixed in compared if of_fixed != of_source]


@pytest.mark.parametrize("minify", INSTALLED)
def test_every_version_written_is_of_the_bytes_served(prepared, built, minify):
    shop, told = built(minify)
    before, after = prepared.versions, shop.versions
    assert before.keys() <= after.keys()
    for name in before.keys() | {line.split("?")[0] for line in told.splitlines()}:
        assert after[name] == versions.of((shop.root / name).read_bytes()), name
    changed = {name for name in after if before.get(name) != after[name]}
    maps = {f"{name}.map" for name in BUNDLES} if minify != "none" else set()
    assert changed == {
        *BUNDLES,
        *maps,
        "shop/js/requirejs_config.js",
        "shop/js/resource_versions.js",
    }


@pytest.mark.parametrize("minify", MINIFIERS)
def test_a_second_run_over_its_own_output_equals_the_first(built, tmp_path, minify):
    """Build-trap 6: r.js in place bundled its own bundles."""
    shop = built(minify)[0].copy_to(tmp_path / "shop")
    first = shop.state()
    for each in ("none", minify):
        shop.manage("build_requirejs", "--minify", each)
    assert shop.state() == first


@pytest.mark.parametrize("minify", MINIFIERS)
def test_a_source_map_is_found_by_its_own_version_and_holds_the_source(built, minify):
    shop, _ = built(minify)
    for name in BUNDLES:
        code = (shop.root / name).read_text()
        url = re.search(r"//# sourceMappingURL=(.*)\n\Z", code)[1]
        assert url == f"{Path(name).name}.map?version={shop.versions[f'{name}.map']}"
        source_map = json.loads((shop.root / f"{name}.map").read_text())
        assert "define(" in source_map["sourcesContent"][0]
        assert source_map["mappings"]
    assert code.count("sourceMappingURL") == 1


def test_a_build_without_minifying_leaves_no_map_of_an_earlier_one(built, tmp_path):
    shop = built("oxc")[0].copy_to(tmp_path / "shop")
    shop.manage("build_requirejs", "--minify", "none")
    assert not list(shop.root.glob("*/js/*.js.map"))
    assert not [name for name in shop.versions if name in {f"{bundle}.map" for bundle in BUNDLES}]
    assert "sourceMappingURL" not in (shop.root / BUNDLES[0]).read_text()


@pytest.mark.parametrize("minify", INSTALLED)
def test_a_page_fetches_two_bundles_by_versioned_urls_and_runs(shop, minify):
    # jQuery wants more of a browser than BROWSER
    shop.leave_out_jquery().prepare().manage(
        "build_requirejs", "--minify", minify, STATIC_CDN="https://cdn.example"
    )
    scripts = [
        "/static/requirejs/require.js",
        'requirejs.config({baseUrl: "/static/"});',
        "/static/shop/js/requirejs_config.js",
        "/static/shop/js/resource_versions.js",
        'requirejs(["shop/js/common"], function () { requirejs(["cart/js/cart"]); });',
    ]
    done = subprocess.run(
        ["node", "-e", BROWSER, shop.root, json.dumps(scripts)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    fetched = [
        f"https://cdn.example/static/{name}?version={shop.versions[name]}"
        for name in ("shop/js/common.js", "cart/js/bundle.js")
    ]
    assert json.loads(done.stdout) == {"fetched": fetched, "told": ["ran"]}


def test_versioned_paths_name_every_script_and_alias_with_and_without_a_cdn(shop):
    for cdn in ("", "https://cdn.example"):
        shop.manage("build_requirejs", STATIC_CDN=cdn)
        text = (shop.root / "shop/js/resource_versions.js").read_text()
        paths = json.loads(text.removeprefix("requirejs.config(").removesuffix(");\n"))["paths"]
        jquery = (
            f"{cdn}/static/jquery/dist/jquery.js?version={shop.versions['jquery/dist/jquery.js']}"
        )
        assert paths["jquery"] == paths["jquery/dist/jquery"] == jquery
        expected = {name.removesuffix(".js") for name in shop.versions if name.endswith(".js")}
        assert paths.keys() - {"jquery"} == expected - {"shop/js/resource_versions"}


def test_the_build_reads_sources_whatever_the_static_root_holds(shop):
    """The common module is rewritten in place; a later build must not trace what an earlier one wrote."""
    shop.manage("build_requirejs")
    first = (shop.root / "shop/js/common.js").read_bytes()
    (shop.root / "shop/js/common.js").write_text("not JavaScript at all (")
    shop.manage("build_requirejs")
    assert (shop.root / "shop/js/common.js").read_bytes() == first


def test_a_module_that_r_js_cannot_read_is_named_and_nothing_is_written(shop):
    (shop.root / "cart/js/sums.js").write_text('define(["cart/js/gone"], function () {});')
    before = shop.state()
    told = shop.fails("build_requirejs", "--minify", "oxc")
    assert "cart/js/gone.js" in told
    assert "  where: cart/js/bundle.js\n" in told
    assert shop.state() == before


def test_a_module_that_is_no_javascript_is_named(shop):
    (shop.root / "catalog/js/list.js").write_text("define([], function () { return (; });")
    assert "  where: catalog/js/bundle.js\n" in shop.fails("build_requirejs", "--minify", "oxc")


@pytest.mark.parametrize("minify", ["terser", "esbuild"])
def test_a_module_that_the_minifier_alone_refuses_is_named(shop, minify):
    """r.js only looks for define(); of a bundle's many modules the one at fault must be said."""
    (shop.root / "cart/js/sums.js").write_text("define([], () => { let a = 1; let a = 2; });")
    before = shop.state()
    assert "  where: cart/js/sums.js\n" in shop.fails("build_requirejs", "--minify", minify)
    assert shop.state() == before


def test_a_minifier_that_is_not_installed_is_named(shop):
    (shop.path / "node_modules").unlink()
    (shop.path / "node_modules").mkdir()
    for package in ("bootstrap", "jquery", "requirejs"):
        (shop.path / "node_modules" / package).symlink_to(SAMPLE / "node_modules" / package)
    assert shop.fails("build_requirejs", "--minify", "swc") == (
        "CommandError: not installed: npm install @swc/core\n"
        "  where: @swc/core\n"
        "  mend:  correct that module, or what it asks for, and run manage.py build_requirejs again\n"
    )


def test_the_whole_build_is_covered_and_changes_of_a_bundle_change_its_url(built, tmp_path):
    shop = built("oxc")[0].copy_to(tmp_path / "shop")
    shop.manage("compress", "-v0")
    done = run_python(
        "-",
        input=program(project_archive(), PROBE),
        cwd=shop.path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "FAB_STATIC_PROBE": '{"ask": "coverage", "manifest": null}',
        },
    )
    answer = json.loads(done.stdout.split(b"FAB_STATIC_PROBE ")[1])
    assert (answer["missing"], answer["failed"], answer["broken"]) == ([], [], [])
    assert answer["keys"] > 5
    before = shop.versions
    (shop.path / "cart/static/cart/js/sums.js").open("a").write("\ndefine.changed = 1;")
    shop.prepare().manage("build_requirejs", "--minify", "oxc")
    changed = {name for name, version in shop.versions.items() if before[name] != version}
    assert {"cart/js/bundle.js", "cart/js/sums.js", "shop/js/resource_versions.js"} <= changed
    assert "catalog/js/bundle.js" not in changed
