"""How sentences are put together."""

import pytest

from fab_static.plan.wording import counted, first_line, first_of, indented, left_out, some_of


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


def test_a_list_that_is_no_longer_than_it_may_be_has_no_line_of_more():
    assert [left_out(count) for count in (-1, 0, 1, 1234)] == [
        [],
        [],
        ["… and 1 more"],
        ["… and 1,234 more"],
    ]


def test_in_a_sentence_the_first_words_stand_and_the_others_are_counted():
    assert [some_of(list(words), 2) for words in ("a", "ab", "abcde")] == [
        "a",
        "a, b",
        "a, b and 3 more",
    ]


def test_a_number_stands_with_its_noun():
    assert [counted(1, "file"), counted(1132, "file"), counted(2, "copy", "copies")] == [
        "1 file",
        "1,132 files",
        "2 copies",
    ]


def test_an_empty_text_has_an_empty_first_line():
    assert [first_line(""), first_line("a\nb")] == ["", "a"]


def test_lines_under_an_errors_first_one_are_indented_and_the_others_counted():
    assert indented(["a", "b"], 2) == "    a\n    b"
    assert indented(["a", "b", "c"], 1) == "    a\n    … and 2 more"
    assert indented(["a"], 1, 3) == "    a\n    … and 2 more"
