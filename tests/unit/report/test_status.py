"""What `status` found, in words and a table."""

import io
import re

from fab_static.report.status import show_status
from fab_static.report.terminal import Terminal
from tests.unit.report.screens import shown

STATUS = {
    "environment": "production",
    "app": "shop",
    "live": "20261122T170102Z-3f9c1a7b",
    "agreed": True,
    "lock": None,
    "origins": [],
    "hosts": [
        {
            "host": "edge1",
            "roles": ["static"],
            "reachable": True,
            "live": "20261122T170102Z-3f9c1a7b",
            "previous": None,
            "provisional": False,
            "missing": 0,
            "changed": 0,
            "offline_manifest_sha256": "a" * 64,
            "versions_sha256": None,
            "error": None,
        }
    ],
}


def test_status_says_in_one_line_what_is_live():
    terminal, stream = shown()
    show_status(terminal, STATUS)
    first, *rest = stream.getvalue().splitlines()
    assert first == "shop production: live is 20261122T170102Z-3f9c1a7b on every host"
    assert "mend it" not in stream.getvalue()
    assert any("aaaaaaaa" in line for line in rest)


def test_before_the_first_release_status_says_that_nothing_is_live():
    terminal, stream = shown()
    show_status(terminal, {**STATUS, "live": None, "hosts": [{**STATUS["hosts"][0], "live": None}]})
    assert stream.getvalue().startswith("shop production: nothing is live yet\n")


def test_status_names_disagreement_damage_lock_and_errors_with_their_cures():
    host = {**STATUS["hosts"][0], "missing": 3}
    gone = {
        **host,
        "host": "web1",
        "reachable": False,
        "live": None,
        "missing": 0,
        "error": "no route",
    }
    lock = {"owner": "anna@desk", "since": "2026-11-22T17:01:02Z", "phase": "compress"}
    terminal, stream = shown()
    other = {**host, "host": "web2", "live": None, "missing": 0}
    hosts = [host, gone, other]
    show_status(terminal, {**STATUS, "agreed": False, "lock": lock, "hosts": hosts})
    text = stream.getvalue()
    assert (
        f"shop production: HOSTS DISAGREE: live is {host['live']} on edge1; nothing yet on web2; "
        "web1 cannot be reached\n"
    ) in text
    assert "web1: no route\n" in text
    assert re.search(r"^web1 +static +unreachable +- +- ", text, re.M)  # 0 would be a number of it
    assert "locked by anna@desk since 2026-11-22T17:01:02Z, now at compress\n" in text
    assert "edge1: not as sealed; mend it with: fab production deploy\n" in text
    assert (
        "bring the hosts together with: fab production rollback, or fab production deploy\n" in text
    )


def test_status_with_a_host_down_says_what_is_live_on_the_others_and_calls_it_no_disagreement():
    """(fleet C23)."""
    host = STATUS["hosts"][0]
    gone = {**host, "host": "web1", "reachable": False, "live": None, "error": "no route"}
    terminal, stream = shown()
    hosts = [host, {**host, "host": "edge2"}, gone]
    show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": hosts})
    text = stream.getvalue()
    assert text.startswith(
        f"shop production: live is {host['live']} on edge1, edge2; web1 cannot be reached\n"
    )
    assert "see why web1 cannot be reached: fab production check; what it missed, the next " in text
    assert "bring the hosts together" not in text
    terminal, stream = shown()
    show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": [gone]})
    assert stream.getvalue().startswith("shop production: web1 cannot be reached\n")


def test_status_of_a_flip_that_has_not_ended_says_so():
    host = {**STATUS["hosts"][0], "provisional": True}
    terminal, stream = shown()
    show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": [host]})
    assert stream.getvalue().startswith(
        f"shop production: live is {host['live']} on edge1, and not for good: a flip has not ended\n"
    )


def test_status_tells_of_a_bucket_what_is_live_there_and_what_a_broken_flip_left():
    origin = {
        "origin": "s3://shop/static/",
        "reachable": True,
        "live": "20261122T170102Z-3f9c1a7b",
        "pending": "20261123T170102Z-3f9c1a7b",
        "missing": 2,
        "error": None,
    }
    gone = {
        **origin,
        "origin": "s3://gone/",
        "reachable": False,
        "missing": 0,
        "error": "there is no bucket",
    }
    stream = io.StringIO()
    show_status(Terminal({}, stream=stream), {**STATUS, "agreed": False, "origins": [origin, gone]})
    told = stream.getvalue()
    assert "s3://shop/static/: live is 20261122T170102Z-3f9c1a7b" in told
    assert "s3://shop/static/: a flip to 20261123T170102Z-3f9c1a7b began and did not end" in told
    assert "s3://shop/static/: 2 objects are missing" in told
    assert "s3://shop/static/, s3://gone/" not in told
    assert "s3://shop/static/" in next(
        line for line in told.splitlines() if "not as sealed" in line
    )
    assert "s3://gone/: there is no bucket" in told


def test_status_of_a_host_that_answers_and_refuses_says_what_it_says():
    """It was "unreachable", and a deploy was said to give it what it missed."""
    host = STATUS["hosts"][0]
    closed = {**host, "host": "web1", "live": None, "error": "permission denied: /srv/blog"}
    terminal, stream = shown()
    show_status(terminal, {**STATUS, "agreed": False, "live": None, "hosts": [host, closed]})
    text = stream.getvalue()
    assert text.startswith(
        f"shop production: live is {host['live']} on edge1; what is live on web1 is unknown\n"
    )
    assert re.search(r"^web1 +static +unknown +- +- ", text, re.M)
    assert "web1: permission denied: /srv/blog\n" in text
    assert "see what mends web1: fab production check\n" in text
    assert not re.search("reach|missed|bring the hosts together", text)


def test_status_of_a_bucket_that_refuses_does_not_say_that_it_cannot_be_reached():
    bucket = {
        "origin": "s3://shop/",
        "reachable": True,
        "live": None,
        "pending": None,
        "missing": 0,
        "error": "SignatureDoesNotMatch",
    }
    terminal, stream = shown()
    show_status(terminal, {**STATUS, "agreed": False, "live": None, "origins": [bucket]})
    text = stream.getvalue()
    assert "; what is live on s3://shop/ is unknown\n" in text
    assert "s3://shop/: SignatureDoesNotMatch\n" in text
    assert "reached" not in text
