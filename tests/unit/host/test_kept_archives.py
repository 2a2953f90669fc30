"""Archives are kept for the next run, and believed only where nobody else may have written them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fab_static.host import archive
from fab_static.host.kept_archives import kept


class Making:
    """Makes an archive, and counts."""

    def __init__(self, made: bytes = b"made") -> None:
        self.made = made
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fab_static" / "sent"


def test_an_archive_is_made_once(folder: Path) -> None:
    make = Making()
    assert [kept("a", make), kept("a", make), make.times] == [b"made", b"made", 1]
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_another_name_is_another_archive(folder: Path) -> None:
    assert [kept("a", Making(b"one")), kept("b", Making(b"two"))] == [b"one", b"two"]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def altered(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"!")


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def open_to_others(file: Path) -> None:
    file.chmod(0o666)


def in_a_folder_open_to_others(file: Path) -> None:
    file.parent.chmod(0o777)


def through_a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def through_a_link_to_the_folder(file: Path) -> None:
    elsewhere = file.parent.rename(file.parent.with_name("elsewhere"))
    file.parent.symlink_to(elsewhere)


def of_another_account(file: Path) -> None:
    os.chown(file, 12345, -1)


def in_a_folder_of_another_account(file: Path) -> None:
    os.chown(file.parent, 12345, -1)


BY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


@pytest.mark.parametrize(
    "spoil",
    [
        *(cut, altered, emptied, open_to_others, in_a_folder_open_to_others),
        *(through_a_link, through_a_link_to_the_folder),
        *(
            pytest.param(one, marks=BY_ROOT)
            for one in (of_another_account, in_a_folder_of_another_account)
        ),
    ],
)
def test_what_is_damaged_or_may_be_anothers_is_made_anew(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    """Each host of a fleet runs it."""
    kept("a", Making(b"another's"))
    spoil(folder / "a")
    assert kept("a", Making()) == b"made"


@pytest.mark.parametrize(
    "variables", [{"XDG_CACHE_HOME": "/proc/none"}, {"XDG_CACHE_HOME": "x", "HOME": "y"}]
)
def test_where_nothing_can_be_kept_it_is_made_each_time(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make = Making()
    assert [kept("a", make), kept("a", make), make.times] == [b"made", b"made", 2]
    assert not [*tmp_path.iterdir()]


def test_what_is_old_is_forgotten_when_another_is_kept(folder: Path) -> None:
    for name in ("old", "new"):
        kept(name, Making())
    os.utime(folder / "old", (0, 0))
    kept("newest", Making())
    assert {path.name for path in folder.iterdir()} == {"new", "newest"}


def test_two_runs_at_once_both_have_it(folder: Path) -> None:
    together, found = threading.Barrier(2, timeout=60), []

    def make() -> bytes:
        together.wait()
        return b"made"

    runs = [threading.Thread(target=lambda: found.append(kept("a", make))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert found == [b"made"] * 2
    assert kept("a", Making(b"other")) == b"made"


def test_a_changed_source_is_another_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or hosts would run the version before."""

    def packed(text: str) -> bytes:
        sources = {"fab_static/host/loader.py": "", "fab_static/host/one.py": text}
        monkeypatch.setattr(archive, "sources_of", lambda *_: sources)
        return archive.archive(archive.loader)

    first, again, other = (packed(text) for text in ("A = 1\n", "A = 1\n", "A = 2\n"))
    assert first == again != other
    assert len([*folder.iterdir()]) == 2
