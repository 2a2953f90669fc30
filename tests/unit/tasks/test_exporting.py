"""`fab <environment> export` on the command line, and the archive that `prepare --from` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.tasks import exporting, living
from tests.unit.site import NEW, Said, Site, run_task


def test_export_says_what_it_wrote(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = run_task(site, capsys, "export", release=NEW, out=str(tmp_path / "shop.release"))
    assert code == 0
    assert (tmp_path / "shop.release").stat().st_size > 1024
    assert exporting.export.positional == []


def test_without_a_file_it_is_bad_input(said: Said) -> None:
    code, text = said("export")
    assert code == 2
    assert "fab staging export --out shop.release" in text


@pytest.mark.parametrize(
    ("word", "is_archive"),
    [("ci", False), ("./ci", True), ("s3://b/k", True), ("shop.release", True), ("nothing", False)],
)
def test_an_environment_and_an_archive_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, is_archive: bool
) -> None:
    """A file that is named like an environment is named ./ci."""
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "ci.yml").touch()
    for name in ("ci", "shop.release"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    expected = (None, word) if is_archive else (word, None)
    assert living._told_apart(word, Path("inventories")) == expected
