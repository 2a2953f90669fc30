"""build_requirejs minifies with what the project has, and reads its texts right or says which it cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.integration.test_django_commands import (  # noqa: F401  # fixtures
    SAMPLE,
    Shop,
    prepared,
    shop,
)

COMMON = "shop/js/common.js"


def with_packages(shop: Shop, *names: str) -> Shop:  # noqa: F811
    """Give the shop these packages, beside those that its pages and r.js need."""
    folder = shop.path / "node_modules"
    folder.unlink()
    for name in ("bootstrap", "jquery", "requirejs", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(SAMPLE / "node_modules" / name)
    return shop


@pytest.mark.parametrize(
    ("packages", "chosen"),
    [
        (("esbuild", "@esbuild", "terser", "uglify-js", "oxc-minify", "@oxc-minify"), "oxc"),
        (("terser", "uglify-js"), "uglify-js"),
        (("esbuild", "@esbuild"), "esbuild"),
    ],
)
def test_the_minifier_that_the_project_has_is_used_and_told(
    shop: Shop,  # noqa: F811
    packages: Sequence[str],
    chosen: str,
) -> None:
    """Unminified, CommCare HQ's shared bundle is twice its size."""
    with_packages(shop.leave_out_jquery().prepare(), *packages)
    plain = shop.run("build_requirejs", "--minify", "none")
    assert "minified" not in plain.stderr
    size = (shop.root / COMMON).stat().st_size
    ran = shop.run("build_requirejs")
    assert ran.returncode == 0, ran.stderr
    assert re.search(rf"^minified with {chosen}: [\d,]+ bytes to [\d,]+$", ran.stderr, re.M)
    code = (shop.root / COMMON).read_text()
    assert len(code) < size * 0.7
    url = re.search(r"//# sourceMappingURL=(.*)\n\Z", code)
    assert url is not None
    assert url[1] == f"common.js.map?version={shop.versions[f'{COMMON}.map']}"
    first = shop.state()
    shop.manage("build_requirejs", "--minify", chosen)
    assert shop.state() == first


def test_where_no_minifier_is_installed_it_is_said_with_its_cost(shop: Shop) -> None:  # noqa: F811
    with_packages(shop)
    ran = shop.run("build_requirejs")
    assert ran.returncode == 0, ran.stderr
    assert re.search(
        r"^warning: the bundles are not minified: [\d,]{7,} bytes, about twice what they could be\. None of "
        r"oxc-minify, @swc/core, uglify-js, terser, esbuild is installed: npm install --save-dev oxc-minify "
        r"\(or say --minify none\)$",
        ran.stderr,
        re.M,
    )
    assert not list(shop.root.glob("*/js/*.js.map"))
    assert "warning" not in shop.run("build_requirejs", "--minify", "none").stderr


def test_a_module_that_the_chosen_minifier_refuses_names_the_way_out(shop: Shop) -> None:  # noqa: F811
    with_packages(shop, "terser")
    (shop.root / "cart/js/sums.js").write_text("define([], () => { let a = 1; let a = 2; });")
    told = shop.fails("build_requirejs")
    assert "  where: cart/js/sums.js\n" in told
    assert told.endswith("again; or with another --minify, or --minify none\n")


def test_paths_to_fall_back_on_are_told_with_module_and_line(shop: Shop) -> None:  # noqa: F811
    """(build B) r.js wants one path; the error named bundle.js. The cure is tried, too."""
    config = shop.path / "shop/static/shop/js/requirejs_config.js"
    text = "requirejs.config({\n  paths: {\n    'jquery': [\n      '//cdn.example/jquery',\n      'jquery/dist/jquery']\n  }\n});\n"
    config.write_text(text)
    told = shop.fails("build_requirejs")
    assert told == (
        "CommandError: the path of the module jquery is a list, one to fall back on after the other, and r.js takes one\n"
        f"  where: {config}:3\n"
        "  mend:  say in requirejs.yml what the bundles are built with; browsers keep the list: "
        'paths: {jquery: "empty:"} for a module that a CDN has, else the path of its file without .js\n'
    )
    yml = shop.path / "shop/static/shop/yaml/requirejs.yml"
    before = yml.read_text()
    yml.write_text(before + '\npaths: {jquery: "empty:"}\n')
    shop.manage("build_requirejs")
    assert (shop.root / "shop/js/requirejs_config.js").read_text().startswith(text.rstrip())
    yml.write_text(before + "\npaths: {jquery: jquery/dist/jquery}\n")
    shop.manage("build_requirejs")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("// caf\xe9\n".encode("latin-1"), "it is not UTF-8: byte 0xe9 at position 6, in line 1"),
        ("// café\n".encode("utf-16"), "it is UTF-16, not UTF-8"),
    ],
)
def test_a_configuration_of_another_encoding_is_named(shop: Shop, data: bytes, what: str) -> None:  # noqa: F811
    """(build B) A Latin-1 mainConfigFile was a traceback."""
    config = shop.path / "shop/static/shop/js/requirejs_config.js"
    source = config.read_bytes()
    config.write_bytes(data + source)
    assert shop.fails("build_requirejs").startswith(f"CommandError: {what}\n  where: {config}\n")
    config.write_bytes(b"\xef\xbb\xbf" + source)  # a byte order mark is not text
    shop.manage("build_requirejs")
    yml = shop.path / "shop/static/shop/yaml/requirejs.yml"
    yml.write_bytes(yml.read_bytes() + "\n# caf\xe9\n".encode("latin-1"))
    told = shop.fails("build_requirejs")
    assert f"  where: {yml}\n" in told
    assert "  mend:  save it as UTF-8: iconv -f " in told


def test_a_module_whose_letters_are_lost_is_told(shop: Shop) -> None:  # noqa: F811
    """r.js takes every file for UTF-8, and what it cannot read becomes U+FFFD without a word."""
    module = shop.root / "cart/js/sums.js"
    module.write_bytes(b"define([], function () { return 'caf\xe9'; });")
    assert (
        "warning: letters are lost in a bundle: cart/js/sums.js: it is not UTF-8: byte 0xe9 at position 36, in line 1\n"
        in shop.run("build_requirejs").stderr
    )
