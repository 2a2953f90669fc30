"""What a project's command says when it fails: the file, the exception and a cure, and no frame of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration.conftest import on_this_machine, write_tiny
from tests.integration.test_hashed_names import STORAGES

OURS = (
    "one_start",
    "fab_static/host",
    "core/management",
)


def refused(code: Path, *phases: str) -> BuildError:
    """Return the error of a deploy; nothing of ours stands in it."""
    with (
        on_this_machine(code, *phases) as (session, _),
        pytest.raises(BuildError) as refusal,
    ):
        session.deploy()
    assert not [word for word in OURS if word in str(refusal.value)], refusal.value
    return refusal.value


def test_css_of_another_encoding_is_named_where_hashed_names_are_made(tmp_path: Path) -> None:
    """(build B) UTF-16 CSS: the last 25 lines were frames, and the line that names the file was cut."""
    code = write_tiny(tmp_path / "project")
    with (code / "tiny" / "settings.py").open("a") as settings:
        settings.write(STORAGES)
    (code / "assets" / "wide.css").write_text("body { background: url(paper.svg) }", "utf-16")
    error = refused(code, "collectstatic", "compress")
    assert error.what == (
        "manage.py collectstatic --noinput failed with exit code 1:\n"
        "    Post-processing 'wide.css' failed!\n"
        "    \n"
        "    UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )
    assert error.mend.startswith("save wide.css as UTF-8, which Django reads it as: ")

    (code / "assets" / "wide.css").write_text("body { background: url(gone.svg) }")
    error = refused(code, "collectstatic", "compress")
    assert "    Post-processing 'wide.css' failed!\n" in error.what
    assert error.mend == "correct what wide.css names, or collect gone.svg"


def test_the_projects_own_last_place_is_kept(tmp_path: Path) -> None:
    code = write_tiny(tmp_path / "project")
    commands = code / "shop" / "management" / "commands"
    commands.mkdir(parents=True)
    for folder in (commands, commands.parent, commands.parent.parent):
        (folder / "__init__.py").touch()
    (commands / "collectstatic.py").write_text(
        "from django.core.management.base import BaseCommand\n"
        "class Command(BaseCommand):\n"
        "    requires_system_checks = []\n"
        "    def add_arguments(self, parser):\n"
        "        parser.add_argument('--noinput', action='store_true')\n"
        "    def handle(self, **options):\n"
        "        try:\n"
        "            {}['EUR']\n"
        "        except KeyError as error:\n"
        "            raise RuntimeError('no rates') from error\n"
    )
    with (code / "tiny" / "settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS.insert(0, 'shop')\n")
    error = refused(code, "collectstatic", "compress")
    place = f'    File "{commands}/collectstatic.py", line'.replace("    File", "      File")
    assert error.what == (
        "manage.py collectstatic --noinput failed with exit code 1:\n"
        f"{place} 8, in handle\n"
        "        {}['EUR']\n"
        "    KeyError: 'EUR'\n"
        "    \n"
        "    The above exception was the direct cause of the following exception:\n"
        "    \n"
        f"{place} 10, in handle\n"
        "        raise RuntimeError('no rates') from error\n"
        "    RuntimeError: no rates"
    )
    assert error.mend == (
        "correct the project, then run the task again; what is live has not changed"
    )


def test_settings_that_lack_a_variable_are_told_with_its_name(tmp_path: Path) -> None:
    """(build B) "manage.py check" said nothing more."""
    code = write_tiny(tmp_path / "project")
    with (code / "tiny" / "settings.py").open("a") as settings:
        settings.write("import os\nKEY = os.environ['SHOP_KEY']\n")
    error = refused(code, "collectstatic", "compress")
    assert error.what == ("KeyError: 'SHOP_KEY': the environment has no such variable")
    assert error.mend == (
        "give it the variable SHOP_KEY: under project.environment, or its name under project.secrets"
    )
