"""Errors are told with their cure."""

import errno
import os

import pytest

from fab_static.host.agent import refusals
from fab_static.host.agent.explaining import explained
from fab_static.host.agent.refusals import RefusedError


@pytest.mark.parametrize(
    ("number", "what", "mend"),
    [
        (errno.ENOSPC, "the disk is full", "free some space there; what is live has not changed"),
        (
            errno.EDQUOT,
            "disk quota exceeded",
            "raise the user's quota; what is live has not changed",
        ),
        (errno.EACCES, "permission denied", "give the user {user} the right to write there"),
        (errno.EPERM, "operation not permitted", "give the user {user} the right to write there"),
        (errno.EROFS, "read-only file system", "mount that file system for writing"),
        (errno.ENAMETOOLONG, "file name too long", "shorten the file's name"),
        (
            errno.EIO,
            "input/output error",
            "see as the user {user} what is wrong with it there",
        ),
    ],
)
def test_an_error_of_the_host_is_told_with_its_cure(number, what, mend):
    assert explained(OSError(number, os.strerror(number), "/srv/shop/static/x")) == {
        "what": what,
        "where": "/srv/shop/static/x",
        "mend": mend.format(user=refusals.user()),
        "kind": "host",
    }


def test_a_refusal_keeps_what_where_mend_and_kind():
    assert explained(RefusedError("a", "b", "c", "build")) == {
        "what": "a",
        "where": "b",
        "mend": "c",
        "kind": "build",
    }


def test_a_bug_keeps_its_traceback():
    try:
        {}["key"]
    except KeyError as error:
        told = explained(error)
    assert told["what"] == "the agent failed: KeyError"
    assert told["kind"] == "bug"
    assert "test_errors.py" in told["mend"]
