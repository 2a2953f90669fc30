"""Release ids."""

from datetime import UTC, datetime

import pytest

from fab_static.plan.ids import is_id, may_name, new_id

ID = "20261122T170102Z-3f9c1a7b"


def test_an_id_says_when_and_what():
    at = datetime(2026, 11, 22, 17, 1, 2, tzinfo=UTC)
    assert new_id(at, "3f9c1a7b" + "0" * 56) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "current",
        "../" + ID,
        ID + "/..",
        ID + "\n",
        ID.upper(),
        ID[:-1],
        ".." + ID[2:],
        "\u0662" * 8 + ID[8:],  # digits of another script
    ],
)
def test_only_the_exact_form_is_an_id(text):
    """Ids become paths on hosts."""
    assert is_id(ID)
    assert not is_id(text)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("2", True),
        ("20261122T17", True),
        ("20261122T170102Z-3f9c1a7b", True),
        ("previous", True),
        ("", False),
        ("foo", False),
        ("../../etc", False),
        ("20261122T170102Z-3f9c1a7b0", False),
    ],
)
def test_only_what_an_id_may_begin_with_names_a_release(text, may):
    assert may_name(text) == may
