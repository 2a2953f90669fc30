"""The key that this machine signs with: whether it is here is known before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import InventoryError
from fab_static.phases.run.own_key import public_key, refuse_no_key
from tests.unit.signing import key


def test_a_key_that_is_not_here_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found before anything is contacted: a build for nothing takes minutes."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    first = key(tmp_path, "first")
    refuse_no_key(str(first))
    refuse_no_key(f"{first}.pub")
    refuse_no_key(f"{first}-cert.pub")
    with pytest.raises(InventoryError) as caught:
        refuse_no_key(str(tmp_path / "nowhere"))
    assert (
        caught.value.what == f"nothing can be signed with {tmp_path}/nowhere: there is no such file"
    )
    first.rename(tmp_path / "elsewhere")
    for name in (f"{first}.pub", str(first)):
        with pytest.raises(InventoryError, match="the SSH agent does not have that key"):
            refuse_no_key(name)


def test_the_public_key_is_the_one_beside_it(tmp_path: Path) -> None:
    first = key(tmp_path, "first")
    text = Path(f"{first}.pub").read_text()
    assert {public_key(str(first)), public_key(f"{first}.pub")} == {text.split()[1]}
    assert public_key(str(tmp_path / "nowhere")) is None
