"""How sentences are put together."""

import pytest

from fab_static.plan.wording import counted, first_line, first_of


@pytest.mark.parametrize(
    ("lines", "most", "count", "shown"),
    [
        ([], 2, None, []),
        (["a", "b"], 2, None, ["a", "b"]),
        (["a", "b", "c"], 2, None, ["a", "b", "… and 1 more"]),
        (["a", "b"], 2, 1234, ["a", "b", "… and 1,232 more"]),
        (["a"], 2, 1, ["a"]),
    ],
)
def test_the_first_lines_are_shown_and_the_others_counted(lines, most, count, shown):
    assert first_of(lines, most, count) == shown


def test_a_number_stands_with_its_noun():
    assert [counted(1, "file"), counted(1132, "file"), counted(2, "copy", "copies")] == [
        "1 file",
        "1,132 files",
        "2 copies",
    ]


def test_an_empty_text_has_an_empty_first_line():
    assert [first_line(""), first_line("a\nb")] == ["", "a"]
