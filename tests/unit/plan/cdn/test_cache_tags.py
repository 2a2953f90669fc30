from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.cdn.cache_tags import MAX_TAGS, innermost_tagged_folder, tag_of, tags_of

paths = st.lists(st.text("aB%é", min_size=1, max_size=3), min_size=1, max_size=70).map("/".join)


def test_a_file_carries_its_own_tag_and_one_for_each_folder():
    """Objects in a bucket carry them for years: they must never come out otherwise."""
    assert tags_of("img/icons/a.png") == (
        tag_of("img/icons/a.png"),
        tag_of(""),
        tag_of("img/"),
        tag_of("img/icons/"),
    )
    assert tags_of("a.png") == ("7f071235805fbf58", "e3b0c44298fc1c14")


@given(paths)
def test_an_object_carries_no_more_tags_than_cloudfront_takes(path):
    tags = tags_of(path)
    assert len(tags) <= MAX_TAGS
    assert len(set(tags)) == len(tags)
    assert len(", ".join(tags)) <= 1783
    assert all(tag == tag.lower() and tag.isalnum() for tag in tags)


@given(paths, st.integers(0, 200))
def test_the_folder_that_is_asked_for_is_one_whose_tag_all_in_it_carry(path, size):
    text = path[:size]
    folder = innermost_tagged_folder(text)
    assert text.startswith(folder)
    assert tag_of(folder) in tags_of(path)


def test_names_that_differ_in_case_have_different_tags():
    assert not set(tags_of("A/B.png")) & set(tags_of("a/b.png")) - {tag_of("")}
