"""Which secrets the operator's environment has."""

from fab_static.sessions.secrets import secrets_among


def test_a_secret_that_is_empty_is_not_set_and_what_nobody_names_stays_outside():
    environ = {"A": "1", "B": "", "HOME": "/home/anna"}
    assert secrets_among(("A", "B", "C"), environ) == ({"A": "1"}, ["B", "C"])
