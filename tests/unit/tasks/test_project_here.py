"""What `fab init` finds in a repository, without running any of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.project import write
from fab_static.plan.beginning import Bundler, Found
from fab_static.tasks.project_here import look


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop")


def test_a_project_is_known_by_its_files(shop: Path) -> None:
    assert look(shop) == Found(
        name="shop",
        settings="tiny.settings",
        phases=("collectstatic", "compress"),
        static_root="staticfiles",
    )


def test_settings_may_be_named_by_the_shell_and_be_called_anything(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A STATIC_ROOT in conf/production.py was not ignored, and the inventory named a module that is not there."""
    (shop / "conf").mkdir()
    (shop / "tiny" / "settings.py").rename(shop / "conf" / "production.py")
    manage = (shop / "manage.py").read_text()
    (shop / "manage.py").write_text(manage.replace("tiny.settings", "conf.production"))
    found = look(shop)
    assert (found.settings, found.static_root) == ("conf.production", "staticfiles")
    (shop / "manage.py").write_text("import django\n")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "conf.production")
    assert look(shop) == found


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)


def test_manage_py_may_stand_in_a_folder_and_its_environment_beside_it(shop: Path) -> None:
    (shop / ".venv" / "bin").mkdir(parents=True)
    (shop / ".venv" / "bin" / "python").touch()
    found = look(shop.parent)
    assert (found.below, found.venv, found.static_root) == (
        "shop",
        "shop/.venv",
        "shop/staticfiles",
    )


def test_what_others_made_is_passed_over(tmp_path: Path) -> None:
    """A manage.py of a package is not the project's."""
    for name in ("node_modules/a", "mine", "venv"):
        write(tmp_path / name / "shop")
    (tmp_path / "mine" / "pyvenv.cfg").touch()
    assert not look(tmp_path).has_manage


def test_a_bundler_beside_manage_py_comes_first(shop: Path) -> None:
    for folder, tool in (("", "webpack"), ("docs", "vite")):
        (shop / folder).mkdir(exist_ok=True)
        (shop / folder / "package.json").write_text(f'{{"scripts": {{"build": "{tool} build"}}}}')
    assert look(shop).bundler == Bundler("webpack")
    (shop / "package.json").write_text("{broken")
    assert look(shop).bundler == Bundler("vite", "npm", "docs", "docs/dist")


def test_an_empty_folder_is_no_project(tmp_path: Path) -> None:
    assert look(tmp_path) == Found(name=tmp_path.name, has_manage=False, is_offline=False)
