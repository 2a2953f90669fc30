"""Objects come from the first holders that have them, together if need be."""

from __future__ import annotations

import pytest

from fab_static.errors import RemoteError
from fab_static.phases.run.holders import frames_of, named, records, sources
from tests.unit.site import Site, file_of

OBJECTS = {file_of(data).sha256: len(data) for data in (b"new", b"old")}


def lose(site: Site, host: str, data: bytes) -> None:
    sha256 = file_of(data).sha256
    (site.folder / host / "objects" / sha256[:2] / sha256).unlink()


def test_each_gives_what_the_ones_before_it_lack(site: Site) -> None:
    lose(site, "build1", b"new")
    holders = [site.hosts["build1"], site.hosts["edge1"]]
    lent = sources(records(OBJECTS), [], holders)
    assert [part for _, part in lent] == [
        records({file_of(data).sha256: 3}) for data in (b"old", b"new")
    ]
    assert len(list(frames_of(lent))) == 2


def test_one_that_has_all_is_asked_alone(site: Site) -> None:
    lent = sources(records(OBJECTS), [], [site.hosts["edge1"], site.hosts["build1"]])
    assert [source.name for source, _ in lent] == ["edge1"]  # type: ignore[attr-defined]


def test_what_none_has_is_counted_and_has_a_cure(site: Site) -> None:
    lose(site, "build1", b"new")
    with pytest.raises(RemoteError) as caught:
        sources(records(OBJECTS), [site.hosts["edge1"]], [site.hosts["build1"]])
    assert str(caught.value) == (
        "no host has 1 object that edge1 lacks\n"
        "  where: build1: objects/\n"
        "  mend:  build them again: fab staging deploy"
    )


def test_records_name_their_objects_again() -> None:
    objects = {"ab" * 32: 7, "00" * 32: 0}
    assert named(records(objects)) == objects
