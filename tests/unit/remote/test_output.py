"""What a command on a host said: all of it, or its beginning and its end."""

import os

import pytest

from fab_static.remote.output import Output, Ran


def test_of_very_much_output_the_beginning_and_the_end_are_kept():
    output = Output(most=1000)
    for number in range(10_000):
        output.add(b"%05d\n" % number)
    text = output.all()
    assert text.startswith(b"00000\n00001\n")
    assert text.endswith(b"09998\n09999\n")
    assert b"\n\xe2\x80\xa6 59,000 bytes are left out here \xe2\x80\xa6\n" in text
    assert len(text) < 1100


@pytest.mark.parametrize("sizes", [[], [0], [10, 10], [499, 1, 500], [1000], [501, 499]])
def test_output_that_is_not_much_is_kept_whole(sizes):
    output, pieces = Output(most=1000), [os.urandom(size) for size in sizes]
    for piece in pieces:
        output.add(piece)
    assert output.all() == b"".join(pieces)


@pytest.mark.parametrize(
    ("head", "ran"),
    [
        ({"code": 0}, Ran(0, "said")),
        ({"code": 127, "cannot_start": ": no such file"}, Ran(127, "said: no such file")),
        ({"code": -15, "timed_out": True}, Ran(-15, "said", timed_out=True)),
        (
            {
                "code": 0,
                "token": "t",
                "unseen": ["it started sh", "it asked the network"],
                "written": ["a", "b"],
            },
            Ran(
                0,
                "said",
                token="t",
                unseen="it started sh; it asked the network",
                written=("a", "b"),
            ),
        ),
        ({"code": 0, "token": None, "unseen": None}, Ran(0, "said")),
    ],
)
def test_how_a_command_ended_is_read_from_the_answers_head(head, ran):
    assert Ran.told(head, "said") == ran
