"""What both ends of a channel agree on: which of many things are meant, in a bit for each."""

import pytest

from fab_static.host.agent.protocol import marked, picked


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
@pytest.mark.parametrize("step", [1, 2, 3, 2000])
def test_what_is_marked_is_picked_again(count, step):
    known = [f"{number:04}" for number in range(count)]
    some = {*known[1::step]}
    marks = marked(known, some)
    assert picked(known, marks) == sorted(some)
    assert len(marks) == count // 8 + 1


@pytest.mark.parametrize("marks", [b"", b"\x00", b"\x01", marked("abcd", "a"), marked("ab", "a")])
def test_marks_of_another_number_of_things_are_refused(marks):
    """Each end works out for itself what there is: where they differ, the wrong objects would be meant."""
    with pytest.raises(ValueError, match="marks for 3"):
        picked("abc", marks)
