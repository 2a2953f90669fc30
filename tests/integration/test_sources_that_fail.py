"""Sources that cannot be collected are told by their names, without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import BuildError
from tests.integration.conftest import on_this_machine
from tests.integration.plain_project import write


def made(code: Path, kind: str) -> str:
    """Make the sources of one kind wrong; return what is to be said."""
    static = code / "shop" / "static"
    if kind == "a link that leads nowhere":
        (static / "img.png").symlink_to("../gone.png")
        return f"{static}/img.png is a link to ../gone.png, which is not there"
    if kind == "a link to its own folder":
        (static / "js" / "round").symlink_to(static / "js")
        return f"{static}/js/round is a link to {static}/js, a folder that it lies in"
    (code / "shop2" / "static" / "js" / "app.js").mkdir(parents=True)
    (code / "shop2" / "__init__.py").touch()
    (code / "shop2" / "static" / "js" / "app.js" / "x.js").write_text("x")
    with (code / "settings.py").open("a") as file:
        file.write('INSTALLED_APPS += ["shop2"]\n')
    return f"{static}/js/app.js is a file where {code}/shop2/static/js/app.js/x.js needs a folder"


@pytest.mark.parametrize(
    "kind", ["a link that leads nowhere", "a link to its own folder", "a file and a folder"]
)
def test_a_source_that_cannot_be_collected_is_named(tmp_path: Path, kind: str) -> None:
    """(build B) It was a traceback, twice, with frames of ours and a cure that does nothing."""
    code = write(tmp_path / "code")
    with on_this_machine(code, "collectstatic", settings="settings") as (session, _):
        session.deploy()
        said = made(code, kind)
        acts = [session.deploy, lambda: session.deploy(reuse="no")]
        for act in acts:
            with pytest.raises(BuildError) as caught:
                act()
            assert caught.value.what == f"sources cannot be collected:\n    {said}"
            assert caught.value.mend == "remove, mend or rename what is named above"


FAILING = """
from django.contrib.staticfiles.storage import StaticFilesStorage
class Storage(StaticFilesStorage):
    def _save(self, name, content):
        from settings import BASE_DIR
        if (BASE_DIR / "down").exists():
            raise RuntimeError("the licence server is down")
        return super()._save(name, content)
"""


@pytest.mark.parametrize("is_ignored", [True, False])
def test_the_error_of_a_command_is_told_where_no_source_is_why(
    tmp_path: Path, is_ignored: bool
) -> None:
    """(build B) A dead link took the place of what had failed, one that the command leaves out too."""
    storage = 'STORAGES = {"staticfiles": {"BACKEND": "failing.Storage"}}\n'
    code = write(tmp_path / "code", storage, {"failing.py": FAILING})
    dead = code / "shop" / "static" / "zz" / "dead.scss"
    dead.parent.mkdir()
    dead.symlink_to("gone.scss")
    command = "manage.py collectstatic --noinput" + (" -i *.scss" if is_ignored else "")
    build = {"phases": ["collectstatic"], "commands": {"collectstatic": command}}
    with on_this_machine(code, settings="settings", build=build) as (session, _):
        if is_ignored:
            session.deploy()
            assert session.plan()["files"]["added"] == []
        (code / "down").touch()
        with pytest.raises(BuildError) as caught:
            session.deploy(reuse="no")
    assert "\n    RuntimeError: the licence server is down" in caught.value.what
    besides = f"\nbesides, sources cannot be collected:\n    {dead} is a link to gone.scss, which is not there"
    assert caught.value.what.endswith(besides) is not is_ignored
