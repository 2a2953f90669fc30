"""The first inventory: right for the project that it is written for, and always one that can be read."""

from __future__ import annotations

import pytest

from fab_static.plan import beginning
from fab_static.plan.beginning import Bundler, Found
from fab_static.plan.inventory import Environment, parse

VITE = Bundler("vite", writes="assets/dist")


def read(found: Found) -> Environment:
    return parse(beginning.inventory(found), name="staging", source="staging.yml")


def test_it_names_the_project_as_it_lies_on_the_hosts() -> None:
    found = Found("Shop_42", below="src", settings="shop.settings", venv="src/.venv")
    known = read(found)
    assert (known.app, known.deploy_to) == ("shop-42", "/srv/shop-42/static")
    assert known.project.path == "/srv/shop-42/code/src"
    assert known.project.python == "/srv/shop-42/code/src/.venv/bin/python"
    assert known.project.settings == "shop.settings"
    assert known.build.phases == ("collectstatic",)


@pytest.mark.parametrize("name", ["42", "on", "Ünïcode!", "...", "a" * 200, "null"])
def test_whatever_a_folder_is_called_the_inventory_can_be_read(name: str) -> None:
    assert read(Found(name)).app


def test_a_bundler_runs_before_files_are_collected() -> None:
    known = read(Found("shop", phases=("collectstatic", "compress"), bundler=VITE))
    assert known.build.phases == ("vite", "collectstatic", "compress")
    own = known.build.own["vite"]
    assert (own.run, own.writes) == ("npm run build", ("assets/dist",))


def test_a_bundler_in_a_folder_of_its_own_runs_there() -> None:
    own = read(Found("shop", bundler=Bundler("webpack", "yarn", "ui", "ui/dist"))).build.own
    assert (own["webpack"].run, own["webpack"].writes) == ("cd ui && yarn run build", ("ui/dist",))


def test_what_builds_outside_of_the_project_is_told_and_left_to_the_operator() -> None:
    text = beginning.inventory(
        Found("shop", below="server", bundler=Bundler("vite", folder="ui", writes="ui/dist"))
    )
    assert "# vite builds outside of project.path: build it before you deploy" in text
    assert parse(text, name="staging", source="s").build.phases == ("collectstatic",)


def test_compress_that_is_not_offline_is_told() -> None:
    phases = ("collectstatic", "compress")
    told = "compress needs COMPRESS_OFFLINE = True"
    assert told in beginning.inventory(Found("shop", phases=phases, is_offline=False))
    assert told not in beginning.inventory(Found("shop", phases=phases))


@pytest.mark.parametrize(
    ("manage", "settings"),
    [
        (
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.prod")',
            "shop.settings.prod",
        ),
        ("os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'", "settings"),
        ("execute_from_command_line(sys.argv)", None),
    ],
)
def test_the_settings_are_those_that_manage_py_names(manage: str, settings: str | None) -> None:
    assert beginning.settings_of(manage) == settings


@pytest.mark.parametrize(
    ("settings", "commands", "phases"),
    [
        ("", (), ("collectstatic",)),
        ("INSTALLED_APPS = ['compressor']", (), ("collectstatic", "compress")),
        ("# 'compressor',", (), ("collectstatic",)),
        ('"statici18n.apps.Statici18nConfig",', (), ("collectstatic", "compilejsi18n")),
        (
            "'fab_static.django_app', 'compressor'",
            (),
            ("collectstatic", "fix_less_imports", "resource_static", "build_requirejs", "compress"),
        ),
        (
            "",
            ("resource_static", "build_requirejs"),
            ("collectstatic", "resource_static", "build_requirejs"),
        ),
    ],
)
def test_phases_are_those_that_the_project_can_run(
    settings: str, commands: tuple[str, ...], phases: tuple[str, ...]
) -> None:
    assert beginning.phases_of(settings, commands, has_less=True, has_requirejs=True) == phases


def test_less_and_requirejs_are_built_where_there_are_any() -> None:
    settings = "'fab_static.django_app'"
    found = beginning.phases_of(settings, (), has_less=False, has_requirejs=False)
    assert found == ("collectstatic", "resource_static")


@pytest.mark.parametrize(
    ("settings", "is_offline"),
    [
        ("COMPRESS_OFFLINE = True", True),
        ("COMPRESS_OFFLINE = not DEBUG", True),
        ("COMPRESS_OFFLINE = False", False),
        ("# COMPRESS_OFFLINE = True", False),
    ],
)
def test_offline_is_what_the_settings_say(settings: str, is_offline: bool) -> None:
    assert beginning.is_offline(settings) == is_offline


@pytest.mark.parametrize(
    ("line", "root"),
    [
        ('STATIC_ROOT = BASE_DIR / "staticfiles"', "staticfiles"),
        ('STATIC_ROOT = os.path.join(BASE_DIR, "var", "static")', "var/static"),
        ('STATIC_ROOT = "/srv/shop/static"', None),
        ('STATIC_ROOT = BASE_DIR / ".." / "static"', None),
        ("", None),
    ],
)
def test_a_static_root_in_the_checkout_is_ignored_by_git(line: str, root: str | None) -> None:
    assert beginning.static_root_of(line) == root
    wanted = ["resource_versions.yml", *([f"/{root}/"] if root else [])]
    assert beginning.ignored(Found("shop", static_root=root)) == wanted


@pytest.mark.parametrize(
    ("package", "files", "config", "bundler"),
    [
        ({"scripts": {"build": "vite build"}}, (), "", Bundler("vite", "npm", "ui", "ui/dist")),
        (
            {"scripts": {"build": "vite build"}},
            ("yarn.lock",),
            "build: { outDir: '../static/ui' }",
            Bundler("vite", "yarn", "ui", "ui/dist"),
        ),
        (
            {"scripts": {"build": "x"}, "devDependencies": {"webpack-cli": "5"}},
            ("pnpm-lock.yaml",),
            'output: { path: path.resolve(__dirname, "assets", "built") }',
            Bundler("webpack", "pnpm", "ui", "ui/assets/built"),
        ),
        ({"scripts": {"build": "node all.js"}}, (), "", Bundler("bundle", "npm", "ui", "ui/dist")),
        ({"scripts": {"test": "jest"}}, (), "", None),
        ({"scripts": []}, (), "", None),
        ([], (), "", None),
    ],
)
def test_a_package_with_a_build_script_has_a_bundler(
    package: object, files: tuple[str, ...], config: str, bundler: Bundler | None
) -> None:
    assert beginning.bundler_of(package, "ui", files, config) == bundler
