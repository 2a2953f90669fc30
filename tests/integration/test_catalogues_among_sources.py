"""django-statici18n may write its catalogues among the sources: then they are written before these are collected."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration.conftest import on_this_machine
from tests.integration.plain_project import write

PHASES = ("collectstatic", "compilejsi18n")
SETTINGS = """
INSTALLED_APPS += ["statici18n"]
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICI18N_ROOT = BASE_DIR / "static"
STATICI18N_PACKAGES = ["shop"]
LANGUAGES = [("de", "Deutsch")]
LANGUAGE_CODE = "de"
USE_I18N = True
"""
PO = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Cart"
msgstr "WORD"
"""
CATALOGUE = "jsi18n/de/djangojs.js"


def translate(code: Path, word: str) -> None:
    folder = code / "shop" / "locale" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "djangojs.po").write_text(PO.replace("WORD", word))
    subprocess.run(
        ["msgfmt", "-o", "djangojs.mo", "djangojs.po"], cwd=folder, check=True, capture_output=True
    )


def test_the_first_release_has_the_catalogues_and_a_changed_one_reaches_the_next(
    tmp_path: Path,
) -> None:
    """(build A7) The first release had none, exit 0, and each change was one build late."""
    code = write(tmp_path / "code", SETTINGS, {"static/logo.svg": "<svg/>"})
    translate(code, "Korb")
    with on_this_machine(code, *PHASES, settings="settings") as (session, told):
        planned = [one["name"] for one in session.plan()["phases"] if one["will_run"]]
        assert planned[:2] == ["compilejsi18n", "collectstatic"]
        first = session.deploy().current_release()
        assert CATALOGUE in first.files
        assert [phase["name"] for phase in first.phases] == ["compilejsi18n", "collectstatic"]
        live = code.parent / "code.static" / "current" / "static" / CATALOGUE
        assert "Korb" in live.read_text()

        session.deploy()
        assert f"the content is the same as in release {first.id}; nothing to seal" in told.said
        assert not any(one["will_run"] for one in session.plan()["phases"][:6])

        translate(code, "Wagen")
        plan = {one["name"]: one["will_run"] for one in session.plan()["phases"]}
        assert plan["compilejsi18n"]
        assert plan["collectstatic"]
        session.deploy()
        assert "Wagen" in live.read_text()

        translate(code, "Karren")
        session.phase("compilejsi18n")
        assert any("stale now: collectstatic, seal." in line for line in told.said)
        session.deploy(resume=True)
        assert "Karren" in live.read_text()
        assert told.warned == []


def test_catalogues_below_the_static_root_are_written_after_it_was_collected(
    tmp_path: Path,
) -> None:
    code = write(
        tmp_path / "code", SETTINGS + "STATICI18N_ROOT = STATIC_ROOT\nSTATICFILES_DIRS = []\n"
    )
    translate(code, "Korb")
    with on_this_machine(code, *PHASES, settings="settings") as (session, _):
        release = session.deploy().current_release()
    assert CATALOGUE in release.files
    assert [phase["name"] for phase in release.phases] == list(PHASES)


def test_a_phase_that_wrote_sources_too_late_is_refused_and_one_that_wrote_elsewhere_named(
    tmp_path: Path,
) -> None:
    """(build A7) It left the static root as it was, and wrote elsewhere: nobody noticed."""
    code = write(tmp_path / "code", SETTINGS, {"static/logo.svg": "<svg/>"})
    translate(code, "Korb")
    with (code / "settings.py").open("a") as file:
        file.write('STATICI18N_ROOT = BASE_DIR / "catalogues"\n')
    elsewhere = code / "catalogues" / CATALOGUE
    with on_this_machine(code, *PHASES, settings="settings") as (session, told):
        session.deploy()
    assert told.warned == [
        "compilejsi18n changed nothing in STATIC_ROOT, and wrote elsewhere, where no release has it:\n"
        f"    {elsewhere}"
    ]
    command = "manage.py compilejsi18n --output static/jsi18n"
    more = {
        "build": {"phases": list(PHASES), "commands": {"compilejsi18n": command}},
        "deploy_to": str(tmp_path / "late"),
    }
    with (
        on_this_machine(code, settings="settings", name="late", **more) as (session, told),
        pytest.raises(BuildError) as caught,
    ):
        session.deploy()
    assert caught.value.what == (
        "compilejsi18n changed nothing in STATIC_ROOT, and wrote sources that collectstatic has collected "
        f"already:\n    {code}/static/{CATALOGUE}"
    )


def test_plan_calls_no_name_with_a_hash_removed_when_nothing_was_edited(tmp_path: Path) -> None:
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    code = write(tmp_path / "code", f'STORAGES = {{"staticfiles": {{"BACKEND": "{storage}"}}}}\n')
    none: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
        assert session.plan()["files"] == none
        (code / "shop/static/js/app.js").write_text("other()\n")
        assert session.plan()["files"] == {**none, "changed": ["js/app.js"]}
    # also where it is not known what collectstatic reads
    line = {"collectstatic": "python manage.py collectstatic --noinput"}
    build = {"phases": ["collectstatic"], "commands": line}
    with on_this_machine(code, settings="settings", build=build) as (session, _):
        assert session.plan()["files"] == {**none, "changed": ["js/app.js"]}
    assert json.loads((code / "static_root" / "staticfiles.json").read_text())
