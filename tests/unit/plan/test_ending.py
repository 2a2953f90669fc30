"""How a run ended: the words for hosts and a bucket that were put back."""

from fab_static.plan.ending import Ending


def undone(*names: str) -> str:
    words = dict(Ending(["build1", "web1"], {}, names, "fab staging deploy").words())
    return words["undone"]


def test_a_bucket_that_was_put_back_is_named_after_the_hosts():
    """It said "the flip of " and no more, since a bucket is not a host (fleet C14)."""
    assert undone("s3://shop/static/") == "the flip of s3://shop/static/"
    assert (
        undone("s3://shop/static/", "web1", "build1")
        == "the flip of build1, web1, s3://shop/static/"
    )


def test_where_nothing_was_undone_no_flip_is_spoken_of():
    assert undone() == "nothing: no host had flipped"


def test_where_nothing_is_live_that_is_said_of_any_host():
    ending = Ending(
        hosts=("edge1", "web1"),
        live={"edge1": None, "web1": None},
        undone=["web1"],
        next="fab staging deploy",
        is_as_before=True,
    )
    assert dict(ending.words())["live"] == "nothing yet on any host, as before"
