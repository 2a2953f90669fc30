"""Which environments a folder of inventories has, and each as a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import InventoryError
from fab_static.sessions.environments import environments, file_of, read_environment

INVENTORY = """\
app: shop
deploy_to: /srv/shop/static
hosts: {here: {local: true, roles: [build, static, web]}}
project: {path: /srv/shop/code}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("staging.yml", "eu_west.yaml", "example.yml", ".#staging.yml", "notes.txt"):
        (tmp_path / name).write_text(INVENTORY)
    return tmp_path


def test_each_inventory_is_an_environment_but_not_the_example(folder: Path) -> None:
    assert environments(folder) == ["eu_west", "staging"]
    assert environments(folder / "none") == []


def test_the_file_of_an_environment_has_the_ending_that_is_there(folder: Path) -> None:
    names = ("staging", "eu_west", "none_yet")
    files = [file_of(name, folder) for name in names]
    assert files == ["staging.yml", "eu_west.yaml", "none_yet.yml"]


@pytest.mark.parametrize("name", ["staging", "eu_west", "eu-west"])
def test_an_environment_is_found_under_both_spellings_and_endings(folder: Path, name: str) -> None:
    assert read_environment(name, folder).name == name.replace("-", "_")


def test_files_that_an_inventory_names_lie_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "staging.yml").write_text(INVENTORY + "ssh: {known_hosts: known_hosts}\n")
    monkeypatch.chdir(folder.parent)
    environment = read_environment("staging", Path(folder.name))
    assert environment.ssh.known_hosts == str(folder / "known_hosts")


def test_an_environment_that_is_not_there_is_told_with_those_that_are(folder: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        read_environment("production", folder)
    assert caught.value.what == (
        'there is no environment "production"; there are: eu_west, staging'
    )
    assert caught.value.where == str(folder)
    with pytest.raises(InventoryError, match="there are: none yet"):
        read_environment("production", folder / "none")


def test_a_file_that_is_no_text_is_told_in_words(folder: Path) -> None:
    (folder / "staging.yml").write_bytes(b"app: \xff")
    with pytest.raises(InventoryError, match="the inventory cannot be read: ") as caught:
        read_environment("staging", folder)
    assert caught.value.where == str(folder / "staging.yml")


def test_a_home_that_nobody_knows_is_told_where_a_path_needs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    (folder / "staging.yml").write_text(INVENTORY + "ssh: {identity: ~/.ssh/id_ed25519}\n")
    with pytest.raises(InventoryError, match="~ cannot be found") as caught:
        read_environment("staging", folder)
    assert caught.value.where == f"{folder / 'staging.yml'}: ssh"
